/* Patterns against a matcher that tries every way. */
#include "pattern.h"

#include "base/random.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdlib.h>

enum { ROUNDS = 20000, SEED = 31, TEXT_MAX = 24, COVERED = 7 };

static struct pattern compiled(const char *text)
{
    struct pattern pattern;
    cr_assert(zero(int, pattern_compile(slice_str(text), &pattern)), "%s", text);
    return pattern;
}

/* The text with what is covered as '*'. */
static const char *struck(const char *pattern_text, const char *text, bool is_cut)
{
    static char shown[256];
    uint8_t covered[256] = {0};
    struct pattern pattern = compiled(pattern_text);
    size_t size = strlen(text);
    pattern_cover(&pattern, slice_str(text), is_cut, COVERED, covered);
    for (size_t i = 0; i < size; i++)
        shown[i] = covered[i] ? '*' : text[i];
    shown[size] = '\0';
    return shown;
}

Test(pattern, covers_what_it_says)
{
    cr_assert_str_eq(struck("sk_live_*", "key sk_live_aB3-x, other", false),
                     "key *************, other");
    cr_assert_str_eq(struck("bearer *", "\"Bearer abc.def==\" bearer", false),
                     "\"****************\" bearer");
    cr_assert_str_eq(struck("####-####", "1234-5678 and 123-4567", false),
                     "********* and 123-4567");
    cr_assert_str_eq(struck("*@*", "<joe.doe@mail.example>", false), "<********************>");
    cr_assert_str_eq(struck("a?c", "abc a\"c ac", false), "*** *** ac");
    cr_assert_str_eq(struck("a\\*b\\\\", "a*b\\ aab\\", false), "**** aab\\");
    cr_assert_str_eq(struck("aa", "aaaab", false), "****b");
    cr_assert_str_eq(struck("x", "", false), "");
}

Test(pattern, covers_the_beginning_of_a_match_where_the_text_is_cut)
{
    cr_assert_str_eq(struck("sk_live_*", "a sk_li", true), "a *****");
    cr_assert_str_eq(struck("sk_live_*", "a sk_li", false), "a sk_li");
    cr_assert_str_eq(struck("secret=*;", "secret=abc", true), "**********");
}

Test(pattern, refuses_what_is_none)
{
    static const char *const bad[] = {"", "*", "?*", "a\\"};
    struct pattern pattern;
    char longest[PATTERN_PLACES_MAX + 1];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        cr_assert(eq(int, pattern_compile(slice_str(bad[i]), &pattern), -EINVAL), "%s", bad[i]);
    memset(longest, 'a', sizeof longest);
    cr_assert(zero(int, pattern_compile(slice_of(longest, sizeof longest - 1), &pattern)));
    cr_assert(eq(int, pattern_compile(slice_of(longest, sizeof longest), &pattern), -EINVAL));
}

/* ---- against every way of matching ---- */

static const char alphabet[] = "ab1@ -";

static bool model_fits(char place, char c)
{
    switch (place) {
    case '#':
        return c >= '0' && c <= '9';
    case '?':
        return true;
    case '*':
        return c != '@' && c != ' ';
    default:
        return place == c;
    }
}

/* Does the pattern match all of the text? */
static bool model_matches(const char *pattern, size_t places, const char *text, size_t size)
{
    if (places == 0)
        return size == 0;
    if (size == 0 || !model_fits(pattern[0], text[0]))
        return false;
    return model_matches(pattern + 1, places - 1, text + 1, size - 1) ||
           (pattern[0] == '*' && model_matches(pattern, places, text + 1, size - 1));
}

static void model_cover(const char *pattern, const char *text, size_t size, bool is_cut,
                        uint8_t *covered)
{
    size_t places = strlen(pattern);
    for (size_t from = 0; from < size; from++) {
        for (size_t to = from + 1; to <= size; to++)
            if (model_matches(pattern, places, text + from, to - from))
                memset(covered + from, COVERED, to - from);
        for (size_t part = 1; is_cut && part <= places; part++)
            if (model_matches(pattern, part, text + from, size - from))
                memset(covered + from, COVERED, size - from);
    }
}

static size_t draw(struct random *random, const char *from, size_t max, char *out)
{
    size_t size = random_below(random, max + 1);
    for (size_t i = 0; i < size; i++)
        out[i] = from[random_below(random, strlen(from))];
    out[size] = '\0';
    return size;
}

Test(pattern, agrees_with_a_matcher_that_tries_every_way)
{
    struct random random;
    cr_log_info("seed %d", SEED);
    random_init(&random, SEED);
    for (unsigned round = 0; round < ROUNDS; round++) {
        char pattern_text[8], text[TEXT_MAX + 1];
        uint8_t covered[TEXT_MAX] = {0}, expected[TEXT_MAX] = {0};
        struct pattern pattern;
        bool is_cut = random_below(&random, 2);
        size_t size = draw(&random, alphabet, TEXT_MAX, text);
        struct slice asked = slice_of(pattern_text, draw(&random, "ab1@#?*", 6, pattern_text));
        if (pattern_compile(asked, &pattern))
            continue;
        pattern_cover(&pattern, slice_of(text, size), is_cut, COVERED, covered);
        model_cover(pattern_text, text, size, is_cut, expected);
        cr_assert(zero(int, memcmp(covered, expected, sizeof covered)), "\"%s\" in \"%s\"",
                  pattern_text, text);
    }
}

Test(pattern, takes_no_longer_for_what_nearly_matches_everywhere)
{
    enum { PLACES = 63, SIZE = PATTERN_TEXT_MAX };
    static char text[SIZE];
    static uint8_t covered[SIZE];
    char stars[PLACES + 1];
    struct pattern pattern;
    memset(stars, '*', PLACES);
    stars[PLACES] = '!';
    memset(text, 'a', sizeof text);
    cr_assert(zero(int, pattern_compile(slice_of(stars, sizeof stars), &pattern)));
    pattern_cover(&pattern, slice_of(text, SIZE), false, COVERED, covered);
    for (size_t i = 0; i < SIZE; i++)
        cr_assert(zero(int, covered[i])); /* it has come to an end: that is the test */
}
