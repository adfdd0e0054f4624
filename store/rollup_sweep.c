/* rollup_sweep.c - see rollup_sweep.h. */
#include "store/rollup_sweep.h"

#include "store/keys.h"

#include <errno.h>
#include <string.h>

enum { TENANTS_PER_STEP = 64, ROWS_PER_STEP = 1000 };

static const struct family stats = {.kind = FAMILY_STATS};

/* The part of a sum's key that all of the tenant have. */
static struct key prefix_of(const struct id *tenant)
{
    const struct rollup_place place = {.tenant = *tenant};
    struct key key = key_rollup(&place);
    key.size = 1 + sizeof *tenant;
    return key;
}

/* The tenant of the first sum in [from, below). 0, -ENOENT or -errno. */
static int first_tenant(struct db *db, const struct key *from, const struct key *below,
                        struct id *tenant)
{
    struct rollup_place place;
    struct cursor *cursor;
    int error = cursor_open(&cursor, db, stats, key_slice(from), key_slice(below));
    if (error)
        return error;
    if (!cursor_first(cursor))
        error = cursor_error(cursor) ? cursor_error(cursor) : -ENOENT;
    else if (!(error = key_parse_rollup(cursor_key(cursor), &place)))
        *tenant = place.tenant;
    cursor_close(cursor);
    return error;
}

/* Some of the tenant's; *count: how many. */
static int drop_some(struct db *db, const struct id *tenant, unsigned *count)
{
    struct key all = prefix_of(tenant), below = key_after(&all);
    struct cursor *cursor;
    struct batch *batch;
    int error = batch_open(&batch);
    if (error)
        return error;
    error = cursor_open(&cursor, db, stats, key_slice(&all), key_slice(&below));
    if (!error) {
        bool found = cursor_first(cursor);
        for (*count = 0; found && *count < ROWS_PER_STEP; ++*count) {
            batch_drop(batch, db, stats, cursor_key(cursor));
            found = cursor_next(cursor);
        }
        error = cursor_error(cursor);
        cursor_close(cursor);
    }
    if (!error && *count > 0)
        error = db_write(db, batch, false);
    batch_close(batch);
    return error;
}

int rollup_sweep_step(struct rollup_sweep *sweep, struct db *db,
                      bool (*knows)(void *context, const struct id *tenant), void *context)
{
    struct id first = {{0}}, last;
    memset(&last, 0xff, sizeof last);
    struct key end = prefix_of(&last), below = key_after(&end);
    for (unsigned i = 0; i < TENANTS_PER_STEP; i++) {
        struct key from = prefix_of(id_is_zero(&sweep->after) ? &first : &sweep->after);
        if (!id_is_zero(&sweep->after))
            from = key_after(&from);
        struct id tenant;
        int error = first_tenant(db, &from, &below, &tenant);
        sweep->is_over = error == -ENOENT;
        if (error)
            return sweep->is_over ? 0 : error;
        unsigned count = 0;
        if (!knows(context, &tenant))
            error = drop_some(db, &tenant, &count);
        if (error || count == ROWS_PER_STEP)
            return error; /* there may be more of it */
        sweep->after = tenant;
    }
    return 0;
}
