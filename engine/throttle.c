/* throttle.c - see throttle.h. Sums are in parts of 2^-24 ns and have 128 bits: moments have 88,
 * what a burst costs has 96. */
#include "throttle.h"

#include "base/must.h"

#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdbool.h>

enum { PART_BITS = 24 };

#define SECOND_PARTS (UINT64_C(1000000000) << PART_BITS)

__extension__ typedef unsigned __int128 u128;

static u128 parts_of(uint64_t ns)
{
    return (u128)ns << PART_BITS;
}

/* The shortest interval of whole parts that is not faster than the rate. The rate is a fraction of
 * whole numbers, and divided as such, so nothing is lost to rounding. */
static uint64_t interval_of(double per_second)
{
    int exponent;
    if (per_second == 0)
        return 0;
    must(per_second >= THROTTLE_SLOWEST && per_second <= THROTTLE_FASTEST);
    uint64_t over = (uint64_t)ldexp(frexp(per_second, &exponent), DBL_MANT_DIG);
    u128 under = (u128)SECOND_PARTS << (DBL_MANT_DIG - exponent);
    return (uint64_t)((under + over - 1) / over);
}

/* How far ahead of now the moment lies at which all is paid for. */
static u128 debt(const struct throttle *throttle, uint64_t now_ns)
{
    u128 paid = parts_of(throttle->paid_ns) + throttle->paid_part;
    u128 now = parts_of(now_ns);
    return paid > now ? paid - now : 0;
}

/* What is given has to be paid for before the clock ends. */
static bool is_beyond_clock(u128 debt, uint64_t now_ns)
{
    return (parts_of(now_ns) + debt) >> PART_BITS > UINT64_MAX;
}

static void set_debt(struct throttle *throttle, u128 debt, uint64_t now_ns)
{
    u128 paid = is_beyond_clock(debt, now_ns) ? parts_of(UINT64_MAX) : parts_of(now_ns) + debt;
    throttle->paid_ns = (uint64_t)(paid >> PART_BITS);
    throttle->paid_part = (uint32_t)(paid & ((1 << PART_BITS) - 1));
}

static void set_rate(struct throttle *throttle, struct throttle_rate rate)
{
    throttle->interval = interval_of(rate.per_second);
    throttle->burst = rate.burst;
    must(!throttle->interval || throttle->burst > 0);
}

void throttle_init(struct throttle *throttle, struct throttle_rate rate)
{
    *throttle = (struct throttle){0};
    set_rate(throttle, rate);
}

static u128 cost_of_burst(const struct throttle *throttle)
{
    return (u128)throttle->interval * throttle->burst;
}

void throttle_change(struct throttle *throttle, struct throttle_rate rate, uint64_t now_ns)
{
    uint64_t before = throttle->interval;
    u128 owed = debt(throttle, now_ns);
    set_rate(throttle, rate);
    if (before != throttle->interval)
        owed =
            (u128)ceil((double)owed / (double)(before ? before : 1) * (double)throttle->interval);
    if (owed > cost_of_burst(throttle))
        owed = cost_of_burst(throttle);
    set_debt(throttle, owed, now_ns);
}

/* What would be owed with `count` tokens more, and how long to wait for them. */
static uint64_t weigh(const struct throttle *throttle, unsigned count, uint64_t now_ns, u128 *owed)
{
    u128 most = cost_of_burst(throttle);
    *owed = debt(throttle, now_ns) + (u128)throttle->interval * count;
    if (count > throttle->burst)
        return THROTTLE_NEVER;
    if (*owed <= most)
        return is_beyond_clock(*owed, now_ns) ? THROTTLE_NEVER : 0;
    u128 wait_ns = (*owed - most + (1 << PART_BITS) - 1) >> PART_BITS;
    return wait_ns < THROTTLE_NEVER ? (uint64_t)wait_ns : THROTTLE_NEVER;
}

uint64_t throttle_wait_ns(const struct throttle *throttle, unsigned count, uint64_t now_ns)
{
    u128 owed;
    return throttle->interval ? weigh(throttle, count, now_ns, &owed) : 0;
}

uint64_t throttle_take(struct throttle *throttle, unsigned count, uint64_t now_ns)
{
    u128 owed;
    if (!throttle->interval)
        return 0;
    uint64_t wait_ns = weigh(throttle, count, now_ns, &owed);
    if (wait_ns == 0)
        set_debt(throttle, owed, now_ns);
    return wait_ns;
}

void throttle_give(struct throttle *throttle, unsigned count, uint64_t now_ns)
{
    u128 owed = debt(throttle, now_ns), back = (u128)throttle->interval * count;
    set_debt(throttle, owed > back ? owed - back : 0, now_ns);
}

void throttle_hold(struct throttle *throttle, unsigned count, uint64_t now_ns)
{
    u128 held = (u128)throttle->interval * count;
    if (debt(throttle, now_ns) < held)
        set_debt(throttle, held, now_ns);
}

double throttle_per_second(const struct throttle *throttle)
{
    return throttle->interval ? (double)SECOND_PARTS / (double)throttle->interval : 0;
}

unsigned throttle_left(const struct throttle *throttle, uint64_t now_ns)
{
    if (!throttle->interval)
        return UINT_MAX;
    u128 most = cost_of_burst(throttle), owed = debt(throttle, now_ns);
    return owed < most ? (unsigned)((most - owed) / throttle->interval) : 0;
}
