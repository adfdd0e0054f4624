/* Subscriptions from bodies and documents: defaults, what is refused and where, and that what is
 * printed can be read again. */
#include "subscription.h"

#include "base/text.h"
#include "fake_vault.h"
#include "faults.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct json *json;
static struct faults faults;
static char padded[80 * 1024], printed[SUBSCRIPTION_TEXT_MAX + 1];

static void open_json(void)
{
    cr_assert(eq(int, json_open(&json), 0));
}

static void close_json(void)
{
    json_close(json);
}

TestSuite(subscription, .init = open_json, .fini = close_json);

static struct json_value read_text(const char *text)
{
    struct json_value root;
    char why[JSON_WHY_SIZE];
    size_t size = strlen(text);
    cr_assert(lt(sz, size + JSON_PADDING, sizeof padded));
    memset(padded, 0, sizeof padded);
    memcpy(padded, text, size);
    cr_assert(eq(int, json_read(json, slice_of(padded, size), &root, why), 0), "%s", why);
    return root;
}

static struct subscription *parse(const char *text)
{
    struct subscription *made = NULL;
    int error = subscription_parse(read_text(text), NULL, &made, &faults);
    cr_assert(eq(int, error, 0), "%s: %s %s", text, faults.list[0].pointer, faults.list[0].detail);
    return made;
}

static const char *print(const struct subscription *subscription, enum subscription_view view)
{
    struct text text;
    text_init(&text, printed, sizeof printed - 1);
    subscription_print(subscription, view, &text);
    cr_assert(text_ok(&text));
    printed[text.size] = '\0';
    return printed;
}

static const char *print_stored(const struct subscription *subscription)
{
    struct text text;
    text_init(&text, printed, sizeof printed - 1);
    subscription_print_stored(subscription, &vault, &text);
    cr_assert(text_ok(&text));
    printed[text.size] = '\0';
    return printed;
}

static void expect_fault(const char *body, const char *pointer, const char *detail)
{
    struct subscription *made = NULL;
    cr_assert(eq(int, subscription_parse(read_text(body), NULL, &made, &faults), -EINVAL), "%s",
              body);
    for (unsigned i = 0; i < faults.count && i < FAULTS_MAX; i++)
        if (strcmp(faults.list[i].pointer, pointer) == 0 && strstr(faults.list[i].detail, detail))
            return;
    cr_fail("%s: no fault at %s saying \"%s\", but %s: %s", body, pointer, detail,
            faults.list[0].pointer, faults.list[0].detail);
}

Test(subscription, needs_only_a_url)
{
    struct subscription *made = parse("{\"url\":\"https://example.com/hook?a=1\"}");
    cr_assert(made->url.https);
    cr_assert(eq(u32, made->pattern_count, 1));
    cr_assert_str_eq(made->patterns[0], "*");
    cr_assert(eq(int, made->status, SUBSCRIPTION_ACTIVE));
    cr_assert(eq(u32, made->retry_count, 8));
    cr_assert(eq(u64, made->retry_ms[7], 36000000));
    cr_assert(eq(u64, made->timeout_ms, 15000));
    cr_assert_str_eq(made->method, "POST");
    cr_assert(eq(u32, made->concurrency.max, 64));
    cr_assert(made->concurrency.adaptive);
    cr_assert(eq(dbl, made->rate_limit.per_second, 0));
    cr_assert(eq(u64, made->breaker.window_ms, 30000));
    cr_assert(eq(u32, made->breaker.min_attempts, 10));
    cr_assert(eq(dbl, made->breaker.failure_rate, 0.5));
    cr_assert(eq(u64, made->breaker.cooldown_ms, 10000));
    cr_assert(eq(u64, made->breaker.max_cooldown_ms, 600000));
    cr_assert(made->tls_verify);
    cr_assert(eq(u32, made->secret_count, 1));
    cr_assert(eq(sz, strlen(made->secrets[0].text), strlen("whsec_") + 44));
    subscription_free(made);
}

