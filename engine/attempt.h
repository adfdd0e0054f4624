/* attempt.h - one signed HTTP request and what came of it.
 */
#ifndef ENGINE_ATTEMPT_H
#define ENGINE_ATTEMPT_H

#include "body.h"
#include "delivery.h"
#include "net/http_client.h"

struct attempt {
    struct http_call call;
    struct shard *shard;
    struct delivery *delivery; /* that it is of, or the first of a batch, */
    struct list_node others;   /* whose others are here, by `together` */
    unsigned count;            /* of all of them */
    struct body body;
    struct id batch; /* of a batch */
    bool is_traced;  /* what its event says of a trace is sent along */
    struct gate_pass pass;
    uint64_t at_ms;               /* wall time when it began */
    struct slice secret;          /* in `head`: what tells the receiver who sends */
    uint64_t token;               /* the number of the access token that it carried; 0: none */
    bool is_outdated;             /* which is used no more: another attempt may follow at once */
    uint64_t due_ms;              /* wall: of the retry, the same for all; 0: not known */
    uint64_t retry_after_ms;      /* what the receiver asked for with Retry-After; 0: nothing */
    struct text response_headers; /* as they may be on record */
    bool is_coded;                /* the response: nothing can be struck out of it */
    char head[LIMIT_REQUEST_HEAD_SIZE];
    char capture[LIMIT_RESPONSE_CAPTURE];
    char response_headers_memory[LIMIT_HEADERS_CAPTURE];
};

/* The request line and the fields of every request to the subscription, in memory from malloc.
 * NULL: out of memory. */
char *attempt_fixed_head(const struct subscription *subscription, size_t *size);

/* An attempt of `delivery`, or of a batch of so many from it on in its list, with the body; nothing
 * is sent yet. NULL: no memory is free for the body. There has to be an attempt object. */
struct attempt *attempt_make(struct shard *shard, struct delivery *delivery);

/* Sends it. The end is told to delivery_answered(), maybe before this returns. */
void attempt_start(struct attempt *attempt);

/* Room for what an attempt record tells and nobody has kept. */
struct attempt_texts {
    char address[ADDRESS_TEXT_SIZE], request_headers[LIMIT_HEADERS_CAPTURE];
};

/* The parts of an attempt record that the call tells. Slices borrow from the attempt and `texts`.
 */
void attempt_describe(const struct attempt *attempt, struct attempt_record *record,
                      struct attempt_texts *texts);

#endif
