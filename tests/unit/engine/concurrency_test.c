/* The limit of attempts at a time: its rules, one by one; receivers that it has to find the measure
 * of; and its rules again, over a random history. */
#include "concurrency.h"

#include "base/random.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <limits.h>
#include <signal.h>

#define MS UINT64_C(1000000)

static struct concurrency gauge;
static uint64_t now_ns, seed;

static void set(unsigned max, bool adaptive)
{
    concurrency_init(&gauge, (struct concurrency_settings){max, adaptive});
}

static void start(void)
{
    now_ns = 1000 * MS;
    set(64, true);
}

TestSuite(concurrency, .init = start);

/* `count` attempts, one after another, with the limit fully in use. */
static void answers(unsigned count, uint64_t response_ns)
{
    while (count-- > 0) {
        now_ns += response_ns;
        concurrency_end(&gauge, CONCURRENCY_SUCCESS, now_ns - response_ns, now_ns, gauge.limit);
    }
}

static void trouble(void)
{
    now_ns += MS;
    concurrency_end(&gauge, CONCURRENCY_TROUBLE, now_ns - MS, now_ns, gauge.limit);
}

Test(concurrency, begins_with_a_few_and_never_above_its_maximum)
{
    cr_assert(eq(u32, gauge.limit, CONCURRENCY_START));
    set(3, true);
    cr_assert(eq(u32, gauge.limit, 3));
    answers(100, MS);
    cr_assert(eq(u32, gauge.limit, 3));
}

Test(concurrency, is_the_maximum_if_it_does_not_adapt)
{
    set(40, false);
    cr_assert(eq(u32, gauge.limit, 40));
    trouble();
    answers(100, MS);
    trouble();
    cr_assert(eq(u32, gauge.limit, 40));
}

Test(concurrency, needs_a_maximum, .signal = SIGABRT)
{
    set(0, true);
}

Test(concurrency, grows_with_each_success_until_there_is_trouble)
{
    answers(64 - CONCURRENCY_START, MS);
    cr_assert(eq(u32, gauge.limit, 64));
    trouble();
    cr_assert(eq(u32, gauge.limit, 44));
    answers(43, MS);
    cr_assert(eq(u32, gauge.limit, 44));
    answers(1, MS);
    cr_assert(eq(u32, gauge.limit, 45));
    answers(45 + 46, MS);
    cr_assert(eq(u32, gauge.limit, 47));
}

Test(concurrency, grows_only_while_half_of_it_is_in_use)
{
    for (unsigned i = 0; i < 100; i++)
        concurrency_end(&gauge, CONCURRENCY_SUCCESS, now_ns, now_ns + MS, gauge.limit / 2 - 1);
    cr_assert(eq(u32, gauge.limit, CONCURRENCY_START));
    concurrency_end(&gauge, CONCURRENCY_SUCCESS, now_ns, now_ns + MS, gauge.limit / 2);
    cr_assert(eq(u32, gauge.limit, CONCURRENCY_START + 1));
    concurrency_end(&gauge, CONCURRENCY_SUCCESS, now_ns, now_ns + MS, 1U << 31);
    cr_assert(eq(u32, gauge.limit, CONCURRENCY_START + 2));
}

Test(concurrency, is_not_moved_by_what_tells_nothing)
{
    for (unsigned i = 0; i < 100; i++)
        concurrency_end(&gauge, CONCURRENCY_NEUTRAL, now_ns, now_ns + 60000 * MS, gauge.limit);
    cr_assert(eq(u32, gauge.limit, CONCURRENCY_START));
    cr_assert(eq(u32, gauge.samples, 0));
}

Test(concurrency, goes_down_once_a_round_trip)
{
    uint64_t begun_ns = now_ns;
    answers(56, MS);
    for (unsigned i = 0; i < 64; i++)
        concurrency_end(&gauge, CONCURRENCY_TROUBLE, begun_ns, now_ns + i, 64);
    cr_assert(eq(u32, gauge.limit, 44));
    concurrency_end(&gauge, CONCURRENCY_TROUBLE, now_ns, now_ns + 100, 44);
    cr_assert(eq(u32, gauge.limit, 30), "what began after it went down counts");
}

Test(concurrency, goes_down_to_one_and_comes_back)
{
    static const unsigned expected[] = {5, 3, 2, 1, 1, 1};
    for (unsigned i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        trouble();
        cr_assert(eq(u32, gauge.limit, expected[i]));
    }
    answers(1 + 2 + 3, MS);
    cr_assert(eq(u32, gauge.limit, 4));
}

