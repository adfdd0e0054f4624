/* Filters: what the language means, and what it refuses and where. */
#include "filter_stage.h"

#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

TestSuite(filter, .init = open_parsers, .fini = close_parsers);

static enum filter_answer matches_event(const char *condition, const char *payload,
                                        const char *of_channels)
{
    struct filter *filter = NULL;
    struct filter_event event = {.type = SLICE("order.paid")};
    cr_assert(zero(int, compile(condition, &filter)), "%s: %s %s", condition,
              faults.list[0].pointer, faults.list[0].detail);
    event.has_payload = payload != NULL;
    event.has_channels = of_channels != NULL;
    if (payload)
        event.payload = read_json(payloads, payload);
    if (of_channels)
        event.channels = read_json(channels, of_channels);
    failed[0] = '\0';
    enum filter_answer result = filter_judge(filter, &event, failed);
    filter_drop(filter);
    return result;
}

/* Of the member "v" of the payload. */
static bool holds(const char *condition, const char *value)
{
    char whole[1024], payload[1024];
    snprintf(whole, sizeof whole, "{\"payload\":{\"v\":%s}}", condition);
    snprintf(payload, sizeof payload, "{%s%s}", value ? "\"v\":" : "", value ? value : "");
    return matches_event(whole, payload, NULL);
}

