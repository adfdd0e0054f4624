/* What a shard reads back, against a sorted list: in order, from where it stopped, and no more than
 * it asked for. */
#include "store/backlog.h"

#include "base/random.h"
#include "scratch.h"
#include "store/block.h"
#include "store/keys.h"

#include <criterion/new/assert.h>
#include <errno.h>

enum { SUBSCRIPTIONS = 5, ROWS = 300 };

static struct scratch scratch;
static struct random chance;
static struct batch *batch;
static struct id subscriptions[SUBSCRIPTIONS];
static const struct family queue = {.kind = FAMILY_QUEUE, .shard = 0};

static int by_id(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct id));
}

static void setup(void)
{
    scratch_open(&scratch, 1);
    random_init(&chance, 77);
    cr_assert(zero(int, batch_open(&batch)));
    for (size_t i = 0; i < SUBSCRIPTIONS; i++)
        subscriptions[i] = id_new(5, &chance);
    qsort(subscriptions, SUBSCRIPTIONS, sizeof subscriptions[0], by_id);
}

static void teardown(void)
{
    batch_close(batch);
    scratch_close(&scratch);
}

TestSuite(backlog, .init = setup, .fini = teardown);

static void put_wait(struct key key, uint32_t attempt_count)
{
    char value[WAIT_ROW_SIZE];
    wait_row_encode(&(struct wait_row){.attempt_count = attempt_count}, value);
    batch_put(batch, scratch.db, queue, key_slice(&key), slice_of(value, sizeof value));
}

static void put_delivery(const struct id *subscription, const struct id *event,
                         enum delivery_status status, uint64_t next_attempt_ms)
{
    char value[DELIVERY_ROW_SIZE_MAX];
    struct delivery_row row = {.status = status, .next_attempt_ms = next_attempt_ms};
    struct key key = key_row(ROW_DELIVERY, subscription, event);
    batch_put(batch, scratch.db, queue, key_slice(&key),
              slice_of(value, delivery_row_encode(&row, value)));
}

static void commit(void)
{
    cr_assert(zero(int, db_write(scratch.db, batch, false)));
}

static int by_due(const void *a, const void *b)
{
    const struct backlog_row *left = a, *right = b;
    if (left->due_ms != right->due_ms)
        return left->due_ms < right->due_ms ? -1 : 1;
    int order = memcmp(&left->subscription, &right->subscription, sizeof(struct id));
    return order ? order : memcmp(&left->event, &right->event, sizeof(struct id));
}

Test(backlog, lists_retries_in_the_order_of_time_and_goes_on_from_any)
{
    static struct backlog_row rows[ROWS], page[7];
    for (uint32_t i = 0; i < ROWS; i++) {
        rows[i] = (struct backlog_row){
            .subscription = subscriptions[random_below(&chance, SUBSCRIPTIONS)],
            .event = id_new(i, &chance),
            .due_ms = 100 + random_below(&chance, 50),
            .attempt_count = i,
        };
        put_wait(key_retry(rows[i].due_ms, &rows[i].subscription, &rows[i].event), i);
    }
    commit();
    qsort(rows, ROWS, sizeof rows[0], by_due);

    size_t seen = 0;
    struct backlog_row last = {.due_ms = 100};
    const struct id *subscription = NULL, *event = NULL;
    int count;
    while ((count = backlog_retries(scratch.db, 0, last.due_ms, subscription, event, 140, page,
                                    7)) > 0) {
        for (int i = 0; i < count; i++, seen++) {
            cr_assert(zero(int, by_due(&page[i], &rows[seen])));
            cr_assert(eq(u32, page[i].attempt_count, rows[seen].attempt_count));
        }
        last = page[count - 1];
        subscription = &last.subscription;
        event = &last.event;
    }
    cr_assert(zero(int, count));
    cr_assert(eq(u64, rows[seen - 1].due_ms, 139));
    cr_assert(eq(u64, rows[seen].due_ms, 140));
}

