/* Regular expressions: what is one, where it matches, and that none takes long. */
#include "base/regex.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdlib.h>

static bool matches(const char *pattern, struct slice text)
{
    char why[REGEX_WHY_SIZE] = "";
    struct regex *regex;
    cr_assert(zero(int, regex_open(&regex, slice_str(pattern), why)), "%s: %s", pattern, why);
    bool result = regex_matches(regex, text);
    regex_close(regex);
    return result;
}

Test(regex, matches_anywhere_unless_it_is_anchored)
{
    cr_expect(matches("b+", SLICE("abba")));
    cr_expect(not(matches("c", SLICE("abba"))));
    cr_expect(matches("^ab", SLICE("abba")));
    cr_expect(not(matches("^b", SLICE("abba"))));
    cr_expect(matches("ba$", SLICE("abba")));
    cr_expect(not(matches("bb$", SLICE("abba"))));
    cr_expect(matches("", SLICE("abba")), "the empty expression is everywhere");
}

Test(regex, has_the_ends_of_the_text_and_not_of_lines)
{
    cr_expect(not(matches("^b", SLICE("a\nb\n"))));
    cr_expect(not(matches("a$", SLICE("a\nb"))));
    cr_expect(not(matches("b$", SLICE("a\nb\n"))));
}

Test(regex, reads_texts_to_their_size_and_not_to_a_nul)
{
    cr_expect(matches("^a.b$", slice_of("a\0b", 3)));
    cr_expect(not(matches("b", slice_of("ab", 1))));
    cr_expect(matches("^$", (struct slice){0}));
}

Test(regex, counts_characters_and_not_bytes)
{
    cr_expect(matches("^.$", SLICE("\xc3\xa4")));
    cr_expect(matches("^[\xc3\xa4\xc3\xb6]+$", SLICE("\xc3\xb6\xc3\xa4")));
}

Test(regex, says_why_a_pattern_is_none)
{
    static const char *const wrong[] = {"(",      "[a",      "a**",  "\\",       "(?=a)",
                                        "(a)\\1", "(?<!a)b", "\xff", "a{1001,}", "[[:none:]]"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char why[REGEX_WHY_SIZE] = "";
        struct regex *regex = (struct regex *)why;
        cr_expect(eq(int, regex_open(&regex, slice_str(wrong[i]), why), -EINVAL), "%s", wrong[i]);
        cr_expect(why[0] != '\0', "%s", wrong[i]);
        cr_expect(zero(ptr, regex), "%s", wrong[i]);
    }
}

Test(regex, refuses_a_pattern_that_needs_more_memory_than_it_may_have)
{
    char why[REGEX_WHY_SIZE] = "";
    struct regex *regex;
    cr_expect(eq(int, regex_open(&regex, SLICE("(abcdefghij){500}"), why), -EINVAL));
    cr_expect(why[0] != '\0');
}

/* Backtracking would take longer than there is time for; the test's own timeout is the judge. */
Test(regex, does_not_go_back)
{
    enum { SIZE = 64 * 1024 };
    char *text = malloc(SIZE);
    cr_assert(text != NULL);
    memset(text, 'a', SIZE);
    cr_expect(not(matches("(a*)*(a*)*(a*)*b", slice_of(text, SIZE))));
    cr_expect(not(matches("(a|aa)+$b", slice_of(text, SIZE))));
    cr_expect(matches("(x+x+)+y|a$", slice_of(text, SIZE)));
    free(text);
}

/* Its automaton forgets states when they are too many, and goes on. */
Test(regex, answers_rightly_when_a_match_needs_more_states_than_it_may_keep)
{
    enum { SIZE = 16 * 1024 };
    char *text = malloc(SIZE);
    uint32_t state = 12345;
    cr_assert(text != NULL);
    for (size_t i = 0; i < SIZE; i++) {
        state = state * 1664525 + 1013904223;
        text[i] = state >> 31 ? 'a' : 'b';
    }
    cr_expect(not(matches("a.{11}c", slice_of(text, SIZE))));
    text[SIZE - 1] = 'c';
    text[SIZE - 13] = 'a';
    cr_expect(matches("a.{11}c", slice_of(text, SIZE)));
    free(text);
}

Test(regex, may_be_closed_when_there_is_none)
{
    regex_close(NULL);
}

Test(regex, what_is_longer_costs_more)
{
    static const char *const patterns[] = {"", "abc", "^[a-z]+@[a-z]+\\.[a-z]+$", "(a?){400}"};
    unsigned before = 0;
    for (unsigned i = 0; i < 4; i++) {
        struct regex *regex;
        char why[REGEX_WHY_SIZE];
        cr_assert(zero(int, regex_open(&regex, slice_str(patterns[i]), why)));
        cr_expect(lt(u32, before, regex_cost(regex)), "%s", patterns[i]);
        before = regex_cost(regex);
        regex_close(regex);
    }
}
