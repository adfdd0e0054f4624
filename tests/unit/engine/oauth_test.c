/* Access tokens over a client that is told what to answer: when they are fetched, what of an answer
 * counts, and how long one waits. */
#include "oauth.h"

#include "base/log.h"
#include "base/random.h"
#include "limits.h"
#include "subscription.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { SECOND = 1000 };

static char client_id[] = "my client", client_secret[] = "s:e%c/r+t";
static struct wheel wheel;
static struct random randomness;
static struct subscription subscription;
static struct auth auth;
static struct oauth *oauth;
static unsigned changes;

/* ---- in the place of net/http_client.c and net/http_origin.c ---- */

static struct http_call *asked; /* and not answered */
static unsigned calls, origins;
static bool may_be_anybody;
static char request[20000];
static bool is_pool_empty;

struct http_origin *http_origin_take(struct http_client *client, const struct url *url,
                                     const struct http_origin_options *origin_options)
{
    (void)client;
    cr_assert(slice_equal(url->host, SLICE("id.example")));
    cr_assert(eq(int, origin_options->is_unverified, may_be_anybody));
    cr_assert(trust_is_usual(&origin_options->trust), "roots and pins are the receiver's");
    origins++;
    return (struct http_origin *)&origins;
}

void http_origin_give(struct http_client *client, struct http_origin *origin)
{
    (void)client, (void)origin;
    origins--;
}

static void end(enum http_outcome outcome, const char *why)
{
    struct http_call *call = asked;
    asked = NULL;
    call->outcome = outcome;
    snprintf(call->why, sizeof call->why, "%s", why);
    call->on_done(call);
}

void http_client_call(struct http_client *client, struct http_origin *origin,
                      struct http_call *call)
{
    (void)client, (void)origin;
    cr_assert_null(asked, "one fetch at a time");
    asked = call;
    calls++;
    cr_assert(eq(u64, call->deadline_ms, wheel.now_ms + OAUTH_FETCH_MS));
    snprintf(request, sizeof request, "%.*s%.*s", (int)call->parts[0].iov_len,
             (char *)call->parts[0].iov_base, (int)call->parts[1].iov_len,
             (char *)call->parts[1].iov_base);
    if (is_pool_empty)
        end(HTTP_NO_CONNECTION, "");
}

void http_client_cancel(struct http_client *client, struct http_call *call)
{
    (void)client;
    cr_assert(eq(ptr, call, asked));
    end(HTTP_CANCELLED, "");
}

static void answer(int status, const char *body)
{
    cr_assert_not_null(asked);
    asked->status = status;
    asked->captured = strlen(body);
    memcpy(asked->capture, body, asked->captured);
    end(HTTP_RESPONSE, "");
}

/* ---- the world ---- */

static void on_change(void *context)
{
    cr_assert(eq(ptr, context, &subscription));
    changes++;
}

static void open_it(void)
{
    char why[URL_WHY_SIZE];
    log_set(LOG_OFF, LOG_FORMAT_TEXT);
    wheel_init(&wheel, 1000000);
    random_init(&randomness, 7);
    auth = (struct auth){.type = AUTH_OAUTH2};
    auth.texts[AUTH_CLIENT_ID] = client_id;
    auth.texts[AUTH_CLIENT_SECRET] = client_secret;
    cr_assert(eq(int, url_parse(SLICE("https://id.example/token?a=1"), &auth.token_url, why), 0));
    subscription.auth = &auth;
    subscription.tls_verify = true;
    const struct oauth_parts parts = {.wheel = &wheel,
                                      .random = &randomness,
                                      .subscription = &subscription,
                                      .on_change = on_change,
                                      .context = &subscription};
    oauth = oauth_open(&parts);
}

static void close_it(void)
{
    oauth_close(oauth);
    cr_assert(eq(u32, origins, 0));
}

TestSuite(oauth, .init = open_it, .fini = close_it);

static void pass(uint64_t ms)
{
    wheel_advance(&wheel, wheel.now_ms + ms);
}

static uint64_t number_of(const char *expected)
{
    uint64_t number;
    struct slice token = oauth_token(oauth, &number);
    cr_assert(slice_equal(token, slice_str(expected)));
    return number;
}

