/* Rows: what was encoded comes back, what was changed is refused, earlier versions are read. */
#include "store/row.h"

#include "base/random.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>

static struct random chance;

static void setup(void)
{
    random_init(&chance, 20260731);
}

TestSuite(row, .init = setup);

static struct delivery_row any_row(void)
{
    struct delivery_row row = {
        .status = (enum delivery_status)(1 + random_below(&chance, DELIVERY_CANCELLED)),
        .last_outcome = (enum attempt_outcome)random_below(&chance, ATTEMPT_CANCELLED + 1),
        .last_http_status = (uint16_t)random_u64(&chance),
        .attempt_count = (uint32_t)random_u64(&chance),
        .attempts_before = (uint32_t)random_u64(&chance),
        .next_attempt_ms = random_u64(&chance),
        .updated_ms = random_u64(&chance),
        .block_count = (uint32_t)random_below(&chance, RECORD_ATTEMPTS_KEPT + 1),
    };
    for (uint32_t i = 0; i < row.block_count; i++)
        row.blocks[i] = random_u64(&chance);
    return row;
}

Test(row, of_a_delivery_comes_back)
{
    for (unsigned i = 0; i < 2000; i++) {
        struct delivery_row row = any_row(), read;
        char encoded[DELIVERY_ROW_SIZE_MAX];
        size_t size = delivery_row_encode(&row, encoded);
        cr_assert(le(sz, size, DELIVERY_ROW_SIZE_MAX));
        cr_assert(zero(int, delivery_row_decode(slice_of(encoded, size), &read)));
        cr_assert(eq(int, (int)read.status, (int)row.status));
        cr_assert(eq(int, (int)read.last_outcome, (int)row.last_outcome));
        cr_assert(eq(u32, read.last_http_status, row.last_http_status));
        cr_assert(eq(u32, read.attempt_count, row.attempt_count));
        cr_assert(eq(u32, read.attempts_before, row.attempts_before));
        cr_assert(eq(u64, read.next_attempt_ms, row.next_attempt_ms));
        cr_assert(eq(u64, read.updated_ms, row.updated_ms));
        cr_assert(eq(u32, read.block_count, row.block_count));
        cr_assert(zero(int, memcmp(read.blocks, row.blocks, 8 * row.block_count)));
    }
}

Test(row, is_refused_with_any_bit_turned)
{
    struct delivery_row row = any_row();
    char encoded[DELIVERY_ROW_SIZE_MAX];
    size_t size = delivery_row_encode(&row, encoded);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        encoded[bit / 8] ^= (char)(1 << bit % 8);
        cr_assert(eq(int, delivery_row_decode(slice_of(encoded, size), &row), -EBADMSG));
        encoded[bit / 8] ^= (char)(1 << bit % 8);
    }
    for (size_t cut = 0; cut < size; cut++)
        cr_assert(eq(int, delivery_row_decode(slice_of(encoded, cut), &row), -EBADMSG));

    struct wait_row wait = {.attempt_count = 7, .due_ms = UINT64_C(1) << 41}, read;
    char waiting[WAIT_ROW_SIZE];
    wait_row_encode(&wait, waiting);
    cr_assert(zero(int, wait_row_decode(slice_of(waiting, WAIT_ROW_SIZE), &read)));
    cr_assert(eq(u32, read.attempt_count, 7));
    cr_assert(eq(u64, read.due_ms, wait.due_ms));
    for (size_t bit = 0; bit < 8 * WAIT_ROW_SIZE; bit++) {
        waiting[bit / 8] ^= (char)(1 << bit % 8);
        cr_assert(eq(int, wait_row_decode(slice_of(waiting, WAIT_ROW_SIZE), &read), -EBADMSG));
        waiting[bit / 8] ^= (char)(1 << bit % 8);
    }
}

Test(row, of_a_wait_is_read_as_the_version_before_wrote_it)
{
    static const char old[] = {1, 7, 0, 0, 0, '\x8c', '\x11', '\x62', '\x6e'};
    struct wait_row read = {.due_ms = 1};
    cr_assert(zero(int, wait_row_decode(slice_of(old, sizeof old), &read)));
    cr_assert(eq(u32, read.attempt_count, 7));
    cr_assert(zero(u64, read.due_ms));
}

Test(row, keeps_the_place_of_an_attempt_wherever_its_row_goes)
{
    struct attempts_place plain = attempts_place(77, 3);
    cr_assert(eq(u32, plain.shard, 3));
    cr_assert(eq(u64, plain.block, 77));
    struct attempts_place kept = attempts_place(attempts_place_keep(plain), 5);
    cr_assert(eq(u32, kept.shard, 3));
    cr_assert(eq(u64, kept.block, 77));
}

Test(row, of_an_outage_comes_back_and_the_first_version_is_read)
{
    const struct outage_row row = {.since_ms = 1, .told_ms = UINT64_C(1) << 41, .recovered_ms = 3};
    struct outage_row read;
    char encoded[OUTAGE_ROW_SIZE];
    outage_row_encode(&row, encoded);
    cr_assert(zero(int, outage_row_decode(slice_of(encoded, sizeof encoded), &read)));
    cr_expect(eq(u64, read.since_ms, row.since_ms));
    cr_expect(eq(u64, read.told_ms, row.told_ms));
    cr_expect(eq(u64, read.recovered_ms, row.recovered_ms));
    for (size_t bit = 0; bit < 8 * sizeof encoded; bit++) {
        encoded[bit / 8] ^= (char)(1 << bit % 8);
        cr_assert(eq(int, outage_row_decode(slice_of(encoded, sizeof encoded), &read), -EBADMSG));
        encoded[bit / 8] ^= (char)(1 << bit % 8);
    }
    /* since_ms 0x0102030405060708, and its checksum */
    static const char first[] = "\x01\x08\x07\x06\x05\x04\x03\x02\x01\x78\xe9\x85\x2b";
    cr_assert(zero(int, outage_row_decode(slice_of(first, 13), &read)));
    cr_expect(eq(u64, read.since_ms, UINT64_C(0x0102030405060708)));
    cr_expect(zero(u64, read.told_ms));
}
