/* Channels. The last test checks them against lists of names that are compared one by one. */
#include "channels.h"

#include "base/text.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

static bool match(const char *wanted, const char *of_event)
{
    return channels_match(slice_str(wanted), slice_str(of_event));
}

Test(channels, match_if_one_is_shared)
{
    cr_assert(match("[\"a\"]", "[\"a\"]"));
    cr_assert(match("[\"a\",\"b\"]", "[\"c\",\"b\"]"));
    cr_assert(not(match("[\"a\",\"b\"]", "[\"c\",\"d\"]")));
}

Test(channels, that_are_not_set_match_every_event)
{
    cr_assert(match("", ""));
    cr_assert(match("", "[\"a\"]"));
    cr_assert(not(match("[\"a\"]", "")));
}

Test(channels, are_compared_whole)
{
    cr_assert(not(match("[\"a\"]", "[\"ab\",\"ba\"]")));
    cr_assert(not(match("[\"ab\"]", "[\"a\",\"b\"]")));
    cr_assert(not(match("[\"b\"]", "[\"a\\\"b\"]")), "what ends with a quoted name");
    cr_assert(not(match("[\"b\"]", "[\"\\\"b\\\"\"]")));
    cr_assert(match("[\"b\"]", "[\"a\\\"b\",\"b\"]"));
}

enum { NAMES_MAX = 4, ROUNDS = 20000 };

static const char *const names[] = {"a", "b", "ab", "a:b", "a\"b", "b\"", "\"", "\\", ",", "a,b"};
enum { PLAIN_NAMES = 4, ALL_NAMES = sizeof names / sizeof names[0] };

static unsigned random_list(unsigned long *chosen, unsigned kinds, struct text *text)
{
    unsigned count = (unsigned)random() % (NAMES_MAX + 1);
    for (unsigned i = 0; i < count; i++) {
        chosen[i] = (unsigned long)random() % kinds;
        text_char(text, i == 0 ? '[' : ',');
        text_json(text, slice_str(names[chosen[i]]));
    }
    if (count > 0)
        text_char(text, ']');
    return count;
}

Test(channels, agree_with_names_compared_one_by_one)
{
    srandom(5);
    for (unsigned round = 0; round < ROUNDS; round++) {
        char buffers[2][128];
        struct text wanted, given;
        unsigned long wants[NAMES_MAX], gives[NAMES_MAX];
        text_init(&wanted, buffers[0], sizeof buffers[0]);
        text_init(&given, buffers[1], sizeof buffers[1]);
        unsigned want_count = random_list(wants, PLAIN_NAMES, &wanted);
        unsigned give_count = random_list(gives, ALL_NAMES, &given);

        bool expected = want_count == 0;
        for (unsigned i = 0; i < want_count * give_count; i++)
            expected |= wants[i / give_count] == gives[i % give_count];
        cr_assert(eq(int, channels_match(text_slice(&wanted), text_slice(&given)), expected),
                  "%.*s and %.*s", SLICE_ARGS(text_slice(&wanted)), SLICE_ARGS(text_slice(&given)));
    }
}
