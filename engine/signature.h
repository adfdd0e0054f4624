/* signature.h - how a request is signed, by the schemes that a subscription may choose.
 *
 *   scheme       header               what is signed     the value, for each live secret
 *   standard     webhook-signature    id.timestamp.body  v1,BASE64 v1,BASE64
 *   ed25519      webhook-signature    id.timestamp.body  v1a,BASE64 v1a,BASE64
 *   timestamped  X-PT-Signature       timestampbody      t=TIMESTAMP,v1=HEX,v1=HEX
 *   stripe       Stripe-Signature     timestamp.body     t=TIMESTAMP,v1=HEX,v1=HEX
 *   github       X-Hub-Signature-256  body               sha256=HEX
 *   hex          X-Webhook-Signature  body               HEX, and X-Webhook-Timestamp
 *   template     its own              its own            its own
 *
 * All but ed25519 are HMAC-SHA256. A scheme is nothing but a row of the table in signature.c, made
 * of the same parts as a template.
 *
 * While a rotation overlaps, more than one secret is live: the newest has no end, those before it
 * are live until theirs. Where there is room for all, all sign, the newest first; where there is
 * room for one (github, hex, template), the oldest that is live does, so that a receiver that
 * knows only that one goes on to understand.
 */
#ifndef ENGINE_SIGNATURE_H
#define ENGINE_SIGNATURE_H

#include "base/text.h"
#include "signer.h"
#include "subscription.h"

struct message {
    struct slice id, timestamp /* unix seconds */, body;
    uint64_t at_ms; /* wall time; says which secrets are live */
    struct signer_scratch *scratch;
};

enum {
    SIGNATURE_LINES_MAX = 700, /* the most bytes that signature_put() prints */
    SIGNATURE_TOLERANCE_S = 300,
};

/* "standard"... */
const char *signature_scheme_name(enum signature_scheme scheme);

/* Finds the scheme with the name; false if there is none. */
bool signature_scheme_find(struct slice name, enum signature_scheme *scheme);

/* The name of the header with the signature; empty if there is none. */
struct slice signature_header(const struct subscription *subscription);

/* Makes the signers of all its secrets, subscription->secret_count of them. */
void signature_make_signers(const struct subscription *subscription, struct signer *signers);

/* Prints the header with the signature, and those that go with it, each with its end of line. */
void signature_put(const struct subscription *subscription, const struct signer *signers,
                   const struct message *message, struct text *head);

/* Is `value`, of the header with the signature, right by one of the live secrets? A timestamp that
 * is signed may differ from message->at_ms by SIGNATURE_TOLERANCE_S. Takes the same time wherever a
 * signature differs. */
bool signature_verify(const struct subscription *subscription, const struct signer *signers,
                      const struct message *message, struct slice value);

#endif
