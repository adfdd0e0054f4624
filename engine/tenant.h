/* tenant.h - a tenant: whose events, subscriptions and keys they are, and what the operator allows
 * it. An immutable object like a subscription (subscription.h), made and freed by control.
 *
 * A tenant's time of making is that of its id.
 */
#ifndef ENGINE_TENANT_H
#define ENGINE_TENANT_H

#include "base/aead.h"
#include "base/id.h"
#include "base/json.h"
#include "egress_rules.h"
#include "limits.h"
#include "sla.h"
#include "throttle.h"

enum { TENANT_NAME_SIZE = 64, TENANT_UID_SIZE = 65, TENANT_RATE_MAX = 1000000 };

/* What becomes of events that are not as the tenant's catalogue of event types says. */
enum enforcement { ENFORCEMENT_OFF, ENFORCEMENT_WARN, ENFORCEMENT_REJECT };

struct tenant {
    struct id id;
    uint64_t updated_ms; /* 0: never */
    char name[TENANT_NAME_SIZE];
    char uid[TENANT_UID_SIZE];    /* the caller's own id; may be empty */
    char *description, *metadata; /* NULL: "" and {} */
    struct throttle_rate ingest;  /* of events; per_second 0: no limit */
    struct egress_rules *egress;  /* NULL: none */
    bool https_only;
    enum enforcement enforcement;
    struct sla sla;
    uint8_t log_key[AEAD_KEY_SIZE]; /* of the vault: by which its events and attempts are sealed */
};

struct faults;
struct text;

enum { TENANT_TEXT_MAX = 32 * 1024 }; /* the most that tenant_print() prints */

/* A whole tenant from an API body: a new one, or one that takes the place of `before` and keeps its
 * id. What is absent or null gets its default. 0; -EINVAL with faults; -ENOMEM. The caller sets the
 * id of a new one, and updated_ms. */
MUST_CHECK int tenant_parse(struct json_value body, const struct tenant *before,
                            struct tenant **made, struct faults *faults);

/* As it is shown, and as it is stored. */
void tenant_print(const struct tenant *tenant, struct text *text);

/* From what tenant_print() printed. */
MUST_CHECK int tenant_parse_stored(struct json_value document, struct tenant **made,
                                   struct faults *faults);

/* `after` was changed now: later than `before` was, whatever the clock says. */
void tenant_touch(struct tenant *after, const struct tenant *before, uint64_t wall_ms);

void tenant_free(struct tenant *tenant); /* NULL is allowed */

#endif