static const struct {
    const char *condition, *value;
    bool holds;
} cases[] = {
    {"1", "1", true},
    {"1", "1.0", true},
    {"1", "\"1\"", false},
    {"1", NULL, false},
    {"\"a\"", "\"a\"", true},
    {"\"a\"", "\"A\"", false},
    {"\"\\u00e9\"", "\"\xc3\xa9\"", true},
    {"true", "true", true},
    {"true", "1", false},
    {"null", "null", true},
    {"null", NULL, false},
    {"null", "false", false},
    {"{}", NULL, true},
    {"{\"$eq\":3}", "3", true},
    {"{\"$neq\":3}", "3", false},
    {"{\"$neq\":3}", "4", true},
    {"{\"$neq\":3}", "\"3\"", true},
    {"{\"$neq\":3}", NULL, true},
    {"{\"$gt\":3}", "3", false},
    {"{\"$gt\":3}", "3.5", true},
    {"{\"$gte\":3}", "3", true},
    {"{\"$lt\":3}", "2", true},
    {"{\"$lt\":3}", "3", false},
    {"{\"$lte\":3}", "3", true},
    {"{\"$lte\":3}", "4", false},
    {"{\"$lt\":3}", NULL, false},
    {"{\"$lt\":3}", "\"2\"", false},
    {"{\"$lt\":3}", "null", false},
    {"{\"$gt\":\"2024-05\"}", "\"2024-06-01\"", true},
    {"{\"$gt\":\"a\"}", "\"a\"", false},
    {"{\"$gt\":\"a\"}", "\"aa\"", true},
    {"{\"$gt\":9007199254740992}", "9007199254740993", true},
    {"{\"$lt\":-9007199254740992}", "-9007199254740993", true},
    {"9223372036854775807", "9223372036854775808", false},
    {"18446744073709551615", "18446744073709551615", true},
    {"{\"$gt\":-1}", "18446744073709551615", true},
    {"{\"$lt\":0}", "-9223372036854775808", true},
    {"-0.5", "-0.5", true},
    {"{\"$in\":[1,\"a\",null]}", "null", true},
    {"{\"$in\":[1,\"a\"]}", "\"a\"", true},
    {"{\"$in\":[1,\"a\"]}", "2", false},
    {"{\"$in\":[1,\"a\"]}", NULL, false},
    {"{\"$nin\":[1,\"a\"]}", "2", true},
    {"{\"$nin\":[1,\"a\"]}", "1", false},
    {"{\"$nin\":[1,\"a\"]}", NULL, true},
    {"{\"$exist\":true}", "null", true},
    {"{\"$exist\":true}", NULL, false},
    {"{\"$exist\":false}", NULL, true},
    {"{\"$exist\":false}", "0", false},
    {"{\"$startsWith\":\"ab\"}", "\"abc\"", true},
    {"{\"$startsWith\":\"ab\"}", "\"a\"", false},
    {"{\"$startsWith\":\"bc\"}", "\"abc\"", false},
    {"{\"$endsWith\":\"bc\"}", "\"abc\"", true},
    {"{\"$endsWith\":\"ab\"}", "\"abc\"", false},
    {"{\"$endsWith\":\"1\"}", "1", false},
    {"{\"$regex\":\"^o+$\"}", "\"ooo\"", true},
    {"{\"$regex\":\"b\"}", "\"abc\"", true},
    {"{\"$regex\":\"^b\"}", "\"abc\"", false},
    {"{\"$regex\":\"(?i)ABC\"}", "\"abc\"", true},
    {"{\"$regex\":\"1\"}", "1", false},
    /* of one value, together */
    {"{\"$gt\":1,\"$lt\":5}", "3", true},
    {"{\"$gt\":1,\"$lt\":5}", "5", false},
    {"{\"$gt\":1,\"$lt\":5}", "[0,9]", false},
    {"{\"$gt\":1,\"$lt\":5}", "[0,3]", true},
    /* arrays */
    {"\"a\"", "[\"b\",\"a\"]", true},
    {"\"a\"", "[]", false},
    {"\"a\"", "[[\"a\"]]", false},
    {"{\"$neq\":\"a\"}", "[\"b\",\"a\"]", false},
    {"{\"$neq\":\"a\"}", "[\"b\"]", true},
    {"{\"$neq\":\"a\"}", "[]", true},
    {"{\"$nin\":[\"a\",\"c\"]}", "[\"b\",\"c\"]", false},
    {"{\"$exist\":true}", "[]", true},
    {"{\"$and\":[\"a\",\"b\"]}", "[\"b\",\"a\"]", true},
    {"{\"$and\":[\"a\",\"b\"]}", "[\"b\"]", false},
    {"{\"sku\":\"x\",\"n\":{\"$gt\":1}}", "[{\"sku\":\"x\",\"n\":1},{\"sku\":\"y\",\"n\":2}]",
     false},
    {"{\"sku\":\"x\",\"n\":{\"$gt\":1}}", "[{\"sku\":\"y\",\"n\":1},{\"sku\":\"x\",\"n\":2}]",
     true},
    /* nesting */
    {"{\"a\":{\"b\":1}}", "{\"a\":{\"b\":1}}", true},
    {"{\"a\":{\"b\":1}}", "{\"a\":1}", false},
    {"{\"a\":{\"b\":{\"$exist\":false}}}", NULL, true},
    {"{\"a.b\":1}", "{\"a.b\":1}", true},
    {"{\"a.b\":1}", "{\"a\":{\"b\":1}}", false},
    {"{\"a\":1}", "{\"a\":1,\"a\":2}", true},
    {"{\"a\":2}", "{\"a\":1,\"a\":2}", false},
    /* logic */
    {"{\"$or\":[1,2]}", "2", true},
    {"{\"$or\":[1,2]}", "3", false},
    {"{\"$not\":1}", "1", false},
    {"{\"$not\":1}", "2", true},
    {"{\"$not\":1}", NULL, true},
    {"{\"$not\":{\"$gt\":1,\"$lt\":3}}", "2", false},
    {"{\"$not\":{\"$gt\":1,\"$lt\":3}}", "3", true},
    {"{\"$not\":{}}", "3", false},
    {"{\"$or\":[{\"$lt\":1},{\"$and\":[{\"$gt\":5},{\"$not\":7}]}]}", "6", true},
    {"{\"$or\":[{\"$lt\":1},{\"$and\":[{\"$gt\":5},{\"$not\":7}]}]}", "7", false},
};

Test(filter, means_what_it_says)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_expect(holds(cases[i].condition, cases[i].value) == cases[i].holds, "%s of %s",
                  cases[i].condition, cases[i].value ? cases[i].value : "nothing");
}

