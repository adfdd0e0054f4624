/* "tls" of subscriptions and "auth" of type mtls: what is taken, refused and where, shown, kept. */
#include "draft.h"

#include "auth.h"
#include "fake_vault.h"
#include "tests/support/certificate.h"

#include <stdio.h>
#include <stdlib.h>

#define A_PIN   "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
#define ANOTHER "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

enum { DAY_S = 24 * 60 * 60 };

static struct json *json;
static struct faults faults;
static struct authority authority;
static char printed[SUBSCRIPTION_TEXT_MAX + 1];
/* PEM as JSON strings, with their quotes. */
static char *roots, *chain, *key, *other_key, *old_chain, *old_key;

static char *quoted(const char *file)
{
    char *pem = certificate_text(file), *room = calloc(1, 16 * 1024);
    struct text text;
    text_init(&text, room, 16 * 1024 - 1);
    text_json(&text, slice_str(pem));
    cr_assert(text_ok(&text));
    free(pem);
    return room;
}

static void open_all(void)
{
    struct certificate good, other, old;
    cr_assert(eq(int, json_open(&json), 0));
    authority_open(&authority);
    authority_sign(&authority, &good, "DNS:a.test", DAY_S);
    authority_sign(&authority, &other, "DNS:a.test", DAY_S);
    authority_sign(&authority, &old, "DNS:a.test", -60);
    roots = quoted(authority.roots);
    chain = quoted(good.chain);
    key = quoted(good.key);
    other_key = quoted(other.key);
    old_chain = quoted(old.chain);
    old_key = quoted(old.key);
}

static void close_all(void)
{
    free(roots);
    free(chain);
    free(key);
    free(other_key);
    free(old_chain);
    free(old_key);
    authority_close(&authority);
    json_close(json);
}

TestSuite(draft_tls, .init = open_all, .fini = close_all);

static struct json_value read_text(const char *text)
{
    static char padded[SUBSCRIPTION_TEXT_MAX + JSON_PADDING];
    struct json_value root;
    char why[JSON_WHY_SIZE];
    size_t size = strlen(text);
    cr_assert(le(sz, size + JSON_PADDING, sizeof padded));
    memset(padded, 0, sizeof padded);
    memcpy(padded, text, size);
    cr_assert(eq(int, json_read(json, slice_of(padded, size), &root, why), 0), "%s: %s", why, text);
    return root;
}

/* Of an https subscription with these members, in the place of `before`. */
static int try_parse(const char *members, const struct subscription *before,
                     struct subscription **made)
{
    static char body[SUBSCRIPTION_TEXT_MAX];
    snprintf(body, sizeof body, "{\"url\":\"https://a.example\",%s}", members);
    *made = NULL;
    return subscription_parse(read_text(body), before, made, &faults);
}

static struct subscription *parse(const char *members)
{
    struct subscription *made;
    int error = try_parse(members, NULL, &made);
    cr_assert(eq(int, error, 0), "%s: %s %s", members, faults.list[0].pointer,
              faults.list[0].detail);
    return made;
}

