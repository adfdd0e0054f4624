/* trend.c - see trend.h. A span is one Get: a tenant's rows are in order of time, then of
 * subscription, so that those of now are together, which is where they are written. */
#include "store/trend.h"

#include "base/list.h"
#include "base/table.h"

#include <errno.h>
#include <stdlib.h>

static const struct family stats = {.kind = FAMILY_STATS};

struct trend_window trend_window(enum resolution resolution, uint64_t window_ms, uint64_t now_ms)
{
    uint64_t until_ms = resolution_start_ms(resolution, now_ms) + resolution_span_ms(resolution);
    return (struct trend_window){
        .resolution = resolution,
        .since_ms = until_ms > window_ms ? until_ms - window_ms : 0,
        .until_ms = until_ms,
    };
}

static struct rollup_place place_at(const struct trend_window *window, uint64_t start_ms)
{
    return (struct rollup_place){.tenant = window->tenant,
                                 .subscription = window->subscription,
                                 .resolution = window->resolution,
                                 .start_ms = start_ms};
}

static int read_span(struct db *db, const struct rollup_place *place, struct rollup *rollup)
{
    struct key key = key_rollup(place);
    struct db_value value;
    int error = db_get(db, stats, key_slice(&key), &value);
    *rollup = (struct rollup){0};
    if (error)
        return error == -ENOENT ? 0 : error;
    if (rollup_decode(value.bytes, rollup))
        *rollup = (struct rollup){0};
    db_value_give(&value);
    return 0;
}

int trend_read(struct db *db, const struct trend_window *window,
               void (*each)(void *context, uint64_t start_ms, const struct rollup *rollup),
               void *context, struct rollup *sum)
{
    uint64_t span_ms = resolution_span_ms(window->resolution);
    struct rollup rollup;
    *sum = (struct rollup){0};
    for (uint64_t at_ms = window->since_ms; at_ms < window->until_ms; at_ms += span_ms) {
        struct rollup_place place = place_at(window, at_ms);
        int error = read_span(db, &place, &rollup);
        if (error)
            return error;
        rollup_merge(sum, &rollup);
        if (each)
            each(context, at_ms, &rollup);
    }
    return 0;
}

/* ---- ranking ---- */

struct found {
    struct table_node node;
    struct trend_ranked ranked;
};

struct ranking {
    struct table table;
    struct found *found;
    unsigned count, rows;
    bool is_whole;
};

static struct trend_ranked *ranked_of(struct ranking *ranking, const struct id *subscription)
{
    uint64_t hash = id_hash(subscription);
    struct table_node *node = table_first(&ranking->table, hash);
    for (; node; node = table_next(node)) {
        struct found *found = container_of(node, struct found, node);
        if (id_equal(&found->ranked.subscription, subscription))
            return &found->ranked;
    }
    if (ranking->count == TREND_RANKED_MAX)
        return NULL;
    struct found *found = &ranking->found[ranking->count++];
    *found = (struct found){.ranked.subscription = *subscription};
    table_put(&ranking->table, &found->node, hash);
    return &found->ranked;
}

static void rank_row(struct ranking *ranking, struct slice key, struct slice value)
{
    struct rollup_place place;
    struct rollup rollup;
    if (key_parse_rollup(key, &place) || id_is_zero(&place.subscription) ||
        rollup_decode(value, &rollup))
        return;
    struct trend_ranked *ranked = ranked_of(ranking, &place.subscription);
    if (!ranked) {
        ranking->is_whole = false;
        return;
    }
    ranked->attempts += rollup_attempts(&rollup);
    ranked->failures += rollup_failures(&rollup);
    ranked->delivered += rollup.delivered;
    ranked->dead += rollup.dead;
}

/* All rows of one span, which begins at `start_ms`. */
static int rank_span(struct ranking *ranking, struct db *db, const struct trend_window *window,
                     uint64_t start_ms)
{
    struct rollup_place place = place_at(window, start_ms);
    place.subscription = (struct id){0};
    struct key from = key_rollup(&place);
    memset(&place.subscription, 0xff, sizeof place.subscription);
    struct key last = key_rollup(&place), below = key_after(&last);
    struct cursor *cursor;
    int error = cursor_open(&cursor, db, stats, key_slice(&from), key_slice(&below));
    if (error)
        return error;
    for (bool more = cursor_first(cursor); more; more = cursor_next(cursor)) {
        ranking->rows++;
        rank_row(ranking, cursor_key(cursor), cursor_value(cursor));
    }
    error = cursor_error(cursor);
    cursor_close(cursor);
    return error;
}

static int compare(const void *a, const void *b)
{
    const struct trend_ranked *x = a, *y = b;
    if (x->failures != y->failures)
        return x->failures > y->failures ? -1 : 1;
    return memcmp(&x->subscription, &y->subscription, sizeof x->subscription);
}

int trend_rank(struct db *db, const struct trend_window *window, struct trend_ranked *ranked,
               uint64_t *since_ms, bool *is_whole)
{
    struct ranking ranking = {.is_whole = true};
    ranking.found = malloc(TREND_RANKED_MAX * sizeof *ranking.found);
    int error = ranking.found ? table_open(&ranking.table, TREND_RANKED_MAX) : -ENOMEM;
    uint64_t at_ms = window->until_ms, span_ms = resolution_span_ms(window->resolution);
    while (!error && at_ms > window->since_ms && ranking.rows < TREND_ROWS_MAX) {
        at_ms -= span_ms;
        error = rank_span(&ranking, db, window, at_ms);
    }
    for (unsigned i = 0; i < ranking.count; i++)
        ranked[i] = ranking.found[i].ranked;
    qsort(ranked, ranking.count, sizeof *ranked, compare);
    *since_ms = at_ms;
    *is_whole = ranking.is_whole;
    table_close(&ranking.table);
    free(ranking.found);
    return error ? error : (int)ranking.count;
}
