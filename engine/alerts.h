/* alerts.h - alerts on their way: from what control has seen to an event that is on disk.
 *
 * An alert is an event like any other, published through a shard, with an idempotency key that
 * tells what it is about: raised again within the window (after a crash, say), it is not an event
 * again. One that nobody subscribes to is not stored. What a shard cannot take now is tried again
 * for ten minutes. At most ALERTS_MAX wait; more are dropped and counted.
 *
 * Control's thread.
 */
#ifndef ENGINE_ALERTS_H
#define ENGINE_ALERTS_H

#include "alert.h"
#include "crew.h"
#include "requester.h"

enum { ALERTS_MAX = 128, ALERT_KEY_SIZE = 128, ALERT_PAYLOAD_SIZE = 1024 };

struct alert {
    bool is_used, is_out;
    struct id tenant;
    uint64_t again_ms, give_up_ms; /* monotonic */
    size_t size;
    char body[ALERT_PAYLOAD_SIZE + ALERT_KEY_SIZE + 128]; /* of the request */
};

struct alerts {
    struct crew *crew;
    struct alert *list; /* ALERTS_MAX */
    unsigned used, out;
    uint64_t raised, dropped; /* of all kinds */
};

MUST_CHECK int alerts_open(struct alerts *alerts, struct crew *crew);
void alerts_close(struct alerts *alerts); /* a zeroed one is allowed */

/* `key`: what it is about; a valid JSON string's inside. `payload`: JSON. */
void alerts_raise(struct alerts *alerts, enum alert_kind kind, const struct id *tenant,
                  const char *key, struct slice payload);

/* Sends what can be sent. Returns the monotonic ms at which to be called next. */
uint64_t alerts_turn(struct alerts *alerts, uint64_t now_ms);

/* A MAIL_PUBLISH came back. True: it was an alert's, and is freed. */
bool alerts_published(struct alerts *alerts, struct mail_publish *mail);

#endif
