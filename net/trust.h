/* trust.h - what a TLS client holds the other side to, and what it shows of itself, beside the
 * system's roots and the host's name.
 *
 * Everything is PEM, and the caller's. Roots take the place of the system's: whoever names an
 * authority means that no other may vouch for the receiver. Each of their certificates is an anchor
 * as it is, an authority's, an intermediate's or the receiver's own.
 *
 * Pins are SHA-256 of a SubjectPublicKeyInfo (RFC 7469). One of them has to be met: if the chain is
 * verified, by any certificate of the verified chain, which is not what was sent but what was found
 * to hold; if it is not verified, by the receiver's own alone, since the rest might be anybody's.
 */
#ifndef NET_TRUST_H
#define NET_TRUST_H

#include "base/must.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    TRUST_PINS_MAX = 8,
    TRUST_PIN_BYTES = 32,
    TRUST_PIN_TEXT_SIZE = 52, /* "sha256/", 44 of base64 and a NUL */
    TRUST_DIGEST_BYTES = 32,
    TRUST_WHY_SIZE = 128,
};

enum trust_version { TRUST_TLS_1_2, TRUST_TLS_1_3 };

struct trust_pin {
    uint8_t bytes[TRUST_PIN_BYTES];
};

/* Zeroed: no more than the usual. */
struct trust {
    const char *roots;             /* NULL: the client's */
    const char *certificate, *key; /* the client's own, leaf first; NULL: none is shown */
    const struct trust_pin *pins;
    unsigned pin_count; /* at most TRUST_PINS_MAX; 0: any key */
    enum trust_version version_min;
};

/* Does it ask no more than the usual? */
bool trust_is_usual(const struct trust *trust);

/* SHA-256 of all that it says. */
void trust_digest(const struct trust *trust, uint8_t digest[static TRUST_DIGEST_BYTES]);

/* "sha256/" and 44 characters of base64. */
MUST_CHECK bool trust_parse_pin(struct slice text, struct trust_pin *pin);
struct slice trust_print_pin(const struct trust_pin *pin, char text[static TRUST_PIN_TEXT_SIZE]);

/* For a person who configures it: 0, or -EINVAL and `why`; -ENOMEM. Texts with a private key in
 * them are refused where certificates are meant to be, since those are not kept secret. Of roots at
 * least one, and of a chain the leaf, has to be valid after `now_ms` (wall time; 0: do not ask).
 * Whether a key is that of the certificate says tls_check_identity(). */
MUST_CHECK int trust_check_roots(const char *roots, uint64_t now_ms,
                                 char why[static TRUST_WHY_SIZE]);
MUST_CHECK int trust_check_chain(const char *certificate, uint64_t now_ms,
                                 char why[static TRUST_WHY_SIZE]);

/* ---- for tls_context.c ---- */

struct stack_st_X509; /* STACK_OF(X509) */
struct x509_st;       /* X509 */
struct x509_store_st; /* X509_STORE */

/* The certificates in a PEM text, at least one. 0; -EINVAL and `why`; -ENOMEM. */
MUST_CHECK int trust_open_certificates(const char *pem, struct stack_st_X509 **certificates,
                                       char why[static TRUST_WHY_SIZE]);
void trust_free_certificates(struct stack_st_X509 *certificates);
MUST_CHECK int trust_open_roots(const char *pem, struct x509_store_st **store,
                                char why[static TRUST_WHY_SIZE]);

/* Is the certificate's key one of the pins? */
bool trust_has_pin(const struct trust_pin *pins, unsigned count, const struct x509_st *certificate);

#endif
