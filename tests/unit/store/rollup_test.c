/* What an attempt adds to a rollup, and that one is read back as it was. */
#include "store/rollup.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>

enum { ACCEPTED_MS = 1000000 };

static struct rollup rollup;
static struct attempt_record attempt;

static void setup(void)
{
    attempt = (struct attempt_record){
        .event = id_pack(ACCEPTED_MS, 1, 2),
        .outcome = ATTEMPT_DELIVERED,
        .status_after = DELIVERY_DELIVERED,
        .number = 1,
        .at_ms = ACCEPTED_MS + 5,
        .duration_ms = 20,
    };
}

TestSuite(rollup, .init = setup);

Test(rollup, counts_a_delivery_at_the_first_attempt)
{
    rollup_add(&rollup, &attempt);
    cr_expect(eq(u64, rollup.outcomes[ATTEMPT_DELIVERED], 1));
    cr_expect(eq(u64, rollup.delivered, 1));
    cr_expect(eq(u64, rollup.delivered_at_once, 1));
    cr_expect(eq(u64, rollup.attempt_ms.max, 20));
    cr_expect(eq(u64, rollup.delivery_ms.max, 25));
    cr_expect(eq(u64, rollup_time_ms(&attempt), ACCEPTED_MS + 25));
}

Test(rollup, counts_a_failure_as_an_attempt_and_as_no_end)
{
    attempt.outcome = ATTEMPT_TIMEOUT;
    attempt.status_after = DELIVERY_RETRYING;
    rollup_add(&rollup, &attempt);
    cr_expect(eq(u64, rollup_attempts(&rollup), 1));
    cr_expect(eq(u64, rollup_failures(&rollup), 1));
    cr_expect(zero(u64, rollup.delivered + rollup.dead + rollup.delivery_ms.count));
}

Test(rollup, counts_the_last_failure_as_an_end)
{
    attempt.outcome = ATTEMPT_HTTP_ERROR;
    attempt.status_after = DELIVERY_DEAD;
    attempt.number = 9;
    rollup_add(&rollup, &attempt);
    cr_expect(eq(u64, rollup.dead, 1));
    cr_expect(eq(u64, rollup_failures(&rollup), 1));
}

Test(rollup, tells_a_later_success_from_one_at_once)
{
    attempt.number = 2;
    rollup_add(&rollup, &attempt);
    cr_expect(eq(u64, rollup.delivered, 1));
    cr_expect(zero(u64, rollup.delivered_at_once));
}

/* It was cut off here, which tells nothing of the receiver. */
Test(rollup, counts_a_cancelled_attempt_apart)
{
    attempt.outcome = ATTEMPT_CANCELLED;
    attempt.status_after = DELIVERY_PENDING;
    rollup_add(&rollup, &attempt);
    cr_expect(eq(u64, rollup.outcomes[ATTEMPT_CANCELLED], 1));
    cr_expect(zero(u64, rollup_attempts(&rollup) + rollup.attempt_ms.count));
}

Test(rollup, takes_a_clock_that_was_set_back_for_no_time_at_all)
{
    attempt.at_ms = 5;
    rollup_add(&rollup, &attempt);
    cr_expect(eq(u64, rollup.delivery_ms.count, 1));
    cr_expect(zero(u64, rollup.delivery_ms.max));
}

Test(rollup, is_read_back_as_it_was_and_not_if_a_byte_is_another)
{
    static char bytes[ROLLUP_SIZE_MAX];
    static struct rollup read;
    rollup_add(&rollup, &attempt);
    size_t size = rollup_encode(&rollup, bytes);
    cr_assert(zero(int, rollup_decode(slice_of(bytes, size), &read)));
    cr_expect(zero(int, memcmp(&read, &rollup, sizeof read)));
    for (size_t i = 0; i < size; i++) {
        bytes[i] ^= 4;
        cr_expect(eq(int, rollup_decode(slice_of(bytes, size), &read), -EBADMSG));
        bytes[i] ^= 4;
        cr_expect(eq(int, rollup_decode(slice_of(bytes, i), &read), -EBADMSG));
    }
}

Test(rollup, spans_begin_at_whole_multiples)
{
    uint64_t now_ms = UINT64_C(1700000012345);
    for (enum resolution each = RESOLUTION_10S; each <= RESOLUTION_1H; each++) {
        uint64_t start_ms = resolution_start_ms(each, now_ms);
        cr_expect(zero(u64, start_ms % resolution_span_ms(each)));
        cr_expect(le(u64, start_ms, now_ms));
        cr_expect(lt(u64, now_ms - start_ms, resolution_span_ms(each)));
    }
}
