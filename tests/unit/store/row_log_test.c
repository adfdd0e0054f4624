/* Row logs: entries come back in order, a drop is not an empty put, and nothing is stored that does
 * not fit. */
#include "store/row_log.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <signal.h>

static char memory[256];
static struct row_log row_log;

static void setup(void)
{
    row_log_init(&row_log, memory, sizeof memory);
}

TestSuite(row_log, .init = setup);

Test(row_log, gives_back_its_entries_in_order)
{
    struct key one = key_block(1), two = key_block(2), three = key_block(3);
    cr_assert(row_log_put(&row_log, &one, SLICE("value")));
    cr_assert(row_log_drop(&row_log, &two));
    cr_assert(row_log_put(&row_log, &three, slice_of(NULL, 0)));
    cr_assert(eq(u32, row_log.count, 3));

    struct slice rest = slice_of(row_log.at, row_log.size), key, value;
    cr_assert(row_log_next(&rest, &key, &value));
    cr_assert(slice_equal(key, key_slice(&one)));
    cr_assert(slice_equal(value, SLICE("value")));
    cr_assert(row_log_next(&rest, &key, &value));
    cr_assert(slice_equal(key, key_slice(&two)));
    cr_assert(value.at == NULL);
    cr_assert(row_log_next(&rest, &key, &value));
    cr_assert(slice_equal(key, key_slice(&three)));
    cr_assert(value.at != NULL);
    cr_assert(not(row_log_next(&rest, &key, &value)));
}

Test(row_log, stores_nothing_that_does_not_fit)
{
    struct key key = key_block(1);
    while (row_log_put(&row_log, &key, SLICE("twenty bytes of value")))
        continue;
    struct row_log before = row_log;
    cr_assert(not(row_log_put(&row_log, &key, SLICE("twenty bytes of value"))));
    cr_assert(eq(sz, row_log.size, before.size));
    cr_assert(eq(u32, row_log.count, before.count));
}

Test(row_log, refuses_a_value_that_no_row_has, .signal = SIGABRT)
{
    static char large[ROW_LOG_ENTRY_MAX];
    struct key key = key_block(1);
    (void)!row_log_put(&row_log, &key, slice_of(large, sizeof large));
}