Test(subscription, shows_every_field_of_the_contract)
{
    static const char *const fields[] = {
        "id",       "uid",    "url",        "events",     "channels",    "filter",   "description",
        "metadata", "status", "retry",      "signature",  "timeout",     "method",   "headers",
        "breaker",  "auth",   "delivery",   "rate_limit", "concurrency", "ordering", "compression",
        "tls",      "egress", "created_at", "updated_at", "redact"};
    struct subscription *made = parse("{\"url\":\"http://example.com\"}");
    struct json_value root = read_text(print(made, SUBSCRIPTION_PUBLIC)), value;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        cr_assert(json_get(root, fields[i], &value), "%s", fields[i]);
    cr_assert(not(json_get(root, "secret", &value)));
    cr_assert(not(json_get(root, "secrets", &value)));
    subscription_free(made);
}

static const char everything[] =
    "{\"egress\":{\"allow\":[\"::/0\"],\"deny\":[\"10.0.0.0/8\"]},\"url\":\"http://[::1]:8080/"
    "a\",\"uid\":\"my.uid-1\",\"events\":[\"a.b\",\"c.*\",\"*\"],"
    "\"description\":\"quotes \\\" and \\u00e9\",\"metadata\":{\"k\":{\"n\":[1,null]}},"
    "\"status\":\"paused\",\"signature\":{\"scheme\":\"standard\",\"header\":\"X-Sig\"},"
    "\"secret\":\"whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz\","
    "\"retry\":{\"schedule\":[\"500ms\",\"2m\"],\"jitter\":0.25},\"timeout\":\"1500ms\","
    "\"method\":\"PUT\",\"headers\":{\"X-A\":\"1, 2\",\"Content-Type\":\"text/plain\"},"
    "\"concurrency\":{\"max\":3,\"adaptive\":false},\"tls\":{\"verify\":false},"
    "\"channels\":[\"a/"
    "b\",\"c:1\"],\"filter\":{\"payload\":{\"a\":{\"$gt\":1}}},\"ordering\":{\"key\":\"/a~1b/0\"},"
    "\"rate_limit\":{\"per_second\":0.3,\"burst\":7},"
    "\"delivery\":{\"mode\":\"single\"},\"compression\":\"gzip\",\"auth\":null,"
    "\"breaker\":{\"window\":\"1500ms\",\"min_attempts\":3,\"failure_rate\":0.07,"
    "\"cooldown\":\"1h\",\"max_cooldown\":\"24h\"},"
    "\"redact\":{\"pointers\":[\"/a b/c\",\"/*/d\"],\"patterns\":[\"sk_*, or\"]}}";

Test(subscription, takes_every_field)
{
    struct subscription *made = parse(everything);
    cr_assert_str_eq(made->uid, "my.uid-1");
    cr_assert(eq(u32, made->pattern_count, 3));
    cr_assert_str_eq(made->channels, "[\"a/b\",\"c:1\"]");
    cr_assert(eq(int, made->status, SUBSCRIPTION_PAUSED));
    cr_assert_str_eq(made->signature_header, "X-Sig");
    cr_assert_str_eq(made->secrets[0].text, "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz");
    cr_assert(eq(u32, made->retry_count, 2));
    cr_assert(eq(u64, made->retry_ms[0], 500));
    cr_assert(eq(dbl, made->jitter, 0.25));
    cr_assert(eq(u64, made->timeout_ms, 1500));
    cr_assert_str_eq(made->method, "PUT");
    cr_assert_str_eq(made->headers, "X-A: 1, 2\r\nContent-Type: text/plain\r\n");
    cr_assert(made->sets_content_type);
    cr_assert(eq(u32, made->concurrency.max, 3));
    cr_assert(not(made->concurrency.adaptive));
    cr_assert(eq(dbl, made->rate_limit.per_second, 0.3));
    cr_assert(eq(u32, made->rate_limit.burst, 7));
    cr_assert(eq(u64, made->breaker.window_ms, 1500));
    cr_assert(eq(u32, made->breaker.min_attempts, 3));
    cr_assert(eq(dbl, made->breaker.failure_rate, 0.07));
    cr_assert(eq(u64, made->breaker.cooldown_ms, 3600000));
    cr_assert(eq(u64, made->breaker.max_cooldown_ms, 86400000));
    cr_assert(made->gzip);
    cr_assert(eq(int, made->ordering, ORDERING_KEY));
    cr_assert_str_eq(made->ordering_key, "/a~1b/0");
    cr_assert_str_eq(made->redact_pointers, "/a b/c\n/*/d\n");
    cr_assert_str_eq(made->redact_patterns, "sk_*, or\n");
    cr_assert(not(made->tls_verify));
    subscription_free(made);
}

