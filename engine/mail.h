/* mail.h - every kind of mail between threads, and what each carries.
 *
 *   from     to       kind            what; unless said otherwise it comes back when that is done
 *   shard    writer   MAIL_EVENTS     a chain of event blocks to make durable
 *   shard    writer   MAIL_OUTCOMES   attempts and rows to write
 *   shard    shard    MAIL_BLOCK      a durable block with deliveries for the receiver; answered
 *                                     by the two that follow, and does not come back itself
 *   shard    shard    MAIL_RELEASED   the block's bytes are not read here any more
 *   shard    shard    MAIL_SETTLED    all deliveries of the block here have a durable trace
 *   shard    reader   MAIL_FETCH      rows and events wanted from disk
 *   shard    reader   MAIL_GIVE_BACK  an event that was fetched, to be freed where it was made
 *   shard    shard    MAIL_LEASE      asks the tenant's home for tokens, or tells what was used
 *   control  shard    MAIL_DIRECTORY  a tenant, key or subscription has changed
 *   control  all      MAIL_FIGURES    asks for counters
 *   control  shard    MAIL_PING       asks whether it turns
 *   control  shard    MAIL_STATS      asks how one endpoint stands
 *   control  shard    MAIL_SERVE      begin to take requests and to deliver
 *   control  shard    MAIL_REDELIVER  deliveries that have ended, to be delivered once more
 *   control  reader   MAIL_FORGET     something was taken out of the database
 *   control  shard    MAIL_PUBLISH    a request to publish that came by the admin port
 *   shard    control  MAIL_ASK        a request on the ingest port that control answers
 *   shard    control  MAIL_REPORT     something a shard saw that changes configuration
 *   shard    control  MAIL_USES       when keys were last used
 *   control  all      MAIL_STOP       finish and stop
 */
#ifndef ENGINE_MAIL_H
#define ENGINE_MAIL_H

#include "base/list.h"
#include "event_type.h"
#include "mailbox.h"
#include "metrics.h"
#include "net/http_server.h"
#include "quota.h"
#include "store/backlog.h"
#include "store/journal.h"
#include "store/selection.h"
#include "subscription.h"

enum mail_kind {
    MAIL_EVENTS,
    MAIL_OUTCOMES,
    MAIL_BLOCK,
    MAIL_RELEASED,
    MAIL_SETTLED,
    MAIL_FETCH,
    MAIL_GIVE_BACK,
    MAIL_FORGET,
    MAIL_LEASE,
    MAIL_DIRECTORY,
    MAIL_FIGURES,
    MAIL_PING,
    MAIL_STATS,
    MAIL_SERVE,
    MAIL_REDELIVER,
    MAIL_PUBLISH,
    MAIL_ASK,
    MAIL_REPORT,
    MAIL_USES,
    MAIL_STOP,
};

/* ---- control <-> shards ---- */

enum directory_kind {
    DIRECTORY_TENANT,
    DIRECTORY_KEY,
    DIRECTORY_SUBSCRIPTION,
    DIRECTORY_EVENT_TYPE,
    DIRECTORY_EVENT_TYPES, /* `after` is a struct directory_set */
    DIRECTORY_STORAGE,
    DIRECTORY_SETTINGS, /* `after` is the struct config to use from now on */
};

/* With DIRECTORY_STORAGE, `after` is one of control's two constants: while `low`, the disk has too
 * little room, and shards take no more events in. */
struct storage_state {
    bool low;
};

struct directory_pair {
    void *before, *after; /* one may be NULL */
};

/* What is made or changed at once. */
struct directory_set {
    size_t count;
    struct directory_pair list[];
};

/* One for each shard, all part of one struct directory_change of control. Exactly one of
 * before/after may be NULL: made, changed, deleted. */
struct mail_directory {
    struct mail mail;
    enum directory_kind kind;
    const void *before, *after; /* struct tenant, access_key, subscription or event_type */
    void *change;               /* control's own */
};

/* By who is asked. */
union figures_of {
    void *any;
    struct shard_figures *shard;
    struct writer_figures *writer;
    struct reader_figures *reader;
};

struct mail_figures {
    struct mail mail;
    union figures_of into;  /* belongs to the receiver until the mail is back */
    union figures_of known; /* control's own: what it was told last */
    bool is_out;            /* likewise */
};

/* How the endpoint of a subscription stands. Moments are wall ms; 0: there is none. */
struct endpoint_stats {
    enum breaker_state breaker;
    uint64_t breaker_since_ms, breaker_until_ms;
    char breaker_reason[96]; /* of the last opening; "": it never opened */
    uint64_t slow_until_ms, failing_since_ms;
    unsigned concurrency, in_flight, ready, waiting;
    struct id parked_after; /* parked rows of events after this one are not in memory */
    struct id oldest;       /* event in memory that had no attempt yet; zero: none */
};

struct mail_stats {
    struct mail mail;
    struct id subscription;
    struct http_ticket ticket; /* control's own */
    bool is_out;               /* likewise */
    bool is_found;             /* the answer, with `stats` if true */
    struct endpoint_stats stats;
};

enum redelivery_result {
    REDELIVERY_DONE,   /* all of them: durable, with the document */
    REDELIVERY_BUSY,   /* not all of them: ask again a little later */
    REDELIVERY_HELD,   /* not all of them: the subscription is paused or disabled */
    REDELIVERY_NOBODY, /* not all of them: the subscription is gone */
    REDELIVERY_FAILED, /* never a shard's: it could not be read how the delivery stands */
};

