/* exchange.h - what a bare HTTP exchange costs: net/'s client against net/'s server over loopback,
 * kept alive, with nothing behind either of them.
 */
#ifndef FLOOR_EXCHANGE_H
#define FLOOR_EXCHANGE_H

#include "base/must.h"

#include <stddef.h>
#include <stdint.h>

enum { EXCHANGE_WHY_SIZE = 512 };

struct exchange_cost {
    double serve_us, request_us; /* CPU of the serving and of the requesting thread, an exchange */
    double per_second;
};

/* Exchanges `count` POSTs of `payload_bytes` for 202s, 64 at once. 0, or -errno with `why`. */
MUST_CHECK int exchange_measure(uint64_t count, size_t payload_bytes, struct exchange_cost *cost,
                                char why[static EXCHANGE_WHY_SIZE]);

#endif
