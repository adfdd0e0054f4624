/* expunge.c - see expunge.h. Blocks that are on disk are written by nobody else. */
#include "store/expunge.h"

#include "store/block.h"
#include "store/keys.h"

#include <errno.h>
#include <stdlib.h>

struct target {
    struct family family;
    uint64_t block;
    const struct id *event, *subscription; /* NULL: it is an event */
    bool found;
};

static int edit_record(struct target *target, struct slice record)
{
    struct event_record event;
    struct attempt_record attempt;
    char *at = (char *)record.at; /* of our copy */
    bool is_event = !target->subscription;
    int error =
        is_event ? event_record_decode(record, &event) : attempt_record_decode(record, &attempt);
    if (error)
        return error;
    if (is_event && !event.duplicate && id_equal(&event.event, target->event))
        event_record_expunge(at, record.size);
    else if (!is_event && id_equal(&attempt.event, target->event) &&
             id_equal(&attempt.subscription, target->subscription))
        attempt_record_expunge(at, record.size);
    else
        return 0;
    target->found = true;
    return 0;
}

static int edit(struct target *target, char *value, size_t size)
{
    struct block_view view;
    struct slice record;
    int error = block_open(slice_of(value, size), &view);
    for (struct slice rest = view.records; !error && block_next(&rest, &record);)
        error = edit_record(target, record);
    block_reseal(value, size);
    return error ? error : target->found ? 0 : -ENOENT;
}

static int rewrite(struct db *db, struct batch *batch, struct target *target)
{
    struct key key = key_block(target->block);
    struct db_value value;
    int error = db_get(db, target->family, key_slice(&key), &value);
    if (error)
        return error;
    size_t size = value.bytes.size;
    char *copy = malloc(size);
    if (copy)
        memcpy(copy, value.bytes.at, size);
    db_value_give(&value);
    error = copy ? edit(target, copy, size) : -ENOMEM;
    if (!error)
        batch_put(batch, db, target->family, key_slice(&key), slice_of(copy, size));
    if (copy)
        explicit_bzero(copy, size);
    free(copy);
    return error;
}

int expunge_payload(struct db *db, struct batch *batch, const struct id *event)
{
    struct place place = place_of(event);
    struct target target = {
        .family = {FAMILY_EVENTS, place.shard}, .block = place.block, .event = event};
    if (place.shard >= db_shards(db))
        return -ENOENT;
    return rewrite(db, batch, &target);
}

int expunge_responses(struct db *db, struct batch *batch, struct attempts_place place,
                      const struct id *event, const struct id *subscription)
{
    struct target target = {.family = {FAMILY_ATTEMPTS, place.shard},
                            .block = place.block,
                            .event = event,
                            .subscription = subscription};
    return rewrite(db, batch, &target);
}
