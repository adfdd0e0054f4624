/* backlog.c - the rows of a queue in the order of their keys, and events by their ids.
 *
 * Every scan has both bounds, and callers go on from where they were: rows that are gone leave
 * tombstones behind, and a scan that began at the first key each time would walk all of them.
 */
#include "store/backlog.h"

#include "store/block_reader.h"
#include "store/keys.h"

#include <errno.h>
#include <stdlib.h>

static const struct id zero_id;

static struct family queue_of(unsigned shard)
{
    return (struct family){FAMILY_QUEUE, shard};
}

/* The first key after exactly this one. */
static struct key key_next(struct key key)
{
    must(key.size < KEY_SIZE_MAX);
    key.bytes[key.size++] = 0;
    return key;
}

/* ---- lists ---- */

/* What `read` makes of each entry of [from, below), at most `max`. The count, or -errno. */
static int list_rows(struct db *db, unsigned shard, const struct key range[2],
                     int (*read)(struct cursor *cursor, struct backlog_row *row),
                     struct backlog_row *rows, int max)
{
    struct cursor *cursor;
    int error =
        cursor_open(&cursor, db, queue_of(shard), key_slice(&range[0]), key_slice(&range[1]));
    if (error)
        return error;
    int count = 0;
    bool found = max > 0 && cursor_first(cursor);
    while (found && !error) {
        error = read(cursor, &rows[count]);
        found = !error && ++count < max && cursor_next(cursor);
    }
    if (!error)
        error = cursor_error(cursor);
    cursor_close(cursor);
    return error ? error : count;
}

static int read_wait(struct cursor *cursor, struct backlog_row *row, struct wait_row *wait)
{
    int error = wait_row_decode(cursor_value(cursor), wait);
    if (!error)
        row->attempt_count = wait->attempt_count;
    return error;
}

static int read_retry(struct cursor *cursor, struct backlog_row *row)
{
    int error = key_parse_retry(cursor_key(cursor), &row->due_ms, &row->subscription, &row->event);
    struct wait_row wait;
    return error ? error : read_wait(cursor, row, &wait);
}

static int read_parked(struct cursor *cursor, struct backlog_row *row)
{
    enum row_kind kind;
    int error = key_parse_row(cursor_key(cursor), &kind, &row->subscription, &row->event);
    struct wait_row wait = {0};
    if (!error)
        error = read_wait(cursor, row, &wait);
    row->due_ms = wait.due_ms;
    return error;
}

/* NOLINTNEXTLINE(readability-function-size): a range and a page */
int backlog_retries(struct db *db, unsigned shard, uint64_t from_ms, const struct id *subscription,
                    const struct id *event, uint64_t below_ms, struct backlog_row *rows, int max)
{
    if (from_ms >= below_ms)
        return 0;
    struct key from = key_retry(from_ms, &zero_id, &zero_id);
    if (subscription && event)
        from = key_next(key_retry(from_ms, subscription, event));
    struct key range[2] = {from, key_retry(below_ms, &zero_id, &zero_id)};
    return list_rows(db, shard, range, read_retry, rows, max);
}

int backlog_parked(struct db *db, unsigned shard, const struct parked_span *span,
                   struct backlog_row *rows, int max)
{
    struct key all = key_row(ROW_PARKED, span->subscription, NULL);
    struct key range[2] = {all, key_after(&all)};
    if (span->after && span->last && memcmp(span->after, span->last, sizeof *span->last) >= 0)
        return 0;
    if (span->after)
        range[0] = key_next(key_row(ROW_PARKED, span->subscription, span->after));
    if (span->last)
        range[1] = key_next(key_row(ROW_PARKED, span->subscription, span->last));
    return list_rows(db, shard, range, read_parked, rows, max);
}

int backlog_parked_count(struct db *db, unsigned shard, const struct id *subscription,
                         const struct id *after, int max)
{
    struct key all = key_row(ROW_PARKED, subscription, NULL), below = key_after(&all);
    struct key from = key_next(key_row(ROW_PARKED, subscription, after));
    struct cursor *cursor;
    int error = cursor_open(&cursor, db, queue_of(shard), key_slice(&from), key_slice(&below));
    if (error)
        return error;
    int count = 0;
    for (bool found = cursor_first(cursor); found && count < max; found = cursor_next(cursor))
        count++;
    error = cursor_error(cursor);
    cursor_close(cursor);
    return error ? error : count;
}

int backlog_next_subscription(struct db *db, unsigned shard, const struct id *after,
                              struct id *subscription)
{
    struct key all = key_row(ROW_PARKED, NULL, NULL);
    struct key range[2] = {all, key_after(&all)};
    if (after) {
        struct key last = key_row(ROW_PARKED, after, NULL);
        range[0] = key_after(&last);
    }
    struct backlog_row row;
    int count = list_rows(db, shard, range, read_parked, &row, 1);
    if (count < 0)
        return count;
    if (count == 0)
        return -ENOENT;
    *subscription = row.subscription;
    return 0;
}

