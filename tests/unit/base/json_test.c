/* The JSON door: raw bytes come through untouched, and nothing malformed gets past it. */
#include "json_stage.h"

#include "base/json_text.h"
#include "base/random.h"
#include "base/text.h"

#include <errno.h>
#include <stdio.h>

TestSuite(json, .init = start, .fini = stop);

static struct slice padded_str(const char *text)
{
    return padded(slice_str(text), '\0');
}

static struct json_value read(const char *text)
{
    struct json_value root;
    int error = json_read(json, padded_str(text), &root, why);
    cr_assert(eq(int, error, 0), "%s: %s", text, why);
    return root;
}

/* ---- raw ---- */

struct expected {
    struct slice key, raw;
    enum json_kind kind;
};

static void expect_members(const char *text, const struct expected *expected, int count)
{
    struct json_member members[8];
    int found = json_scan(json, padded_str(text), members, 8, why);
    cr_assert(eq(int, found, count), "%s", text);
    for (int i = 0; i < count; i++) {
        cr_assert(slice_equal(members[i].key, expected[i].key), "%s: key %d", text, i);
        cr_assert(slice_equal(members[i].raw, expected[i].raw), "%s: %.*s", text,
                  SLICE_ARGS(members[i].raw));
        cr_assert(members[i].kind == expected[i].kind, "%s: kind %d", text, i);
    }
}

Test(json, scan_gives_the_exact_bytes_of_each_kind_of_value)
{
    expect_members(
        "{\"s\":\"x\",\"n\":-1.50e+3,\"o\":{\"a\":[]},\"a\":[1,{}],\"t\":true,\"z\":null}",
        (struct expected[]){
            {SLICE("s"), SLICE("\"x\""), JSON_STRING},
            {SLICE("n"), SLICE("-1.50e+3"), JSON_NUMBER},
            {SLICE("o"), SLICE("{\"a\":[]}"), JSON_OBJECT},
            {SLICE("a"), SLICE("[1,{}]"), JSON_ARRAY},
            {SLICE("t"), SLICE("true"), JSON_BOOL},
            {SLICE("z"), SLICE("null"), JSON_NULL},
        },
        6);
}

Test(json, scan_keeps_odd_spacing_inside_and_drops_it_outside)
{
    expect_members(
        " \r\n{\t\"a\" :\n { \"b\" : [ 1 ,\t2 ] } \r\n,\"c\": 7 \n, \"d\":\t\" x \"\t}\n ",
        (struct expected[]){
            {SLICE("a"), SLICE("{ \"b\" : [ 1 ,\t2 ] }"), JSON_OBJECT},
            {SLICE("c"), SLICE("7"), JSON_NUMBER},
            {SLICE("d"), SLICE("\" x \""), JSON_STRING},
        },
        3);
    expect_members("{}", NULL, 0);
    expect_members(" { \n } ", NULL, 0);
}

Test(json, scan_drops_each_kind_of_space_after_a_scalar)
{
    static const char *const scalars[] = {"1", "true", "null", "\" \"", "\"\""};
    for (size_t i = 0; i < sizeof scalars / sizeof scalars[0]; i++) {
        for (const char *space = " \t\r\n"; *space; space++) {
            char text[64];
            struct json_member members[2];
            snprintf(text, sizeof text, "{\"a\":%c%s%c,\"b\":%s%c}", *space, scalars[i], *space,
                     scalars[i], *space);
            cr_assert(eq(int, json_scan(json, padded_str(text), members, 2, why), 2));
            cr_assert(slice_equal(members[0].raw, slice_str(scalars[i])));
            cr_assert(slice_equal(members[1].raw, slice_str(scalars[i])));
        }
    }
}

Test(json, scan_unescapes_keys_and_leaves_values_escaped)
{
    expect_members("{\"p\\u0061y\\n\":\"\\u00e9\\ud83d\\ude00\\/\",\"\":\"}],{[\\\\\\\"\"}",
                   (struct expected[]){
                       {SLICE("pay\n"), SLICE("\"\\u00e9\\ud83d\\ude00\\/\""), JSON_STRING},
                       {SLICE(""), SLICE("\"}],{[\\\\\\\"\""), JSON_STRING},
                   },
                   2);
}