Test(subscription, survives_being_stored_and_read_again)
{
    struct subscription *made = parse(everything), *again = NULL;
    static char first[sizeof printed];
    memset(&made->id, 1, sizeof made->id);
    memset(&made->tenant, 2, sizeof made->tenant);
    made->created_ms = 1767225600123;
    made->updated_ms = 1767225600456;
    strcpy(first, print_stored(made));

    cr_assert(eq(int, subscription_parse_stored(read_text(first), &vault, &again, &faults), 0),
              "%s %s", faults.list[0].pointer, faults.list[0].detail);
    cr_assert_str_eq(print_stored(again), first);
    cr_assert(id_equal(&made->tenant, &again->tenant));
    cr_assert(eq(u64, again->updated_ms, made->updated_ms));

    struct subscription *copy = subscription_copy(again);
    subscription_free(again);
    cr_assert_str_eq(print_stored(copy), first);
    cr_assert(eq(int, slice_equal(copy->url.host, SLICE("::1")), true));
    subscription_free(copy);
    subscription_free(made);
}

Test(subscription, keeps_its_template_and_its_secrets_when_it_is_stored)
{
    struct subscription *made = parse(
        "{\"url\":\"http://a.example\",\"secret\":\"s\",\"signature\":{\"scheme\":\"template\","
        "\"content\":\"{timestamp}.{body}\",\"header\":\"X-Sig: {base64}\"}}");
    struct subscription *again = NULL;
    static char first[sizeof printed];
    made->secrets[1] = (struct secret){strdup("before"), 1767225600123};
    made->secret_count = 2;
    strcpy(first, print_stored(made));
    cr_assert(strstr(first, "\"header\":\"X-Sig: {base64}\"") != NULL);

    cr_assert(eq(int, subscription_parse_stored(read_text(first), &vault, &again, &faults), 0),
              "%s %s", faults.list[0].pointer, faults.list[0].detail);
    cr_assert_str_eq(print_stored(again), first);
    struct subscription *copy = subscription_copy(again);
    subscription_free(again);
    cr_assert_str_eq(print_stored(copy), first);
    cr_assert(eq(u64, copy->secrets[1].until_ms, 1767225600123));
    cr_assert_str_eq(copy->secrets[1].text, "before");
    cr_assert(strstr(print(copy, SUBSCRIPTION_PUBLIC), "before") == NULL);
    cr_assert(strstr(print(copy, SUBSCRIPTION_WITH_SECRET), "before") == NULL);
    subscription_free(copy);
    subscription_free(made);
}

Test(subscription, loses_fields_of_a_trace_that_could_be_set_once)
{
    struct subscription *made = parse("{\"url\":\"http://a.example\"}"), *again = NULL;
    free(made->headers);
    made->headers = strdup("TraceParent: x\r\nX-B: 1\r\ntracestate: y\r\n");
    cr_assert(eq(int,
                 subscription_parse_stored(read_text(print_stored(made)), &vault, &again, &faults),
                 0),
              "%s %s", faults.list[0].pointer, faults.list[0].detail);
    cr_assert_str_eq(again->headers, "X-B: 1\r\n");
    subscription_free(again);
    subscription_free(made);
}

