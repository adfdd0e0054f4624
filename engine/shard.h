/* shard.h - one core's share of everything: its ring, its ingest listener, its events, and the
 * subscriptions that live here.
 *
 * Nothing of a shard is touched by another thread but its mailbox. shard_tick() does what mail,
 * timers and queues ask for; a thread is only what calls it in turn with the loop (shard_run(), or
 * the simulator).
 */
#ifndef ENGINE_SHARD_H
#define ENGINE_SHARD_H

#include "base/buddy.h"
#include "base/random.h"
#include "config.h"
#include "crew.h"
#include "delivery.h"
#include "directory.h"
#include "egress.h"
#include "gzip.h"
#include "ingest.h"
#include "lane.h"
#include "metrics.h"
#include "net/http_client.h"
#include "outcomes.h"
#include "paging.h"
#include "payload.h"
#include "redaction.h"
#include "redelivery.h"
#include "report.h"
#include "turns.h"
#include "uses.h"

struct shard {
    unsigned number;
    struct crew *crew;
    const struct config *config;
    struct loop *loop;
    struct wheel wheel;
    struct buddy memory;
    struct random random;
    struct aead_nonces nonces; /* of what is sealed here */
    struct http_server *server;
    struct http_client *client;
    struct resolver *resolver;
    struct tls_context *tls_server, *tls_client;
    struct egress egress;
    struct redaction redaction;

    struct directory directory;
    unsigned reach_version;  /* counts changes of tenants that endpoints have to look at again */
    struct table allowances; /* of tenants that have a limit, by tenant */
    struct ingest ingest;
    struct intake intake;
    struct deliveries deliveries;
    struct endpoints endpoints;
    struct lanes lanes;
    struct payloads payloads;
    struct turns turns;
    struct pool attempts;
    struct signer_scratch scratch;
    struct gzip gzip;
    struct outcomes outcomes;
    struct paging paging;
    struct redelivery redelivery;
    struct reports reports;
    struct uses uses;
    struct shard_metrics metrics;

    uint64_t now_ms, wall_ms;              /* monotonic and wall, as of the last wait */
    struct mail_stop *stopping, *hurrying; /* NULL: not told to */
    uint64_t stop_by_ms;                   /* what is on its way then is cut off */
    bool is_aborting, is_closing;
    uint64_t dispatch_after_ms; /* no attempts before: connections had run out */
    bool is_stopped;
};

enum { SHARD_WHY_SIZE = 256 };

/* On the shard's own thread. `recovery` says where its blocks go on. */
struct recovery_report;
MUST_CHECK int shard_open(struct shard *shard, unsigned number, struct crew *crew,
                          const struct config *config, const struct recovery_report *recovery,
                          char why[static SHARD_WHY_SIZE]);
void shard_close(struct shard *shard);

/* Does what is due. Returns the monotonic ns at which to be called next at the latest. */
uint64_t shard_tick(struct shard *shard);

#endif
