/* report.h - what a shard has seen that control has to know: a subscription is to be disabled, its
 * receiver has begun to fail, or is well again.
 *
 * A report leaves when what was written of it is on disk (outage.h), so that a crash cannot part
 * what was told from what is known. A shard has one on its way to control at a time; the endpoints
 * whose turn comes later wait on a list, so none is forgotten. What control cannot do, it is asked
 * again at the next attempt that fails.
 */
#ifndef ENGINE_REPORT_H
#define ENGINE_REPORT_H

#include "changes.h"

struct endpoint;
struct shard;

struct reports {
    struct list_node waiting; /* endpoints */
    struct mail_report mail;
    bool is_out;
};

/* ---- a shard's ---- */

void reports_init(struct reports *reports);

/* Once is enough until the subscription is changed. */
void report_disable(struct shard *shard, struct endpoint *endpoint, enum disabled_reason reason);

/* The breaker has opened, or closed by what its probes found. An outage is told once, and not at
 * all if it is over before it could be. */
void report_failing(struct shard *shard, struct endpoint *endpoint);
void report_recovered(struct shard *shard, struct endpoint *endpoint);

/* As the one or the other was told before the start. */
void report_again(struct shard *shard, struct endpoint *endpoint);

/* The subscription has changed: what waits is about the one before. */
void report_forget(struct endpoint *endpoint);

/* Mail: the one that was out came back. */
void report_taken(struct shard *shard);

/* Outcomes are on disk: what waited for them goes. */
void report_durable(struct shard *shard);

/* ---- control's ---- */

/* Disables the subscription, if the report asks for it. */
void report_apply(const struct mail_report *report, struct changes *changes);

#endif
