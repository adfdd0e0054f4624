/* jwt.h - JSON Web Tokens (RFC 7519) that say who sends, in the compact form of JWS (RFC 7515):
 * HS256, RS256, ES256 (RFC 7518) and EdDSA with Ed25519 (RFC 8037).
 */
#ifndef ENGINE_JWT_H
#define ENGINE_JWT_H

#include "base/must.h"
#include "base/text.h"

enum jwt_algorithm { JWT_HS256, JWT_RS256, JWT_ES256, JWT_EDDSA };

enum { JWT_WHY_SIZE = 96 };

struct jwt_key;

/* "HS256", ... */
const char *jwt_algorithm_name(enum jwt_algorithm algorithm);
bool jwt_algorithm_find(struct slice name, enum jwt_algorithm *algorithm);

/* `text`: for HS256 the secret itself, 32 bytes at least; for the others a private key in PEM: RSA
 * of 2048 to 4096 bits, EC on P-256, Ed25519. 0; -EINVAL and `why`; -ENOMEM. */
MUST_CHECK int jwt_key_open(struct jwt_key **key, enum jwt_algorithm algorithm, struct slice text,
                            char why[static JWT_WHY_SIZE]);
void jwt_key_close(struct jwt_key *key); /* wipes it; NULL is allowed */

/* What a token says. NULL: not. Of printable characters: key_id at most 128 bytes, the others 256,
 * and custom 1024; a token then has at most LIMIT_AUTH_FIELD_SIZE bytes with its header's name. */
struct jwt_claims {
    const char *key_id, *issuer, *subject, *audience;
    const char *custom; /* a JSON object, whose members are none of these */
    uint64_t issued_s, expires_s;
    struct slice id;
};

/* A name that `custom` may not have. */
bool jwt_is_registered(struct slice name);

/* Prints a token. It does not fit: out->cut. */
void jwt_print(const struct jwt_key *key, const struct jwt_claims *claims, struct text *out);

/* Prints header.payload.signature of two JSON texts. */
void jwt_sign(const struct jwt_key *key, struct slice header, struct slice payload,
              struct text *out);

#endif