enum { REDELIVERY_DOCUMENT_MAX = 16 * 1024 };

/* One page of deliveries of one subscription, oldest first: where the clock was set back, that is
 * not the order of their ids. The shard takes them in chunks, each with a document of its own, and
 * answers when it has all of them or will take no more for now. */
struct mail_redeliver {
    struct mail mail;
    struct id subscription;
    bool may_wait;       /* it gives way to first attempts */
    bool discards;       /* dead letters are given up, and nothing is sent */
    unsigned per_second; /* at most; 0: as they can be taken */
    uint64_t after_us;   /* monotonic: none before. Moves on with what is taken */
    unsigned count;
    struct ended_delivery deliveries[SELECTION_MAX];
    /* Called by the shard for a chunk, [from, to), when it is known how many it hands over: prints
     * the document that is to be durable with the rows. NULL: none. */
    void (*print)(void *context, unsigned from, unsigned to, unsigned handed, struct text *text);
    void *context;
    /* the answer */
    enum redelivery_result result;
    unsigned done;   /* the first so many are dealt with */
    unsigned handed; /* of those; the others are on their way already */
    /* the shard's own */
    struct list_node link;
    uint64_t since_ms, chunk_ms;      /* when it came, when the last chunk was taken */
    uint64_t firsts;                  /* that the endpoint had begun then */
    unsigned end;                     /* of the chunk that is being written; == done: none is */
    struct journal_document document; /* its key is the sender's */
    char document_text[REDELIVERY_DOCUMENT_MAX];
};

enum {
    ASK_BODY_MAX = 64 * 1024,
    ASK_HEADERS_MAX = 4096,
};

/* A request for control. Everything it holds was allocated by the shard (one malloc: this is not
 * the delivery path) and goes back to it to be freed. */
struct mail_ask {
    struct mail mail;
    struct http_ticket ticket; /* the shard's */
    struct slice method, path, query, headers /* "Name: value\n" each */, body, peer;
    /* the answer, allocated by control with malloc and freed by the shard with free */
    int status;
    const char *content_type; /* a constant */
    char *answer;
    size_t answer_size;
};

enum report_what {
    REPORT_DISABLE = 1,   /* the subscription is to be disabled */
    REPORT_FAILING = 2,   /* its receiver has begun to fail: the breaker has opened */
    REPORT_RECOVERED = 4, /* and is well again */
};

struct mail_report {
    struct mail mail;
    struct id subscription;
    unsigned what;               /* bits of enum report_what */
    enum disabled_reason reason; /* with REPORT_DISABLE */
    uint64_t since_ms;           /* of the outage, wall; with the others */
    char why[96];                /* with REPORT_FAILING */
    struct list_node link;       /* control's own */
};

struct mail_forget {
    struct mail mail;
    void *reply; /* control's own: what to answer then */
};

enum { USES_MAX = 64 };

struct mail_uses {
    struct mail mail;
    unsigned count;
    struct key_use {
        struct id key;
        uint64_t at_ms;
    } uses[USES_MAX];
};

struct mail_serve {
    struct mail mail;
    int listener; /* the shard's listening socket, which it takes over */
    int error;    /* the answer: 0 or -errno */
};

struct mail_stop {
    struct mail mail;
    bool now; /* do not wait for what is in flight */
};

/* ---- shards among themselves ---- */

struct mail_lease {
    struct mail mail;
    struct id tenant;
    unsigned asker;
    struct quota_ask ask;
    struct quota_grant grant; /* the answer */
    void *allowance;          /* the asker's own */
};

/* ---- shards <-> reader ---- */

enum fetch_kind {
    FETCH_RETRIES,  /* rows due in [from_ms, below_ms), from after (after_subscription, after_event)
                     */
    FETCH_PARKED,   /* rows of `subscription` after `after_event`, with their events */
    FETCH_EVENT,    /* rows[0].event, with the event */
    FETCH_BACKLOGS, /* subscriptions that have parked rows, after `after_subscription`:
                       rows[i].subscription */
    FETCH_OUTAGES,  /* the same of those that have brought only failures; rows[i].outage */
    FETCH_ERASE,    /* drop the rows of `subscription`; count says how many were dropped */
};

enum { FETCH_ROWS_MAX = 64 };

/* An event read back: one allocation of the reader's, given back to it by MAIL_GIVE_BACK. */
struct fetched_event {
    struct mail mail;
    struct event_record event; /* slices of what follows */
    struct delivery_row row;   /* the delivery's 'D' row; attempt_count 0 if it has none */
};

struct mail_fetch {
    struct mail mail;
    struct list_node link; /* the shard's own */
    enum fetch_kind kind;
    unsigned shard;
    struct id subscription, after_subscription, after_event;
    struct id last_event; /* FETCH_PARKED: there is none behind it */
    bool has_after, has_last;
    uint64_t from_ms, below_ms;
    void *endpoint, *delivery;      /* the shard's own */
    struct mail_redeliver *hurried; /* FETCH_RETRIES: this one's alone, which wants it */
    uint64_t epoch, committed;      /* the shard's own */
    int max;
    /* the answer */
    int error; /* 0 or -errno */
    bool more; /* FETCH_PARKED: there may be rows after these */
    int count;
    struct backlog_row rows[FETCH_ROWS_MAX];
    struct fetched_event *events[FETCH_ROWS_MAX]; /* NULL: gone (retention) */
};

#endif
