/* oauth.c - see oauth.h. Allocates when it fetches, never when it looks. */
#include "oauth.h"

#include "base/json.h"
#include "base/log.h"
#include "base/random.h"
#include "limits.h"
#include "subscription.h"

#include <openssl/base64.h>
#include <openssl/mem.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    HEAD_MAX = 8192, /* a URL, and the credentials: three letters each, in base64 */
    BODY_MAX = 8192, /* scopes, audience and credentials, of which each letter may print as three */
    LIFE_MIN_MS = 5 * 1000,
    LIFE_MAX_MS = 24 * 3600 * 1000,
    NO_CONNECTION_PAUSE_MS = 100,
};

/* A request on its way: outlives the grant that was closed meanwhile. */
struct fetch {
    struct http_call call;
    struct oauth *oauth; /* NULL: nobody wants it any more */
    struct http_client *client;
    struct http_origin *origin;
    char head[HEAD_MAX], body[BODY_MAX];
    char answer[OAUTH_ANSWER_MAX + JSON_PADDING];
};

struct oauth {
    struct oauth_parts parts;
    const struct auth *auth;
    struct fetch *fetch; /* NULL: none */
    struct timer pause;
    char *token;                   /* NULL: none */
    uint64_t number, tokens;       /* of the token, and of all that there were */
    uint64_t renew_ms, expires_ms; /* of the token */
    uint64_t not_before_ms;        /* the next fetch */
    uint64_t without_since_ms;     /* the first failure without a token; 0: none */
    unsigned failures;             /* in a row */
    bool was_refused;              /* the token before, and none has been accepted since */
    enum http_outcome outcome;
    char why[HTTP_CALL_WHY_SIZE];
};

static uint64_t now_ms(const struct oauth *oauth)
{
    return oauth->parts.wheel->now_ms;
}

/* ---- the token ---- */

static void drop_token(struct oauth *oauth)
{
    if (oauth->token)
        OPENSSL_cleanse(oauth->token, strlen(oauth->token));
    free(oauth->token);
    oauth->token = NULL;
    oauth->number = 0;
}

/* Renewed after three quarters of its life, not by all endpoints in one moment. */
static void keep_token(struct oauth *oauth, struct slice token, uint64_t life_ms)
{
    drop_token(oauth);
    oauth->token = strndup(token.at, token.size);
    must(oauth->token);
    oauth->number = ++oauth->tokens;
    oauth->expires_ms = now_ms(oauth) + life_ms;
    oauth->renew_ms =
        now_ms(oauth) + life_ms * 3 / 4 + random_below(oauth->parts.random, life_ms / 8 + 1);
    oauth->failures = 0;
    oauth->without_since_ms = 0;
    oauth->not_before_ms = 0;
}

static bool is_sendable(struct slice token)
{
    for (size_t i = 0; i < token.size; i++)
        if (token.at[i] <= ' ' || token.at[i] > '~')
            return false;
    return token.size > 0 && token.size <= LIMIT_TOKEN_SIZE;
}

/* ---- the answer ---- */

static bool get_string(struct json_value root, const char *name, struct slice *text)
{
    struct json_value value;
    return json_get(root, name, &value) && json_string(value, text);
}

/* The words of RFC 6749 section 5.2. Others are not shown: they may be anything. */
static const char *known_error(struct json_value root)
{
    static const char *const words[] = {
        "invalid_request",     "invalid_client",         "invalid_grant",
        "unauthorized_client", "unsupported_grant_type", "invalid_scope",
    };
    struct slice word;
    if (!get_string(root, "error", &word))
        return NULL;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (slice_equal(slice_str(words[i]), word))
            return words[i];
    return NULL;
}

static uint64_t life_of(struct json_value root)
{
    struct json_value value;
    uint64_t seconds = OAUTH_LIFE_MS / 1000;
    if (json_get(root, "expires_in", &value))
        (void)json_u64(value, &seconds);
    if (seconds > LIFE_MAX_MS / 1000)
        return LIFE_MAX_MS;
    return seconds * 1000 < LIFE_MIN_MS ? LIFE_MIN_MS : seconds * 1000;
}

/* Takes the token out of a 200. False, with oauth->why: there is none. */
static bool take_token(struct oauth *oauth, struct json_value root)
{
    struct slice token, type;
    const char *why = NULL;
    if (!get_string(root, "access_token", &token))
        why = "without an access_token";
    else if (!get_string(root, "token_type", &type) || !slice_equal_nocase(type, SLICE("bearer")))
        why = "a token that is not of type bearer";
    else if (!is_sendable(token))
        why = "a token that cannot be sent";
    if (!why)
        keep_token(oauth, token, life_of(root));
    else
        snprintf(oauth->why, sizeof oauth->why, "oauth2: token endpoint answered %s", why);
    return !why;
}

