/* What tells a receiver who sends, where that changes. The two sources of it are replaced: an
 * access token that the test hands out, and a JWT that shows what it was made of. */
#include "authenticator.h"

#include "base/random.h"
#include "subscription.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

static struct auth auth = {.type = AUTH_OAUTH2};
static struct subscription subscription = {.auth = &auth};
static struct random dice;
static struct authenticator *made;

/* ---- in place of oauth.c ---- */

static struct {
    enum oauth_state state;
    const char *token;                        /* "" for none */
    uint64_t number, accepted, refused, next; /* next: that takes the place of a refused one */
    unsigned open;
} source = {.token = ""};

struct oauth *oauth_open(const struct oauth_parts *parts)
{
    cr_assert(parts->subscription == &subscription);
    source.open++;
    return (struct oauth *)&source;
}

void oauth_close(struct oauth *oauth)
{
    source.open -= oauth != NULL;
}

enum oauth_state oauth_look(struct oauth *oauth)
{
    (void)oauth;
    return source.state;
}

struct slice oauth_token(const struct oauth *oauth, uint64_t *number)
{
    (void)oauth;
    *number = source.number;
    return slice_str(source.token);
}

enum http_outcome oauth_outcome(const struct oauth *oauth)
{
    (void)oauth;
    return HTTP_CONNECT_REFUSED;
}

const char *oauth_why(const struct oauth *oauth)
{
    (void)oauth;
    return "oauth2: nobody listens";
}

void oauth_accepted(struct oauth *oauth, uint64_t number)
{
    (void)oauth;
    source.accepted = number;
}

void oauth_refused(struct oauth *oauth, uint64_t number)
{
    (void)oauth;
    source.refused = number;
    source.number = source.next;
}

/* ---- in place of jwt.c ---- */

int jwt_key_open(struct jwt_key **key, enum jwt_algorithm algorithm, struct slice text,
                 char why[static JWT_WHY_SIZE])
{
    (void)algorithm, (void)why;
    cr_assert(slice_equal(text, SLICE("the key")));
    *key = (struct jwt_key *)&source;
    return 0;
}

void jwt_key_close(struct jwt_key *key)
{
    (void)key;
}

void jwt_print(const struct jwt_key *key, const struct jwt_claims *claims, struct text *out)
{
    (void)key;
    text_printf(out, "%s,%s,%s,%s,%s,%llu,%llu,%.*s", claims->key_id, claims->issuer,
                claims->subject, claims->audience, claims->custom,
                (unsigned long long)claims->issued_s, (unsigned long long)claims->expires_s,
                SLICE_ARGS(claims->id));
}

/* ---- the stage ---- */

static struct authenticator *open_for(struct auth *of)
{
    const struct oauth_parts parts = {.random = &dice, .subscription = &subscription};
    subscription.auth = of;
    random_init(&dice, 1);
    return made = authenticator_open(&parts);
}

static void close_made(void)
{
    authenticator_close(made);
    cr_assert(zero(u32, source.open));
}

TestSuite(authenticator, .fini = close_made);

static const char *field(uint64_t at_ms, uint64_t *number)
{
    static char printed[512];
    struct text text;
    text_init(&text, printed, sizeof printed - 1);
    *number = authenticator_put(made, at_ms, &text);
    printed[text.size] = '\0';
    return printed;
}

static void give_token(const char *token, uint64_t number)
{
    source.token = token;
    source.number = number;
    source.state = OAUTH_READY;
}

/* ---- none ---- */

Test(authenticator, is_none_where_all_requests_are_the_same)
{
    static struct auth bearer = {.type = AUTH_BEARER};
    struct http_call call = {0};
    uint64_t number;
    cr_assert(open_for(NULL) == NULL);
    cr_assert(open_for(&bearer) == NULL);
    cr_expect(authenticator_is_ready(NULL));
    cr_expect_str_empty(field(0, &number));
    cr_expect(not(authenticator_fails(NULL, &call)));
    cr_expect(not(authenticator_is_outdated(NULL, 1, 401)));
}

/* ---- a JWT ---- */

