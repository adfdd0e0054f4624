/* endpoint.h - where one subscription's deliveries go: its queue in memory, its turn, its
 * connection pool, its backlog on disk.
 *
 * An endpoint belongs to the shard that is home to its subscription. It may send when its
 * subscription is active, what tells the receiver who sends is there, and its gate (gate.h) is
 * open: endpoint_opens_ms() answers that, and nobody else. Then it is among those that take turns
 * (turns.h). While it is closed by time alone it sits on its timer; else what opens it calls
 * endpoint_update_turn().
 *
 * While it is shut (paused, disabled, the breaker open, a long Retry-After) nothing waits in memory
 * for it: what is ready is parked, what comes is parked at once, and no page is read.
 *
 * Window: an endpoint may hold in memory what is left free in the shard's pool, divided by four,
 * but always a few: one that falls behind leaves room to the others, and what does not fit is
 * parked on disk and paged in again (paging.h).
 */
#ifndef ENGINE_ENDPOINT_H
#define ENGINE_ENDPOINT_H

#include "base/list.h"
#include "base/table.h"
#include "gate.h"
#include "mail.h"
#include "net/wheel.h"
#include "outage.h"
#include "signature.h"

struct delivery;
struct shard;

struct endpoint {
    struct table_node node;
    struct shard *shard;
    struct list_node turn;                   /* among those that may send */
    struct list_node hungry;                 /* among those whose parked rows are to be read */
    struct list_node ready, again;           /* deliveries: first attempts, and retries */
    struct list_node sending, waiting;       /* deliveries */
    struct id id, tenant;                    /* the subscription's */
    const struct subscription *subscription; /* NULL: it is gone, `deleted` is true */
    struct list_node report;                 /* among those that wait to be reported */
    enum disabled_reason to_disable;
    uint8_t to_report;        /* bits of enum report_what */
    uint64_t report_sequence; /* outcomes that have to be on disk before it is told */
    bool is_failing;          /* its breaker has opened, which control was told, or will be */
    struct gate gate;
    struct outage outage;
    struct timer opens; /* the gate, by time alone */
    unsigned credit;    /* for attempts in this turn */
    struct http_origin *origin;
    unsigned reach_version;              /* the shard's, as of which these are: */
    bool has_rules;                      /* the origin asks endpoint_allows() */
    const char *refusal;                 /* why nothing may be sent at all; NULL: it may */
    struct authenticator *authenticator; /* NULL: none */
    struct signer *signers;              /* of subscription->secrets */
    struct redaction *redaction;         /* its own rules; NULL: none */
    char *head; /* of each request: the request line and the fields that never change */
    size_t head_size;
    unsigned in_memory, ready_count; /* ready_count: with `again` */
    unsigned waiting_count, behind_count, loading_count;
    size_t ready_bytes;     /* what those that are ready weigh in batches */
    struct list_node lanes; /* of an ordered endpoint (lane.h) */
    uint64_t firsts;        /* attempts: counts those that were a delivery's first */
    uint64_t held_until_ms; /* shut until then, for want of memory for what waits; 0: not */
    /* Parked rows on disk (paging.c): those of events after parked_after are not in memory. */
    bool has_parked, fetching;
    struct id parked_after; /* zero: from the first */
    struct id parked_low;  /* the lowest event parked since ask_sequence was last set; zero: none */
    struct id parked_high; /* no event behind it is parked; zero: not known */
    uint64_t parked_epoch; /* counts parkings */
    uint64_t ask_epoch;    /* parked_epoch when ask_sequence was set */
    uint64_t ask_sequence; /* outcomes that have to be on disk before the next page is asked for; 0:
                              not set */
    uint64_t ask_after_ms; /* no question before: the last page could not be read */
    bool deleted;          /* waits for what is being sent */
};

struct endpoints {
    struct table table;
    struct list_node hungry;
    uint64_t count, breakers[BREAKER_STATES]; /* all; by the state of their breaker */
};

MUST_CHECK int endpoints_open(struct endpoints *endpoints);
void endpoints_close(struct shard *shard);

struct endpoint *endpoint_find(const struct shard *shard, const struct id *subscription);

/* The subscription was made, changed or deleted. Out of memory stops the process (as in
 * directory_apply()). */
void endpoint_put(struct shard *shard, const struct subscription *subscription);
void endpoint_change(struct shard *shard, struct endpoint *endpoint,
                     const struct subscription *subscription);
void endpoint_delete(struct shard *shard, struct endpoint *endpoint);

/* Frees a deleted endpoint if nothing of it is left. True if so. */
bool endpoint_free_if_over(struct shard *shard, struct endpoint *endpoint);

/* Lets go of what it tells the receiver who sends with: nothing is sent any more. */
void endpoint_close_auth(struct shard *shard, struct endpoint *endpoint);

/* Before an attempt: takes over what has changed about where its tenant may send. */
void endpoint_look_at_reach(struct shard *shard, struct endpoint *endpoint);

/* Whether another delivery may be held in memory. */
bool endpoint_has_window(const struct shard *shard, const struct endpoint *endpoint);

/* The moment from which on an attempt may begin: not after shard->now_ms: now; later: time alone
 * allows it then; GATE_NEVER: it takes an event. */
uint64_t endpoint_opens_ms(const struct shard *shard, const struct endpoint *endpoint);

/* Whether it has something to send and may. */
bool endpoint_may_send(const struct shard *shard, const struct endpoint *endpoint);

/* What it would send: there has to be something. Retries go as the budget for them allows. */
struct delivery *endpoint_next(const struct shard *shard, const struct endpoint *endpoint);

/* Nothing can be sent for longer: what waits does so on disk. */
bool endpoint_is_shut(const struct shard *shard, const struct endpoint *endpoint);

/* Shuts it until then: there is no memory for what waits for retries. */
void endpoint_hold(struct shard *shard, struct endpoint *endpoint, uint64_t until_ms);

/* What may let it send, or read its parked rows, has changed: puts it where it belongs. */
void endpoint_update_turn(struct shard *shard, struct endpoint *endpoint);

/* An attempt begins; is_retry: it is not the delivery's first. */
void endpoint_begin(struct shard *shard, struct endpoint *endpoint, bool is_retry,
                    struct gate_pass *pass);

/* An attempt has ended as `record` says. NULL: it told nothing about the receiver. */
struct attempt;
void endpoint_end(struct shard *shard, struct endpoint *endpoint, const struct attempt *attempt,
                  const struct attempt_record *record);

/* Notes that a row was parked for it. */
void endpoint_parked(struct shard *shard, struct endpoint *endpoint, const struct id *event);

#endif