Test(subscription, keeps_id_times_and_secret_when_it_is_replaced)
{
    struct subscription *before = parse(everything), *after = NULL;
    memset(&before->id, 1, sizeof before->id);
    cr_assert(eq(int,
                 subscription_parse(read_text(print(before, SUBSCRIPTION_PUBLIC)), before, &after,
                                    &faults),
                 0),
              "what was got may be sent back: %s %s", faults.list[0].pointer,
              faults.list[0].detail);
    cr_assert(id_equal(&before->id, &after->id));
    cr_assert_str_eq(before->secrets[0].text, after->secrets[0].text);
    subscription_free(after);

    cr_assert(eq(int,
                 subscription_parse(read_text("{\"url\":\"http://a.example\",\"created_at\":"
                                              "\"2020-01-01T00:00:00.000Z\"}"),
                                    before, &after, &faults),
                 -EINVAL));
    cr_assert_str_eq(faults.list[0].pointer, "/created_at");
    subscription_free(before);
}

Test(subscription, refuses_a_scheme_that_its_secret_does_not_fit)
{
    struct subscription *before = parse("{\"url\":\"http://a.example\"}"), *after = NULL;
    cr_assert(eq(int,
                 subscription_parse(read_text("{\"url\":\"http://a.example\",\"signature\":"
                                              "{\"scheme\":\"ed25519\"}}"),
                                    before, &after, &faults),
                 -EINVAL));
    cr_assert_str_eq(faults.list[0].pointer, "/signature/scheme");
    subscription_free(before);
}

Test(subscription, keeps_the_text_of_its_secret_when_the_scheme_changes)
{
    struct subscription *before = parse("{\"url\":\"http://a.example\"}"), *after = NULL;
    cr_assert(
        eq(int,
           subscription_parse(
               read_text("{\"url\":\"http://a.example\",\"signature\":{\"scheme\":\"none\"}}"),
               before, &after, &faults),
           0));
    cr_assert_str_eq(before->secrets[0].text, after->secrets[0].text);
    subscription_free(before);
    subscription_free(after);
}

Test(subscription, shows_its_policy_as_it_was_given)
{
    static const char *const members[] = {
        "\"rate_limit\":{\"per_second\":0.01,\"burst\":1}",
        "\"rate_limit\":{\"per_second\":1000000,\"burst\":1000000}",
        "\"rate_limit\":null",
        "\"concurrency\":{\"max\":1024,\"adaptive\":false}",
        "\"breaker\":{\"window\":\"1s\",\"min_attempts\":1,\"failure_rate\":0.01,"
        "\"cooldown\":\"1s\",\"max_cooldown\":\"1s\"}",
        "\"breaker\":{\"window\":\"10m\",\"min_attempts\":10000,\"failure_rate\":1,"
        "\"cooldown\":\"1h\",\"max_cooldown\":\"24h\"}",
    };
    char body[512];
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        snprintf(body, sizeof body, "{\"url\":\"http://a.example\",%s}", members[i]);
        struct subscription *made = parse(body);
        cr_assert(strstr(print(made, SUBSCRIPTION_PUBLIC), members[i]) != NULL, "%s", members[i]);
        subscription_free(made);
    }
}

