/* authenticator.c - see authenticator.h. */
#include "authenticator.h"

#include "base/id.h"
#include "base/random.h"

#include <stdlib.h>

struct authenticator {
    const struct auth *auth;
    struct random *random;
    struct jwt_key *key;
};

struct authenticator *authenticator_open(const struct auth *auth, struct random *random)
{
    char why[JWT_WHY_SIZE];
    if (!auth || auth->type != AUTH_JWT)
        return NULL;
    struct authenticator *made = calloc(1, sizeof *made);
    must(made);
    made->auth = auth;
    made->random = random;
    must(jwt_key_open(&made->key, auth->algorithm, slice_str(auth->texts[AUTH_KEY]), why) == 0);
    return made;
}

void authenticator_close(struct authenticator *authenticator)
{
    if (!authenticator)
        return;
    jwt_key_close(authenticator->key);
    free(authenticator);
}

/* A header of its own carries the token alone. */
static void put_name(const struct auth *auth, struct text *head)
{
    text_put(head, auth_header(auth));
    text_put(head, auth->texts[AUTH_NAME] ? SLICE(": ") : SLICE(": Bearer "));
}

void authenticator_put(const struct authenticator *authenticator, uint64_t at_ms, struct text *head)
{
    if (!authenticator)
        return;
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
    put_name(auth, head);
    jwt_print(authenticator->key, &claims, head);
    text_put(head, SLICE("\r\n"));
}