Test(backlog, lists_no_retries_when_the_range_is_empty)
{
    struct backlog_row row;
    put_wait(key_retry(5, &subscriptions[0], &subscriptions[1]), 1);
    commit();
    cr_assert(zero(int, backlog_retries(scratch.db, 0, 5, NULL, NULL, 5, &row, 1)));
    cr_assert(zero(int, backlog_retries(scratch.db, 0, 9, NULL, NULL, 5, &row, 1)));
    cr_assert(zero(int, backlog_retries(scratch.db, 0, 0, NULL, NULL, 9, &row, 0)));
    cr_assert(eq(int, backlog_retries(scratch.db, 0, 0, NULL, NULL, 6, &row, 1), 1));
}

Test(backlog, lists_what_is_parked_of_a_subscription_oldest_first)
{
    static struct id events[40];
    struct backlog_row page[7];
    for (uint32_t i = 0; i < 40; i++) {
        events[i] = id_new(i, &chance);
        put_wait(key_row(ROW_PARKED, &subscriptions[2], &events[i]), i);
        put_wait(key_row(ROW_PARKED, &subscriptions[1], &events[i]), 100);
        put_wait(key_row(ROW_DEAD, &subscriptions[2], &events[i]), 100);
    }
    commit();
    struct parked_span span = {.subscription = &subscriptions[2]};
    uint32_t seen = 0;
    int count;
    while ((count = backlog_parked(scratch.db, 0, &span, page, 7)) > 0) {
        for (int i = 0; i < count; i++, seen++) {
            cr_assert(id_equal(&page[i].event, &events[seen]));
            cr_assert(id_equal(&page[i].subscription, &subscriptions[2]));
            cr_assert(eq(u32, page[i].attempt_count, seen));
        }
        span.after = &events[seen - 1];
    }
    cr_assert(zero(int, count));
    cr_assert(eq(u32, seen, 40));
    span = (struct parked_span){&subscriptions[2], &events[2], &events[5]};
    cr_assert(eq(int, backlog_parked(scratch.db, 0, &span, page, 7), 3), "and no further");
    cr_assert(id_equal(&page[2].event, &events[5]));
    span.after = &events[5];
    cr_assert(zero(int, backlog_parked(scratch.db, 0, &span, page, 7)));
}

Test(backlog, finds_each_subscription_that_has_something_parked)
{
    struct id event = id_new(1, &chance), found;
    put_wait(key_row(ROW_PARKED, &subscriptions[1], &event), 0);
    put_wait(key_row(ROW_PARKED, &subscriptions[1], &subscriptions[0]), 0);
    put_wait(key_row(ROW_PARKED, &subscriptions[4], &event), 0);
    put_wait(key_row(ROW_DEAD, &subscriptions[3], &event), 0);
    commit();
    cr_assert(zero(int, backlog_next_subscription(scratch.db, 0, NULL, &found)));
    cr_assert(id_equal(&found, &subscriptions[1]));
    cr_assert(zero(int, backlog_next_subscription(scratch.db, 0, &found, &found)));
    cr_assert(id_equal(&found, &subscriptions[4]));
    cr_assert(eq(int, backlog_next_subscription(scratch.db, 0, &found, &found), -ENOENT));
}

static size_t count_rows(void)
{
    struct cursor *cursor;
    struct slice all = slice_of(NULL, 0);
    cr_assert(zero(int, cursor_open(&cursor, scratch.db, queue, all, all)));
    size_t count = 0;
    for (bool found = cursor_first(cursor); found; found = cursor_next(cursor))
        count++;
    cursor_close(cursor);
    return count;
}

static bool is_found(const struct id *subscription)
{
    struct id found = {0};
    const struct id *after = NULL;
    while (backlog_next_subscription(scratch.db, 0, after, &found) == 0) {
        if (id_equal(&found, subscription))
            return true;
        after = &found;
    }
    return false;
}

