/* endpoint.h - where one subscription's deliveries go: its queue in memory, its turn, its
 * connection pool, its backlog on disk.
 *
 * An endpoint belongs to the shard that is home to its subscription. Endpoints that could send take
 * turns, one attempt each, so one with a long queue delays no other; a receiver that hangs holds
 * only its own slots.
 *
 * Window: an endpoint may hold in memory what is left free in the shard's pool, divided by four,
 * but always a few: one that falls behind leaves room to the others, and what does not fit is
 * parked on disk and paged in again (paging.h).
 */
#ifndef ENGINE_ENDPOINT_H
#define ENGINE_ENDPOINT_H

#include "base/list.h"
#include "base/table.h"
#include "mail.h"
#include "signature.h"

struct shard;

struct endpoint {
    struct table_node node;
    struct shard *shard;
    struct list_node turn;                    /* among those that could send */
    struct list_node hungry;                  /* among those whose parked rows are to be read */
    struct list_node ready, sending, waiting; /* deliveries */
    struct id id, tenant;                     /* the subscription's */
    const struct subscription *subscription;  /* NULL: it is gone, `deleted` is true */
    struct http_origin *origin;
    struct authenticator *authenticator; /* NULL: none */
    struct signer *signers;              /* of subscription->secrets */
    char *head; /* of each request: the request line and the fields that never change */
    size_t head_size;
    unsigned in_memory, ready_count, sending_count;
    /* Parked rows on disk (paging.c): those of events after parked_after are not in memory. */
    bool has_parked, fetching;
    struct id parked_after; /* zero: from the first */
    struct id parked_low;  /* the lowest event parked since ask_sequence was last set; zero: none */
    uint64_t parked_epoch; /* counts parkings */
    uint64_t ask_epoch;    /* parked_epoch when ask_sequence was set */
    uint64_t ask_sequence; /* outcomes that have to be on disk before the next page is asked for; 0:
                              not set */
    uint64_t ask_after_ms; /* no question before: the last page could not be read */
    bool deleted;          /* waits for what is being sent */
};

struct endpoints {
    struct table table;
    struct list_node turns;
    struct list_node starved; /* by `turn`: their next body has no memory for now */
    struct list_node hungry;
    uint64_t count;
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

/* Whether another delivery may be held in memory. */
bool endpoint_has_window(const struct shard *shard, const struct endpoint *endpoint);

/* Puts it among those that take turns, if it has something to send and may. */
void endpoint_update_turn(struct shard *shard, struct endpoint *endpoint);

/* Notes that a row was parked for it. */
void endpoint_parked(struct shard *shard, struct endpoint *endpoint, const struct id *event);

/* Begins attempts, in turns, until nothing can be sent. */
void endpoints_dispatch(struct shard *shard);

#endif
