/* Regular expressions of a schema: each is found where it stands, and those of the same text are
 * one. */
#include "schema_patterns.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>

static struct schema_patterns patterns;
static char why[REGEX_WHY_SIZE];

static void close_patterns(void)
{
    schema_patterns_close(&patterns);
}

TestSuite(schema_patterns, .fini = close_patterns);

static int add(uint64_t place, const char *text)
{
    return schema_patterns_add(&patterns, (struct json_value){NULL, place}, slice_str(text), why);
}

static const struct regex *find(uint64_t place)
{
    return schema_patterns_at(&patterns, (struct json_value){NULL, place});
}

Test(schema_patterns, each_is_at_its_place)
{
    static char texts[SCHEMA_PATTERNS_MAX][8];
    cr_expect(find(1) == NULL);
    for (unsigned i = 0; i < SCHEMA_PATTERNS_MAX; i++) {
        snprintf(texts[i], sizeof texts[i], "^%u$", i);
        cr_assert(zero(int, add(10 + i * 3, texts[i])));
    }
    for (unsigned i = 0; i < SCHEMA_PATTERNS_MAX; i++) {
        char text[8];
        snprintf(text, sizeof text, "%u", i);
        cr_assert(find(10 + i * 3) != NULL);
        cr_expect(regex_matches(find(10 + i * 3), slice_str(text)));
        cr_expect(find(11 + i * 3) == NULL);
    }
    cr_expect(find(9) == NULL);
    cr_expect(find(UINT64_MAX) == NULL);
}

Test(schema_patterns, the_same_text_is_compiled_once)
{
    for (uint64_t i = 0; i < 1000; i++)
        cr_assert(zero(int, add(i, i % 2 ? "a" : "b")));
    cr_expect(eq(u32, patterns.count, 2));
    cr_expect(find(1) == find(999));
    cr_expect(find(0) == find(998));
    cr_expect(find(0) != find(1));
}

Test(schema_patterns, what_is_none_says_why_and_is_not_there)
{
    cr_expect(eq(int, add(1, "("), -EINVAL));
    cr_expect(ne(int, why[0], 0));
    cr_expect(find(1) == NULL);
    cr_expect(zero(int, add(1, "a")));
}

Test(schema_patterns, so_many_may_differ)
{
    static char texts[SCHEMA_PATTERNS_MAX + 1][8];
    for (unsigned i = 0; i <= SCHEMA_PATTERNS_MAX; i++) {
        snprintf(texts[i], sizeof texts[i], "%u", i);
        cr_assert(eq(int, add(i, texts[i]), i < SCHEMA_PATTERNS_MAX ? 0 : -EINVAL));
    }
    cr_expect(zero(int, add(SCHEMA_PATTERNS_MAX, "0")));
}
