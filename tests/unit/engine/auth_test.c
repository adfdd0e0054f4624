/* "auth" of subscriptions: each type, what is refused and where, what is shown and what is kept. */
#include "auth.h"

#include "fake_vault.h"
#include "faults.h"
#include "limits.h"
#include "subscription.h"
#include "tests/support/private_keys.h"

#include <stdio.h>
#include <string.h>

static struct json *json;
static struct faults faults;
static char body[64 * 1024], printed[SUBSCRIPTION_TEXT_MAX + JSON_PADDING];

static void open_json(void)
{
    cr_assert(eq(int, json_open(&json), 0));
}

static void close_json(void)
{
    json_close(json);
}

TestSuite(auth, .init = open_json, .fini = close_json);

static struct json_value read_text(const char *text)
{
    static char padded[SUBSCRIPTION_TEXT_MAX + JSON_PADDING];
    struct json_value root;
    char why[JSON_WHY_SIZE];
    size_t size = strlen(text);
    memset(padded, 0, sizeof padded);
    memcpy(padded, text, size);
    cr_assert(eq(int, json_read(json, slice_of(padded, size), &root, why), 0), "%s: %s", why, text);
    return root;
}

/* Of an https subscription with this "auth", and the other members. */
static int try_parse(const char *auth, const char *others, struct subscription **made)
{
    snprintf(body, sizeof body, "{\"url\":\"https://a.example\",\"auth\":%s%s}", auth, others);
    *made = NULL;
    return subscription_parse(read_text(body), NULL, made, &faults);
}

static struct subscription *parse(const char *auth)
{
    struct subscription *made;
    cr_assert(eq(int, try_parse(auth, "", &made), 0), "%s: %s %s", auth, faults.list[0].pointer,
              faults.list[0].detail);
    return made;
}

static void expect_fault_beside(const char *auth, const char *others, const char *pointer,
                                const char *detail)
{
    struct subscription *made;
    cr_assert(eq(int, try_parse(auth, others, &made), -EINVAL), "%s", auth);
    for (unsigned i = 0; i < faults.count && i < FAULTS_MAX; i++)
        if (strcmp(faults.list[i].pointer, pointer) == 0 && strstr(faults.list[i].detail, detail))
            return;
    cr_fail("%s: no fault at %s saying \"%s\", but %s: %s", auth, pointer, detail,
            faults.list[0].pointer, faults.list[0].detail);
}

static void expect_fault(const char *auth, const char *pointer, const char *detail)
{
    expect_fault_beside(auth, "", pointer, detail);
}

/* A key as a JSON string, without its quotes. */
static const char *escaped(const char *pem)
{
    static char text[16 * 1024];
    struct text out;
    text_init(&out, text, sizeof text - 1);
    text_json(&out, slice_str(pem));
    text[out.size - 1] = '\0';
    return text + 1;
}

static const char *jwt(const char *algorithm, const char *key, const char *more)
{
    static char text[20 * 1024];
    snprintf(text, sizeof text, "{\"type\":\"jwt\",\"algorithm\":\"%s\",\"key\":\"%s\"%s}",
             algorithm, escaped(key), more);
    return text;
}

#define SECRET_32 "a secret of just enough letters!"

static const char *print(const struct subscription *subscription, enum subscription_view view)
{
    struct text text;
    text_init(&text, printed, sizeof printed - 1);
    subscription_print(subscription, view, &text);
    cr_assert(text_ok(&text));
    printed[text.size] = '\0';
    return printed;
}

static const char *put_fixed(const struct subscription *subscription)
{
    static char field[LIMIT_AUTH_FIELD_SIZE + 1];
    struct text text;
    text_init(&text, field, sizeof field - 1);
    auth_put_fixed(subscription->auth, &text);
    cr_assert(text_ok(&text));
    field[text.size] = '\0';
    return field;
}

/* ---- what is sent ---- */