Test(json, scan_gives_each_member_as_it_stands)
{
    struct json_member members[3];
    struct slice text = padded_str("{ \"\\u0061\\\"\" :\t[ 1, {} ] ,\"b\":1e999 }");
    cr_assert(eq(int, json_scan(json, text, members, 3, why), 2), "%s", why);
    cr_expect(slice_equal(members[0].whole, SLICE("\"\\u0061\\\"\" :\t[ 1, {} ]")));
    cr_expect(slice_equal(members[1].whole, SLICE("\"b\":1e999")));
}

Test(json, scan_passes_numbers_of_any_size)
{
    expect_members("{\"a\":123456789012345678901234567890 ,\"b\":[-99999999999999999999,1e999,0.1],"
                   "\"c\":18446744073709551616,\"d\":1E-999}",
                   (struct expected[]){
                       {SLICE("a"), SLICE("123456789012345678901234567890"), JSON_NUMBER},
                       {SLICE("b"), SLICE("[-99999999999999999999,1e999,0.1]"), JSON_ARRAY},
                       {SLICE("c"), SLICE("18446744073709551616"), JSON_NUMBER},
                       {SLICE("d"), SLICE("1E-999"), JSON_NUMBER},
                   },
                   4);
}

Test(json, scan_lists_equal_keys_all)
{
    expect_members("{\"a\":1,\"a\":2,\"\\u0061\":3}",
                   (struct expected[]){
                       {SLICE("a"), SLICE("1"), JSON_NUMBER},
                       {SLICE("a"), SLICE("2"), JSON_NUMBER},
                       {SLICE("a"), SLICE("3"), JSON_NUMBER},
                   },
                   3);
}

Test(json, scan_counts_more_members_than_it_stores)
{
    struct json_member members[2] = {0};
    cr_assert(
        eq(int, json_scan(json, padded_str("{\"a\":1,\"b\":2,\"c\":3}"), members, 1, why), 3));
    cr_assert(slice_equal(members[0].key, SLICE("a")));
    cr_assert(members[1].key.at == NULL);
}

Test(json, scan_and_each_tell_other_kinds_from_malformed_text)
{
    static const char *const others[] = {"1", "\"{}\"", "null", " true ", "1e999"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct slice text = padded_str(others[i]);
        cr_assert(eq(int, json_scan(json, text, NULL, 0, why), -EPROTOTYPE), "%s", others[i]);
        cr_assert(eq(int, json_each(json, text, NULL, NULL, why), -EPROTOTYPE), "%s", others[i]);
    }
    cr_assert(eq(int, json_scan(json, padded_str("[]"), NULL, 0, why), -EPROTOTYPE));
    cr_assert(eq(int, json_each(json, padded_str("{}"), NULL, NULL, why), -EPROTOTYPE));
}

struct collected {
    struct slice raw[8];
    int count, stop_at;
};

static int collect(void *context, struct slice raw)
{
    struct collected *collected = context;
    if (collected->count == collected->stop_at)
        return -ECANCELED;
    collected->raw[collected->count++] = raw;
    return 0;
}

Test(json, each_gives_the_exact_bytes_of_each_element)
{
    struct collected got = {.stop_at = -1};
    struct slice text = padded_str(" [ { \"a\" : [ ] } ,\"]\", [[1],2]\n,-0.5 , null,{}] ");
    static const char *const expected[] = {
        "{ \"a\" : [ ] }", "\"]\"", "[[1],2]", "-0.5", "null", "{}"};
    cr_assert(eq(int, json_each(json, text, collect, &got, why), 6));
    cr_assert(eq(int, got.count, 6));
    for (int i = 0; i < 6; i++)
        cr_assert(slice_equal(got.raw[i], slice_str(expected[i])), "%.*s", SLICE_ARGS(got.raw[i]));
    cr_assert(eq(int, json_each(json, padded_str("[ ]"), collect, &got, why), 0));
}

Test(json, each_stops_at_an_error_of_its_callee)
{
    struct collected got = {.stop_at = 2};
    cr_assert(eq(int, json_each(json, padded_str("[1,2,3]"), collect, &got, why), -ECANCELED));
    cr_assert(eq(int, got.count, 2));
}

