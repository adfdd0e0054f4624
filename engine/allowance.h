/* allowance.h - how many events a tenant may still send, as one shard sees it.
 *
 * Only tenants with a limit have one. On the shard that is home to the tenant it is the quota
 * itself; on the others a lease, which asks home by MAIL_LEASE (quota.h). A request for which the
 * lease is too short waits for the answer, one mail there and back, and is then taken in or
 * refused; it does not wait a second time. Every QUOTA_LEASE_MS a lease that is not used goes back.
 *
 * Memory: an allowance is allocated when its tenant changes. A request that waits is copied into
 * the shard's buddy; when that is full, the answer is 503.
 */
#ifndef ENGINE_ALLOWANCE_H
#define ENGINE_ALLOWANCE_H

#include "base/list.h"
#include "base/table.h"
#include "mail.h"
#include "net/wheel.h"
#include "quota.h"
#include "requester.h"
#include "tenant.h"

struct shard;

struct allowance {
    struct table_node node;
    struct shard *shard;
    struct id tenant;
    unsigned home;
    struct throttle_rate rate;
    struct quota quota; /* at home */
    struct lease lease; /* elsewhere */
    struct mail_lease mail;
    bool is_asking;           /* the mail is out */
    bool is_gone;             /* the limit has ended; freed when the mail is back */
    struct list_node waiting; /* struct waiter, in order */
    unsigned asked_for;       /* how many of them the mail is for */
    struct timer timer;
};

struct waiter {
    struct list_node link;
    struct requester requester;
    const struct http_request *request; /* behind this, or in the requester's mail */
    unsigned count;                     /* of events */
};

MUST_CHECK int allowances_open(struct shard *shard);
void allowances_close(struct shard *shard);

/* A tenant was made, changed or deleted. Out of memory stops the process (as in
 * directory_apply()). */
void allowance_change(struct shard *shard, const struct tenant *before, const struct tenant *after);

/* NULL: the tenant has no limit. */
struct allowance *allowance_find(const struct shard *shard, const struct id *tenant);

/* Takes as many as `count` events are, or none. `wait_ns` as that of throttle_take(). */
enum lease_result allowance_take(struct allowance *allowance, unsigned count, uint64_t *wait_ns);

/* They were not sent after all: right after they were taken. */
void allowance_give(struct allowance *allowance, unsigned count);

/* Keeps a request that was LEASE_SHORT until home has answered; then ingest_resume() gets it.
 * False: no memory. */
MUST_CHECK bool allowance_wait(struct allowance *allowance, const struct requester *requester,
                               const struct http_request *request, unsigned count);

/* Answers 429 with Retry-After and RateLimit. */
void allowance_refuse(const struct allowance *allowance, const struct requester *requester,
                      uint64_t wait_ns);

/* MAIL_LEASE. */
void allowance_mail(struct shard *shard, struct mail_lease *mail);

/* The shard stops: whoever waits is heard at once. */
void allowances_release(struct shard *shard);

#endif
