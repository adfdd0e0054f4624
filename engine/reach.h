/* reach.h - where deliveries of a subscription may go: what the engine, its operator, the tenant
 * and the subscription say together.
 *
 * An address is allowed if
 * 1. neither the tenant nor the subscription denies it,
 * 2. it is on the allow list of each of the two that has one, and
 * 3. the engine's own guard lets it through (egress.h: public, or in an allow_network); or the
 *    operator lends it to tenants (it is in a tenant_network) and it is on the tenant's allow list.
 *
 * So a subscription can only narrow what its tenant has; and a tenant's list opens a private
 * network only together with the operator's configuration, neither of them alone.
 *
 * Borrowed parts; no state; any thread.
 */
#ifndef ENGINE_REACH_H
#define ENGINE_REACH_H

#include "config.h"
#include "subscription.h"
#include "tenant.h"

struct reach {
    const struct config *config;
    const struct tenant *tenant; /* NULL: it is not known, and has no rules */
    const struct subscription *subscription;
};

bool reach_allows(const struct reach *reach, const struct address *address);

/* Whether it is any other than the engine's own guard. */
bool reach_has_rules(const struct reach *reach);

/* Why nothing at all may be sent: in words, a constant; NULL if something may. */
const char *reach_refusal(const struct reach *reach);

/* Notes what can be known of the subscription when it is made or changed: http where https is
 * asked for, and an address in a URL that is not allowed. */
void reach_check(const struct reach *reach, struct faults *faults);

#endif