Test(authenticator, makes_a_jwt_for_each_attempt)
{
    static struct auth jwt = {.type = AUTH_JWT, .expires_ms = 60000};
    static char words[][8] = {"the key", "k", "i", "s", "a", "{}"};
    char first[512];
    uint64_t number;
    for (unsigned i = 0; i < 6; i++)
        jwt.texts[AUTH_KEY + i] = words[i];
    cr_assert(open_for(&jwt) != NULL);
    cr_expect(authenticator_is_ready(made));
    snprintf(first, sizeof first, "%s", field(5999, &number));
    cr_expect(zero(u64, number));
    cr_expect(
        slice_starts_with(slice_str(first), SLICE("Authorization: Bearer k,i,s,a,{},5,65,jwt_")),
        "%s", first);
    cr_expect(strstr(first, "\r\n") != NULL);
    cr_expect_str_neq(field(5999, &number), first, "each has an id of its own");
}

Test(authenticator, does_not_go_by_what_a_receiver_answers_to_a_jwt)
{
    static struct auth jwt = {.type = AUTH_JWT};
    struct http_call call = {0};
    jwt.texts[AUTH_KEY] = (char[]){"the key"};
    open_for(&jwt);
    cr_expect(not(authenticator_fails(made, &call)));
    cr_expect(not(authenticator_is_outdated(made, 1, 401)));
    cr_expect(zero(u64, source.refused));
}

/* ---- an access token ---- */

Test(authenticator, is_ready_when_it_is_settled_whether_there_is_a_token)
{
    open_for(&auth);
    source.state = OAUTH_WAIT;
    cr_expect(not(authenticator_is_ready(made)));
    source.state = OAUTH_FAILED;
    cr_expect(authenticator_is_ready(made));
    give_token("t", 3);
    cr_expect(authenticator_is_ready(made));
}

Test(authenticator, sends_the_token_and_says_which)
{
    uint64_t number;
    open_for(&auth);
    give_token("abc", 3);
    cr_expect_str_eq(field(0, &number), "Authorization: Bearer abc\r\n");
    cr_expect(eq(u64, number, 3));
}

Test(authenticator, sends_the_token_alone_in_a_header_of_its_own)
{
    static struct auth own = {.type = AUTH_OAUTH2};
    uint64_t number;
    own.texts[AUTH_NAME] = (char[]){"X-Token"};
    open_for(&own);
    give_token("abc", 3);
    cr_expect_str_eq(field(0, &number), "X-Token: abc\r\n");
}

Test(authenticator, fails_an_attempt_for_want_of_a_token)
{
    struct http_call call = {.status = 0};
    open_for(&auth);
    source.state = OAUTH_FAILED;
    cr_assert(authenticator_fails(made, &call));
    cr_expect(eq(int, (int)call.outcome, HTTP_CONNECT_REFUSED));
    cr_expect_str_eq(call.why, "oauth2: nobody listens");
    cr_expect(zero(int, call.status), "the receiver answered nothing");
    cr_expect(lt(u64, 0, call.end_ns));
    give_token("abc", 3);
    cr_expect(not(authenticator_fails(made, &call)));
}

Test(authenticator, says_that_a_token_was_accepted_by_any_answer_but_401)
{
    open_for(&auth);
    give_token("abc", 3);
    cr_expect(not(authenticator_is_outdated(made, 3, 500)));
    cr_expect(eq(u64, source.accepted, 3));
    cr_expect(zero(u64, source.refused));
}

Test(authenticator, may_be_asked_again_if_the_refused_token_is_used_no_more)
{
    open_for(&auth);
    give_token("abc", 3);
    source.next = 4;
    cr_expect(authenticator_is_outdated(made, 3, 401));
    cr_expect(eq(u64, source.refused, 3));
    source.next = 4;
    cr_expect(not(authenticator_is_outdated(made, 4, 401)), "this one is all there is");
}

Test(authenticator, learns_nothing_from_an_attempt_without_token_or_answer)
{
    open_for(&auth);
    give_token("abc", 3);
    cr_expect(not(authenticator_is_outdated(made, 0, 401)));
    cr_expect(not(authenticator_is_outdated(made, 3, 0)));
    cr_expect(zero(u64, source.refused + source.accepted));
}