Test(auth, that_is_the_same_in_each_request_is_a_field)
{
    static const struct {
        const char *auth, *field;
    } rows[] = {
        /* RFC 7617 section 2 */
        {"{\"type\":\"basic\",\"username\":\"Aladdin\",\"password\":\"open sesame\"}",
         "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"},
        {"{\"password\":\"\\u0031\\u0032\\u0033\\u00a3\",\"username\":\"test\",\"type\":\"basic\"}",
         "Authorization: Basic dGVzdDoxMjPCow==\r\n"},
        {"{\"type\":\"bearer\",\"token\":\"abc.def\"}", "Authorization: Bearer abc.def\r\n"},
        {"{\"type\":\"header\",\"name\":\"X-Key\",\"value\":\"a b\"}", "X-Key: a b\r\n"},
        {"{\"type\":\"header\",\"name\":\"Authorization\",\"value\":\"Token a\"}",
         "Authorization: Token a\r\n"},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct subscription *made = parse(rows[i].auth);
        cr_assert_str_eq(put_fixed(made), rows[i].field);
        subscription_free(made);
    }
    struct subscription *none = parse("null");
    cr_assert_null(none->auth);
    cr_assert_str_eq(put_fixed(none), "");
    subscription_free(none);
}

Test(auth, field_has_room_for_the_longest)
{
    static char auth[16 * 1024];
    char name[257], password[513], token[LIMIT_TOKEN_SIZE + 1], header[129];
    memset(name, 'n', sizeof name), name[256] = '\0';
    memset(password, 'p', sizeof password), password[512] = '\0';
    memset(token, 't', sizeof token), token[LIMIT_TOKEN_SIZE] = '\0';
    memset(header, 'h', sizeof header), header[128] = '\0';
    const char *const formats[] = {"{\"type\":\"basic\",\"username\":\"%s\",\"password\":\"%s\"}",
                                   "{\"type\":\"header\",\"name\":\"%s\",\"value\":\"%s\"}"};
    for (unsigned i = 0; i < 2; i++) {
        char format[128];
        snprintf(format, sizeof format, "%s", formats[i]);
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(auth, sizeof auth, format, i ? header : name, i ? token : password);
        struct subscription *made = parse(auth);
        put_fixed(made);
        subscription_free(made);
    }
}

/* ---- what comes back ---- */

static void expect_struck(const char *secret, const char *answer, const char *expected)
{
    char text[256];
    snprintf(text, sizeof text, "%s", answer);
    auth_strike(slice_str(secret), text, strlen(text));
    cr_assert_str_eq(text, expected);
}

Test(auth, that_a_receiver_sends_back_is_struck_out)
{
    expect_struck("secret", "a secret, a secret", "a ******, a ******");
    expect_struck("secret", "secretsecret", "************");
    expect_struck("secret", "it ends in secre", "it ends in *****");
    expect_struck("secret", "it ends in sec", "it ends in sec");
    expect_struck("secret", "nothing", "nothing");
    expect_struck("secret", "secr", "****");
    expect_struck("secret", "", "");
    expect_struck("", "all", "all");
}

Test(auth, that_was_sent_is_found_in_the_head)
{
    static const struct {
        const char *auth, *head, *secret;
    } rows[] = {
        {"{\"type\":\"bearer\",\"token\":\"a\"}",
         "POST / HTTP/1.1\r\nX: y\r\nAuthorization: Bearer a.b\r\nZ: z\r\n", "a.b"},
        {"{\"type\":\"header\",\"name\":\"X-Key\",\"value\":\"a\"}",
         "POST / HTTP/1.1\r\nx-key: b c\r\n", "b c"},
        {"{\"type\":\"header\",\"name\":\"X-Key\",\"value\":\"a\"}", "POST / HTTP/1.1\r\n", ""},
        {"null", "POST / HTTP/1.1\r\nAuthorization: Bearer a\r\n", ""},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct subscription *made = parse(rows[i].auth);
        cr_assert(
            slice_equal(auth_sent(made->auth, slice_str(rows[i].head)), slice_str(rows[i].secret)),
            "row %u", i);
        subscription_free(made);
    }
}

/* ---- what is refused ---- */

