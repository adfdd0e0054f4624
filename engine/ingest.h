/* ingest.h - the ingest port: requests to events.
 */
#ifndef ENGINE_INGEST_H
#define ENGINE_INGEST_H

#include "envelope.h"
#include "intake.h"
#include "requester.h"
#include "screen.h"

struct ingest {
    struct json *json,
        *inner; /* a batch is walked by one while its elements are read by the other */
    struct envelope envelope;
    struct trace_context trace; /* what the request says of itself */
    struct screen screen;
    const struct subscription **matches; /* RECORD_SUBSCRIPTIONS_MAX */
    struct id *matched;
    uint64_t newest_ms; /* wall time of the newest event's id */
    bool storage_low;
};

MUST_CHECK int ingest_open(struct ingest *ingest);
void ingest_close(struct ingest *ingest);

/* For http_server_options; `context` is the shard. */
size_t ingest_body_max(void *context, const struct http_head *head);
void ingest_request(void *context, struct http_ticket ticket, const struct http_request *request);

/* One that waited for its tenant's allowance: it is taken in or refused now. */
void ingest_resume(struct shard *shard, const struct requester *requester,
                   const struct http_request *request);

/* A request to publish that came in by the admin port. */
void ingest_publish(struct shard *shard, struct mail_publish *mail);

#endif