static void expect_fault(const char *members, const char *pointer, const char *detail)
{
    struct subscription *made;
    cr_assert(eq(int, try_parse(members, NULL, &made), -EINVAL), "%s", members);
    for (unsigned i = 0; i < faults.count && i < FAULTS_MAX; i++)
        if (strcmp(faults.list[i].pointer, pointer) == 0 && strstr(faults.list[i].detail, detail))
            return;
    cr_fail("%s: no fault at %s saying \"%s\", but %s: %s", members, pointer, detail,
            faults.list[0].pointer, faults.list[0].detail);
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

/* As it is after it was written to `meta` and read again. */
static struct subscription *stored_and_read(const struct subscription *subscription)
{
    struct subscription *again = NULL;
    struct text text;
    text_init(&text, printed, sizeof printed - 1);
    subscription_print_stored(subscription, &vault, &text);
    cr_assert(text_ok(&text));
    printed[text.size] = '\0';
    int error = subscription_parse_stored(read_text(printed), &vault, &again, &faults);
    cr_assert(eq(int, error, 0), "%s %s", faults.list[0].pointer, faults.list[0].detail);
    return again;
}

/* snprintf() into memory of its own. */
static const char *with(const char *format, ...) __attribute__((format(printf, 1, 2)));
static const char *with(const char *format, ...)
{
    static char text[SUBSCRIPTION_TEXT_MAX / 2];
    va_list values;
    va_start(values, format);
    int size = vsnprintf(text, sizeof text, format, values);
    va_end(values);
    cr_assert(size >= 0 && (size_t)size < sizeof text);
    return text;
}

#define MTLS "\"auth\":{\"type\":\"mtls\",\"certificate\":%s,\"key\":%s}"

/* ---- tls ---- */

Test(draft_tls, asks_for_no_more_than_the_usual_by_default)
{
    struct subscription *made = parse("\"tls\":{\"min_version\":\"1.2\",\"pins\":[],\"ca\":null}");
    cr_assert(made->tls_verify);
    cr_assert_null(made->tls_roots);
    cr_assert(eq(u32, made->tls_pin_count, 0));
    cr_assert(eq(int, (int)made->tls_version_min, TRUST_TLS_1_2));
    cr_assert_not_null(strstr(print(made, SUBSCRIPTION_PUBLIC), "\"tls\":{\"verify\":true},"));
    subscription_free(made);
}

Test(draft_tls, shows_and_keeps_all_that_is_asked)
{
    struct subscription *made = parse(with("\"tls\":{\"ca\":%s,\"pins\":[\"" A_PIN "\",\"" ANOTHER
                                           "\"],\"min_version\":\"1.3\"}",
                                           roots));
    char expected[8192];
    snprintf(expected, sizeof expected,
             "\"tls\":{\"verify\":true,\"ca\":%s,\"pins\":[\"" A_PIN "\",\"" ANOTHER
             "\"],\"min_version\":\"1.3\"},",
             roots);
    cr_assert_not_null(strstr(print(made, SUBSCRIPTION_PUBLIC), expected), "%s", printed);
    struct subscription *again = stored_and_read(made), *copy = subscription_copy(again);
    subscription_free(made);
    subscription_free(again);
    cr_assert_not_null(strstr(print(copy, SUBSCRIPTION_PUBLIC), expected), "%s", printed);
    subscription_free(copy);
}

Test(draft_tls, may_pin_a_key_without_verifying)
{
    struct subscription *made = parse("\"tls\":{\"verify\":false,\"pins\":[\"" A_PIN "\"]}");
    cr_assert(not(made->tls_verify));
    cr_assert(eq(u32, made->tls_pin_count, 1));
    cr_assert(eq(u8, made->tls_pins[0].bytes[0], 0xe3));
    subscription_free(made);
}

Test(draft_tls, says_what_is_wrong_with_tls_and_where)
{
    expect_fault("\"tls\":3", "/tls", "object");
    expect_fault("\"tls\":{\"verify\":\"yes\"}", "/tls/verify", "true or false");
    expect_fault("\"tls\":{\"nope\":1}", "/tls/nope", "unknown");
    expect_fault("\"tls\":{\"ca\":1}", "/tls/ca", "string");
    expect_fault("\"tls\":{\"ca\":\"\"}", "/tls/ca", "certificates in PEM");
    expect_fault("\"tls\":{\"ca\":\"hello\"}", "/tls/ca", "certificates in PEM");
    expect_fault("\"tls\":{\"ca\":\"\\u0001\"}", "/tls/ca", "certificates in PEM");
    expect_fault(
        "\"tls\":{\"ca\":\"-----BEGIN CERTIFICATE-----\\nAAAA\\n-----END CERTIFICATE-----\\n\"}",
        "/tls/ca", "cannot be read");
    expect_fault(with("\"tls\":{\"ca\":%s}", key), "/tls/ca", "private key");
    expect_fault(with("\"tls\":{\"verify\":false,\"ca\":%s}", roots), "/tls/ca", "verify is false");
    expect_fault("\"tls\":{\"pins\":\"" A_PIN "\"}", "/tls/pins", "array");
    expect_fault("\"tls\":{\"pins\":[\"" A_PIN "\",\"sha256/AAAA\"]}", "/tls/pins/1", "sha256/");
    expect_fault("\"tls\":{\"pins\":[1]}", "/tls/pins/0", "sha256/");
    expect_fault("\"tls\":{\"pins\":[\"" A_PIN "\",\"" A_PIN "\",\"" A_PIN "\",\"" A_PIN
                 "\",\"" A_PIN "\",\"" A_PIN "\",\"" A_PIN "\",\"" A_PIN "\",\"" A_PIN "\"]}",
                 "/tls/pins", "at most 8");
    expect_fault("\"tls\":{\"min_version\":\"1.1\"}", "/tls/min_version", "1.2");
    expect_fault("\"tls\":{\"min_version\":1.3}", "/tls/min_version", "1.2");
}

static void expect_no_http(const char *members, const char *pointer)
{
    static char body[SUBSCRIPTION_TEXT_MAX];
    struct subscription *made;
    snprintf(body, sizeof body, "{\"url\":\"http://a.example\",%s}", members);
    cr_assert(eq(int, subscription_parse(read_text(body), NULL, &made, &faults), -EINVAL));
    cr_assert_str_eq(faults.list[0].pointer, pointer);
    cr_assert_not_null(strstr(faults.list[0].detail, "https"));
}

Test(draft_tls, is_not_silently_ignored_where_there_is_no_tls)
{
    expect_no_http("\"tls\":{\"pins\":[\"" A_PIN "\"]}", "/tls");
    expect_no_http("\"tls\":{\"min_version\":\"1.3\"}", "/tls");
    expect_no_http(with("\"tls\":{\"ca\":%s}", roots), "/tls");
    expect_no_http(with(MTLS, chain, key), "/auth/type");
}

/* ---- mtls ---- */

Test(draft_tls, keeps_the_key_of_a_certificate_to_itself)
{
    struct subscription *made = parse(with(MTLS, chain, key)), *again, *copy;
    char shown[16 * 1024];
    snprintf(shown, sizeof shown, "\"auth\":{\"type\":\"mtls\",\"certificate\":%s}", chain);
    for (unsigned i = 0; i < 3; i++) {
        cr_assert_not_null(strstr(print(made, SUBSCRIPTION_PUBLIC), shown), "%s", printed);
        cr_assert_null(strstr(printed, "PRIVATE"));
        cr_assert_null(strstr(print(made, SUBSCRIPTION_WITH_SECRET), "PRIVATE"));
        cr_assert_not_null(strstr(print(made, SUBSCRIPTION_WHOLE), key));
        again = stored_and_read(made);
        cr_assert_null(strstr(printed, "BEGIN PRIVATE"), "what is stored is sealed");
        copy = subscription_copy(again);
        subscription_free(again);
        subscription_free(made);
        made = copy;
    }
    subscription_free(made);
}

Test(draft_tls, says_what_is_wrong_with_a_certificate_and_where)
{
    expect_fault(with("\"auth\":{\"type\":\"mtls\",\"key\":%s}", key), "/auth/certificate",
                 "required");
    expect_fault(with("\"auth\":{\"type\":\"mtls\",\"certificate\":%s}", chain), "/auth/key",
                 "required");
    expect_fault(with(MTLS, "3", key), "/auth/certificate", "string");
    expect_fault(with(MTLS, "\"x\"", key), "/auth/certificate", "certificates in PEM");
    expect_fault(with(MTLS, "\"\\u0002\"", key), "/auth/certificate", "certificates in PEM");
    expect_fault(with(MTLS, key, key), "/auth/certificate", "private key");
    expect_fault(with(MTLS, chain, "\"x\""), "/auth/key", "private key in PEM");
    expect_fault(with(MTLS, chain, chain), "/auth/key", "private key in PEM");
    expect_fault(with(MTLS, chain, other_key), "/auth/key", "not the key of the certificate");
    expect_fault(with(MTLS, old_chain, old_key), "/auth/certificate", "has expired");
    expect_fault(with("\"auth\":{\"type\":\"mtls\",\"certificate\":%s,\"key\":%s,\"token\":\"a\"}",
                      chain, key),
                 "/auth/token", "unknown field");
    for (unsigned i = 0; i < faults.count; i++)
        cr_assert_null(strstr(faults.list[i].detail, "BEGIN"));
}

/* A subscription whose certificate has expired since it was given, as `meta` has it. */
static struct subscription *with_expired(void)
{
    struct subscription *made = parse(with(MTLS, chain, key)), *fresh;
    char *text = calloc(1, sizeof printed);
    struct json_value value;
    struct slice pem;
    cr_assert(json_get(read_text(with("{\"a\":%s}", old_chain)), "a", &value) &&
              json_string(value, &pem));
    free(made->auth->texts[AUTH_CERTIFICATE]);
    made->auth->texts[AUTH_CERTIFICATE] = strndup(pem.at, pem.size);
    cr_assert(json_get(read_text(with("{\"a\":%s}", old_key)), "a", &value) &&
              json_string(value, &pem));
    free(made->auth->texts[AUTH_KEY]);
    made->auth->texts[AUTH_KEY] = strndup(pem.at, pem.size);
    fresh = stored_and_read(made);
    subscription_free(made);
    free(text);
    return fresh;
}

Test(draft_tls, does_not_lose_a_subscription_whose_certificate_has_expired)
{
    struct subscription *before = with_expired(), *after;
    const char *same = with(MTLS ",\"description\":\"changed\"", old_chain, old_key);
    cr_assert(eq(int, try_parse(same, before, &after), 0), "%s %s", faults.list[0].pointer,
              faults.list[0].detail);
    subscription_free(after);
    subscription_free(before);
}

Test(draft_tls, has_room_for_the_longest)
{
    /* Text around PEM may be anything that is printable. */
    static char quotes[20 * 1024], members[SUBSCRIPTION_TEXT_MAX / 2];
    for (size_t i = 0; i + 2 < sizeof quotes; i += 2)
        memcpy(quotes + i, "\\\"", 2);
    snprintf(members, sizeof members,
             "\"tls\":{\"ca\":\"%s%s\\n%s},"
             "\"auth\":{\"type\":\"mtls\",\"certificate\":\"%.14000s\\n%s,\"key\":%s}",
             quotes, quotes, roots + 1, quotes, chain + 1, key);
    struct subscription *made = parse(members), *again = stored_and_read(made);
    print(again, SUBSCRIPTION_WHOLE);
    subscription_free(made);
    subscription_free(again);
}