Test(auth, has_to_have_a_type_and_its_members_and_no_others)
{
    expect_fault("3", "/auth", "object");
    expect_fault("{}", "/auth/type", "basic");
    expect_fault("{\"type\":\"magic\"}", "/auth/type", "basic");
    expect_fault("{\"type\":1}", "/auth/type", "basic");
    expect_fault("{\"type\":\"basic\"}", "/auth/username", "required");
    expect_fault("{\"type\":\"basic\",\"username\":\"a\",\"password\":null}", "/auth/password",
                 "required");
    expect_fault("{\"type\":\"bearer\"}", "/auth/token", "required");
    expect_fault("{\"type\":\"bearer\",\"token\":\"a\",\"username\":\"b\"}", "/auth/username",
                 "unknown field of type \"bearer\"");
    expect_fault("{\"type\":\"bearer\",\"token\":\"a\",\"token\":\"b\"}", "/auth/token", "twice");
    expect_fault("{\"type\":\"bearer\",\"token\":\"a\",\"more/of~it\":1}", "/auth/more~1of~0it",
                 "unknown");
    expect_fault("{\"type\":\"header\",\"name\":\"X\"}", "/auth/value", "required");
    expect_fault("{\"type\":\"jwt\"}", "/auth/algorithm", "required");
    expect_fault("{\"type\":\"jwt\",\"algorithm\":\"HS256\"}", "/auth/key", "required");
}

Test(auth, refuses_texts_that_cannot_be_sent)
{
    expect_fault("{\"type\":\"basic\",\"username\":\"a:b\",\"password\":\"c\"}", "/auth/username",
                 "colon");
    expect_fault("{\"type\":\"basic\",\"username\":\"\",\"password\":\"c\"}", "/auth/username",
                 "must have a character");
    expect_fault("{\"type\":\"basic\",\"username\":\"a\",\"password\":\"c\\n\"}", "/auth/password",
                 "control");
    expect_fault("{\"type\":\"bearer\",\"token\":\"a b\"}", "/auth/token", "visible");
    expect_fault("{\"type\":\"bearer\",\"token\":\"a\\r\\nX: y\"}", "/auth/token", "visible");
    expect_fault("{\"type\":\"bearer\",\"token\":\"\\u00e9\"}", "/auth/token", "visible");
    expect_fault("{\"type\":\"header\",\"name\":\"X\",\"value\":\"a\\r\\nY: b\"}", "/auth/value",
                 "header's value");
    expect_fault("{\"type\":\"header\",\"name\":\"X\",\"value\":\"\"}", "/auth/value", "value");
    expect_fault("{\"type\":\"header\",\"name\":\"X Y\",\"value\":\"a\"}", "/auth/name", "name");
}

Test(auth, refuses_headers_that_have_another_meaning)
{
    static const char *const names[] = {"Host",         "content-length",    "Transfer-Encoding",
                                        "Proxy-Auth",   "webhook-signature", "X-Webhook-Event",
                                        "Content-Type", "User-Agent",        "Connection"};
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        char auth[256];
        snprintf(auth, sizeof auth, "{\"type\":\"header\",\"name\":\"%s\",\"value\":\"a\"}",
                 names[i]);
        expect_fault(auth, "/auth/name", "may not be set");
        snprintf(auth, sizeof auth, ",\"header\":\"%s\"", names[i]);
        expect_fault(jwt("HS256", SECRET_32, auth), "/auth/header", "may not be set");
    }
}

Test(auth, refuses_a_header_that_would_be_sent_twice)
{
    const char *bearer = "{\"type\":\"bearer\",\"token\":\"a\"}",
               *header = "{\"type\":\"header\",\"name\":\"X-Key\",\"value\":\"a\"}";
    expect_fault_beside(bearer, ",\"headers\":{\"authorization\":\"b\"}", "/auth", "in headers");
    expect_fault_beside(header, ",\"headers\":{\"x-key\":\"b\"}", "/auth/name", "in headers");
    expect_fault_beside(header, ",\"signature\":{\"header\":\"x-key\"}", "/auth/name", "signature");
    expect_fault_beside("{\"type\":\"jwt\",\"algorithm\":\"HS256\",\"key\":\"" SECRET_32
                        "\",\"header\":\"X-A\"}",
                        ",\"headers\":{\"X-A\":\"b\"}", "/auth/header", "in headers");
    expect_fault_beside(bearer, ",\"signature\":{\"scheme\":\"template\"}", "/signature/content",
                        "required");
}

