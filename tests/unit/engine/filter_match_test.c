/* How much a filter may take of an event, and what it answers about one that is more. What it means
 * is in filter_test.c. */
#include "filter.h"

#include "base/text.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

enum { TEXT_SIZE = 64 * 1024 };

static struct json *filters, *payloads;

static void open_parsers(void)
{
    cr_assert(zero(int, json_open(&filters)));
    cr_assert(zero(int, json_open(&payloads)));
}

static void close_parsers(void)
{
    json_close(filters);
    json_close(payloads);
}

TestSuite(filter_match, .init = open_parsers, .fini = close_parsers);

/* The text has room for the padding behind it. */
static struct json_value read_json(struct json *json, const char *text)
{
    char why[JSON_WHY_SIZE];
    struct json_value root;
    cr_assert(zero(int, json_read(json, slice_str(text), &root, why)), "%s", why);
    return root;
}

static void repeat(char *text, const char *first, const char *each, unsigned count,
                   const char *last)
{
    struct text out;
    text_init(&out, text, TEXT_SIZE - 1);
    text_put(&out, slice_str(first));
    for (unsigned i = 0; i < count; i++) {
        text_put(&out, slice_str(i > 0 ? "," : ""));
        text_put(&out, slice_str(each));
    }
    text_put(&out, slice_str(last));
    cr_assert(text_ok(&out));
    text[out.size] = '\0';
}

/* What a filter of `count` alternatives answers about a payload of `values` equal parts. */
static enum filter_answer answer_for(const char *alternative, unsigned count, const char *open,
                                     const char *value, unsigned values)
{
    static char condition[TEXT_SIZE + JSON_PADDING], payload[TEXT_SIZE + JSON_PADDING];
    repeat(condition, "{\"payload\":{\"$or\":[", alternative, count, "]}}");
    repeat(payload, open, value, values, *open == '[' ? "]" : "}");
    struct filter_event event = {.type = SLICE("order.paid"), .has_payload = true};
    struct filter *filter = NULL;
    struct faults faults = {0};
    cr_assert(zero(int, filter_compile(read_json(filters, condition), "", &filter, &faults)));
    event.payload = read_json(payloads, payload);
    enum filter_answer answer = filter_judge(filter, &event, NULL);
    filter_drop(filter);
    return answer;
}

Test(filter_match, lets_pass_what_would_take_it_too_long)
{
    cr_expect(eq(int, answer_for("{\"$eq\":9}", 80, "[", "1", 500), FILTER_FAILS));
    cr_expect(eq(int, answer_for("{\"$eq\":9}", 80, "[", "1", 700), FILTER_UNDECIDED), "elements");
    cr_expect(eq(int, answer_for("{\"x\":1}", 50, "{", "\"a\":1", 1800), FILTER_FAILS));
    cr_expect(eq(int, answer_for("{\"x\":1}", 50, "{", "\"a\":1", 2100), FILTER_UNDECIDED),
              "members");
    cr_expect(eq(int, answer_for("{\"$regex\":\"b\"}", 5, "[", "\"aaaaaaaaaaaaaaaa\"", 1000),
                 FILTER_FAILS));
    cr_expect(eq(int, answer_for("{\"$regex\":\"b\"}", 6, "[", "\"aaaaaaaaaaaaaaaa\"", 1100),
                 FILTER_UNDECIDED),
              "bytes that an expression looks at");
}

Test(filter_match, says_at_once_what_it_knows_before_it_is_too_long)
{
    cr_expect(eq(int, answer_for("{\"$eq\":1}", 80, "[", "1", 5000), FILTER_HOLDS));
}