Test(subscription, derives_what_its_policy_leaves_open)
{
    static const struct {
        const char *given, *shown;
    } cases[] = {
        {"\"rate_limit\":{\"per_second\":100}", "{\"per_second\":100,\"burst\":100}"},
        {"\"rate_limit\":{\"per_second\":2.5}", "{\"per_second\":2.5,\"burst\":3}"},
        {"\"rate_limit\":{\"per_second\":0.5,\"burst\":null}", "{\"per_second\":0.5,\"burst\":1}"},
        {"\"breaker\":{\"cooldown\":\"10m\"}", "\"cooldown\":\"10m\",\"max_cooldown\":\"10m\"}"},
        {"\"breaker\":{\"cooldown\":\"11m\"}", "\"cooldown\":\"11m\",\"max_cooldown\":\"11m\"}"},
        {"\"breaker\":null", "\"cooldown\":\"10s\",\"max_cooldown\":\"10m\"}"},
    };
    char body[512];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        snprintf(body, sizeof body, "{\"url\":\"http://a.example\",%s}", cases[i].given);
        struct subscription *made = parse(body);
        cr_assert(strstr(print(made, SUBSCRIPTION_PUBLIC), cases[i].shown) != NULL, "%s",
                  cases[i].given);
        subscription_free(made);
    }
}