Test(backlog, erases_all_rows_of_a_subscription_and_of_no_other)
{
    for (uint32_t i = 0; i < 30; i++) {
        for (size_t s = 1; s < 3; s++) {
            struct id event = id_new(i, &chance);
            bool retries = i % 2;
            put_delivery(&subscriptions[s], &event, retries ? DELIVERY_RETRYING : DELIVERY_DEAD,
                         retries ? 500 + i : 0);
            put_wait(retries ? key_retry(500 + i, &subscriptions[s], &event)
                             : key_row(ROW_DEAD, &subscriptions[s], &event),
                     1);
            event = id_new(i, &chance);
            put_wait(key_row(ROW_PARKED, &subscriptions[s], &event), 0);
        }
    }
    commit();
    cr_assert(eq(sz, count_rows(), 180));
    int dropped, calls = 0;
    while ((dropped = backlog_erase(scratch.db, 0, &subscriptions[1], 20)) > 0) {
        cr_assert(le(int, dropped, 20));
        calls++;
        /* While anything is left a start must find it, were the engine killed here. */
        if (count_rows() > 90)
            cr_assert(is_found(&subscriptions[1]));
    }
    cr_assert(zero(int, dropped));
    cr_assert(eq(int, calls, 4));
    cr_assert(eq(sz, count_rows(), 90));
}

Test(backlog, tells_how_a_delivery_stands)
{
    struct id event = id_new(1, &chance);
    struct delivery_row row;
    put_delivery(&subscriptions[0], &event, DELIVERY_RETRYING, 77);
    commit();
    cr_assert(zero(int, backlog_delivery(scratch.db, 0, &subscriptions[0], &event, &row)));
    cr_assert(eq(u64, row.next_attempt_ms, 77));
    cr_assert(eq(int, backlog_delivery(scratch.db, 0, &subscriptions[1], &event, &row), -ENOENT));
}

Test(backlog, says_when_a_row_is_damaged)
{
    struct id event = id_new(1, &chance);
    struct backlog_row row;
    const struct parked_span span = {.subscription = &subscriptions[0]};
    struct key key = key_row(ROW_PARKED, &subscriptions[0], &event);
    batch_put(batch, scratch.db, queue, key_slice(&key), SLICE("rubbish"));
    commit();
    cr_assert(eq(int, backlog_parked(scratch.db, 0, &span, &row, 1), -EBADMSG));
}

/* ---- events ---- */

enum { BLOCKS = 20, EVENTS = 15 };
static struct id events[BLOCKS][EVENTS];

static void put_block(uint64_t number)
{
    static char memory[1 << 14];
    struct block block;
    block_init(&block, BLOCK_EVENTS, 0, number, memory, sizeof memory);
    for (uint32_t i = 0; i < EVENTS; i++) {
        events[number][i] = place_id(1000 + number, (struct place){0, number, i});
        struct event_record record = {
            .event = events[number][i], .duplicate = i == 3, .type = SLICE("a.type")};
        event_record_encode(&record, block_append(&block, event_record_size(&record), 1000));
    }
    block_seal(&block, number + 1, 0);
    struct key key = key_block(number);
    batch_put(batch, scratch.db, (struct family){FAMILY_EVENTS, 0}, key_slice(&key),
              block_value(&block));
}

Test(backlog, reads_events_in_any_order)
{
    for (uint64_t number = 0; number < BLOCKS; number++)
        put_block(number);
    commit();
    struct event_reader *reader;
    struct event_record event;
    cr_assert(zero(int, event_reader_open(&reader, scratch.db)));
    for (unsigned step = 0; step < 3000; step++) {
        size_t number = random_below(&chance, BLOCKS), i = random_below(&chance, EVENTS);
        int error = event_reader_get(reader, &events[number][i], &event);
        cr_assert(eq(int, error, i == 3 ? -ENOENT : 0));
        if (!error)
            cr_assert(id_equal(&event.event, &events[number][i]));
    }
    event_reader_close(reader);
}

Test(backlog, reads_no_event_that_never_was)
{
    put_block(1);
    commit();
    struct event_reader *reader;
    struct event_record event;
    cr_assert(zero(int, event_reader_open(&reader, scratch.db)));
    static const struct place places[] = {{0, 1, EVENTS}, {0, 2, 0}, {1, 1, 0}, {4000, 1, 0}};
    for (size_t i = 0; i < 4; i++) {
        struct id id = place_id(1001, places[i]);
        cr_assert(eq(int, event_reader_get(reader, &id, &event), -ENOENT));
    }
    struct id other_time = place_id(999, (struct place){0, 1, 0});
    cr_assert(eq(int, event_reader_get(reader, &other_time, &event), -ENOENT));
    event_reader_close(reader);
}
