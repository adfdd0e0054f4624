/* subscription.h - where a tenant's events go: an immutable object.
 *
 * Control makes them (from API bodies and from stored documents) and is the only one to free them.
 * Shards borrow: a change is a new object, which control sends to every shard, and the old one is
 * freed when every shard has answered (see mail_directory).
 */
#ifndef ENGINE_SUBSCRIPTION_H
#define ENGINE_SUBSCRIPTION_H

#include "base/id.h"
#include "base/json.h"
#include "breaker.h"
#include "concurrency.h"
#include "limits.h"
#include "net/trust.h"
#include "net/url.h"
#include "throttle.h"

#include <stdbool.h>
#include <stdint.h>

enum subscription_status { SUBSCRIPTION_ACTIVE, SUBSCRIPTION_PAUSED, SUBSCRIPTION_DISABLED };
enum disabled_reason {
    DISABLED_BY_USER, /* or not at all */
    DISABLED_GONE,    /* the receiver answered 410 */
    DISABLED_FAILING, /* nothing but failures for too long */
};
enum ordering { ORDERING_NONE, ORDERING_STRICT, ORDERING_KEY };
enum signature_scheme {
    SIGNATURE_STANDARD,
    SIGNATURE_ED25519,
    SIGNATURE_TIMESTAMPED,
    SIGNATURE_STRIPE,
    SIGNATURE_GITHUB,
    SIGNATURE_HEX,
    SIGNATURE_TEMPLATE,
    SIGNATURE_NONE
};

struct auth;
struct egress_rules;
struct filter;

struct batch_settings {
    unsigned events; /* at most; 0: each delivery is a request of its own */
    uint64_t bytes, wait_ms;
};

struct secret {
    char *text;        /* as its receiver has it (secret.h) */
    uint64_t until_ms; /* wall time at which it ends; 0: never, as of the current one */
};

struct subscription {
    struct id id, tenant;
    uint64_t created_ms, updated_ms;
    enum subscription_status status;
    enum disabled_reason disabled_reason; /* SUBSCRIPTION_DISABLED */

    char *url_text;
    struct url url;  /* slices of url_text */
    char **patterns; /* of event types; "*", "a.b", "a.*" */
    unsigned pattern_count;
    char *channels;        /* as in channels.h; "" for none */
    struct filter *filter; /* NULL: none */

    enum signature_scheme scheme;
    char *signature_header;               /* its name; NULL: the scheme's own, or the template's */
    struct template *template;            /* of SIGNATURE_TEMPLATE alone */
    struct secret secrets[LIMIT_SECRETS]; /* newest first */
    unsigned secret_count;

    uint64_t retry_ms[LIMIT_RETRY_STEPS]; /* wait after the 1st, 2nd, ... failure */
    unsigned retry_count;
    double jitter; /* 0 to 1: a wait may grow by up to this part of itself, and never shrinks */
    uint64_t timeout_ms;
    char method[16];
    char *headers;          /* custom fields as sent, each "Name: value\r\n"; "" for none */
    bool sets_content_type; /* one of them is Content-Type */
    struct batch_settings batch;
    enum ordering ordering;
    char *ordering_key;              /* a JSON pointer; "" unless ORDERING_KEY */
    bool gzip;                       /* compresses bodies */
    struct throttle_rate rate_limit; /* per_second 0: none */
    struct concurrency_settings concurrency;
    struct breaker_settings breaker;
    bool tls_verify;
    char *tls_roots; /* PEM; NULL: the engine's */
    struct trust_pin *tls_pins;
    unsigned tls_pin_count;
    enum trust_version tls_version_min;
    struct auth *auth;                       /* NULL: none */
    struct egress_rules *egress;             /* NULL: none */
    char *redact_pointers, *redact_patterns; /* lines (redaction.h); NULL: none */

    /* Kept for showing only. */
    char *uid, *description, *metadata /* JSON object */;
};

struct faults;
struct text;
struct vault;

enum { SUBSCRIPTION_TEXT_MAX = 256 * 1024 }; /* the most that subscription_print() prints */

enum subscription_view {
    SUBSCRIPTION_PUBLIC,
    SUBSCRIPTION_WITH_SECRET, /* for whom it was made */
    SUBSCRIPTION_WHOLE,       /* what a patch is put on: with what is shown to nobody */
};

/* A whole subscription from an API body: a new one, or (`before` given) one that takes the place of
 * `before` and keeps its id, times and secrets. What is absent or null gets its default. 0; -EINVAL
 * with faults; -ENOMEM. Of a new one the caller sets id, tenant, created_ms, updated_ms. */
MUST_CHECK int subscription_parse(struct json_value body, const struct subscription *before,
                                  struct subscription **made, struct faults *faults);

void subscription_print(const struct subscription *subscription, enum subscription_view view,
                        struct text *text);

/* The document in `meta`: with its secrets, sealed. The tenant's data key has to be prepared. */
void subscription_print_stored(const struct subscription *subscription, const struct vault *vault,
                               struct text *text);

/* From what subscription_print_stored() printed. */
MUST_CHECK int subscription_parse_stored(struct json_value document, struct vault *vault,
                                         struct subscription **made, struct faults *faults);

/* NULL: out of memory. */
struct subscription *subscription_copy(const struct subscription *subscription);

/* Gives `after` a time of change that is later than that of `before`, whatever the clock says. */
void subscription_touch(struct subscription *after, const struct subscription *before,
                        uint64_t now_ms);

/* NULL and half-made ones are allowed. */
void subscription_free(struct subscription *subscription);

/* "active", "paused", "disabled". */
const char *subscription_status_name(enum subscription_status status);

/* "gone", "failing"; NULL of DISABLED_BY_USER. */
const char *disabled_reason_name(enum disabled_reason reason);

#endif