/* What json_each() gives is followed by the rest of the text, which another parser must not see. */
static int scan_with_another(void *context, struct slice raw)
{
    struct json_member member;
    int count = json_scan(context, raw, &member, 1, why);
    cr_assert(count == 1 && slice_equal(member.raw, SLICE("1")));
    return 0;
}

Test(json, each_can_feed_another_parser)
{
    struct json *other;
    cr_assert(eq(int, json_open(&other), 0));
    struct slice text = padded_str("[{\"a\":1},{\"b\":1} , {\"c\" : 1 }]");
    cr_assert(eq(int, json_each(json, text, scan_with_another, other, why), 3));
    json_close(other);
}

/* ---- what is refused ---- */

static const struct {
    const char *text;
    size_t offset; /* where the fault is */
} malformed[] = {
    {"", 0},
    {" \t\r\n", 4},
    {"{", 1},
    {"}", 0},
    {"[", 1},
    {"{\"a\"", 4},
    {"{\"a\":", 5},
    {"{\"a\":1", 6},
    {"{\"a\":1,", 7},
    {"{\"a\":1,}", 7},
    {"{\"a\" 1}", 5},
    {"{a:1}", 1},
    {"{'a':1}", 1},
    {"{\"a\":1}}", 7},
    {"{\"a\":1} {}", 8},
    {"{\"a\":1}x", 7},
    {"{\"a\":1]", 6},
    {"{1:1}", 1},
    {"[1,]", 3},
    {"[,1]", 1},
    {"[1 2]", 3},
    {"[1}", 2},
    {"[\"a\":1]", 4},
    {"{\"a\":tru}", 5},
    {"{\"a\":True}", 5},
    {"{\"a\":nulll}", 9},
    {"{\"a\":NaN}", 5},
    {"{\"a\":01}", 6},
    {"{\"a\":-}", 6},
    {"{\"a\":+1}", 5},
    {"{\"a\":.5}", 5},
    {"{\"a\":1.}", 7},
    {"{\"a\":1e}", 7},
    {"{\"a\":1e+}", 8},
    {"{\"a\":0x10}", 6},
    {"{\"a\":99999999999999999999x}", 25},
    {"{\"a\":[99999999999999999999,01]}", 28},
    {"{\"a\":\"x}", 5},
    {"{\"a\":\"\\x\"}", 6},
    {"{\"a\":\"\\u12g4\"}", 6},
    {"{\"a\":\"\\ud800\"}", 6},
    {"{\"a\":\"\\ud800\\u0041\"}", 6},
    {"{\"a\":\"\\udc00\"}", 6},
    {"{\"a\":\"\t\"}", 6},
    {"{\"a\":\"line\nbreak\"}", 10},
    {"{\"a\":1/**/}", 6},
    {"\xef\xbb\xbf{}", 0},
    {"{\"a\":\"\xff\"}", 6},
    {"{\"a\":\"\xc3\"}", 6},
    {"{\"a\":\"\xc0\xaf\"}", 6},
    {"{\"a\":\"\xed\xa0\x80\"}", 6},
    {"{\"a\":\"\xf4\x90\x80\x80\"}", 6},
    {"{\"\xff\":1}", 2},
    {"{\"a\":{\"b\":[{\"c\":[1,2,{\"d\":\"e\" \"f\"}]}]}}", 30},
    {"{\"a\":{\"b\":[{\"c\":[1,2,{\"d\":\"\xe2\x82\"}]}]}}", 27},
    {"{\"a\":{\"b\":[{\"c\":[1,2,[}]]}]}}", 22},
};

static void expect_refused(struct slice text, size_t offset)
{
    static const char paddings[] = {'\0', ' ', '"', '}', ']', '1', 'e', '\\', '\xff'};
    for (size_t i = 0; i < sizeof paddings; i++) {
        struct json_value root;
        struct slice copied = padded(text, paddings[i]);
        char expected[32];
        snprintf(expected, sizeof expected, " at byte %zu", offset);

        cr_assert(eq(int, json_scan(json, copied, NULL, 0, why), -EINVAL), "%.*s",
                  SLICE_ARGS(text));
        cr_assert(strncmp(why, "malformed JSON: ", 16) == 0, "%s", why);
        cr_assert(strlen(why) > strlen(expected) &&
                      strcmp(why + strlen(why) - strlen(expected), expected) == 0,
                  "%.*s: %s, not%s", SLICE_ARGS(text), why, expected);
        cr_assert(eq(int, json_each(json, copied, collect, NULL, why), -EINVAL));
        cr_assert(eq(int, json_read(json, copied, &root, why), -EINVAL));
    }
}