static const struct {
    const char *member, *pointer, *detail;
} wrong_members[] = {
    {"\"nope\":1", "/nope", "unknown"},
    {"\"a/b~c\":1", "/a~1b~0c", "unknown"},
    {"\"url\":\"http://b.example\"", "/url", "twice"},
    {"\"uid\":\"with space\"", "/uid", "1 to 128"},
    {"\"uid\":\"\"", "/uid", "1 to 128"},
    {"\"events\":[]", "/events", "at least one"},
    {"\"events\":\"*\"", "/events", "array"},
    {"\"events\":[\"a\",\"a.*.b\"]", "/events/1", "prefix.*"},
    {"\"events\":[\"a*\"]", "/events/0", "prefix.*"},
    {"\"events\":[\"a b\"]", "/events/0", "prefix.*"},
    {"\"events\":[\"\"]", "/events/0", "prefix.*"},
    {"\"events\":[\".*\"]", "/events/0", "prefix.*"},
    {"\"metadata\":[]", "/metadata", "object"},
    {"\"status\":\"broken\"", "/status", "active"},
    {"\"secret\":\"whsec_AAAA\"", "/secret", "24 to 64"},
    {"\"secret\":\"plain\"", "/secret", "whsec_"},
    {"\"signature\":{\"scheme\":\"md5\"}", "/signature/scheme", "must be"},
    {"\"signature\":{\"header\":\"Host\"}", "/signature/header", "another meaning"},
    {"\"signature\":{\"header\":\"a b\"}", "/signature/header", "name of a header"},
    {"\"signature\":{\"header\":\"\"}", "/signature/header", "name of a header"},
    {"\"signature\":{\"scheme\":\"none\",\"header\":\"X-A\"}", "/signature/header", "no header"},
    {"\"signature\":{\"content\":\"{body}\"}", "/signature/content", "template"},
    {"\"signature\":{\"scheme\":\"template\"}", "/signature/content", "required"},
    {"\"signature\":{\"scheme\":\"template\"}", "/signature/header", "required"},
    {"\"signature\":{\"scheme\":\"template\",\"content\":\"{body}{x}\",\"header\":\"X: {hex}\"}",
     "/signature/content", "{x}"},
    {"\"signature\":{\"scheme\":\"template\",\"content\":\"{body}\",\"header\":\"X: {x}\"}",
     "/signature/header", "{x}"},
    {"\"signature\":{\"scheme\":\"template\",\"content\":\"{body}\",\"header\":\"Host: {hex}\"}",
     "/signature/header", "another meaning"},
    {"\"signature\":{\"scheme\":\"template\",\"content\":\"{body}\",\"header\":\"X-A: {hex}\"},"
     "\"headers\":{\"x-a\":\"1\"}",
     "/signature/header", "headers"},
    {"\"signature\":{\"scheme\":\"ed25519\"},\"secret\":\"whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz\"",
     "/secret", "whsk_"},
    {"\"signature\":{\"scheme\":\"github\"},\"secret\":\"\"", "/secret", "1 to 128"},
    {"\"signature\":{\"header\":\"X-S\"},\"headers\":{\"x-s\":\"1\"}", "/signature/header",
     "headers"},
    {"\"retry\":{\"schedule\":\"weekly\"}", "/retry/schedule", "quick"},
    {"\"retry\":{\"schedule\":[\"5s\",\"x\"]}", "/retry/schedule/1", "duration"},
    {"\"retry\":{\"schedule\":[\"8d\"]}", "/retry/schedule/0", "7d"},
    {"\"retry\":{\"jitter\":1.5}", "/retry/jitter", "0 to 1"},
    {"\"retry\":{\"tries\":3}", "/retry/tries", "unknown"},
    {"\"timeout\":\"999ms\"", "/timeout", "1s to 1m"},
    {"\"timeout\":61", "/timeout", "duration"},
    {"\"method\":\"GET\"", "/method", "POST"},
    {"\"headers\":{\"Host\":\"x\"}", "/headers/Host", "may not be set"},
    {"\"headers\":{\"webhook-id\":\"x\"}", "/headers/webhook-id", "may not be set"},
    {"\"headers\":{\"TraceParent\":\"x\"}", "/headers/TraceParent", "may not be set"},
    {"\"headers\":{\"tracestate\":\"x\"}", "/headers/tracestate", "may not be set"},
    {"\"signature\":{\"header\":\"Traceparent\"}", "/signature/header", "another meaning"},
    {"\"headers\":{\"Transfer-Encoding\":\"x\"}", "/headers/Transfer-Encoding", "may not"},
    {"\"headers\":{\"Proxy-Foo\":\"x\"}", "/headers/Proxy-Foo", "may not"},
    {"\"headers\":{\"X-A\":\"a\\r\\nB: c\"}", "/headers/X-A", "value"},
    {"\"headers\":{\"X A\":\"a\"}", "/headers/X A", "name"},
    {"\"headers\":{\"X-A\":\"1\",\"x-a\":\"2\"}", "/headers/x-a", "twice"},
    {"\"concurrency\":{\"max\":0}", "/concurrency/max", "1 to 1024"},
    {"\"tls\":{\"verify\":1}", "/tls/verify", "true or false"},
    {"\"filter\":1", "/filter", "must be an object"},
    {"\"filter\":{\"payload\":{\"$x\":1}}", "/filter/payload/$x", "unknown operator"},
    {"\"channels\":\"a\"", "/channels", "array"},
    {"\"channels\":[\"a\",\"b c\"]", "/channels/1", "1 to 128"},
    {"\"channels\":[\"\"]", "/channels/0", "1 to 128"},
    {"\"channels\":[1]", "/channels/0", "1 to 128"},
    {"\"channels\":[\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\","
     "\"a\",\"a\",\"a\",\"a\"]",
     "/channels", "at most 16"},
    {"\"rate_limit\":1", "/rate_limit", "object"},
    {"\"rate_limit\":{}", "/rate_limit/per_second", "required"},
    {"\"rate_limit\":{\"per_second\":null}", "/rate_limit/per_second", "required"},
    {"\"rate_limit\":{\"per_second\":0}", "/rate_limit/per_second", "0.01 to 1000000"},
    {"\"rate_limit\":{\"per_second\":0.0099}", "/rate_limit/per_second", "0.01 to 1000000"},
    {"\"rate_limit\":{\"per_second\":1000001}", "/rate_limit/per_second", "0.01 to 1000000"},
    {"\"rate_limit\":{\"per_second\":\"5\"}", "/rate_limit/per_second", "number"},
    {"\"rate_limit\":{\"per_second\":5,\"burst\":0}", "/rate_limit/burst", "1 to 1000000"},
    {"\"rate_limit\":{\"per_second\":5,\"burst\":1000001}", "/rate_limit/burst", "1 to"},
    {"\"rate_limit\":{\"per_second\":5,\"burst\":1.5}", "/rate_limit/burst", "whole"},
    {"\"rate_limit\":{\"per_minute\":5}", "/rate_limit/per_minute", "unknown"},
    {"\"concurrency\":{\"max\":1025}", "/concurrency/max", "1 to 1024"},
    {"\"concurrency\":{\"adaptive\":1}", "/concurrency/adaptive", "true or false"},
    {"\"breaker\":{\"window\":\"601s\"}", "/breaker/window", "1s to 10m"},
    {"\"breaker\":{\"window\":30}", "/breaker/window", "duration"},
    {"\"breaker\":{\"min_attempts\":0}", "/breaker/min_attempts", "1 to 10000"},
    {"\"breaker\":{\"min_attempts\":10001}", "/breaker/min_attempts", "1 to 10000"},
    {"\"breaker\":{\"failure_rate\":0}", "/breaker/failure_rate", "0.01 to 1"},
    {"\"breaker\":{\"failure_rate\":1.01}", "/breaker/failure_rate", "0.01 to 1"},
    {"\"breaker\":{\"cooldown\":\"999ms\"}", "/breaker/cooldown", "1s to 1h"},
    {"\"breaker\":{\"cooldown\":\"61m\"}", "/breaker/cooldown", "1s to 1h"},
    {"\"breaker\":{\"max_cooldown\":\"25h\"}", "/breaker/max_cooldown", "1s to 24h"},
    {"\"breaker\":{\"max_cooldown\":\"9s\"}", "/breaker/max_cooldown", "\"cooldown\""},
    {"\"breaker\":{\"cooldown\":\"20m\",\"max_cooldown\":\"19m\"}", "/breaker/max_cooldown",
     "\"cooldown\""},
    {"\"breaker\":{\"cool_down\":\"1m\"}", "/breaker/cool_down", "unknown"},
    {"\"breaker\":null,\"breaker\":null", "/breaker", "twice"},
    {"\"breaker\":{\"window\":\"999ms\"}", "/breaker/window", "1s to 10m"},
    {"\"ordering\":\"loose\"", "/ordering", "strict"},
    {"\"ordering\":{}", "/ordering", "strict"},
    {"\"ordering\":{\"key\":\"a\"}", "/ordering/key", "JSON pointer"},
    {"\"ordering\":{\"key\":\"\"}", "/ordering/key", "JSON pointer"},
    {"\"ordering\":{\"key\":\"/a~2\"}", "/ordering/key", "JSON pointer"},
    {"\"ordering\":{\"key\":7}", "/ordering/key", "string"},
    {"\"ordering\":{\"key\":\"/a\",\"by\":1}", "/ordering/by", "unknown"},
    {"\"delivery\":{\"mode\":\"stream\"}", "/delivery/mode", "batch"},
    {"\"delivery\":{\"mode\":\"single\",\"max_events\":5}", "/delivery/max_events", "unknown"},
    {"\"delivery\":{\"mode\":\"batch\",\"max_events\":1001}", "/delivery/max_events", "1000"},
    {"\"delivery\":{\"mode\":\"batch\",\"max_bytes\":1023}", "/delivery/max_bytes", "1024"},
    {"\"delivery\":{\"mode\":\"batch\",\"max_wait\":\"6m\"}", "/delivery/max_wait", "5m"},
    {"\"delivery\":{\"mode\":\"batch\"},\"ordering\":\"strict\"", "/ordering", "batches"},
    {"\"compression\":\"zstd\"", "/compression", "gzip"},
    {"\"redact\":1", "/redact", "object"},
    {"\"redact\":{\"headers\":[]}", "/redact/headers", "unknown"},
    {"\"redact\":{\"pointers\":\"/a\"}", "/redact/pointers", "an array"},
    {"\"redact\":{\"pointers\":[\"/a\",\"b\"]}", "/redact/pointers/1", "JSON pointer"},
    {"\"redact\":{\"pointers\":[\"\"]}", "/redact/pointers/0", "JSON pointer"},
    {"\"redact\":{\"patterns\":[7]}", "/redact/patterns/0", "a pattern"},
    {"\"redact\":{\"patterns\":[\"*\"]}", "/redact/patterns/0", "more than"},
    {"\"redact\":{\"patterns\":[\"a\\nb\"]}", "/redact/patterns/0", "a pattern"},
    {"\"redact\":{\"patterns\":[\"a\\u0000b\"]}", "/redact/patterns/0", "a pattern"},
    {"\"id\":\"sub_1\"", "/id", "server"},
    {"\"tenant\":\"ten_1\"", "/tenant", "unknown"},
    {"\"secrets\":[]", "/secrets", "unknown"},
};

