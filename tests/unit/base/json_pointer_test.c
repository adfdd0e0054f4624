/* JSON pointers: the table of RFC 6901 section 5, and what is none. */
#include "base/json_pointer.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

static struct json *json;
static struct json_value root;

static const char document[] = "{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,\"e^f\":3,"
                               "\"g|h\":4,\"i\\\\j\":5,\"k\\\"l\":6,\" \":7,\"m~n\":8,"
                               "\"o\":{\"p\":[{\"q\":9}],\"\":{\"\":10}},\"r\":1,\"r\":2}";

static void start(void)
{
    static char padded[sizeof document + JSON_PADDING];
    char why[JSON_WHY_SIZE];
    memcpy(padded, document, sizeof document - 1);
    cr_assert(zero(int, json_open(&json)));
    cr_assert(zero(int, json_read(json, slice_of(padded, sizeof document - 1), &root, why)));
}

static void stop(void)
{
    json_close(json);
}

TestSuite(json_pointer, .init = start, .fini = stop);

Test(json_pointer, names_one_value)
{
    static const struct {
        const char *pointer, *value;
    } cases[] = {
        {"/foo", "[\"bar\",\"baz\"]"},
        {"/foo/0", "\"bar\""},
        {"/foo/1", "\"baz\""},
        {"/", "0"},
        {"/a~1b", "1"},
        {"/c%d", "2"},
        {"/e^f", "3"},
        {"/g|h", "4"},
        {"/i\\j", "5"},
        {"/k\"l", "6"},
        {"/ ", "7"},
        {"/m~0n", "8"},
        {"/o/p/0/q", "9"},
        {"/o//", "10"},
        {"/r", "1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct json_value value;
        char text[64];
        cr_assert(json_pointer_find(root, slice_str(cases[i].pointer), &value), "%s",
                  cases[i].pointer);
        long size = json_print(value, text, sizeof text - 1);
        cr_assert(lt(int, 0, (int)size));
        text[size] = '\0';
        cr_assert_str_eq(text, cases[i].value);
    }
    struct json_value whole;
    cr_assert(json_pointer_find(root, SLICE(""), &whole));
    cr_assert(eq(int, json_kind(whole), JSON_OBJECT));
}

Test(json_pointer, names_nothing)
{
    static const char *const none[] = {"/fo",     "/fooo", "/foo/2",  "/foo/-",
                                       "/foo/01", "/foo/", "/foo/0/", "/a/b",
                                       "/m~1n",   "/r/x",  "/o/p/q",  "/foo/1x"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        struct json_value value;
        cr_assert(not(json_pointer_find(root, slice_str(none[i]), &value)), "%s", none[i]);
    }
}

Test(json_pointer, has_a_form)
{
    cr_assert(json_pointer_is_valid(SLICE("")));
    cr_assert(json_pointer_is_valid(SLICE("/")));
    cr_assert(json_pointer_is_valid(SLICE("/a~0b~1c/d")));
    cr_assert(not(json_pointer_is_valid(SLICE("a"))));
    cr_assert(not(json_pointer_is_valid(SLICE("/a~"))));
    cr_assert(not(json_pointer_is_valid(SLICE("/a~2"))));
}

Test(json_pointer, takes_a_step_for_each_member_that_is_looked_at)
{
    struct json_value found;
    uint64_t steps = 3;
    cr_expect(json_pointer_find_within(root, SLICE("/a~1b"), &steps, &found));
    cr_expect(zero(u64, steps));
    for (steps = 0; steps < 16; steps++) {
        uint64_t left = steps; /* to "o", "p", the first, and "q" it takes 14 */
        cr_expect(
            eq(int, json_pointer_find_within(root, SLICE("/o/p/0/q"), &left, &found), steps >= 14));
        cr_expect(eq(u64, left, steps >= 14 ? steps - 14 : 0));
    }
}