static bool read_answer(struct oauth *oauth, struct json *json, const struct fetch *fetch)
{
    const struct http_call *call = &fetch->call;
    struct json_value root;
    char why[JSON_WHY_SIZE];
    bool is_json = !call->truncated &&
                   json_read(json, slice_of(fetch->answer, call->captured), &root, why) == 0;
    if (call->status == 200 && is_json)
        return take_token(oauth, root);
    const char *error = is_json ? known_error(root) : NULL;
    if (call->status != 200)
        snprintf(oauth->why, sizeof oauth->why, "oauth2: token endpoint answered %d%s%s",
                 call->status, error ? " " : "", error ? error : "");
    else
        snprintf(oauth->why, sizeof oauth->why, "oauth2: token endpoint answered %s",
                 call->truncated ? "more than 64 KiB" : "what is not JSON");
    return false;
}

static bool read_end(struct oauth *oauth, const struct fetch *fetch)
{
    struct json *json = NULL;
    oauth->outcome = fetch->call.outcome;
    if (fetch->call.outcome != HTTP_RESPONSE) {
        snprintf(oauth->why, sizeof oauth->why, "oauth2: token endpoint: %.64s", fetch->call.why);
        return false;
    }
    must(json_open(&json) == 0);
    bool is_good = read_answer(oauth, json, fetch);
    json_close(json);
    if (!is_good && fetch->call.status == 200)
        oauth->outcome = HTTP_RESPONSE_INVALID;
    return is_good;
}

/* ---- fetching ---- */

static void free_fetch(struct fetch *fetch)
{
    http_origin_give(fetch->client, fetch->origin);
    OPENSSL_cleanse(fetch, sizeof *fetch);
    free(fetch);
}

static void pause_fetching(struct oauth *oauth, uint64_t pause_ms)
{
    oauth->not_before_ms = now_ms(oauth) + pause_ms;
    timer_disarm(&oauth->pause);
    wheel_arm(oauth->parts.wheel, &oauth->pause, oauth->not_before_ms);
}

/* The first of a row is worth a line in the log. */
static void fail(struct oauth *oauth)
{
    unsigned doublings = oauth->failures < 8 ? oauth->failures : 8;
    uint64_t pause_ms = (uint64_t)OAUTH_PAUSE_MS << doublings;
    if (oauth->failures++ == 0)
        LOG(LOG_WARN, "there is no access token",
            log_id("subscription", "sub", &oauth->parts.subscription->id),
            log_str("why", oauth->why));
    if (!oauth->token && !oauth->without_since_ms)
        oauth->without_since_ms = now_ms(oauth);
    pause_fetching(oauth, pause_ms < OAUTH_PAUSE_MAX_MS ? pause_ms : OAUTH_PAUSE_MAX_MS);
}

static void on_fetched(struct http_call *call)
{
    struct fetch *fetch = container_of(call, struct fetch, call);
    struct oauth *oauth = fetch->oauth;
    if (!oauth) {
        free_fetch(fetch);
        return;
    }
    oauth->fetch = NULL;
    if (call->outcome == HTTP_NO_CONNECTION) /* nothing was asked */
        pause_fetching(oauth, NO_CONNECTION_PAUSE_MS);
    else if (!read_end(oauth, fetch))
        fail(oauth);
    free_fetch(fetch);
    oauth->parts.on_change(oauth->parts.context);
}

static void on_pause_over(struct timer *timer)
{
    struct oauth *oauth = container_of(timer, struct oauth, pause);
    oauth->parts.on_change(oauth->parts.context);
}

/* application/x-www-form-urlencoded */
static void put_encoded(struct text *text, const char *value)
{
    for (; *value; value++) {
        bool is_plain = (*value >= 'a' && *value <= 'z') || (*value >= 'A' && *value <= 'Z') ||
                        (*value >= '0' && *value <= '9') || strchr("-._*", *value);
        if (is_plain)
            text_char(text, *value);
        else if (*value == ' ')
            text_char(text, '+');
        else
            text_printf(text, "%%%02X", (unsigned char)*value);
    }
}

static void put_pair(struct text *text, const char *name, const char *value)
{
    if (!value)
        return;
    text_printf(text, "&%s=", name);
    put_encoded(text, value);
}

/* Both are encoded before they are joined (RFC 6749 section 2.3.1). */
static void put_basic(struct text *head, const struct auth *auth)
{
    char pair[HEAD_MAX / 2];
    uint8_t base64[sizeof pair / 3 * 4 + 8];
    struct text text;
    text_init(&text, pair, sizeof pair);
    put_encoded(&text, auth->texts[AUTH_CLIENT_ID]);
    text_char(&text, ':');
    put_encoded(&text, auth->texts[AUTH_CLIENT_SECRET]);
    must(text_ok(&text));
    text_put(head, SLICE("Authorization: Basic "));
    text_put(head, slice_of(base64, EVP_EncodeBlock(base64, (const uint8_t *)pair, text.size)));
    text_put(head, SLICE("\r\n"));
    OPENSSL_cleanse(pair, sizeof pair);
    OPENSSL_cleanse(base64, sizeof base64);
}

