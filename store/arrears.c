/* arrears.c - see arrears.h. Both kinds of rows are in order of event, so the first open one of
 * each is its oldest. */
#include "store/arrears.h"

#include "store/row.h"

static void note_oldest(struct arrears *arrears, const struct id *event)
{
    if (id_is_zero(&arrears->oldest) || memcmp(event, &arrears->oldest, sizeof *event) < 0)
        arrears->oldest = *event;
}

static bool is_open(struct slice value)
{
    struct delivery_row row;
    return delivery_row_decode(value, &row) == 0 && row.status == DELIVERY_RETRYING;
}

static void look_at(struct cursor *cursor, enum row_kind kind, struct arrears *arrears)
{
    unsigned left = kind == ROW_PARKED ? 1 : ARREARS_ROWS_MAX;
    enum row_kind found;
    struct id subscription, event;
    for (bool more = cursor_first(cursor); more; more = cursor_next(cursor)) {
        if (left-- == 0) {
            arrears->is_at_least |= kind == ROW_DELIVERY;
            return;
        }
        if (key_parse_row(cursor_key(cursor), &found, &subscription, &event))
            continue;
        if (kind == ROW_DELIVERY && !is_open(cursor_value(cursor)))
            continue;
        arrears->retrying += kind == ROW_DELIVERY;
        note_oldest(arrears, &event);
    }
}

int arrears_read(struct db *db, unsigned shard, const struct id *subscription,
                 struct arrears *arrears)
{
    static const enum row_kind kinds[] = {ROW_PARKED, ROW_DELIVERY};
    *arrears = (struct arrears){0};
    for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct key all = key_row(kinds[i], subscription, NULL), below = key_after(&all);
        struct cursor *cursor;
        int error = cursor_open(&cursor, db, (struct family){FAMILY_QUEUE, shard}, key_slice(&all),
                                key_slice(&below));
        if (error)
            return error;
        look_at(cursor, kinds[i], arrears);
        error = cursor_error(cursor);
        cursor_close(cursor);
        if (error)
            return error;
    }
    return 0;
}