Test(json, refuses_malformed_text_and_says_where)
{
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++)
        expect_refused(slice_str(malformed[i].text), malformed[i].offset);
    expect_refused((struct slice){0}, 0);
    expect_refused(SLICE("{\"a\":\0}"), 5);
    expect_refused(SLICE("{}\0"), 2);
}

Test(json, refuses_every_control_character_in_a_string)
{
    char text[] = "{\"a\":\"xxx\"}";
    for (char c = 0; c < 0x20; c++) {
        text[7] = c;
        expect_refused(slice_of(text, sizeof text - 1), 7);
    }
}

Test(json, refuses_a_fault_deep_inside_a_large_payload)
{
    enum { SIZE = 200000 };
    static char text[SIZE];
    memset(text, 'x', sizeof text);
    memcpy(text, "{\"payload\":{\"a\":\"", 17);
    memcpy(text + SIZE - 3, "\"}}", 3);
    struct json_member member;
    cr_assert(eq(int, json_scan(json, padded(slice_of(text, SIZE), '\0'), &member, 1, why), 1));
    cr_assert(eq(sz, member.raw.size, SIZE - 12));

    static const char faults[] = {'\xff', '\x01', '"'};
    for (size_t i = 0; i < sizeof faults; i++) {
        text[150000] = faults[i];
        expect_refused(slice_of(text, SIZE), faults[i] == '"' ? 150001 : 150000);
    }
}

/* Arrays in arrays, with `inside` in the innermost. */
static struct slice nested(unsigned depth, const char *inside)
{
    static char text[2 * (JSON_DEPTH_MAX + 10)];
    size_t size = 2 * (size_t)depth + strlen(inside);
    memset(text, '[', depth);
    memcpy(text + depth, inside, strlen(inside));
    memset(text + size - depth, ']', depth);
    return slice_of(text, size);
}

Test(json, nests_to_its_limit_and_no_deeper)
{
    struct json_value root;
    char out[2 * JSON_DEPTH_MAX];
    struct slice deepest = nested(JSON_DEPTH_MAX, "");
    cr_assert(eq(int, json_read(json, padded(deepest, '\0'), &root, why), 0), "%s", why);
    cr_assert(eq(long, json_print(root, out, sizeof out), (long)deepest.size));
    cr_assert(slice_equal(slice_of(out, sizeof out), deepest));
    struct slice full = nested(JSON_DEPTH_MAX - 1, "1");
    cr_assert(eq(int, json_read(json, padded(full, '\0'), &root, why), 0), "%s", why);

    expect_refused(nested(JSON_DEPTH_MAX, "1"), JSON_DEPTH_MAX);
    expect_refused(nested(JSON_DEPTH_MAX, "{}"), JSON_DEPTH_MAX);
    expect_refused(nested(JSON_DEPTH_MAX + 9, ""), JSON_DEPTH_MAX);
}

/* ---- strings ---- */

static void expect_unescaped(const char *raw, struct slice expected)
{
    char out[64];
    long size = json_unescape(slice_str(raw), out, sizeof out);
    cr_assert(ge(long, size, 0), "%s", raw);
    cr_assert(slice_equal(slice_of(out, (size_t)size), expected), "%s", raw);
}

Test(json, unescapes_every_escape)
{
    expect_unescaped("\"\"", SLICE(""));
    expect_unescaped("\"plain é\"", SLICE("plain é"));
    expect_unescaped("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", SLICE("\"\\/\b\f\n\r\t"));
    expect_unescaped("\"\\u0000\\u0041\\u00e9\\u20AC\\ud83d\\uDE00\\uffff\"",
                     SLICE("\0Aé€😀\xef\xbf\xbf"));
}

