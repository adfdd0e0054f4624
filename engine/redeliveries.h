/* redeliveries.h - deliveries that have ended, on their way to their shards to be delivered once
 * more: control's side.
 *
 * Of a subscription, one page is on its way at a time; the next is chosen when that one is done.
 * So what a page says of its deliveries is still true when the shard takes it, and no delivery is
 * handed over twice for one wish. Pages are a fixed number of mails; who finds none waits.
 *
 * Control's thread.
 */
#ifndef ENGINE_REDELIVERIES_H
#define ENGINE_REDELIVERIES_H

#include "crew.h"
#include "mail.h"
#include "store/history.h"

enum { REDELIVERY_PAGES = 8, REDELIVERY_WISHES_MAX = 64 };

struct redelivery_page {
    struct mail_redeliver mail;
    bool is_out; /* from being taken to being given back */
    void (*on_done)(void *context, struct mail_redeliver *mail);
    void *context;
};

/* One delivery that somebody waits for. */
struct redelivery_wish {
    struct id delivery, subscription;
    bool discards;
    void (*on_done)(void *context, enum redelivery_result result);
    void *context;
    /* redeliveries.c's own */
    struct list_node link;
    struct redeliveries *redeliveries;
    bool is_out;
    uint64_t give_up_ms; /* monotonic */
};

struct redeliveries {
    struct crew *crew;
    struct db *db;
    struct redelivery_page *pages;
    struct list_node wishes;
    unsigned wish_count;
    uint64_t again_ms; /* monotonic: when to look at the wishes again; UINT64_MAX: never */
};

MUST_CHECK int redeliveries_open(struct redeliveries *redeliveries, struct crew *crew,
                                 struct db *db);
void redeliveries_close(struct redeliveries *redeliveries);

/* Asks for one delivery; or, a dead letter, to be given up. `on_done` is called later, from
 * redeliveries_turn() or when the page is back: DONE when it is durable, or the delivery is on its
 * way already; BUSY when that took too long. `context` is allocated with malloc, and freed here
 * when it is over, whether on_done was called or the program stops. -EBUSY: too many wait; -ENOMEM;
 * then it stays the caller's. */
MUST_CHECK int redeliveries_wish(struct redeliveries *redeliveries,
                                 const struct redelivery_wish *wish, uint64_t now_ms);

/* A page for this subscription, to be filled in and sent; NULL: not now. */
struct redelivery_page *redeliveries_take(struct redeliveries *redeliveries,
                                          const struct id *subscription);
void redeliveries_send(struct redeliveries *redeliveries, struct redelivery_page *page);
void redeliveries_give(struct redeliveries *redeliveries, struct redelivery_page *page);

/* Sends what can be sent. Returns the monotonic ms at which to be called next. */
uint64_t redeliveries_turn(struct redeliveries *redeliveries, uint64_t now_ms);

/* A MAIL_REDELIVER came back. */
void redeliveries_answered(struct mail_redeliver *mail);

#endif
