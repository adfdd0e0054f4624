/* Which of the subscriptions that match are left when their filters have seen the event. */
#include "screen.h"

#include "filter.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

enum { SUBSCRIPTIONS = 8, TEXT_SIZE = 8 * 1024 };

static struct screen screen;
static struct json *filters;
static struct subscription subscriptions[SUBSCRIPTIONS];
static const struct subscription *matches[SUBSCRIPTIONS];
static unsigned count;
static char texts[3][TEXT_SIZE + JSON_PADDING];

static void open_screen(void)
{
    cr_assert(zero(int, screen_open(&screen)));
    cr_assert(zero(int, json_open(&filters)));
}

static void close_screen(void)
{
    for (unsigned i = 0; i < SUBSCRIPTIONS; i++)
        filter_drop(subscriptions[i].filter);
    json_close(filters);
    screen_close(&screen);
}

TestSuite(screen, .init = open_screen, .fini = close_screen);

/* What parsers read has padding behind it. */
static struct slice padded(unsigned place, const char *text)
{
    size_t size = strlen(text);
    cr_assert(le(sz, size, TEXT_SIZE));
    memcpy(texts[place], text, size);
    return slice_of(texts[place], size);
}

/* One more subscription that matches by its type; NULL: without a filter. */
static void add(const char *filter)
{
    struct subscription *subscription = &subscriptions[count];
    struct faults faults = {0};
    struct json_value root;
    char why[JSON_WHY_SIZE];
    if (filter) {
        cr_assert(zero(int, json_read(filters, padded(0, filter), &root, why)), "%s", why);
        cr_assert(zero(int, filter_compile(root, "", &subscription->filter, &faults)));
    }
    matches[count++] = subscription;
}

static struct envelope event_of(const char *payload, const char *channels)
{
    struct envelope envelope = {.type = SLICE("order.paid"),
                                .content_type = SLICE("application/json"),
                                .payload = padded(1, payload)};
    if (channels)
        envelope.channels = padded(2, channels);
    return envelope;
}

/* The numbers of those that are left, as digits. */
static const char *left(const struct envelope *envelope)
{
    static char digits[SUBSCRIPTIONS + 1];
    cr_assert(zero(int, screen_apply(&screen, envelope, matches, &count)));
    for (unsigned i = 0; i < count; i++)
        digits[i] = (char)('0' + (matches[i] - subscriptions));
    digits[count] = '\0';
    return digits;
}

Test(screen, keeps_those_that_want_the_event_in_their_order)
{
    struct envelope envelope = event_of("{\"n\":5}", "[\"eu\"]");
    add("{\"payload\":{\"n\":4}}");
    add(NULL);
    add("{\"payload\":{\"n\":5}}");
    add("{\"type\":\"order.sent\"}");
    add("{\"channels\":\"eu\"}");
    add("{\"channels\":\"us\"}");
    add("{\"type\":{\"$startsWith\":\"order.\"}}");
    cr_expect_str_eq(left(&envelope), "1246");
}

Test(screen, keeps_all_where_there_are_no_filters_and_reads_nothing)
{
    struct envelope envelope = event_of("{this is no JSON", NULL);
    add(NULL);
    add(NULL);
    cr_expect_str_eq(left(&envelope), "01");
}

Test(screen, may_keep_none)
{
    struct envelope envelope = event_of("1", NULL);
    add("{\"payload\":2}");
    cr_expect_str_eq(left(&envelope), "");
}

Test(screen, has_no_payload_where_there_is_none_or_it_is_no_JSON)
{
    static const char there[] = "{\"payload\":{\"$exist\":true}}";
    static const char absent[] = "{\"payload\":{\"$exist\":false}}";
    struct envelope envelope = event_of("{\"n\":5}", NULL);
    struct filter_event event;
    add(there);
    add(absent);
    cr_expect_str_eq(left(&envelope), "0");

    envelope.content_type = SLICE("text/plain");
    cr_assert(zero(int, screen_read(&screen, &envelope, false, &event)));
    cr_expect(not(event.has_payload), "by its content type");
    envelope.content_type = SLICE("application/vnd.x+json");
    cr_assert(zero(int, screen_read(&screen, &envelope, false, &event)));
    cr_expect(event.has_payload);
    envelope = event_of("{\"n\":", NULL);
    cr_assert(zero(int, screen_read(&screen, &envelope, false, &event)));
    cr_expect(not(event.has_payload), "malformed");
    envelope = event_of("1e999", NULL);
    cr_assert(zero(int, screen_read(&screen, &envelope, false, &event)));
    cr_expect(not(event.has_payload), "a number that no double holds");
    envelope = event_of("", NULL);
    cr_assert(zero(int, screen_read(&screen, &envelope, false, &event)));
    cr_expect(not(event.has_payload), "none");
}

