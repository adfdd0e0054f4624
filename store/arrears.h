/* arrears.h - what is still open of a subscription's deliveries, as its rows tell. */
#ifndef STORE_ARREARS_H
#define STORE_ARREARS_H

#include "store/db.h"
#include "store/keys.h"

enum { ARREARS_ROWS_MAX = 2000 };

struct arrears {
    unsigned retrying; /* deliveries that failed and wait for another attempt */
    bool is_at_least;  /* there were more rows than are looked at */
    struct id oldest;  /* the first event with a delivery that is parked or retrying; zero: none */
};

/* Looks at the subscription's first ARREARS_ROWS_MAX rows. 0 or -errno. */
MUST_CHECK int arrears_read(struct db *db, unsigned shard, const struct id *subscription,
                            struct arrears *arrears);

#endif