Test(json, unescapes_nothing_that_is_no_string)
{
    static const char *const wrong[] = {"",          "\"",          "x",        "1",
                                        "\"a",       "a\"",         "\"\\\"",   "\"\\x\"",
                                        "\"\\u12\"", "\"\\ud800\"", "\"a\"b\"", "\"\\udc00\""};
    char out[64];
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        cr_assert(eq(long, json_unescape(slice_str(wrong[i]), out, sizeof out), -EINVAL), "%s",
                  wrong[i]);
    cr_assert(eq(long, json_unescape(SLICE("\"abc\""), out, 3), 3));
    cr_assert(eq(long, json_unescape(SLICE("\"abc\""), out, 2), -ENOBUFS));
    cr_assert(eq(long, json_unescape(SLICE("\"\\u20ac\""), out, 2), -ENOBUFS));
}

Test(json, unescapes_as_the_parser_does)
{
    struct random random;
    random_init(&random, 61);
    for (unsigned step = 0; step < 5000; step++) {
        static const char *const parts[] = {"a",       "é",    "\\n", "\\u00e9",
                                            "\\\\",    "\\\"", "€",   "\\ud83d\\ude00",
                                            "\\u0000", " ",    "\\/", "\\u20ac"};
        char raw[256] = "\"", out[256];
        size_t size = 1;
        for (uint64_t i = random_below(&random, 12); i > 0; i--) {
            const char *part = parts[random_below(&random, sizeof parts / sizeof parts[0])];
            memcpy(raw + size, part, strlen(part) + 1);
            size += strlen(part);
        }
        raw[size++] = '"';
        struct json_value root;
        struct slice expected;
        cr_assert(json_read(json, padded(slice_of(raw, size), '\0'), &root, why) == 0);
        cr_assert(json_string(root, &expected));
        long unescaped = json_unescape(slice_of(raw, size), out, sizeof out);
        cr_assert(unescaped >= 0 && slice_equal(slice_of(out, (size_t)unescaped), expected));
    }
}

/* ---- tree ---- */

Test(json, read_gives_values_by_key)
{
    struct json_value root =
        read("{\"n\":5,\"b\":true,\"s\":\"x\\ny\",\"z\":null,\"o\":{\"k\":-1},\"n\":6}");
    struct json_value value;
    uint64_t number;
    bool truth;
    struct slice string;
    double real;
    cr_assert(json_kind(root) == JSON_OBJECT);
    cr_assert(json_get(root, "n", &value) && json_u64(value, &number) && number == 5);
    cr_assert(json_get(root, "b", &value) && json_bool(value, &truth) && truth);
    cr_assert(json_get(root, "s", &value) && json_string(value, &string));
    cr_assert(slice_equal(string, SLICE("x\ny")));
    cr_assert(json_get(root, "z", &value) && json_kind(value) == JSON_NULL);
    cr_assert(json_get(root, "o", &value) && json_get(value, "k", &value));
    cr_assert(json_double(value, &real) && real < -0.9 && real > -1.1);
    cr_assert(not(json_u64(value, &number)));
    cr_assert(not(json_get(root, "k", &value)), "not of an inner object");
    cr_assert(json_get(root, "n", &value) && !json_get(value, "n", &value));
}

Test(json, read_tells_whole_numbers_from_others)
{
    uint64_t number;
    static const struct {
        const char *text;
        uint64_t number;
    } whole[] = {{"0", 0},
                 {"-0", 0},
                 {"18446744073709551615", UINT64_MAX},
                 {"9223372036854775808", UINT64_C(1) << 63},
                 {"1e3", 1000},
                 {"2.0", 2}};
    static const char *const others[] = {"-1",    "0.5",  "1e300", "18446744073709551616",
                                         "\"1\"", "true", "null",  "[1]"};
    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++) {
        cr_assert(json_u64(read(whole[i].text), &number), "%s", whole[i].text);
        cr_assert(eq(u64, number, whole[i].number));
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        cr_assert(not(json_u64(read(others[i]), &number)), "%s", others[i]);
}

Test(json, read_rounds_large_whole_numbers_and_refuses_what_no_double_holds)
{
    double number;
    struct json_value root;
    cr_assert(json_double(read("[1]"), &number) == false);
    cr_assert(json_double(read("123456789012345678901234567890"), &number));
    cr_assert(number > 1.2345678901234566e29 && number < 1.2345678901234569e29);
    cr_assert(eq(int, json_read(json, padded_str("[1,1e999]"), &root, why), -EINVAL));
    cr_assert(ne(ptr, strstr(why, "out of range"), NULL));
}

