/* attempt_search.h - what the attempts logs say of deliveries that have no row: those that went
 * through at the first attempt. */
#ifndef STORE_ATTEMPT_SEARCH_H
#define STORE_ATTEMPT_SEARCH_H

#include "store/block_reader.h"
#include "store/row.h"

/* A delivery to look for. */
struct attempt_wanted {
    struct id event, subscription;
    uint64_t commit; /* of the event's block: no attempt of it is older */
    bool found;      /* results: */
    enum delivery_status status;
    struct attempts_place place; /* of the attempt */
    uint32_t index;              /* in the block */
};

struct attempt_search {
    unsigned home_shards;
    uint64_t work_max; /* what is not found by then is left unfound */
    uint64_t work;     /* result: records read, and what it cost to look up their blocks */
};

/* Looks for all of `wanted`: by the index, or of older events in the logs of their homes, then in
 * the others (a subscription may have had another home). `blocks`: of attempts, which may be at
 * hand. 0, or -errno. */
MUST_CHECK int attempt_search_run(struct attempt_search *search, struct db *db,
                                  struct block_reader *blocks, struct attempt_wanted *wanted,
                                  size_t count);

#endif
