/* oauth.h - an access token, by OAuth 2.0 with the client's credentials (RFC 6749 section 4.4).
 *
 *   NONE --oauth_look()--> FETCHING --a token--> READY --its time is over, or it was refused-->
 * NONE |  ^ a failure    v  | the pause after it is over PAUSED
 *
 * A token is fetched when somebody asks for it, and renewed while the old one still holds: so one
 * that nobody uses is not. There is one fetch at a time, for all who wait. Pauses between failures
 * grow. Who waits does so for OAUTH_WAIT_MAX_MS without a token; from then on they are told so.
 *
 * A token that a receiver refused is dropped once: if the next is refused too, it is not the token.
 *
 * Over the shard's own HTTP client, so under the same egress guard as deliveries. The shard's
 * thread.
 */
#ifndef ENGINE_OAUTH_H
#define ENGINE_OAUTH_H

#include "auth.h"
#include "net/http_client.h"

enum {
    OAUTH_WAIT_MAX_MS = 60 * 1000,
    OAUTH_PAUSE_MS = 1000, /* after the first failure; doubled with each other one */
    OAUTH_PAUSE_MAX_MS = 30 * 1000,
    OAUTH_FETCH_MS = 15 * 1000,
    OAUTH_LIFE_MS = 5 * 60 * 1000, /* of a token whose life is not told */
    OAUTH_ANSWER_MAX = 64 * 1024,
};

struct oauth;
struct random;
struct subscription;

/* What it is made of. All is borrowed. */
struct oauth_parts {
    struct http_client *client;
    struct wheel *wheel;
    struct random *random;
    const struct subscription *subscription;                       /* its auth is of type oauth2 */
    bool (*allowed)(void *context, const struct address *address); /* see http_origin_options */
    void (*on_change)(void *context); /* oauth_look() may say something else now */
    void *context;
};

/* Out of memory stops the process. */
struct oauth *oauth_open(const struct oauth_parts *parts);

/* Nothing borrowed is used any more when it returns, but the client. NULL is allowed. */
void oauth_close(struct oauth *oauth);

enum oauth_state { OAUTH_READY, OAUTH_WAIT, OAUTH_FAILED };

/* How it is now; begins a fetch if it is time for one. */
enum oauth_state oauth_look(struct oauth *oauth);

/* OAUTH_READY: the token, and its number, which is never 0. Else an empty slice and 0. */
struct slice oauth_token(const struct oauth *oauth, uint64_t *number);

/* Why there is none: how the last fetch ended, and in words, like "oauth2: token endpoint answered
 * 500". */
enum http_outcome oauth_outcome(const struct oauth *oauth);
const char *oauth_why(const struct oauth *oauth);

/* What a receiver answered to a request with the token of this number. */
void oauth_accepted(struct oauth *oauth, uint64_t number);
void oauth_refused(struct oauth *oauth, uint64_t number);

#endif
