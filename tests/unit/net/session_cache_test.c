/* The cache against its limits, and against a model: sessions are counted as they come and go. */
#include "net/session_cache.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>

static struct session_cache cache;
static int dropped[SESSION_KEYS_MAX * 4];
static unsigned drops;

static void drop(void *session)
{
    (*(int *)session)++;
    drops++;
}

static void open_cache(void)
{
    cr_assert(eq(int, session_cache_open(&cache, drop), 0));
    drops = 0;
}

static void close_cache(void)
{
    session_cache_close(&cache);
}

TestSuite(session_cache, .init = open_cache, .fini = close_cache);

static struct slice key(unsigned number)
{
    static char text[16];
    snprintf(text, sizeof text, "v%u", number);
    return slice_str(text);
}

Test(session_cache, gives_the_newest_and_then_the_one_before)
{
    cr_assert(session_cache_put(&cache, key(1), &dropped[0]));
    cr_assert(session_cache_put(&cache, key(1), &dropped[1]));
    cr_assert(eq(ptr, session_cache_newest(&cache, key(1)), &dropped[1]));
    session_cache_drop_newest(&cache, key(1));
    cr_assert(eq(ptr, session_cache_newest(&cache, key(1)), &dropped[0]));
    session_cache_drop_newest(&cache, key(1));
    cr_assert(eq(ptr, session_cache_newest(&cache, key(1)), NULL));
    cr_assert(eq(u32, drops, 2));
}

Test(session_cache, keeps_keys_apart)
{
    cr_assert(session_cache_put(&cache, key(1), &dropped[0]));
    cr_assert(eq(ptr, session_cache_newest(&cache, key(2)), NULL));
    cr_assert(eq(ptr, session_cache_newest(&cache, key(11)), NULL));
}

Test(session_cache, pushes_out_the_oldest_of_a_key)
{
    for (unsigned i = 0; i < SESSIONS_PER_KEY + 1; i++)
        cr_assert(session_cache_put(&cache, key(1), &dropped[i]));
    cr_assert(eq(int, dropped[0], 1));
    cr_assert(eq(u32, drops, 1));
}

Test(session_cache, pushes_out_the_key_without_news)
{
    for (unsigned i = 0; i < SESSION_KEYS_MAX; i++)
        cr_assert(session_cache_put(&cache, key(i), &dropped[i]));
    cr_assert(session_cache_put(&cache, key(0), &dropped[SESSION_KEYS_MAX]));
    cr_assert(session_cache_put(&cache, key(SESSION_KEYS_MAX), &dropped[SESSION_KEYS_MAX + 1]));
    cr_assert(eq(u32, drops, 1));
    cr_assert(eq(int, dropped[1], 1), "key 0 had news, so key 1 is the oldest");
}

Test(session_cache, drops_each_session_once_in_the_end)
{
    for (unsigned i = 0; i < SESSION_KEYS_MAX * 4; i++)
        cr_assert(session_cache_put(&cache, key(i / 2), &dropped[i]));
    session_cache_close(&cache);
    for (unsigned i = 0; i < SESSION_KEYS_MAX * 4; i++)
        cr_assert(eq(int, dropped[i], 1));
    open_cache();
}
