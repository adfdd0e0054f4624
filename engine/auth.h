/* auth.h - how a receiver is told who sends: the settings in a subscription's "auth". What uses
 * them is authenticator.h, and the connection itself for mtls.
 *
 * A type has members, which are the rows of one table: what it may have, what it has to have, and
 * what is secret, which is to say sealed in `meta` and shown to nobody.
 */
#ifndef ENGINE_AUTH_H
#define ENGINE_AUTH_H

#include "base/text.h"
#include "jwt.h"
#include "net/url.h"

enum auth_type { AUTH_BASIC, AUTH_BEARER, AUTH_HEADER, AUTH_JWT, AUTH_OAUTH2, AUTH_MTLS };

enum auth_text {
    AUTH_USERNAME,
    AUTH_PASSWORD,
    AUTH_TOKEN,
    AUTH_NAME, /* of the header: NULL is Authorization */
    AUTH_VALUE,
    AUTH_KEY,
    AUTH_KEY_ID,
    AUTH_ISSUER,
    AUTH_SUBJECT,
    AUTH_AUDIENCE,
    AUTH_CLAIMS, /* a JSON object */
    AUTH_TOKEN_URL,
    AUTH_CLIENT_ID,
    AUTH_CLIENT_SECRET,
    AUTH_SCOPES, /* apart by spaces */
    AUTH_CERTIFICATE,
    AUTH_TEXTS
};

struct auth {
    enum auth_type type;
    enum jwt_algorithm algorithm; /* jwt */
    uint64_t expires_ms;          /* jwt */
    bool is_in_body;              /* oauth2: where id and secret of the client are sent */
    struct url token_url;         /* slices of its text */
    char *texts[AUTH_TEXTS];      /* NULL: not given */
};

enum auth_kind { AUTH_KIND_STRING, AUTH_KIND_OBJECT, AUTH_KIND_WORDS };

struct auth_member {
    const char *name;
    unsigned types, required; /* of the types AUTH_FOR() */
    size_t max;               /* bytes */
    enum auth_text text;
    enum auth_kind kind;
    bool is_secret;
};

#define AUTH_FOR(type) (1u << (type))

extern const struct auth_member auth_members[];
extern const unsigned auth_member_count;

/* "basic", ... */
const char *auth_type_name(enum auth_type type);
bool auth_type_find(struct slice name, enum auth_type *type);

/* NULL is copied to NULL. */
MUST_CHECK bool auth_copy(struct auth **to, const struct auth *from);
void auth_free(struct auth *auth); /* wipes it; NULL is allowed */

/* The header that carries it; empty for mtls. */
struct slice auth_header(const struct auth *auth);

/* Prints the field, if it is the same in each request: of basic, bearer and header. NULL is
 * allowed. At most LIMIT_AUTH_FIELD_SIZE bytes. */
void auth_put_fixed(const struct auth *auth, struct text *head);

/* The secret in a request's head: the value of its header, without its scheme. Empty: none. */
struct slice auth_sent(const struct auth *auth, struct slice head);

/* Strikes a secret out of what a receiver answered, which may be cut off within it. */
void auth_strike(struct slice secret, char *answer, size_t size);

#endif
