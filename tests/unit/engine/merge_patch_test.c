/* Merge patches: the examples of RFC 7396 appendix A whose target and patch are objects. */
#include "merge_patch.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <string.h>

static struct json *jsons[2];
static char texts[2][4096], merged[4096];

static void open_parsers(void)
{
    cr_assert(eq(int, json_open(&jsons[0]), 0));
    cr_assert(eq(int, json_open(&jsons[1]), 0));
}

static void close_parsers(void)
{
    json_close(jsons[0]);
    json_close(jsons[1]);
}

TestSuite(merge_patch, .init = open_parsers, .fini = close_parsers);

static int merge(const char *target, const char *patch, size_t room)
{
    const char *given[] = {target, patch};
    struct json_value roots[2];
    char why[JSON_WHY_SIZE];
    for (int i = 0; i < 2; i++) {
        memcpy(texts[i], given[i], strlen(given[i]));
        cr_assert(
            eq(int, json_read(jsons[i], slice_of(texts[i], strlen(given[i])), &roots[i], why), 0));
    }
    struct text text;
    memset(merged, 0, sizeof merged);
    text_init(&text, merged, room);
    return merge_patch(roots[0], roots[1], &text);
}

Test(merge_patch, does_what_the_examples_of_the_rfc_do)
{
    static const char *const cases[][3] = {
        {"{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"a\":null}", "{}"},
        {"{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}"},
        {"{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}"},
        {"{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}"},
        {"{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}"},
        {"{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}"},
        {"{\"a\":\"foo\"}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}"},
        {"{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cr_assert(eq(int, merge(cases[i][0], cases[i][1], sizeof merged), 0));
        cr_assert_str_eq(merged, cases[i][2]);
    }
}

Test(merge_patch, is_bounded_in_depth_and_size)
{
    char deep[512] = "";
    for (int i = 0; i <= MERGE_DEPTH_MAX; i++)
        strcat(deep, "{\"a\":");
    strcat(deep, "1");
    for (int i = 0; i <= MERGE_DEPTH_MAX; i++)
        strcat(deep, "}");
    cr_assert(eq(int, merge("{}", deep, sizeof merged), -E2BIG));
    cr_assert(eq(int, merge("{\"a\":\"0123456789\"}", "{\"b\":1}", 16), -ENOBUFS));
}
