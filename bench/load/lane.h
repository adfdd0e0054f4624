/* lane.h - one connection to a server over which requests are sent one after another.
 *
 * Life: CLOSED -lane_open()-> CONNECTING -> IDLE -lane_send()-> BUSY -> IDLE ..., and from anywhere
 * by an error, the server's end or lane_close() over CLOSING back to CLOSED, which on_down tells.
 *
 * Leaner than net/http_client.h, because what a generator spends the engine beside it cannot: no
 * pool, no timers, no resending, no copy.
 *
 * Ownership: embedded in its owner; memory may be used anew when CLOSED. Threads: its loop's.
 */
#ifndef LOAD_LANE_H
#define LOAD_LANE_H

#include "base/list.h"
#include "net/http_parse.h"
#include "net/stream.h"

enum { LANE_HEAD_MAX = 4096 };

/* Where to. Must stay while lanes go there. */
struct lane_target {
    struct loop *loop;
    struct address address;
    struct tls_context *tls; /* NULL: in the clear */
    struct slice host;       /* for TLS: whom the certificate must name */
    bool host_is_ip;
};

struct lane_answer {
    int status;
    uint64_t retry_after_ms; /* 0: not said */
    struct slice body;       /* as much of it as the lane's `body` had room for */
};

enum lane_state { LANE_CLOSED, LANE_CONNECTING, LANE_IDLE, LANE_BUSY, LANE_CLOSING };

struct lane {
    /* given by the owner, before lane_open() */
    const struct lane_target *target;
    void (*on_open)(struct lane *lane);
    void (*on_answer)(struct lane *lane, const struct lane_answer *answer);
    void (*on_down)(struct lane *lane, bool was_busy, int error); /* error: 0 or -errno */
    char *body; /* keeps the beginning of answers' bodies; NULL: they are dropped */
    size_t body_room;

    enum lane_state state;

    /* private */
    struct stream stream;
    bool sending, in_body, was_busy, keep_alive;
    int error;
    uint64_t body_left;
    size_t body_size, head_size;
    struct lane_answer answer;
    char head[LANE_HEAD_MAX];
};

/* The lane must be CLOSED. 0, or -errno: it still is. */
MUST_CHECK int lane_open(struct lane *lane);

/* Sends a whole request; the lane must be IDLE. The bytes must stay until on_answer or on_down. */
void lane_send(struct lane *lane, const char *at, size_t size);

/* Nothing happens if it is closed or closing. */
void lane_close(struct lane *lane);

#endif