Test(subscription, says_what_is_wrong_and_where)
{
    char body[512];
    for (size_t i = 0; i < sizeof wrong_members / sizeof wrong_members[0]; i++) {
        snprintf(body, sizeof body, "{\"url\":\"http://a.example\",%s}", wrong_members[i].member);
        expect_fault(body, wrong_members[i].pointer, wrong_members[i].detail);
    }
    expect_fault("{}", "/url", "required");
    expect_fault("{\"url\":null}", "/url", "required");
    expect_fault("{\"url\":\"ftp://a.example\"}", "/url", "");
    expect_fault("{\"url\":\"http://user@a.example/\"}", "/url", "");
    expect_fault("{\"url\":\"http://0x7f.1/\"}", "/url", "");
}

Test(subscription, lists_faults_without_bound_and_shows_the_first)
{
    char body[4096] = "{\"url\":\"http://a.example\"";
    for (unsigned i = 0; i < 2 * FAULTS_MAX; i++)
        snprintf(body + strlen(body), sizeof body - strlen(body), ",\"x%u\":0", i);
    strcat(body, "}");
    struct subscription *made = NULL;
    cr_assert(eq(int, subscription_parse(read_text(body), NULL, &made, &faults), -EINVAL));
    cr_assert(eq(u32, faults.count, 2 * FAULTS_MAX));
    struct text text;
    text_init(&text, printed, sizeof printed - 1);
    faults_print(&faults, &text);
    cr_assert(text_ok(&text));
}

