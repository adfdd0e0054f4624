/* draft.h - a subscription being made from JSON, and what the parsers of its fields share.
 *
 * A parser of a field checks the value and takes it over into draft->made, or notes a fault with
 * its place. For subscription_parse.c and the draft_*.c, a file for each group of fields.
 */
#ifndef ENGINE_DRAFT_H
#define ENGINE_DRAFT_H

#include "base/json.h"
#include "faults.h"
#include "form.h"
#include "subscription.h"
#include "vault.h"

struct draft {
    struct subscription *made;
    const struct subscription *before; /* NULL: a new one */
    struct vault *vault;               /* NULL: from an API body; else from `meta` */
    struct text opened;                /* what was unsealed of it */
    struct faults *faults;
    bool out_of_memory, has_url;
    /* As given; checked when the scheme is known. */
    struct slice signature_header, signature_content; /* NULL: not given */
    struct {
        struct slice text;
        uint64_t until_ms;
    } secrets[LIMIT_SECRETS];
    unsigned secret_count;
};

struct field {
    const char *name;
    void (*parse)(struct draft *draft, struct json_value value, const char *pointer);
};

/* Wipes and frees what was unsealed. */
void draft_close(struct draft *draft);

/* Goes through an object: each member has to be one of `fields`. */
void draft_walk(struct draft *draft, struct json_value object, const char *base,
                const struct field *fields, unsigned count);

#define DRAFT_WALK(draft, object, base, fields) \
    draft_walk(draft, object, base, fields, sizeof(fields) / sizeof(fields)[0])

/* A string without NUL of at most `max` bytes; notes the fault if it is not one. */
bool draft_take_string(struct draft *draft, struct json_value value, const char *pointer,
                       size_t max, struct slice *string);
/* The same of a secret, which in `meta` is sealed. */
bool draft_take_secret(struct draft *draft, struct json_value value, const char *pointer,
                       size_t max, struct slice *string);
bool draft_take_duration(struct draft *draft, struct json_value value, const char *pointer,
                         uint64_t *duration_ms);

/* Copies the string into a field of draft->made, in the place of what is there. */
void draft_keep(struct draft *draft, char **field, struct slice string);

/* For what only the server sets: it may be there if it is what it was. */
void draft_check_same(struct draft *draft, struct json_value value, const char *pointer,
                      struct slice now);

/* ---- fields that are about headers (draft_headers.c) ---- */

void draft_parse_headers(struct draft *draft, struct json_value value, const char *pointer);

/* Why no signature may be sent in a header with this name; NULL if one may. */
const char *draft_refuse_signature_header(struct slice name);

/* The same of a header that tells who sends. */
const char *draft_refuse_auth_header(struct slice name);

/* Is `name` among the "Name: value\r\n" in `headers`? */
bool draft_has_header(struct slice headers, struct slice name);

/* ---- how it is signed (draft_signature.c) ---- */

void draft_parse_signature(struct draft *draft, struct json_value value, const char *pointer);
void draft_parse_secret(struct draft *draft, struct json_value value, const char *pointer);
void draft_parse_secrets(struct draft *draft, struct json_value value, const char *pointer);

/* Takes over how it is signed, now that all of it is known. */
void draft_settle_signature(struct draft *draft);

/* Takes the secrets over: those that were given, those of before, or one newly made. A change of
 * scheme keeps the text, since that is what the receiver has. */
void draft_settle_secrets(struct draft *draft);

/* ---- when, and how much at a time (draft_policy.c) ---- */

void draft_parse_retry(struct draft *draft, struct json_value value, const char *pointer);
void draft_parse_timeout(struct draft *draft, struct json_value value, const char *pointer);
void draft_parse_rate_limit(struct draft *draft, struct json_value value, const char *pointer);
void draft_parse_concurrency(struct draft *draft, struct json_value value, const char *pointer);
void draft_parse_breaker(struct draft *draft, struct json_value value, const char *pointer);

/* The breaker that one has who says nothing. */
void draft_set_breaker(struct draft *draft);

/* Checks its cool-downs against each other, now that both are known. */
void draft_settle_breaker(struct draft *draft);

/* ---- in which form (draft_mode.c) ---- */

void draft_parse_method(struct draft *draft, struct json_value value, const char *pointer);
void draft_parse_ordering(struct draft *draft, struct json_value value, const char *pointer);
void draft_parse_compression(struct draft *draft, struct json_value value, const char *pointer);
void draft_parse_delivery(struct draft *draft, struct json_value value, const char *pointer);

/* Checks them against one another, now that all are known. */
void draft_settle_mode(struct draft *draft);

/* ---- what is not on record of it (draft_redact.c) ---- */

void draft_parse_redact(struct draft *draft, struct json_value value, const char *pointer);

/* ---- how the receiver is known (draft_tls.c) ---- */

void draft_parse_tls(struct draft *draft, struct json_value value, const char *pointer);

/* Check it, and the certificate that the receiver is shown, against the other fields. */
void draft_settle_tls(struct draft *draft);
void draft_settle_identity(struct draft *draft);

/* ---- how the receiver is told who sends (draft_auth.c) ---- */

void draft_parse_auth(struct draft *draft, struct json_value value, const char *pointer);

/* Checks it against the other fields, now that all are known. */
void draft_settle_auth(struct draft *draft);

#endif