Test(concurrency, keeps_what_it_found_out_when_settings_change)
{
    trouble();
    answers(5, MS);
    cr_assert(eq(u32, gauge.limit, 6));
    concurrency_change(&gauge, (struct concurrency_settings){1000, true});
    cr_assert(eq(u32, gauge.limit, 6));
    concurrency_change(&gauge, (struct concurrency_settings){4, true});
    cr_assert(eq(u32, gauge.limit, 4));
    concurrency_change(&gauge, (struct concurrency_settings){9, false});
    cr_assert(eq(u32, gauge.limit, 9));
}

/* ---- response times ---- */

Test(concurrency, goes_down_when_responses_get_far_slower)
{
    answers(300, 100 * MS);
    cr_assert(eq(u32, gauge.limit, 64));
    answers(40, 700 * MS);
    cr_assert(lt(u32, gauge.limit, 40));
    answers(100, 700 * MS);
    cr_assert(eq(u32, gauge.limit, CONCURRENCY_START), "being slow alone is not worse than that");
}

Test(concurrency, gets_used_to_a_receiver_that_stays_slower)
{
    answers(300, 100 * MS);
    answers(6000, 700 * MS);
    cr_assert(eq(u32, gauge.limit, 64));
}

Test(concurrency, does_not_mind_a_slow_one_among_many)
{
    for (unsigned i = 0; i < 100; i++) {
        answers(30, 100 * MS);
        answers(1, 15000 * MS);
    }
    cr_assert(eq(u32, gauge.limit, 64));
}

Test(concurrency, does_not_mind_times_that_differ_by_as_much_as_handlers_do)
{
    struct random chance;
    random_init(&chance, 1);
    for (unsigned i = 0; i < 20000; i++)
        answers(1, (50 + random_below(&chance, 450)) * MS);
    cr_assert(eq(u32, gauge.limit, 64));
}

Test(concurrency, does_not_mind_what_is_quick_being_less_quick)
{
    answers(300, MS / 10);
    answers(300, 200 * MS);
    cr_assert(eq(u32, gauge.limit, 64));
}

Test(concurrency, notices_when_what_was_quick_hardly_moves)
{
    answers(300, MS / 10);
    answers(10, 10000 * MS);
    cr_assert(lt(u32, gauge.limit, 64));
}

Test(concurrency, is_not_misled_by_a_slow_start)
{
    answers(1, 9000 * MS);
    answers(299, 30 * MS);
    cr_assert(eq(u32, gauge.limit, 64));
    answers(20, 700 * MS);
    cr_assert(lt(u32, gauge.limit, 64));
}

Test(concurrency, takes_a_receiver_as_it_is_from_the_first)
{
    answers(300, 3000 * MS);
    cr_assert(eq(u32, gauge.limit, 64));
}

Test(concurrency, does_not_go_down_for_a_response_that_is_as_usual)
{
    set(1024, true);
    answers(600, 100 * MS);
    answers(12, 700 * MS);
    unsigned lower = gauge.limit;
    cr_assert(lower > CONCURRENCY_START && lower < 300);
    answers(1, 100 * MS);
    cr_assert(eq(u32, gauge.limit, lower));
}

Test(concurrency, takes_a_clock_that_went_back_for_no_time_at_all)
{
    for (unsigned i = 0; i < 100; i++)
        concurrency_end(&gauge, CONCURRENCY_SUCCESS, now_ns, now_ns - 1, gauge.limit);
    cr_assert(ieee_ulp_eq(dbl, gauge.recent_ns, 0, 0));
}

Test(concurrency, takes_any_time_there_is)
{
    static const uint64_t times[] = {0, 1, UINT64_MAX / 2, UINT64_MAX};
    for (unsigned i = 0; i < 4000; i++) {
        uint64_t begun_ns = times[i % 4], ended_ns = times[i / 4 % 4];
        concurrency_end(&gauge, i % 7 ? CONCURRENCY_SUCCESS : CONCURRENCY_TROUBLE, begun_ns,
                        ended_ns, i % 3 ? gauge.limit : UINT_MAX);
        cr_assert(gauge.limit >= 1 && gauge.limit <= 64);
        cr_assert(gauge.usual_ns >= 0 && gauge.recent_ns >= 0, "neither is NaN");
    }
}

/* ---- receivers ---- */

/* One that serves `room` at a time, each for `service_ns`; what comes on top is refused, or waits
 * for its turn. */
