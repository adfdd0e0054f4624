/* What may be on record of headers and bodies. */
#include "redaction.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>

static struct redaction redaction;
static const struct redaction *own;

static const char *header(const char *name, const char *value)
{
    static char line[LIMIT_HEADERS_CAPTURE + 1];
    struct text text;
    text_init(&text, line, LIMIT_HEADERS_CAPTURE);
    redaction_put_header(&redaction, own, slice_str(name), slice_str(value), &text);
    line[text.size] = '\0';
    return text_ok(&text) ? line : "cut";
}

Test(redaction, keeps_the_values_of_headers_that_are_listed)
{
    redaction_init(&redaction, "date\nx-ratelimit-*\nContent-Type\n", "", "");
    cr_assert_str_eq(header("Date", "today"), "Date: today\n");
    cr_assert_str_eq(header("content-type", "text/plain"), "content-type: text/plain\n");
    cr_assert_str_eq(header("X-RateLimit-Limit", "7"), "X-RateLimit-Limit: 7\n");
    cr_assert_str_eq(header("X-RateLimit", "7"), "X-RateLimit: ***\n");
    cr_assert_str_eq(header("Date2", "today"), "Date2: ***\n");
    cr_assert_str_eq(header("Dat", "today"), "Dat: ***\n");
    cr_assert_str_eq(header("Set-Cookie", "a=b"), "Set-Cookie: ***\n");
}

Test(redaction, looks_for_patterns_in_headers_too)
{
    redaction_init(&redaction, "x-*\n", "sk_*\n", "");
    cr_assert_str_eq(header("X-Note", "has sk_123 in it"), "X-Note: has *** in it\n");
    cr_assert_str_eq(header("X-Note", "nothing"), "X-Note: nothing\n");
    static struct redaction mine;
    redaction_init(&mine, "other\n", "noth*\n", "");
    own = &mine;
    cr_assert_str_eq(header("X-Note", "nothing sk_1"), "X-Note: *** ***\n");
    cr_assert_str_eq(header("Other", "a"), "Other: ***\n", "the list is not its business");
    redaction_init(&redaction, "x-*\n", "", "");
    cr_assert_str_eq(header("X-Note", "nothing"), "X-Note: ***\n");
}

Test(redaction, keeps_whole_lines_and_says_when_there_is_no_room)
{
    char line[20];
    struct text text;
    redaction_init(&redaction, "a\n", "", "");
    text_init(&text, line, sizeof line);
    redaction_put_header(&redaction, NULL, SLICE("A"), SLICE("1234567890"), &text);
    cr_assert(eq(sz, text.size, 14));
    redaction_put_header(&redaction, NULL, SLICE("A"), SLICE("12345"), &text);
    cr_assert(eq(sz, text.size, 14));
    cr_assert(not(text_ok(&text)));

    char longest[2 * LIMIT_HEADERS_CAPTURE + 1];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    cr_assert_str_eq(header("A", longest), "cut");
    redaction_init(&redaction, "a\n", "sk_*\n", "");
    cr_assert_str_eq(header("A", longest), "cut");
}

static const char *body(const char *text, bool *is_cut)
{
    static char memory[LIMIT_RESPONSE_CAPTURE + 1];
    memcpy(memory, text, strlen(text));
    memory[redaction_strike(&redaction, memory, strlen(text), is_cut)] = '\0';
    return memory;
}

Test(redaction, strikes_out_what_pointers_name_and_patterns_find)
{
    bool is_cut = false;
    redaction_init(&redaction, "", "sk_*\n####\n", "/user/email\n/pin\n");
    cr_assert_str_eq(
        body("{\"user\":{\"email\":\"a@b.c\",\"n\":1},\"pin\":7,\"k\":\"sk_1 9999\"}", &is_cut),
        "{\"user\":{\"email\":\"***\",\"n\":1},\"pin\":\"***\",\"k\":\"*** ***\"}");
    cr_assert_str_eq(body("{\"user\":{\"email\":\"sk_", &is_cut), "{\"user\":{\"email\":\"***\"");
    cr_assert_str_eq(body("plain sk_abc text", &is_cut), "plain *** text");
    cr_assert_str_eq(body("", &is_cut), "");
    cr_assert(not(is_cut));
    is_cut = true;
    cr_assert_str_eq(body("plain sk", &is_cut), "plain ***");
    cr_assert(is_cut);
}

Test(redaction, leaves_bodies_alone_without_rules)
{
    bool is_cut = true;
    redaction_init(&redaction, "date\n", "", "");
    cr_assert(not(redaction_has_rules(&redaction)));
    cr_assert(not(redaction_has_rules(NULL)));
    cr_assert(eq(sz, redaction_strike(NULL, (char[]){"ab"}, 2, &is_cut), 2));
    cr_assert_str_eq(body("{\"a\":1", &is_cut), "{\"a\":1");
    cr_assert(is_cut);
    redaction_init(&redaction, "", "", "/a\n");
    cr_assert(redaction_has_rules(&redaction));
}

Test(redaction, cuts_what_has_become_too_long)
{
    char digits[LIMIT_RESPONSE_CAPTURE + 1];
    bool is_cut = false;
    redaction_init(&redaction, "", "#\n", "/*\n");
    for (size_t i = 0; i < LIMIT_RESPONSE_CAPTURE; i++)
        digits[i] = i == 0 ? '[' : i % 2 ? '1' : ',';
    digits[LIMIT_RESPONSE_CAPTURE] = '\0';
    const char *shown = body(digits, &is_cut);
    cr_assert(is_cut);
    cr_assert(eq(sz, strlen(shown), LIMIT_RESPONSE_CAPTURE));
    cr_assert(strchr(shown, '1') == NULL);
    cr_assert(strncmp(shown, "[\"***\",\"***\",", 13) == 0);
}

Test(redaction, has_room_for_so_many_rules)
{
    char text[16];
    redaction_init(&redaction, "", "", "");
    for (unsigned i = 0; i < REDACTION_HEADERS_MAX; i++) {
        snprintf(text, sizeof text, "x-%u", i);
        cr_assert(zero(int, redaction_add_header(&redaction, slice_str(text))));
    }
    cr_assert(eq(int, redaction_add_header(&redaction, SLICE("y")), -ENOSPC));
    for (unsigned i = 0; i < POINTERS_MAX; i++)
        cr_assert(zero(int, redaction_add_pointer(&redaction, SLICE("/a"))));
    cr_assert(eq(int, redaction_add_pointer(&redaction, SLICE("/a")), -ENOSPC));
    for (unsigned i = 0; i < REDACTION_PATTERNS_MAX; i++)
        cr_assert(zero(int, redaction_add_pattern(&redaction, SLICE("a"))));
    cr_assert(eq(int, redaction_add_pattern(&redaction, SLICE("a")), -ENOSPC));

    redaction_init(&redaction, "", "", "");
    cr_assert(eq(int, redaction_add_header(&redaction, SLICE("*")), -EINVAL));
    cr_assert(eq(int, redaction_add_header(&redaction, SLICE("a b")), -EINVAL));
    cr_assert(eq(int, redaction_add_header(&redaction, SLICE("")), -EINVAL));
    cr_assert(eq(int, redaction_add_pointer(&redaction, SLICE("a")), -EINVAL));
    cr_assert(eq(int, redaction_add_pattern(&redaction, SLICE("*")), -EINVAL));
    cr_assert(zero(uint, redaction.header_count + redaction.pattern_count));
    cr_assert(zero(uint, redaction.pointer_count));
}
