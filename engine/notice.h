/* notice.h - what alerts about endpoints, agreements and storage say. */
#ifndef ENGINE_NOTICE_H
#define ENGINE_NOTICE_H

#include "alerts.h"
#include "sla.h"
#include "tenant.h"

struct subscription;

/* It is disabled, as its document says. Raised again it is the same alert. */
void notice_disabled(struct alerts *alerts, const struct subscription *subscription);

/* Its breaker has opened (`why`: "7 of 10 attempts failed within 30s") or closed again, in an
 * outage that began at `since_ms`, wall. */
void notice_failing(struct alerts *alerts, const struct subscription *subscription,
                    uint64_t since_ms, const char *why);
void notice_recovered(struct alerts *alerts, const struct subscription *subscription,
                      uint64_t since_ms);

/* What its deliveries of the last 24 h amount to; at most one a day (UTC) is an alert. */
void notice_breach(struct alerts *alerts, const struct tenant *tenant,
                   const struct sla_account *account, uint64_t wall_ms);

/* For the operator, who is the default tenant. */
void notice_storage(struct alerts *alerts, const struct tenant *tenant, uint64_t free_min_bytes,
                    uint64_t wall_ms);

#endif