Test(filter, looks_at_type_channels_and_payload)
{
    cr_expect(matches_event("{}", "1", NULL));
    cr_expect(matches_event("{\"type\":\"order.paid\"}", "1", NULL));
    cr_expect(matches_event("{\"type\":{\"$startsWith\":\"order.\"}}", "1", NULL));
    cr_expect(not(matches_event("{\"type\":\"order\"}", "1", NULL)));
    cr_expect(matches_event("{\"channels\":\"eu\"}", "1", "[\"us\",\"eu\"]"));
    cr_expect(not(matches_event("{\"channels\":\"eu\"}", "1", "[\"us\"]")));
    cr_expect(not(matches_event("{\"channels\":\"eu\"}", "1", NULL)));
    cr_expect(matches_event("{\"channels\":{\"$exist\":false}}", "1", NULL));
    cr_expect(matches_event("{\"payload\":\"x\"}", "\"x\"", NULL));
    cr_expect(matches_event("{\"payload\":{\"a\":1}}", "[{\"a\":2},{\"a\":1}]", NULL));
    cr_expect(
        matches_event("{\"$or\":[{\"type\":\"x\"},{\"payload\":{\"a\":1}}]}", "{\"a\":1}", NULL));
    cr_expect(matches_event("{\"$not\":{\"type\":\"x\"}}", "1", NULL));
}

static bool matches_metadata(const char *condition, const char *metadata)
{
    struct filter *filter = NULL;
    struct filter_event event = {.type = SLICE("order.paid"), .has_metadata = metadata != NULL};
    cr_assert(zero(int, compile(condition, &filter)), "%s", condition);
    cr_expect(filter_looks_at_metadata(filter));
    if (metadata)
        event.metadata = read_json(payloads, metadata);
    bool result = filter_judge(filter, &event, failed) == FILTER_HOLDS;
    filter_drop(filter);
    return result;
}

Test(filter, looks_at_metadata)
{
    cr_expect(matches_metadata("{\"metadata\":{\"a\":\"x\"}}", "{\"b\":1,\"a\":\"x\"}"));
    cr_expect(not(matches_metadata("{\"metadata\":{\"a\":\"x\"}}", "{\"a\":\"y\"}")));
    cr_expect(not(matches_metadata("{\"metadata\":{\"a\":\"x\"}}", NULL)));
    cr_expect(matches_metadata("{\"metadata\":{\"a\":{\"$exist\":false}}}", "{}"));
    cr_expect(
        matches_metadata("{\"metadata\":{\"$or\":[{\"a\":1},{\"b\":true}]}}", "{\"b\":true}"));
    cr_expect(matches_metadata("{\"$not\":{\"metadata\":{\"a\":1}}}", "{\"a\":2}"));
    cr_expect(not(matches_metadata("{\"metadata\":{\"a\":{\"$gt\":1}},\"type\":\"order.paid\"}",
                                   "{\"a\":1}")));
    cr_expect_str_eq(failed, "/metadata/a/$gt");
}

Test(filter, knows_whether_it_looks_at_metadata)
{
    static const char *const others[] = {"{}", "{\"type\":\"metadata\"}",
                                         "{\"payload\":{\"metadata\":1}}"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct filter *filter = NULL;
        cr_assert(zero(int, compile(others[i], &filter)));
        cr_expect(not(filter_looks_at_metadata(filter)), "%s", others[i]);
        filter_drop(filter);
    }
}

Test(filter, sees_no_payload_that_is_not_JSON)
{
    cr_expect(not(matches_event("{\"payload\":{\"a\":1}}", NULL, NULL)));
    cr_expect(matches_event("{\"payload\":{\"a\":{\"$exist\":false}}}", NULL, NULL));
    cr_expect(matches_event("{\"payload\":{\"$exist\":false}}", NULL, NULL));
}

static void expect_failed(const char *condition, const char *payload, const char *pointer)
{
    cr_expect(not(matches_event(condition, payload, NULL)));
    cr_expect_str_eq(failed, pointer, "%s of %s", condition, payload);
}

