/* Event types, from JSON and to JSON. */
#include "event_type.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct json *json;
static char body_text[8192];
static struct faults faults;

static void open_parser(void)
{
    cr_assert(eq(int, json_open(&json), 0));
}

static void close_parser(void)
{
    json_close(json);
}

TestSuite(event_type, .init = open_parser, .fini = close_parser);

static struct json_value read(const char *text)
{
    char why[JSON_WHY_SIZE];
    struct json_value root;
    memcpy(body_text, text, strlen(text));
    cr_assert(eq(int, json_read(json, slice_of(body_text, strlen(text)), &root, why), 0), "%s",
              why);
    return root;
}

static struct event_type *parse(const char *text, const struct event_type *before, uint64_t now_ms)
{
    struct event_type *made = NULL;
    int error = event_type_parse(read(text), before, now_ms, &made, &faults);
    cr_assert(eq(int, error, 0), "%s %s", faults.list[0].pointer, faults.list[0].detail);
    return made;
}

static const char *print(const struct event_type *type,
                         void (*how)(const struct event_type *type, struct text *text))
{
    static char printed[2][8192];
    static unsigned turn;
    struct text text;
    char *at = printed[turn++ % 2];
    text_init(&text, at, sizeof printed[0] - 1);
    how(type, &text);
    cr_assert(text_ok(&text));
    at[text.size] = '\0';
    return at;
}

#define TWO                                                                           \
    "{\"name\":\"order.made\",\"deprecated\":true,\"replaced_by\":\"order/new\","     \
    "\"metadata\":{\"a\":[1]},\"versions\":[{\"version\":\"1\",\"schema\":{\"type\":" \
    "\"integer\"},\"examples\":[1,2]},{\"version\":\"2\"}]}"

Test(event_type, what_is_stored_is_read_back)
{
    struct event_type *made = parse(TWO, NULL, 1000), *again = NULL;
    made->id.bytes[3] = 7;
    made->tenant.bytes[4] = 8;
    int error =
        event_type_parse_stored(read(print(made, event_type_print_stored)), &again, &faults);
    cr_assert(eq(int, error, 0), "%s %s", faults.list[0].pointer, faults.list[0].detail);
    cr_assert(id_equal(&again->id, &made->id));
    cr_assert(id_equal(&again->tenant, &made->tenant));
    cr_assert(
        eq(str, (char *)print(made, event_type_print), (char *)print(again, event_type_print)));
    event_type_free(made);
    event_type_free(again);
}

Test(event_type, a_version_keeps_its_time_and_a_deprecation_too)
{
    struct event_type *made = parse(TWO, NULL, 1000);
    struct event_type *after = parse("{\"deprecated\":true,\"versions\":[{\"version\":\"2\"},"
                                     "{\"version\":\"3\"}]}",
                                     made, 2000);
    cr_assert(eq(str, after->name, made->name));
    cr_assert(eq(u64, after->deprecated_ms, 1000));
    cr_assert(eq(u64, after->created_ms, 1000));
    cr_assert(eq(u64, after->updated_ms, 2000));
    cr_assert(eq(u64, after->versions[0].created_ms, 1000));
    cr_assert(eq(u64, after->versions[1].created_ms, 2000));
    event_type_free(after);

    after = parse("{}", made, 1000);
    cr_assert(eq(u64, after->deprecated_ms, 0));
    cr_assert(eq(u64, after->updated_ms, 1001), "a change is later than what it changes");
    event_type_free(after);
    event_type_free(made);
}

Test(event_type, an_event_without_a_version_has_the_last)
{
    struct event_type *made = parse(TWO, NULL, 1000), *none = parse("{\"name\":\"a\"}", NULL, 1);
    cr_assert(eq(ptr, (void *)event_type_version(made, SLICE("")), &made->versions[1]));
    cr_assert(eq(ptr, (void *)event_type_version(made, SLICE("1")), &made->versions[0]));
    cr_assert(eq(ptr, (void *)event_type_version(made, SLICE("3")), NULL));
    cr_assert(eq(ptr, (void *)event_type_version(none, SLICE("")), NULL));
    event_type_free(made);
    event_type_free(none);
}

static void refuses(const char *text, const char *pointer)
{
    struct event_type *made = NULL;
    cr_assert(eq(int, event_type_parse(read(text), NULL, 1, &made, &faults), -EINVAL), "%s", text);
    cr_assert(eq(uint, faults.count, 1), "%s", text);
    cr_assert(eq(str, faults.list[0].pointer, (char *)pointer), "%s", text);
}

Test(event_type, faults_have_their_place)
{
    refuses("{}", "/name");
    refuses("{\"name\":\"a b\"}", "/name");
    refuses("{\"name\":\"a\",\"id\":\"x\"}", "/id");
    refuses("{\"name\":\"a\",\"created_at\":\"2026-01-01T00:00:00Z\"}", "/created_at");
    refuses("{\"name\":\"a\",\"versions\":[{\"version\":\"1\"},{\"version\":\"1\"}]}",
            "/versions/1/version");
    refuses("{\"name\":\"a\",\"versions\":[{\"version\":\"1\",\"schema\":{\"const\":1},"
            "\"examples\":[1,{}]}]}",
            "/versions/0/examples/1");
}