static void get_token(const char *body)
{
    cr_assert(eq(int, oauth_look(oauth), OAUTH_WAIT));
    answer(200, body);
    cr_assert(eq(int, oauth_look(oauth), OAUTH_READY), "%s", oauth_why(oauth));
}

#define TOKEN(name, seconds) \
    "{\"access_token\":\"" name "\",\"token_type\":\"Bearer\",\"expires_in\":" seconds "}"

/* ---- tests ---- */

Test(oauth, verifies_whom_it_tells_the_secret_unless_told_that_anybody_will_do)
{
    static struct trust_pin pin;
    subscription.tls_roots = client_id;
    (void)oauth_look(oauth);
    end(HTTP_CANCELLED, "");
    pass(OAUTH_PAUSE_MAX_MS);
    subscription.tls_roots = NULL;
    subscription.tls_verify = false;
    may_be_anybody = true;
    (void)oauth_look(oauth);
    end(HTTP_CANCELLED, "");
    pass(OAUTH_PAUSE_MAX_MS);
    subscription.tls_pins = &pin;
    subscription.tls_pin_count = 1;
    may_be_anybody = false;
    (void)oauth_look(oauth);
    end(HTTP_CANCELLED, "");
    cr_assert(ge(u32, calls, 3));
    subscription.tls_pins = NULL;
    subscription.tls_pin_count = 0;
}

Test(oauth, asks_once_for_all_who_wait)
{
    cr_assert(eq(u32, calls, 0), "nobody has asked");
    for (unsigned i = 0; i < 5; i++)
        cr_assert(eq(int, oauth_look(oauth), OAUTH_WAIT));
    cr_assert(eq(u32, calls, 1));
    answer(200, TOKEN("abc", "3600"));
    cr_assert(eq(u32, changes, 1));
    cr_assert(eq(int, oauth_look(oauth), OAUTH_READY));
    cr_assert(ne(u64, number_of("abc"), 0));
    cr_assert(eq(u32, calls, 1));
}

Test(oauth, sends_its_credentials_in_the_header_each_encoded_first)
{
    auth.texts[AUTH_SCOPES] = (char[]){"a:b c"};
    auth.texts[AUTH_AUDIENCE] = (char[]){"https://api"};
    (void)oauth_look(oauth);
    /* base64 of my+client:s%3Ae%25c%2Fr%2Bt */
    cr_assert_str_eq(request,
                     "POST /token?a=1 HTTP/1.1\r\nHost: id.example\r\n"
                     "Authorization: Basic bXkrY2xpZW50OnMlM0FlJTI1YyUyRnIlMkJ0\r\n"
                     "User-Agent: grapnel/" GRAPNEL_VERSION "\r\nAccept: application/json\r\n"
                     "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 70\r\n\r\n"
                     "grant_type=client_credentials&scope=a%3Ab+c&audience=https%3A%2F%2Fapi");
}

Test(oauth, sends_its_credentials_in_the_body_if_told_so)
{
    auth.is_in_body = true;
    (void)oauth_look(oauth);
    cr_assert_null(strstr(request, "Authorization"));
    cr_assert_not_null(strstr(request, "\r\n\r\ngrant_type=client_credentials&client_id=my+client&"
                                       "client_secret=s%3Ae%25c%2Fr%2Bt"));
}

Test(oauth, has_room_for_the_longest_request)
{
    static char url[URL_SIZE_MAX + 1], name[513], secret[513], scopes[1025], audience[257];
    char why[URL_WHY_SIZE];
    memset(url, 'u', URL_SIZE_MAX);
    memcpy(url, "https://id.example/", strlen("https://id.example/"));
    memset(name, '%', 512);
    memset(secret, '%', 512);
    memset(scopes, '%', 1024);
    memset(audience, '%', 256);
    auth.texts[AUTH_CLIENT_ID] = name;
    auth.texts[AUTH_CLIENT_SECRET] = secret;
    auth.texts[AUTH_SCOPES] = scopes;
    auth.texts[AUTH_AUDIENCE] = audience;
    cr_assert(eq(int, url_parse(slice_str(url), &auth.token_url, why), 0), "%s", why);
    (void)oauth_look(oauth);
    end(HTTP_TIMEOUT, "late");
    auth.is_in_body = true;
    pass(2 * SECOND);
    (void)oauth_look(oauth);
    cr_assert(eq(u32, calls, 2));
}