Test(screen, shows_type_and_channels_as_they_are)
{
    struct envelope envelope = event_of("1", NULL);
    struct filter_event event;
    cr_assert(zero(int, screen_read(&screen, &envelope, false, &event)));
    cr_expect(slice_equal(event.type, SLICE("order.paid")));
    cr_expect(not(event.has_channels));
    envelope = event_of("1", "[\"a\",\"b\"]");
    cr_assert(zero(int, screen_read(&screen, &envelope, false, &event)));
    cr_assert(event.has_channels);
    cr_expect(eq(int, json_kind(event.channels), JSON_ARRAY));
}

Test(screen, reads_metadata_only_if_a_filter_looks_at_it)
{
    struct envelope envelope = event_of("1", NULL);
    envelope.attributes[0] = SLICE("\"a\" : \"x\"");
    envelope.attribute_count = 1;
    add(NULL);
    add("{\"payload\":1}");
    cr_expect_str_eq(left(&envelope), "01");
    cr_expect(screen.text == NULL, "nothing is allocated");
    add("{\"metadata\":{\"a\":\"x\"}}");
    add("{\"metadata\":{\"a\":\"y\"}}");
    add("{\"metadata\":{\"b\":{\"$exist\":false}}}");
    cr_expect_str_eq(left(&envelope), "0124");
    cr_expect(screen.text != NULL);
}

Test(screen, reads_metadata_of_any_size_anew_for_each_event)
{
    static char large[4 * TEXT_SIZE];
    struct envelope envelope = event_of("1", NULL);
    struct filter_event event;
    struct json_value value;
    struct slice string;
    memset(large, 'x', sizeof large);
    memcpy(large, "\"a\":\"", 5);
    large[sizeof large - 1] = '"';
    envelope.attribute_count = 1;
    for (unsigned i = 0; i < 3; i++) {
        envelope.attributes[0] = i == 1 ? slice_of(large, sizeof large) : SLICE("\"a\":\"z\"");
        cr_assert(zero(int, screen_read(&screen, &envelope, true, &event)));
        cr_assert(event.has_metadata);
        cr_assert(json_get(event.metadata, "a", &value));
        cr_assert(json_string(value, &string));
        cr_expect(eq(sz, string.size, i == 1 ? sizeof large - 6 : 1));
    }
}

Test(screen, has_no_metadata_with_a_number_that_no_double_holds)
{
    struct envelope envelope = event_of("1", NULL);
    struct filter_event event;
    envelope.attributes[0] = SLICE("\"a\":1e999");
    envelope.attribute_count = 1;
    cr_assert(zero(int, screen_read(&screen, &envelope, true, &event)));
    cr_expect(not(event.has_metadata));
    envelope.attribute_count = 0;
    cr_assert(zero(int, screen_read(&screen, &envelope, true, &event)));
    cr_expect(event.has_metadata, "an object without members");
}

Test(screen, lets_pass_what_a_filter_cannot_decide_in_time_and_counts_it)
{
    static char filter[TEXT_SIZE], payload[TEXT_SIZE];
    int size = snprintf(filter, sizeof filter, "{\"payload\":{\"$or\":[9");
    for (unsigned i = 0; i < 80; i++)
        size += snprintf(filter + size, sizeof filter - (size_t)size, ",9");
    snprintf(filter + size, sizeof filter - (size_t)size, "]}}");
    size = snprintf(payload, sizeof payload, "[1");
    for (unsigned i = 0; i < 1000; i++)
        size += snprintf(payload + size, sizeof payload - (size_t)size, ",1");
    snprintf(payload + size, sizeof payload - (size_t)size, "]");
    struct envelope envelope = event_of(payload, NULL);
    add("{\"payload\":9}");
    add(filter);
    cr_expect_str_eq(left(&envelope), "1");
    cr_expect(eq(u64, screen.undecided, 1));
}

Test(screen, may_be_closed_when_it_was_never_open)
{
    struct screen closed = {0};
    screen_close(&closed);
}
