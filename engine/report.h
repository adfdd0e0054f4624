/* report.h - what a shard has seen that changes configuration: a subscription is to be disabled.
 *
 * A shard has one report on its way to control at a time; the endpoints whose turn comes later
 * wait on a list, so none is forgotten. What control cannot do, it is asked again at the next
 * attempt that fails.
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

/* Mail: the one that was out came back. */
void report_taken(struct shard *shard);

/* ---- control's ---- */

/* Does what the report asks for. */
void report_apply(const struct mail_report *report, struct changes *changes);

#endif