Test(filter, names_the_first_condition_that_does_not_hold)
{
    expect_failed("{\"type\":\"order.paid\",\"payload\":{\"a\":1,\"b\":2}}", "{\"a\":1}",
                  "/payload/b");
    expect_failed("{\"payload\":{\"a/b\":{\"$gt\":1}}}", "{\"a/b\":1}", "/payload/a~1b/$gt");
    expect_failed("{\"payload\":{\"a\":{\"$in\":[1,2]}}}", "{\"a\":3}", "/payload/a/$in");
    expect_failed("{\"payload\":{\"a\":{\"$nin\":[1,2]}}}", "{\"a\":1}", "/payload/a/$nin");
    expect_failed("{\"payload\":{\"a\":{\"b\":1}}}", "{\"a\":[{\"b\":2}]}", "/payload/a");
    expect_failed("{\"$or\":[{\"type\":\"x\"},{\"type\":\"y\"}]}", "1", "/$or");
    expect_failed("{\"$and\":[{\"type\":\"order.paid\"},{\"type\":\"y\"}]}", "1", "/$and/1/type");
    expect_failed("{\"$not\":{\"type\":\"order.paid\"}}", "1", "/$not");
}

static const struct {
    const char *condition, *pointer, *detail;
} refusals[] = {
    {"1", "/filter", "must be an object"},
    {"[]", "/filter", "must be an object"},
    {"{\"data\":1}", "/filter/data", "unknown field"},
    {"{\"payload.a\":1}", "/filter/payload.a", "unknown field"},
    {"{\"$gt\":1}", "/filter/$gt", "is about a value"},
    {"{\"$or\":[{\"x\":1}]}", "/filter/$or/0/x", "unknown field"},
    {"{\"$or\":[1]}", "/filter/$or/0", "must be an object"},
    {"{\"$or\":[]}", "/filter/$or", "must be an array"},
    {"{\"$and\":{}}", "/filter/$and", "must be an array"},
    {"{\"$not\":[]}", "/filter/$not", "must be an object"},
    {"{\"payload\":{\"a\":{\"$like\":1}}}", "/filter/payload/a/$like", "unknown operator"},
    {"{\"payload\":{\"a\":[1]}}", "/filter/payload/a", "must be a string, a number"},
    {"{\"payload\":{\"a\":{\"$eq\":{}}}}", "/filter/payload/a/$eq", "must be a string, a number"},
    {"{\"payload\":{\"a\":{\"$neq\":[]}}}", "/filter/payload/a/$neq", "must be a string, a number"},
    {"{\"payload\":{\"a\":{\"$gt\":true}}}", "/filter/payload/a/$gt", "a number or a string"},
    {"{\"payload\":{\"a\":{\"$in\":1}}}", "/filter/payload/a/$in", "must be an array"},
    {"{\"payload\":{\"a\":{\"$in\":[1,[]]}}}", "/filter/payload/a/$in/1", "must be a string"},
    {"{\"payload\":{\"a\":{\"$nin\":[]}}}", "/filter/payload/a/$nin", "must be an array"},
    {"{\"payload\":{\"a\":{\"$exist\":1}}}", "/filter/payload/a/$exist", "true or false"},
    {"{\"payload\":{\"a\":{\"$startsWith\":1}}}", "/filter/payload/a/$startsWith", "a string"},
    {"{\"payload\":{\"a\":{\"$regex\":\"(\"}}}", "/filter/payload/a/$regex", "missing )"},
    {"{\"payload\":{\"a\":{\"$regex\":\"(a)\\\\1\"}}}", "/filter/payload/a/$regex",
     "invalid escape"},
    {"{\"payload\":{\"a\":{\"$regex\":\"(?:[a-z\\\\pL]{1000}){1,9}\"}}}",
     "/filter/payload/a/$regex", ""},
};

