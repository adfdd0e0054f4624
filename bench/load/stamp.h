/* stamp.h - the events that a load is made of: each carries its own number and when it was to be
 * sent, at fixed offsets, so that writing and reading one costs next to nothing.
 *
 *   {"type":"load.event.000007","payload":
 *       {"n":"000000000123","t":"0000000000123456789","pad":"..."}}
 *
 * Every event of one payload size has the same length, so a request is laid out once and then only
 * its digits change. The padding is a different piece of random letters for each event, because
 * equal ones would let the engine's store compress them away.
 */
#ifndef LOAD_STAMP_H
#define LOAD_STAMP_H

#include "base/must.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    STAMP_PAYLOAD_MIN = 64,
    STAMP_PAYLOAD_MAX = 1 << 20,
    STAMP_TYPE_SIZE = 18, /* "load.event.000007" and a NUL */
    STAMP_GROUPS_MAX = 1000000,
};

struct stamp {
    uint64_t number;  /* below 10^12 */
    uint64_t sent_ns; /* when it was to be sent, by the monotonic clock */
};

/* Where padding comes from. */
struct stamp_ink {
    char *letters;
    size_t size;
};

/* 0, or -ENOMEM. */
MUST_CHECK int stamp_ink_open(struct stamp_ink *ink, size_t payload_bytes);
void stamp_ink_close(struct stamp_ink *ink);

/* The bytes of one event whose payload has `payload_bytes`. */
size_t stamp_event_size(size_t payload_bytes);

/* Lays out an event, its digits still zero. */
void stamp_event_init(char *at, size_t payload_bytes);

/* Fills in what differs from event to event. */
void stamp_event_set(char *at, size_t payload_bytes, unsigned group, struct stamp stamp,
                     const struct stamp_ink *ink);

/* The type of the events of `group`. */
void stamp_type(unsigned group, char out[static STAMP_TYPE_SIZE]);

/* Reads the stamp of a payload as it was delivered. False if it carries none. */
bool stamp_read(struct slice payload, struct stamp *stamp);

#endif