Test(auth, of_type_jwt_takes_keys_that_fit_its_algorithm)
{
    static const struct {
        const char *algorithm, *key;
    } good[] = {{"HS256", SECRET_32},    {"RS256", key_rsa_pkcs8}, {"RS256", key_rsa_pkcs1},
                {"ES256", key_ec_pkcs8}, {"ES256", key_ec_sec1},   {"EdDSA", key_ed25519}},
      bad[] = {{"HS256", "short"},      {"RS256", SECRET_32}, {"RS256", key_rsa_1024},
               {"ES256", key_ed25519},  {"ES256", key_p384},  {"EdDSA", key_ec_sec1},
               {"EdDSA", key_encrypted}};
    for (unsigned i = 0; i < sizeof good / sizeof good[0]; i++)
        subscription_free(parse(jwt(good[i].algorithm, good[i].key, "")));
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++)
        expect_fault(jwt(bad[i].algorithm, bad[i].key, ""), "/auth/key", "");
    expect_fault(jwt("none", SECRET_32, ""), "/auth/algorithm", "HS256");
}

Test(auth, of_type_jwt_takes_claims_that_are_not_ours)
{
    struct subscription *made = parse(jwt("HS256", SECRET_32,
                                          ",\"expires_in\":\"1h\",\"claims\":{\"role\":\"hook\","
                                          "\"nested\":{\"iss\":1}},\"issuer\":\"us\""));
    cr_assert(eq(u64, made->auth->expires_ms, 3600000));
    cr_assert_str_eq(made->auth->texts[AUTH_CLAIMS], "{\"role\":\"hook\",\"nested\":{\"iss\":1}}");
    subscription_free(made);
    made = parse(jwt("HS256", SECRET_32, ""));
    cr_assert(eq(u64, made->auth->expires_ms, 300000), "the default");
    subscription_free(made);

    static const char *const ours[] = {"iss", "sub", "aud", "exp", "nbf", "iat", "jti"};
    for (unsigned i = 0; i < sizeof ours / sizeof ours[0]; i++) {
        char claims[64], pointer[64];
        snprintf(claims, sizeof claims, ",\"claims\":{\"%s\":1}", ours[i]);
        snprintf(pointer, sizeof pointer, "/auth/claims/%s", ours[i]);
        expect_fault(jwt("HS256", SECRET_32, claims), pointer, "set by the server");
    }
    expect_fault(jwt("HS256", SECRET_32, ",\"claims\":{\"a\":1,\"a\":2}"), "/auth/claims/a",
                 "twice");
    expect_fault(jwt("HS256", SECRET_32, ",\"claims\":[]"), "/auth/claims", "object");
    expect_fault(jwt("HS256", SECRET_32, ",\"expires_in\":\"59s\""), "/auth/expires_in", "60s");
    expect_fault(jwt("HS256", SECRET_32, ",\"expires_in\":\"25h\""), "/auth/expires_in", "24h");
    expect_fault(jwt("HS256", SECRET_32, ",\"expires_in\":60"), "/auth/expires_in", "duration");
    expect_fault(jwt("HS256", SECRET_32, ",\"issuer\":\"\""), "/auth/issuer", "character");
}

#define OAUTH2                                                                             \
    "\"type\":\"oauth2\",\"token_url\":\"https://id.example/token\",\"client_id\":\"me\"," \
    "\"client_secret\":\"cs-secret\""

Test(auth, of_type_oauth2_is_checked)
{
    struct subscription *made = parse("{" OAUTH2 "}");
    cr_assert(not(made->auth->is_in_body));
    cr_assert(slice_equal(made->auth->token_url.host, SLICE("id.example")));
    cr_assert_str_eq(put_fixed(made), "");
    subscription_free(made);
    made = parse("{" OAUTH2 ",\"scopes\":[\"a:b\",\"c\"],\"audience\":\"x\","
                 "\"client_authentication\":\"body\"}");
    cr_assert(made->auth->is_in_body);
    cr_assert_str_eq(made->auth->texts[AUTH_SCOPES], "a:b c");
    subscription_free(made);
    subscription_free(parse("{" OAUTH2 ",\"scopes\":[]}"));

    expect_fault("{\"type\":\"oauth2\"}", "/auth/token_url", "required");
    expect_fault("{\"type\":\"oauth2\"}", "/auth/client_id", "required");
    expect_fault("{\"type\":\"oauth2\"}", "/auth/client_secret", "required");
    expect_fault("{\"type\":\"oauth2\",\"token_url\":\"ftp://a\",\"client_id\":\"a\","
                 "\"client_secret\":\"b\"}",
                 "/auth/token_url", "");
    expect_fault("{" OAUTH2 ",\"scopes\":\"a\"}", "/auth/scopes", "array");
    expect_fault("{" OAUTH2 ",\"scopes\":[\"a\",\"b c\"]}", "/auth/scopes/1", "word");
    expect_fault("{" OAUTH2 ",\"scopes\":[1]}", "/auth/scopes/0", "word");
    expect_fault("{" OAUTH2 ",\"client_authentication\":\"none\"}", "/auth/client_authentication",
                 "body");
    expect_fault("{" OAUTH2 ",\"key\":\"a\"}", "/auth/key", "unknown");
    expect_fault_beside("{" OAUTH2 "}", ",\"headers\":{\"Authorization\":\"b\"}", "/auth",
                        "in headers");
}