Test(oauth, renews_a_token_while_it_still_holds)
{
    get_token(TOKEN("first", "100"));
    pass(74 * SECOND);
    cr_assert(eq(int, oauth_look(oauth), OAUTH_READY));
    cr_assert(eq(u32, calls, 1), "too early");
    pass(14 * SECOND);
    cr_assert(eq(int, oauth_look(oauth), OAUTH_READY));
    cr_assert(eq(u32, calls, 2), "ahead of its end");
    number_of("first");
    answer(200, TOKEN("second", "100"));
    number_of("second");
}

Test(oauth, uses_a_token_to_its_end_and_not_longer)
{
    get_token(TOKEN("first", "100"));
    pass(90 * SECOND);
    cr_assert(eq(int, oauth_look(oauth), OAUTH_READY));
    answer(500, "");
    cr_assert(eq(int, oauth_look(oauth), OAUTH_READY), "it still holds");
    pass(10 * SECOND);
    cr_assert(eq(int, oauth_look(oauth), OAUTH_WAIT));
    number_of("");
}

Test(oauth, lasts_five_minutes_if_nothing_else_is_told_and_a_day_at_most)
{
    get_token("{\"access_token\":\"a\",\"token_type\":\"bearer\"}");
    pass(299 * SECOND);
    cr_assert(eq(int, oauth_look(oauth), OAUTH_READY));
    answer(200, TOKEN("b", "99999999999"));
    pass(86399 * SECOND);
    cr_assert(eq(int, oauth_look(oauth), OAUTH_READY));
    pass(SECOND);
    answer(500, "");
    cr_assert(eq(int, oauth_look(oauth), OAUTH_WAIT));
}

Test(oauth, says_what_was_wrong_with_an_answer)
{
    static char long_token[LIMIT_TOKEN_SIZE + 200];
    snprintf(long_token, sizeof long_token, "{\"token_type\":\"bearer\",\"access_token\":\"%0*d\"}",
             LIMIT_TOKEN_SIZE + 1, 0);
    const struct {
        int status;
        const char *body, *why;
    } rows[] = {
        {500, "", "answered 500"},
        {503, "<html>secret</html>", "answered 503"},
        {401, "{\"error\":\"invalid_client\"}", "answered 401 invalid_client"},
        {400, "{\"error\":\"my secret\"}", "answered 400"},
        {302, "", "answered 302"},
        {200, "nothing", "answered what is not JSON"},
        {200, "[]", "answered without an access_token"},
        {200, "{\"access_token\":3,\"token_type\":\"bearer\"}", "answered without an access_token"},
        {200, "{\"access_token\":\"a\"}", "not of type bearer"},
        {200, "{\"access_token\":\"a\",\"token_type\":\"mac\"}", "not of type bearer"},
        {200, "{\"access_token\":\"a b\",\"token_type\":\"bearer\"}", "cannot be sent"},
        {200, "{\"access_token\":\"a\\r\\nX: y\",\"token_type\":\"bearer\"}", "cannot be sent"},
        {200, "{\"access_token\":\"\",\"token_type\":\"bearer\"}", "cannot be sent"},
        {200, long_token, "cannot be sent"},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char whole[128];
        cr_assert(eq(int, oauth_look(oauth), OAUTH_WAIT), "row %u", i);
        answer(rows[i].status, rows[i].body);
        size_t size = strlen(oauth_why(oauth)), tail = strlen(rows[i].why);
        cr_assert(ge(sz, size, tail));
        cr_assert_str_eq(oauth_why(oauth) + size - tail, rows[i].why);
        snprintf(whole, sizeof whole, "oauth2: token endpoint answered");
        cr_assert_eq(strncmp(oauth_why(oauth), whole, strlen(whole)), 0);
        cr_assert(eq(int, oauth_outcome(oauth),
                     rows[i].status == 200 ? HTTP_RESPONSE_INVALID : HTTP_RESPONSE));
        oauth_close(oauth);
        open_it();
    }
    (void)oauth_look(oauth);
    asked->truncated = true;
    answer(200, "{");
    cr_assert_not_null(strstr(oauth_why(oauth), "more than 64 KiB"));
}

