/* fields_test.c - bodies put together from documents and paths. */
#include "tools/ctl/fields.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

static struct fields fields;
static char why[FIELDS_WHY_SIZE];

static void start(void)
{
    cr_assert(eq(int, fields_open(&fields), 0));
}

static void end(void)
{
    fields_close(&fields);
}

TestSuite(fields, .init = start, .fini = end);

static void prints(const char *expected)
{
    struct text text = fields_print(&fields);
    cr_assert(eq(sz, text.size, strlen(expected)), "%.*s", (int)text.size, text.at);
    cr_assert(eq(int, memcmp(text.at, expected, text.size), 0), "%.*s", (int)text.size, text.at);
    free(text.at);
}

#define SET(path, value) fields_set(&fields, SLICE(path), SLICE(value), why)

Test(fields, without_any_it_is_an_empty_object)
{
    prints("{}");
}

Test(fields, a_value_is_json_or_else_a_string)
{
    cr_assert(eq(int, SET("a", "1.50"), 0));
    cr_assert(eq(int, SET("b", "https://x.example/?a=b"), 0));
    cr_assert(eq(int, SET("c", "[1, {\"d\":null}]"), 0));
    cr_assert(eq(int, SET("d", "null"), 0));
    cr_assert(eq(int, SET("e", ""), 0));
    cr_assert(eq(int, SET("f", "\"7\""), 0));
    prints("{\"a\":1.50,\"b\":\"https://x.example/?a=b\",\"c\":[1, "
           "{\"d\":null}],\"d\":null,\"e\":\"\","
           "\"f\":\"7\"}");
}

Test(fields, a_path_opens_objects_on_its_way)
{
    cr_assert(eq(int, SET("a.b.c", "1"), 0));
    cr_assert(eq(int, SET("a.d", "2"), 0));
    cr_assert(eq(int, SET("a.b.e", "3"), 0));
    prints("{\"a\":{\"b\":{\"c\":1,\"e\":3},\"d\":2}}");
}

Test(fields, what_is_set_later_wins)
{
    cr_assert(eq(int, SET("a", "1"), 0));
    cr_assert(eq(int, SET("a.b", "2"), 0));
    prints("{\"a\":{\"b\":2}}");
    cr_assert(eq(int, SET("a", "3"), 0));
    prints("{\"a\":3}");
}

Test(fields, a_document_is_changed_where_it_is_told_to_be_and_nowhere_else)
{
    cr_assert(eq(
        int, fields_load(&fields, SLICE("{\"x\": 1.0, \"a\": {\"b\": [1], \"c\": 2}}"), why), 0));
    cr_assert(eq(int, SET("a.c", "3"), 0));
    prints("{\"x\":1.0,\"a\":{\"b\":[1],\"c\":3}}");
}

Test(fields, a_dot_of_a_name_is_escaped)
{
    cr_assert(eq(int, SET("metadata.a\\.b", "x"), 0));
    prints("{\"metadata\":{\"a.b\":\"x\"}}");
}

Test(fields, lists_grow)
{
    cr_assert(eq(int, fields_add_texts(&fields, SLICE("e"), SLICE("a, b"), why), 0));
    cr_assert(eq(int, fields_add_texts(&fields, SLICE("e"), SLICE("c\"d"), why), 0));
    cr_assert(eq(int, fields_add_texts(&fields, SLICE("none"), SLICE(""), why), 0));
    prints("{\"e\":[\"a\",\"b\",\"c\\\"d\"],\"none\":[]}");
}

Test(fields, a_list_takes_the_place_of_the_documents)
{
    cr_assert(eq(int, fields_load(&fields, SLICE("{\"e\":[\"old\"]}"), why), 0));
    cr_assert(eq(int, fields_add_texts(&fields, SLICE("e"), SLICE("new"), why), 0));
    prints("{\"e\":[\"new\"]}");
}

Test(fields, what_is_no_path_is_refused)
{
    cr_assert(lt(int, SET("", "1"), 0));
    cr_assert(lt(int, SET("a..b", "1"), 0));
    cr_assert(lt(int, SET("a.", "1"), 0));
    cr_assert(lt(int, SET("a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a", "1"), 0));
}

Test(fields, what_is_no_json_is_refused_where_json_has_to_be)
{
    cr_assert(lt(int, fields_set_json(&fields, SLICE("a"), SLICE("yes"), why), 0));
    cr_assert(lt(int, fields_load(&fields, SLICE("[1]"), why), 0));
    cr_assert(lt(int, fields_load(&fields, SLICE("{\"a\":"), why), 0));
}