Test(json, next_walks_members_and_elements)
{
    struct json_value root = read("{\"a\":[1,[2,3],{\"x\":4},\"5\"],\"b\":{}}"), list, value;
    struct slice key;
    uint64_t cursor = 0;
    cr_assert(json_next(root, &cursor, &key, &list) && slice_equal(key, SLICE("a")));
    cr_assert(json_next(root, &cursor, &key, &value) && slice_equal(key, SLICE("b")));
    cr_assert(not(json_next(root, &cursor, &key, &value)));

    static const enum json_kind kinds[] = {JSON_NUMBER, JSON_ARRAY, JSON_OBJECT, JSON_STRING};
    cursor = 0;
    for (size_t i = 0; i < 4; i++) {
        cr_assert(json_next(list, &cursor, NULL, &value));
        cr_assert(json_kind(value) == kinds[i]);
    }
    cr_assert(not(json_next(list, &cursor, NULL, &value)));
    cursor = 0;
    cr_assert(not(json_next(read("5"), &cursor, NULL, &value)));
    cr_assert(not(json_next(read("[]"), &cursor, NULL, &value)));
}

Test(json, prints_what_it_read_without_spaces)
{
    static const char *const texts[] = {
        "{}",
        "[]",
        "null",
        "-5",
        "[true,false,null]",
        "{\"a\":{\"b\":[1,{},[],\"x\"]},\"c\":[[],[[]]]}",
        "{\"\\\"\":\"\\n\",\"é\":18446744073709551615}",
        "[0.1,-1.5,1e+30,-9223372036854775808]",
        "[\"\",[\"\",{\"\":\"\"}]]",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char out[256];
        long size = json_print(read(texts[i]), out, sizeof out);
        cr_assert(ge(long, size, 0));
        cr_assert(slice_equal(slice_of(out, (size_t)size), slice_str(texts[i])), "%.*s", (int)size,
                  out);
        cr_assert(eq(long, json_print(read(texts[i]), out, (size_t)size), size));
        cr_assert(eq(long, json_print(read(texts[i]), out, (size_t)size - 1), -ENOBUFS));
    }
}

Test(json, prints_a_part)
{
    char out[64];
    struct json_value value;
    cr_assert(json_get(read(" { \"a\" : { \"b\" : [ 1 , 2 ] } , \"c\" : 3 } "), "a", &value));
    long size = json_print(value, out, sizeof out);
    cr_assert(slice_equal(slice_of(out, (size_t)size), SLICE("{\"b\":[1,2]}")));
}

Test(json, parses_again_what_it_has_reserved_for)
{
    cr_assert(eq(int, json_reserve(json, 1 << 16), 0));
    cr_assert(eq(int, json_reserve(json, 10), 0), "less than before");
    cr_assert(eq(int, json_reserve(json, SIZE_MAX / 4), -ENOMEM));
    static char text[1 << 16];
    memset(text, ' ', sizeof text);
    memcpy(text, "{\"a\":99999999999999999999}", 26);
    struct json_member member;
    cr_assert(
        eq(int, json_scan(json, padded(slice_of(text, sizeof text), '\0'), &member, 1, why), 1));
    cr_assert(slice_equal(member.raw, SLICE("99999999999999999999")));
}

Test(json, adds_a_value_to_a_text_or_says_that_it_is_cut)
{
    static char text[64 + JSON_PADDING] = "{\"a\": [1, \"x\"]}";
    char out[32];
    struct json *parser;
    struct json_value root;
    struct text printed;
    cr_assert(zero(int, json_open(&parser)));
    cr_assert(zero(int, json_read(parser, slice_str(text), &root, why)));
    text_init(&printed, out, sizeof out);
    text_put(&printed, SLICE("before "));
    json_put(root, &printed);
    cr_assert(text_ok(&printed));
    cr_expect(slice_equal(text_slice(&printed), SLICE("before {\"a\":[1,\"x\"]}")));
    text_init(&printed, out, 12);
    json_put(root, &printed);
    cr_expect(eq(int, text_ok(&printed), false));
    json_close(parser);
}