Test(oauth, says_how_a_call_ended)
{
    (void)oauth_look(oauth);
    end(HTTP_CONNECT_REFUSED, "connection refused");
    cr_assert(eq(int, oauth_outcome(oauth), HTTP_CONNECT_REFUSED));
    cr_assert_str_eq(oauth_why(oauth), "oauth2: token endpoint: connection refused");
}

/* Fails whatever is asked for, for that long. */
static void fail_for(uint64_t ms)
{
    for (uint64_t until = wheel.now_ms + ms; wheel.now_ms < until; pass(100)) {
        (void)oauth_look(oauth);
        if (asked)
            answer(500, "");
    }
}

Test(oauth, pauses_longer_after_each_failure)
{
    uint64_t last_ms = 0, pauses[8] = {0};
    for (unsigned i = 0; i < 8; i++) {
        while (!asked) {
            pass(100);
            (void)oauth_look(oauth);
        }
        pauses[i] = last_ms ? wheel.now_ms - last_ms : 0;
        last_ms = wheel.now_ms;
        answer(500, "");
    }
    const uint64_t expected[8] = {0, 1000, 2000, 4000, 8000, 16000, 30000, 30000};
    for (unsigned i = 0; i < 8; i++)
        cr_assert(eq(u64, pauses[i], expected[i]), "pause %u", i);
}

Test(oauth, tells_when_a_pause_is_over)
{
    (void)oauth_look(oauth);
    answer(500, "");
    unsigned before = changes;
    pass(OAUTH_PAUSE_MS);
    cr_assert(eq(u32, changes, before + 1));
    cr_assert(eq(int, oauth_look(oauth), OAUTH_WAIT));
    cr_assert(eq(u32, calls, 2));
}

Test(oauth, lets_wait_for_a_minute_without_a_token_and_then_fails)
{
    fail_for(OAUTH_WAIT_MAX_MS - SECOND);
    cr_assert(eq(int, oauth_look(oauth), OAUTH_WAIT));
    fail_for(40 * SECOND);
    unsigned before = calls;
    cr_assert(eq(int, oauth_look(oauth), OAUTH_FAILED));
    pass(OAUTH_PAUSE_MAX_MS);
    cr_assert(eq(int, oauth_look(oauth), OAUTH_WAIT), "there is a new try to wait for");
    cr_assert(eq(u32, calls, before + 1));
    answer(500, "");
    cr_assert(eq(int, oauth_look(oauth), OAUTH_FAILED));
    pass(OAUTH_PAUSE_MAX_MS);
    get_token(TOKEN("back", "3600"));
    pass(3600 * SECOND);
    cr_assert(eq(int, oauth_look(oauth), OAUTH_WAIT), "the next minute begins anew");
    answer(500, "");
    cr_assert(eq(int, oauth_look(oauth), OAUTH_WAIT));
}

Test(oauth, drops_a_token_that_was_refused_once)
{
    get_token(TOKEN("first", "3600"));
    uint64_t first = number_of("first");
    oauth_refused(oauth, first);
    number_of("");
    get_token(TOKEN("second", "3600"));
    uint64_t second = number_of("second");
    cr_assert(ne(u64, first, second));
    oauth_refused(oauth, first); /* it was on its way */
    number_of("second");
    oauth_refused(oauth, second);
    number_of("second");
    cr_assert(eq(u32, calls, 2), "it is not the token");

    oauth_accepted(oauth, first);
    oauth_refused(oauth, second);
    number_of("second");
    oauth_accepted(oauth, second);
    oauth_refused(oauth, second);
    number_of("");
}

Test(oauth, waits_for_a_connection_of_ours_without_counting_it)
{
    is_pool_empty = true;
    for (unsigned i = 0; i < 1200; i++) {
        cr_assert(eq(int, oauth_look(oauth), OAUTH_WAIT));
        pass(100);
    }
    is_pool_empty = false;
    get_token(TOKEN("abc", "60"));
}

Test(oauth, may_be_closed_while_it_asks)
{
    (void)oauth_look(oauth);
    cr_assert(eq(u32, origins, 1)); /* the end of the test sees to it */
}