Test(subscription, has_room_for_the_largest_there_can_be)
{
    char body[64 * 1024] = "{\"url\":\"http://a.example\",\"events\":[";
    for (unsigned i = 0; i < LIMIT_SUBSCRIPTION_PATTERNS; i++)
        snprintf(body + strlen(body), sizeof body - strlen(body), "%s\"%0126u.*\"", i ? "," : "",
                 i);
    strcat(body, "],\"description\":\"");
    for (unsigned i = 0; i < LIMIT_DESCRIPTION_SIZE; i++)
        strcat(body, "\\u0001");
    strcat(body, "\",\"headers\":{\"X\":\"");
    for (unsigned i = 0; i < 4000; i++)
        strcat(body, "\\\"");
    strcat(body, "\"},\"redact\":{\"patterns\":[");
    for (unsigned i = 0; i < 32; i++) {
        strcat(body, i ? ",\"" : "\"");
        for (unsigned k = 0; k < 60; k++)
            strcat(body, "\\u0001");
        strcat(body, "\"");
    }
    strcat(body, "]}}");
    struct subscription *made = parse(body);
    print_stored(made);
    subscription_free(made);
}

/* Its tag is made of it: two states never have the same. */
Test(subscription, is_changed_later_than_before_whatever_the_clock_says)
{
    struct subscription before = {.updated_ms = 1000}, after = before;
    subscription_touch(&after, &before, 1000);
    cr_assert(eq(u64, after.updated_ms, 1001));
    subscription_touch(&after, &before, 10);
    cr_assert(eq(u64, after.updated_ms, 1001));
    subscription_touch(&after, &before, 1900);
    cr_assert(eq(u64, after.updated_ms, 1900));
}