static int read_outage(struct cursor *cursor, struct backlog_row *row)
{
    enum row_kind kind;
    struct id none;
    int error = key_parse_row(cursor_key(cursor), &kind, &row->subscription, &none);
    return error ? error : outage_row_decode(cursor_value(cursor), &row->outage);
}

int backlog_outages(struct db *db, unsigned shard, const struct id *after, struct backlog_row *rows,
                    int max)
{
    struct key all = key_row(ROW_OUTAGE, NULL, NULL);
    struct key range[2] = {after ? key_next(key_outage(after)) : all, key_after(&all)};
    return list_rows(db, shard, range, read_outage, rows, max);
}

/* ---- one delivery ---- */

int backlog_delivery(struct db *db, unsigned shard, const struct id *subscription,
                     const struct id *event, struct delivery_row *row)
{
    struct key key = key_row(ROW_DELIVERY, subscription, event);
    struct db_value value;
    int error = db_get(db, queue_of(shard), key_slice(&key), &value);
    if (error)
        return error;
    error = delivery_row_decode(value.bytes, row);
    db_value_give(&value);
    return error;
}

/* ---- erasing ---- */

/* A delivery that waits has a retry row too; its key begins with a time, which the delivery's own
 * row tells. */
static int drop_retry(struct batch *batch, struct db *db, unsigned shard,
                      const struct cursor *cursor)
{
    enum row_kind kind;
    struct id subscription, event;
    struct delivery_row row;
    int error = key_parse_row(cursor_key(cursor), &kind, &subscription, &event);
    if (error)
        return error;
    error = delivery_row_decode(cursor_value(cursor), &row);
    if (error)
        return error;
    if (row.status != DELIVERY_RETRYING)
        return 0;
    struct key key = key_retry(row.next_attempt_ms, &subscription, &event);
    batch_drop(batch, db, queue_of(shard), key_slice(&key));
    return 0;
}

/* Puts drops of the subscription's rows of one kind into the batch; how many, or -errno. */
static int drop_kind(struct batch *batch, struct db *db, unsigned shard, const struct key *all,
                     int max)
{
    struct cursor *cursor;
    struct key below = key_after(all);
    int error = cursor_open(&cursor, db, queue_of(shard), key_slice(all), key_slice(&below));
    if (error)
        return error;
    int count = 0;
    bool found = max > 0 && cursor_first(cursor);
    while (found && !error) {
        if (all->bytes[0] == ROW_DELIVERY)
            error = drop_retry(batch, db, shard, cursor);
        batch_drop(batch, db, queue_of(shard), cursor_key(cursor));
        found = !error && ++count < max && cursor_next(cursor);
    }
    if (!error)
        error = cursor_error(cursor);
    cursor_close(cursor);
    return error ? error : count;
}

int backlog_erase(struct db *db, unsigned shard, const struct id *subscription, int max)
{
    /* Parked rows last: by them a start finds what is left of a subscription that is gone. */
    static const enum row_kind kinds[] = {ROW_DEAD, ROW_DELIVERY, ROW_OUTAGE, ROW_PARKED};
    struct batch *batch;
    int error = batch_open(&batch);
    if (error)
        return error;
    int dropped = 0;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0] && !error; i++) {
        struct key all = key_row(kinds[i], subscription, NULL);
        int count = drop_kind(batch, db, shard, &all, max - dropped);
        if (count < 0)
            error = count;
        else
            dropped += count;
    }
    if (!error && dropped > 0)
        error = db_write(db, batch, false);
    batch_close(batch);
    return error ? error : dropped;
}

/* ---- events ---- */

struct event_reader {
    struct block_reader *blocks;
};

int event_reader_open(struct event_reader **result, struct db *db)
{
    struct event_reader *reader = calloc(1, sizeof *reader);
    if (!reader)
        return -ENOMEM;
    int error = block_reader_open(&reader->blocks, db, FAMILY_EVENTS);
    if (error) {
        free(reader);
        return error;
    }
    *result = reader;
    return 0;
}

void event_reader_close(struct event_reader *reader)
{
    if (!reader)
        return;
    block_reader_close(reader->blocks);
    free(reader);
}

void event_reader_forget(struct event_reader *reader)
{
    block_reader_forget(reader->blocks);
}

int event_reader_get(struct event_reader *reader, const struct id *id, struct event_record *event)
{
    struct place place = place_of(id);
    struct slice record;
    int error = block_reader_record(reader->blocks, place.shard, place.block, place.index, &record);
    if (!error)
        error = event_record_decode(record, event);
    if (error)
        return error;
    return event->duplicate || !id_equal(&event->event, id) ? -ENOENT : 0;
}

int event_reader_commit(struct event_reader *reader, const struct id *id, uint64_t *commit)
{
    struct place place = place_of(id);
    struct block_view view;
    int error = block_reader_get(reader->blocks, place.shard, place.block, &view);
    if (!error)
        *commit = view.commit;
    return error;
}