Test(filter, says_where_it_is_wrong)
{
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        struct filter *filter = NULL;
        cr_expect(eq(int, compile(refusals[i].condition, &filter), -EINVAL), "%s",
                  refusals[i].condition);
        cr_expect_str_eq(faults.list[0].pointer, refusals[i].pointer, "%s", refusals[i].condition);
        cr_expect(strstr(faults.list[0].detail, refusals[i].detail) != NULL, "%s: %s",
                  refusals[i].condition, faults.list[0].detail);
        cr_expect(eq(u32, faults.count, 1));
    }
}

/* "{"payload":" and `count` times `open`, `middle`, and as often `close`. */
static int compile_nested(const char *open, const char *middle, const char *close, unsigned count,
                          struct filter **made)
{
    static char buffer[TEXT_SIZE];
    struct text text;
    text_init(&text, buffer, sizeof buffer - 1);
    text_put(&text, SLICE("{\"payload\":"));
    for (unsigned i = 0; i < count; i++)
        text_put(&text, slice_str(open));
    text_put(&text, slice_str(middle));
    for (unsigned i = 0; i < count; i++)
        text_put(&text, slice_str(close));
    text_char(&text, '}');
    cr_assert(text_ok(&text));
    buffer[text.size] = '\0';
    return compile(buffer, made);
}

Test(filter, has_bounds)
{
    struct filter *filter = NULL;
    cr_expect(zero(int, compile_nested("{\"a\":", "1", "}", FILTER_DEPTH_MAX - 1, &filter)));
    filter_drop(filter);
    cr_expect(eq(int, compile_nested("{\"a\":", "1", "}", FILTER_DEPTH_MAX, &filter), -EINVAL));
    cr_expect(strstr(faults.list[0].detail, "too deep") != NULL);
    cr_expect(eq(int, compile_nested("{\"$not\":", "1", "}", 600, &filter), -EINVAL));
    cr_expect(strstr(faults.list[0].detail, "too deep") != NULL);
}

Test(filter, has_a_limit_of_conditions_and_of_bytes)
{
    static char text[TEXT_SIZE];
    struct filter *filter = NULL;
    for (unsigned count = 200; count <= 300; count += 100) {
        int at = snprintf(text, sizeof text, "{\"payload\":{\"a\":{\"$in\":[0");
        for (unsigned i = 1; i < count; i++)
            at += snprintf(text + at, sizeof text - (size_t)at, ",%u", i);
        snprintf(text + at, sizeof text - (size_t)at, "]}}}");
        cr_expect(eq(int, compile(text, &filter), count == 200 ? 0 : -EINVAL));
        filter_drop(filter);
    }
    cr_expect(strstr(faults.list[0].detail, "too many") != NULL);

    memset(text, 'x', sizeof text);
    memcpy(text, "{\"type\":\"", 9);
    snprintf(text + FILTER_SIZE_MAX, 8, "\"}");
    cr_expect(eq(int, compile(text, &filter), -EINVAL));
    cr_expect(strstr(faults.list[0].detail, "at most") != NULL);

    int at = snprintf(text, sizeof text, "{\"payload\":{\"$or\":[{\"$regex\":\"a\"}");
    for (unsigned i = 0; i < FILTER_REGEX_MAX; i++)
        at += snprintf(text + at, sizeof text - (size_t)at, ",{\"$regex\":\"a\"}");
    snprintf(text + at, sizeof text - (size_t)at, "]}}");
    cr_expect(eq(int, compile(text, &filter), -EINVAL));
    cr_expect_str_eq(faults.list[0].pointer, "/filter/payload/$or/8/$regex");
}

Test(filter, keeps_its_text)
{
    struct filter *filter = NULL;
    cr_assert(zero(int, compile("{ \"type\" : {\"$in\": [ \"a\", \"b\"]} }", &filter)));
    struct filter *same = filter_share(filter);
    filter_drop(filter);
    const char wanted[] = "{\"type\":{\"$in\":[\"a\",\"b\"]}}";
    cr_expect(slice_equal(filter_text(same), slice_str(wanted)));
    filter_drop(same);
}
