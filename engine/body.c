/* body.c - see body.h. */
#include "body.h"

#include "shard.h"

enum {
    GZIP_MIN = 150,   /* shorter ones hardly shrink */
    MEMORY_SHARE = 4, /* a body is not made if it could take more than one part in this */
};

/* A receiver that hangs keeps its bodies for long: they take no more than they need. If there is no
 * memory to move to, they stay where they are. */
static char *shrink(struct shard *shard, char *made, size_t size)
{
    if (size > buddy_size(&shard->memory, made) / 2)
        return made;
    char *small = buddy_take(&shard->memory, size);
    if (!small)
        return made;
    memcpy(small, made, size);
    buddy_give(&shard->memory, made);
    return small;
}

/* Compressed bytes are sent only if they are fewer, so `payload.size` is room enough. */
static bool compress(struct shard *shard, struct slice payload, struct body *body)
{
    char *made = buddy_take(&shard->memory, payload.size);
    if (!made)
        return false;
    size_t size = gzip_compress(&shard->gzip, payload, made, payload.size - 1);
    if (size == 0) {
        buddy_give(&shard->memory, made);
        return true;
    }
    made = shrink(shard, made, size);
    *body = (struct body){.bytes = slice_of(made, size), .made = made, .is_gzip = true};
    return true;
}

bool body_make(struct shard *shard, const struct subscription *subscription, struct slice payload,
               struct body *body)
{
    *body = (struct body){.bytes = payload};
    if (!subscription->gzip || payload.size < GZIP_MIN ||
        payload.size > shard->memory.arena_size / MEMORY_SHARE)
        return true;
    return compress(shard, payload, body);
}

void body_drop(struct shard *shard, struct body *body)
{
    buddy_give(&shard->memory, body->made);
    body->made = NULL;
}
