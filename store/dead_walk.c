/* dead_walk.c - a head for each subscription that has dead letters: the newest that was not
 * returned yet. The greatest of the heads is next; there are few enough to look at all of them.
 *
 * Subscriptions are found from behind: below the first row that one could have is the last one of
 * another.
 */
#include "store/dead_walk.h"

#include "store/keys.h"

#include <errno.h>
#include <stdlib.h>

struct head {
    struct cursor *rows; /* of its home */
    struct id subscription, event;
};

struct dead_walk {
    uint64_t since_ms, work;
    unsigned cursor_count, head_count, looked_at;
    struct cursor *cursors[DB_SHARDS_MAX];
    struct head heads[DEAD_WALK_SUBSCRIPTIONS];
};

static int end_of(const struct cursor *rows)
{
    int error = cursor_error(rows);
    return error ? error : -ENOENT;
}

/* The last row at or before `key`. 0; -ENOENT; -EBADMSG; -EIO. */
static int find_row(struct dead_walk *walk, struct cursor *rows, const struct key *key,
                    struct head *head)
{
    enum row_kind kind;
    walk->work++;
    if (!cursor_seek_back(rows, key_slice(key)))
        return end_of(rows);
    head->rows = rows;
    return key_parse_row(cursor_key(rows), &kind, &head->subscription, &head->event);
}

/* A head is kept if it is still of `subscription`, and not too old. */
static void keep(struct dead_walk *walk, const struct head *head, const struct id *subscription)
{
    if (id_equal(&head->subscription, subscription) && id_time_ms(&head->event) >= walk->since_ms)
        walk->heads[walk->head_count++] = *head;
}

static bool is_wanted(const struct dead_walk_range *range, const struct id *subscription)
{
    return range->subscription ? id_equal(range->subscription, subscription)
                               : !range->owns || range->owns(range->context, subscription);
}

/* Its newest dead letter that is not after the last that is asked for. `head` is of its newest. */
static int take_subscription(struct dead_walk *walk, const struct dead_walk_range *range,
                             struct head *head)
{
    struct id subscription = head->subscription;
    if (!is_wanted(range, &subscription))
        return 0;
    int error = 0;
    if (memcmp(&head->event, &range->last, sizeof range->last) > 0) {
        struct key last = key_row(ROW_DEAD, &subscription, &range->last);
        error = find_row(walk, head->rows, &last, head);
    }
    if (!error)
        keep(walk, head, &subscription);
    return error == -ENOENT ? 0 : error;
}

static int take_shard(struct dead_walk *walk, const struct dead_walk_range *range,
                      struct cursor *rows)
{
    struct key all = key_row(ROW_DEAD, range->subscription, NULL), behind = key_after(&all);
    struct head head;
    int error = find_row(walk, rows, &behind, &head);
    while (!error) {
        if (walk->looked_at++ == DEAD_WALK_SUBSCRIPTIONS)
            return -E2BIG;
        struct id subscription = head.subscription;
        error = take_subscription(walk, range, &head);
        if (error || range->subscription)
            return error;
        struct key first = key_row(ROW_DEAD, &subscription, NULL);
        error = find_row(walk, rows, &first, &head);
    }
    return error == -ENOENT ? 0 : error;
}

static int open_shard(struct dead_walk *walk, struct db *db, unsigned shard,
                      const struct dead_walk_range *range)
{
    struct key all = key_row(ROW_DEAD, range->subscription, NULL), below = key_after(&all);
    struct cursor **rows = &walk->cursors[walk->cursor_count];
    int error = cursor_open_hasty(rows, db, (struct family){FAMILY_QUEUE, shard}, key_slice(&all),
                                  key_slice(&below));
    if (error)
        return error;
    walk->cursor_count++;
    return take_shard(walk, range, *rows);
}

int dead_walk_open(struct dead_walk **result, struct db *db, unsigned shards,
                   const struct dead_walk_range *range)
{
    struct dead_walk *walk = calloc(1, sizeof *walk);
    if (!walk)
        return -ENOMEM;
    walk->since_ms = range->since_ms;
    unsigned first = range->subscription ? keys_home(range->subscription, shards) : 0;
    unsigned end = range->subscription ? first + 1 : shards;
    int error = 0;
    for (unsigned shard = first; shard < end && !error; shard++)
        error = open_shard(walk, db, shard, range);
    if (error) {
        dead_walk_close(walk);
        return error;
    }
    *result = walk;
    return 0;
}

void dead_walk_close(struct dead_walk *walk)
{
    if (!walk)
        return;
    for (unsigned i = 0; i < walk->cursor_count; i++)
        cursor_close(walk->cursors[i]);
    free(walk);
}

/* To the subscription's next older one, or away if it has none. */
static int advance(struct dead_walk *walk, struct head *head)
{
    struct head next;
    struct key key = key_row(ROW_DEAD, &head->subscription, &head->event);
    struct id subscription = head->subscription;
    int error = find_row(walk, head->rows, &key, &next);
    if (!error && cursor_prev(head->rows)) {
        enum row_kind kind;
        error = key_parse_row(cursor_key(head->rows), &kind, &next.subscription, &next.event);
    } else if (!error) {
        error = end_of(head->rows);
    }
    *head = walk->heads[--walk->head_count];
    if (!error)
        keep(walk, &next, &subscription);
    return error == -ENOENT ? 0 : error;
}

int dead_walk_next(struct dead_walk *walk, struct id *event)
{
    if (walk->head_count == 0)
        return -ENOENT;
    *event = walk->heads[0].event;
    for (unsigned i = 1; i < walk->head_count; i++)
        if (memcmp(&walk->heads[i].event, event, sizeof *event) > 0)
            *event = walk->heads[i].event;
    for (unsigned i = walk->head_count; i-- > 0;) {
        if (!id_equal(&walk->heads[i].event, event))
            continue;
        int error = advance(walk, &walk->heads[i]);
        if (error)
            return error;
    }
    return 0;
}

uint64_t dead_walk_work(const struct dead_walk *walk)
{
    return walk->work;
}