/* ---- what is shown and kept ---- */

Test(auth, shows_no_secret_and_keeps_them_all)
{
    const struct {
        const char *auth, *secret, *shown;
    } rows[] = {
        {"{\"type\":\"basic\",\"username\":\"me\",\"password\":\"pw-secret\"}", "pw-secret",
         "\"auth\":{\"type\":\"basic\",\"username\":\"me\"}"},
        {"{\"type\":\"bearer\",\"token\":\"tk-secret\"}", "tk-secret",
         "\"auth\":{\"type\":\"bearer\"}"},
        {"{\"type\":\"header\",\"name\":\"X-K\",\"value\":\"hv-secret\"}", "hv-secret",
         "\"auth\":{\"type\":\"header\",\"name\":\"X-K\"}"},
        {"{\"type\":\"jwt\",\"algorithm\":\"HS256\",\"key\":\"" SECRET_32
         "\",\"key_id\":\"k\",\"subject\":\"s\",\"claims\":{\"a\":[1]}}",
         SECRET_32,
         "\"auth\":{\"type\":\"jwt\",\"algorithm\":\"HS256\",\"expires_in\":\"5m\",\"key_id\":"
         "\"k\",\"subject\":\"s\",\"claims\":{\"a\":[1]}}"},
        {"{" OAUTH2 ",\"scopes\":[\"a\",\"b\"]}", "cs-secret",
         "\"auth\":{\"type\":\"oauth2\",\"client_authentication\":\"basic\",\"token_url\":"
         "\"https://id.example/token\",\"client_id\":\"me\",\"scopes\":[\"a\",\"b\"]}"},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct subscription *made = parse(rows[i].auth), *again = NULL, *copy;
        cr_assert_not_null(strstr(print(made, SUBSCRIPTION_PUBLIC), rows[i].shown), "%s", printed);
        cr_assert_null(strstr(printed, rows[i].secret));
        cr_assert_null(strstr(print(made, SUBSCRIPTION_WITH_SECRET), rows[i].secret));
        cr_assert_not_null(strstr(print(made, SUBSCRIPTION_WHOLE), rows[i].secret));

        struct text text;
        text_init(&text, printed, sizeof printed - 1);
        subscription_print_stored(made, &vault, &text);
        printed[text.size] = '\0';
        cr_assert_null(strstr(printed, rows[i].secret));
        cr_assert(
            eq(int, subscription_parse_stored(read_text(printed), &vault, &again, &faults), 0),
            "%s %s", faults.list[0].pointer, faults.list[0].detail);
        copy = subscription_copy(again);
        subscription_free(again);
        cr_assert_not_null(strstr(print(copy, SUBSCRIPTION_WHOLE), rows[i].secret), "%s", printed);
        cr_assert_not_null(strstr(print(copy, SUBSCRIPTION_PUBLIC), rows[i].shown));
        subscription_free(copy);
        subscription_free(made);
    }
}

Test(auth, says_nothing_of_a_secret_in_a_fault)
{
    struct subscription *made;
    const char *secret = "tell-no-one";
    char auth[256];
    snprintf(auth, sizeof auth,
             "{\"type\":\"jwt\",\"algorithm\":\"EdDSA\",\"key\":\"%s\",\"issuer\":7}", secret);
    cr_assert(eq(int, try_parse(auth, "", &made), -EINVAL));
    for (unsigned i = 0; i < faults.count; i++)
        cr_assert_null(strstr(faults.list[i].detail, secret));
}
