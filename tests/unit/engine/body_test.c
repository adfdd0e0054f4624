/* What is sent as a body: the payload, or what was made from it in the shard's memory. */
#include "body.h"

#include "shard.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

static struct shard shard;
static struct subscription plain, compressing = {.gzip = true};
static char letters[400 * 1024], noise[4096];

static void open_shard(void)
{
    cr_assert(zero(int, buddy_open(&shard.memory, 1 << 20)));
    cr_assert(zero(int, gzip_open(&shard.gzip)));
    memset(letters, 'a', sizeof letters);
    srandom(9);
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (char)random();
}

static void close_shard(void)
{
    cr_assert(zero(sz, shard.memory.used), "nothing is left taken");
    gzip_close(&shard.gzip);
    buddy_close(&shard.memory);
}

TestSuite(body, .init = open_shard, .fini = close_shard);

static void expect_as_it_is(const struct subscription *subscription, struct slice payload)
{
    struct body body;
    cr_assert(body_make(&shard, subscription, payload, &body));
    cr_assert(eq(ptr, (void *)(uintptr_t)body.bytes.at, (void *)(uintptr_t)payload.at));
    cr_assert(eq(sz, body.bytes.size, payload.size));
    cr_assert(not(body.is_gzip));
    cr_assert(zero(sz, shard.memory.used));
    body_drop(&shard, &body);
}

Test(body, is_the_payload_itself)
{
    expect_as_it_is(&plain, slice_of(letters, 4096));
    expect_as_it_is(&plain, SLICE(""));
}

Test(body, is_compressed_if_the_subscription_says_so)
{
    struct body body;
    cr_assert(body_make(&shard, &compressing, slice_of(letters, 4096), &body));
    cr_assert(body.is_gzip);
    cr_assert(lt(sz, body.bytes.size, 100));
    cr_assert(eq(int, memcmp(body.bytes.at, "\x1f\x8b", 2), 0));
    cr_assert(le(sz, shard.memory.used, 512), "it takes no more memory than it needs");
    body_drop(&shard, &body);
}

Test(body, is_left_as_it_is_if_it_is_short_or_would_not_shrink_or_is_huge)
{
    expect_as_it_is(&compressing, slice_of(letters, 149));
    expect_as_it_is(&compressing, slice_of(noise, sizeof noise));
    expect_as_it_is(&compressing, slice_of(letters, sizeof letters));
    expect_as_it_is(&compressing, SLICE(""));
}

Test(body, waits_for_memory)
{
    struct body body;
    void *all = buddy_take(&shard.memory, 1 << 20);
    cr_assert(not(body_make(&shard, &compressing, slice_of(letters, 4096), &body)));
    buddy_give(&shard.memory, all);
    cr_assert(body_make(&shard, &compressing, slice_of(letters, 4096), &body));
    body_drop(&shard, &body);
}