struct receiver {
    unsigned room;
    uint64_t service_ns;
    bool refuses;
};

/* Sends as many as the limit lets, a round trip at a time; returns the mean limit of the last half
 * of the rounds. */
static double find_measure(const struct receiver *receiver, unsigned rounds)
{
    double sum = 0;
    for (unsigned round = 0; round < rounds; round++) {
        unsigned sent = gauge.limit;
        uint64_t begun_ns = now_ns;
        for (unsigned i = 0; i < sent; i++) {
            bool is_refused = receiver->refuses && i >= receiver->room;
            uint64_t turn = is_refused ? 0 : i / receiver->room;
            now_ns = begun_ns + (turn + 1) * receiver->service_ns;
            concurrency_end(&gauge, is_refused ? CONCURRENCY_TROUBLE : CONCURRENCY_SUCCESS,
                            begun_ns, now_ns, sent);
        }
        now_ns++;
        if (round >= rounds / 2)
            sum += sent;
    }
    return sum / (rounds - rounds / 2);
}

Test(concurrency, finds_how_many_a_receiver_takes)
{
    for (unsigned room = 1; room <= 200; room += 1 + room / 3) {
        struct receiver receiver = {room, 20 * MS, true};
        set(1024, true);
        double mean = find_measure(&receiver, 2000);
        cr_assert(mean >= 0.7 * room && mean <= room + 1, "%g for %u", mean, room);
    }
}

Test(concurrency, does_not_pile_up_at_a_receiver_that_queues)
{
    struct receiver receiver = {.room = 10, .service_ns = 200 * MS};
    set(1024, true);
    find_measure(&receiver, 20);
    cr_assert(lt(u32, gauge.limit, 200), "where 1024 would wait for 20 s");
}

Test(concurrency, reaches_its_maximum_in_a_few_round_trips)
{
    struct receiver receiver = {.room = 1000000, .service_ns = MS};
    set(1024, true);
    find_measure(&receiver, 7);
    cr_assert(eq(u32, gauge.limit, 1024), "8 doubles seven times");
}

/* ---- a random history ---- */

enum { SEED = 29, ROUNDS = 100, STEPS = 3000, ATTEMPTS = 64 };

static void draw_end(struct random *chance, uint64_t begun_ns, uint64_t *cut_ns, unsigned *used)
{
    struct concurrency before = gauge;
    enum concurrency_result result =
        random_below(chance, 40) ? CONCURRENCY_SUCCESS : CONCURRENCY_TROUBLE;
    unsigned in_flight = 1 + (unsigned)random_below(chance, before.limit + 4);
    concurrency_end(&gauge, result, begun_ns, now_ns, in_flight);
    *used += result == CONCURRENCY_SUCCESS && 2 * in_flight >= before.limit;

    bool may_cut = result == CONCURRENCY_TROUBLE && begun_ns >= *cut_ns && before.limit > 1;
    bool may_grow = result == CONCURRENCY_SUCCESS && 2 * in_flight >= before.limit &&
                    before.limit < before.max && (*cut_ns == 0 || *used >= before.limit);
    unsigned expected = before.limit;
    if (may_cut)
        expected = before.limit * 7 / 10 ? before.limit * 7 / 10 : 1;
    else if (may_grow)
        expected = before.limit + 1;
    cr_assert(gauge.limit == expected, "seed %llu: from %u to %u instead of %u",
              (unsigned long long)seed, before.limit, gauge.limit, expected);
    if (may_cut)
        *cut_ns = now_ns;
    if (may_cut || may_grow || before.limit == before.max)
        *used = 0;
}

Test(concurrency, keeps_its_rules_over_a_random_history)
{
    for (seed = SEED; seed < SEED + ROUNDS; seed++) {
        struct random chance;
        uint64_t begun_ns[ATTEMPTS], cut_ns = 0;
        unsigned used = 0;
        random_init(&chance, seed);
        set(1 + (unsigned)random_below(&chance, 200), true);
        for (unsigned i = 0; i < ATTEMPTS; i++)
            begun_ns[i] = now_ns;
        for (unsigned step = 0; step < STEPS; step++) {
            unsigned i = (unsigned)random_below(&chance, ATTEMPTS);
            now_ns += random_below(&chance, 2) * random_below(&chance, MS / 4);
            draw_end(&chance, begun_ns[i], &cut_ns, &used);
            begun_ns[i] = now_ns;
        }
    }
    cr_log_info("seeds %d to %d", SEED, SEED + ROUNDS - 1);
}
