/* authenticator.c - see authenticator.h. */
#include "authenticator.h"

#include "base/clock.h"
#include "base/id.h"
#include "base/random.h"
#include "subscription.h"

#include <stdio.h>
#include <stdlib.h>

struct authenticator {
    const struct auth *auth;
    struct random *random;
    struct jwt_key *key; /* jwt */
    struct oauth *oauth; /* oauth2 */
};

static bool changes_with_requests(const struct auth *auth)
{
    return auth && (auth->type == AUTH_JWT || auth->type == AUTH_OAUTH2);
}

struct authenticator *authenticator_open(const struct oauth_parts *parts)
{
    const struct auth *auth = parts->subscription->auth;
    char why[JWT_WHY_SIZE];
    if (!changes_with_requests(auth))
        return NULL;
    struct authenticator *made = calloc(1, sizeof *made);
    must(made);
    made->auth = auth;
    made->random = parts->random;
    if (auth->type == AUTH_OAUTH2)
        made->oauth = oauth_open(parts);
    else
        must(jwt_key_open(&made->key, auth->algorithm, slice_str(auth->texts[AUTH_KEY]), why) == 0);
    return made;
}

void authenticator_close(struct authenticator *authenticator)
{
    if (!authenticator)
        return;
    jwt_key_close(authenticator->key);
    oauth_close(authenticator->oauth);
    free(authenticator);
}

bool authenticator_is_ready(struct authenticator *authenticator)
{
    return !authenticator || !authenticator->oauth ||
           oauth_look(authenticator->oauth) != OAUTH_WAIT;
}

/* A header of its own carries the token alone. */
static void put_name(const struct auth *auth, struct text *head)
{
    text_put(head, auth_header(auth));
    text_put(head, auth->texts[AUTH_NAME] ? SLICE(": ") : SLICE(": Bearer "));
}

static void put_jwt(const struct authenticator *authenticator, uint64_t at_ms, struct text *head)
{
    const struct auth *auth = authenticator->auth;
    struct id id = id_new(at_ms, authenticator->random);
    char digits[ID_TEXT_SIZE];
    const struct jwt_claims claims = {
        .key_id = auth->texts[AUTH_KEY_ID],
        .issuer = auth->texts[AUTH_ISSUER],
        .subject = auth->texts[AUTH_SUBJECT],
        .audience = auth->texts[AUTH_AUDIENCE],
        .custom = auth->texts[AUTH_CLAIMS],
        .issued_s = at_ms / 1000,
        .expires_s = (at_ms + auth->expires_ms) / 1000,
        .id = id_print(&id, "jwt", digits),
    };
    jwt_print(authenticator->key, &claims, head);
}

uint64_t authenticator_put(const struct authenticator *authenticator, uint64_t at_ms,
                           struct text *head)
{
    uint64_t number = 0;
    if (!authenticator)
        return number;
    put_name(authenticator->auth, head);
    if (authenticator->oauth)
        text_put(head, oauth_token(authenticator->oauth, &number));
    else
        put_jwt(authenticator, at_ms, head);
    text_put(head, SLICE("\r\n"));
    return number;
}

/* The receiver answered nothing, so the status stays 0 whatever the token endpoint said. */
bool authenticator_fails(const struct authenticator *authenticator, struct http_call *call)
{
    uint64_t number;
    if (!authenticator || !authenticator->oauth ||
        oauth_token(authenticator->oauth, &number).size > 0)
        return false;
    call->outcome = oauth_outcome(authenticator->oauth);
    call->start_ns = call->end_ns = clock_monotonic_ns();
    snprintf(call->why, sizeof call->why, "%s", oauth_why(authenticator->oauth));
    return true;
}

bool authenticator_is_outdated(struct authenticator *authenticator, uint64_t token, int status)
{
    uint64_t number;
    if (!authenticator || !authenticator->oauth || token == 0 || status == 0)
        return false;
    if (status != 401) {
        oauth_accepted(authenticator->oauth, token);
        return false;
    }
    oauth_refused(authenticator->oauth, token);
    (void)oauth_token(authenticator->oauth, &number);
    return number != token;
}
