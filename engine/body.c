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

/* Compressed bytes are sent only if they are fewer, so as much room as that is enough. */
static bool compress(struct shard *shard, struct body *body)
{
    struct slice content = body->content;
    char *made = buddy_take(&shard->memory, content.size);
    if (!made)
        return false;
    size_t size = gzip_compress(&shard->gzip, content, made, content.size - 1);
    if (size == 0) {
        buddy_give(&shard->memory, made);
        return true;
    }
    body->plain = body->made;
    body->made = shrink(shard, made, size);
    body->bytes = slice_of(body->made, size);
    body->is_gzip = true;
    return true;
}

static bool is_compressible(const struct shard *shard, const struct subscription *subscription,
                            size_t size)
{
    return subscription->gzip && size >= GZIP_MIN &&
           size <= shard->memory.arena_size / MEMORY_SHARE;
}

bool body_make(struct shard *shard, const struct subscription *subscription, struct slice payload,
               struct body *body)
{
    *body = (struct body){.bytes = payload, .content = payload};
    return !is_compressible(shard, subscription, payload.size) || compress(shard, body);
}

bool body_take(struct shard *shard, const struct subscription *subscription, struct slice content,
               struct body *body)
{
    char *made = shrink(shard, (char *)(uintptr_t)content.at, content.size);
    content = slice_of(made, content.size);
    *body = (struct body){.bytes = content, .content = content, .made = made};
    if (!is_compressible(shard, subscription, content.size) || compress(shard, body))
        return true;
    body_drop(shard, body);
    return false;
}

void body_signed(struct shard *shard, struct body *body)
{
    buddy_give(&shard->memory, body->plain);
    body->plain = NULL;
}

void body_drop(struct shard *shard, struct body *body)
{
    body_signed(shard, body);
    buddy_give(&shard->memory, body->made);
    body->made = NULL;
}