static void print_request(struct fetch *fetch, const struct auth *auth)
{
    struct text head, body;
    text_init(&body, fetch->body, sizeof fetch->body);
    text_put(&body, SLICE("grant_type=client_credentials"));
    put_pair(&body, "scope", auth->texts[AUTH_SCOPES]);
    put_pair(&body, "audience", auth->texts[AUTH_AUDIENCE]);
    put_pair(&body, "client_id", auth->is_in_body ? auth->texts[AUTH_CLIENT_ID] : NULL);
    put_pair(&body, "client_secret", auth->is_in_body ? auth->texts[AUTH_CLIENT_SECRET] : NULL);

    const struct url *url = &auth->token_url;
    text_init(&head, fetch->head, sizeof fetch->head);
    text_printf(&head, "POST %s%.*s HTTP/1.1\r\nHost: %.*s\r\n",
                url->target.size && url->target.at[0] == '/' ? "" : "/", SLICE_ARGS(url->target),
                SLICE_ARGS(url->authority));
    if (!auth->is_in_body)
        put_basic(&head, auth);
    text_printf(&head,
                "User-Agent: grapnel/" GRAPNEL_VERSION "\r\nAccept: application/json\r\n"
                "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %zu\r\n\r\n",
                body.size);
    must(text_ok(&head) && text_ok(&body));
    fetch->call.parts[0] = (struct iovec){fetch->head, head.size};
    fetch->call.parts[1] = (struct iovec){fetch->body, body.size};
    fetch->call.part_count = 2;
}

/* Roots and pins are the receiver's. Whoever relies on pins in place of a verified chain has not
 * said that the client's secret may be sent to anybody. */
static bool may_be_anybody(const struct subscription *subscription)
{
    return !subscription->tls_verify && subscription->tls_pin_count == 0;
}

static void begin_fetch(struct oauth *oauth)
{
    struct fetch *fetch = calloc(1, sizeof *fetch);
    must(fetch);
    fetch->oauth = oauth;
    fetch->client = oauth->parts.client;
    const struct http_origin_options options = {.is_unverified =
                                                    may_be_anybody(oauth->parts.subscription),
                                                .allowed = oauth->parts.allowed,
                                                .context = oauth->parts.context};
    fetch->origin = http_origin_take(fetch->client, &oauth->auth->token_url, &options);
    must(fetch->origin);
    print_request(fetch, oauth->auth);
    fetch->call.deadline_ms = now_ms(oauth) + OAUTH_FETCH_MS;
    fetch->call.capture = fetch->answer;
    fetch->call.capture_room = OAUTH_ANSWER_MAX;
    fetch->call.on_done = on_fetched;
    oauth->fetch = fetch;
    timer_disarm(&oauth->pause);
    http_client_call(fetch->client, fetch->origin, &fetch->call);
}

/* ---- from outside ---- */

struct oauth *oauth_open(const struct oauth_parts *parts)
{
    struct oauth *oauth = calloc(1, sizeof *oauth);
    must(oauth);
    oauth->parts = *parts;
    oauth->auth = parts->subscription->auth;
    timer_init(&oauth->pause, on_pause_over);
    return oauth;
}

void oauth_close(struct oauth *oauth)
{
    if (!oauth)
        return;
    struct fetch *fetch = oauth->fetch;
    if (fetch) {
        fetch->oauth = NULL;
        http_client_cancel(fetch->client, &fetch->call);
    }
    timer_disarm(&oauth->pause);
    drop_token(oauth);
    free(oauth);
}

enum oauth_state oauth_look(struct oauth *oauth)
{
    uint64_t now = now_ms(oauth);
    if (oauth->token && now >= oauth->expires_ms)
        drop_token(oauth);
    bool is_wanted = !oauth->token || now >= oauth->renew_ms;
    if (is_wanted && !oauth->fetch && now >= oauth->not_before_ms)
        begin_fetch(oauth); /* it may have ended already */
    if (oauth->token)
        return OAUTH_READY;
    if (oauth->fetch || !oauth->without_since_ms)
        return OAUTH_WAIT;
    return now - oauth->without_since_ms >= OAUTH_WAIT_MAX_MS ? OAUTH_FAILED : OAUTH_WAIT;
}

struct slice oauth_token(const struct oauth *oauth, uint64_t *number)
{
    *number = oauth->number;
    return slice_str(oauth->token);
}

enum http_outcome oauth_outcome(const struct oauth *oauth)
{
    return oauth->outcome;
}

const char *oauth_why(const struct oauth *oauth)
{
    return oauth->why;
}

void oauth_accepted(struct oauth *oauth, uint64_t number)
{
    if (number == oauth->number)
        oauth->was_refused = false;
}

void oauth_refused(struct oauth *oauth, uint64_t number)
{
    if (number != oauth->number || !oauth->token || oauth->was_refused)
        return;
    oauth->was_refused = true;
    drop_token(oauth);
}
