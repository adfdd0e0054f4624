/* A quota and its leases: random shards, requests and delays of mail, against what is promised of
 * any window. Whatever is used is written down, and then every pair of moments is looked at. */
#include "quota.h"

#include "base/random.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

enum { SHARDS = 4, USES_MAX = 3000, RUNS = 40, SEED = 20, MS = 1000000 };

static const uint64_t second_ns = 1000000000;

/* Mail of one lease to the quota and back; one is out at a time. */
struct post {
    enum { NOWHERE, TO_QUOTA, TO_LEASE } where;
    uint64_t due_ns;
    struct quota_ask ask;
    struct quota_grant grant;
};

struct world {
    struct random random;
    uint64_t now_ns;
    struct throttle_rate rate;
    struct quota quota;
    struct lease leases[SHARDS]; /* that of 0, the home, is not used */
    struct post posts[SHARDS];
    unsigned wanted[SHARDS]; /* by who waits; 0: nobody does */
    unsigned use_count;
    struct use {
        uint64_t at_ns;
        unsigned count;
    } uses[USES_MAX];
    unsigned long long asked_for, refused;
};

static void begin(struct world *world, uint64_t seed, struct throttle_rate rate)
{
    *world = (struct world){.rate = rate, .now_ns = second_ns};
    random_init(&world->random, seed);
    cr_assert(eq(int, quota_open(&world->quota, SHARDS), 0));
    quota_change(&world->quota, rate, world->now_ns);
    for (unsigned i = 0; i < SHARDS; i++)
        lease_change(&world->leases[i], rate, world->now_ns);
}

static void use(struct world *world, unsigned count)
{
    cr_assert(lt(uint, world->use_count, USES_MAX));
    world->uses[world->use_count++] = (struct use){world->now_ns, count};
}

static void post(struct world *world, unsigned shard, struct quota_ask ask)
{
    struct post *out = &world->posts[shard];
    cr_assert(eq(int, (int)out->where, NOWHERE));
    *out = (struct post){
        TO_QUOTA, world->now_ns + random_below(&world->random, 5 * MS), ask, {0, {0}}};
}

static void deliver(struct world *world, unsigned shard)
{
    struct post *out = &world->posts[shard];
    struct lease *lease = &world->leases[shard];
    uint64_t wait_ns;
    if (out->where == TO_QUOTA) {
        out->grant = quota_answer(&world->quota, shard, &out->ask, world->now_ns);
        out->where = TO_LEASE;
        out->due_ns = world->now_ns + random_below(&world->random, 5 * MS);
        return;
    }
    out->where = NOWHERE;
    lease_granted(lease, &out->grant);
    if (world->wanted[shard]) {
        if (lease_take(lease, world->wanted[shard], world->now_ns, &wait_ns) == LEASE_TAKEN)
            use(world, world->wanted[shard]);
        else
            world->refused += world->wanted[shard];
        world->wanted[shard] = 0;
    }
}

static void deliver_due(struct world *world)
{
    for (unsigned i = 1; i < SHARDS; i++)
        if (world->posts[i].where != NOWHERE && world->posts[i].due_ns <= world->now_ns)
            deliver(world, i);
}

static void take(struct world *world, unsigned shard, unsigned count)
{
    struct lease *lease = &world->leases[shard];
    uint64_t wait_ns;
    world->asked_for += count;
    if (shard == 0) {
        if (quota_take(&world->quota, count, world->now_ns) == 0)
            use(world, count);
        return;
    }
    switch (lease_take(lease, count, world->now_ns, &wait_ns)) {
    case LEASE_TAKEN:
        if (random_below(&world->random, 10) == 0)
            lease_give(lease, count); /* the body was wrong */
        else
            use(world, count);
        break;
    case LEASE_SHORT:
        if (world->posts[shard].where == NOWHERE) {
            struct quota_ask ask = lease_ask(lease);
            world->wanted[shard] = count;
            ask.first = ask.need = count - lease->held;
            post(world, shard, ask);
        }
        break;
    case LEASE_REFUSED:
        cr_assert(lt(u64, 0, wait_ns));
        world->refused += count;
    }
}

static void settle(struct world *world, unsigned shard)
{
    struct quota_ask ask;
    if (shard == 0 || world->posts[shard].where != NOWHERE)
        return;
    if (lease_settle(&world->leases[shard], random_below(&world->random, 2), &ask))
        post(world, shard, ask);
}

/* The promise, for every stretch from one use to another. */
static void check_windows(const struct world *world)
{
    for (unsigned i = 0; i < world->use_count; i++) {
        double sum = 0;
        for (unsigned j = i; j < world->use_count; j++) {
            double seconds = (double)(world->uses[j].at_ns - world->uses[i].at_ns) / 1e9;
            sum += world->uses[j].count;
            cr_assert(sum <= world->rate.burst + world->rate.per_second * seconds + 1e-6,
                      "%.0f events in %.6f s", sum, seconds);
        }
    }
}

static struct throttle_rate draw_rate(struct random *random)
{
    static const double rates[] = {0.5, 3, 10, 100, 1000, 7777};
    struct throttle_rate rate = {.per_second = rates[random_below(random, 6)]};
    rate.burst = 1 + (unsigned)random_below(random, random_below(random, 2) ? 10 : 500);
    return rate;
}

/* Storms, trickles and silence by turns. */
static void live(struct world *world)
{
    uint64_t pace_ns = MS;
    while (world->use_count < USES_MAX - SHARDS && world->now_ns < 400 * second_ns) {
        if (random_below(&world->random, 200) == 0)
            pace_ns =
                (uint64_t[]){MS / 20, MS, 50 * MS, 3 * second_ns}[random_below(&world->random, 4)];
        world->now_ns += random_below(&world->random, pace_ns);
        deliver_due(world);
        unsigned shard = (unsigned)random_below(&world->random, SHARDS);
        if (random_below(&world->random, 20) == 0)
            settle(world, shard);
        else
            take(world, shard,
                 1 + (unsigned)random_below(
                         &world->random, random_below(&world->random, 3) ? 1 : world->rate.burst));
    }
}

Test(quota, is_never_exceeded_in_any_window_by_all_shards_together)
{
    struct world *world = malloc(sizeof *world);
    struct random random;
    random_init(&random, SEED);
    cr_log_info("seed %d", SEED);
    for (unsigned run = 0; run < RUNS; run++) {
        struct throttle_rate rate = draw_rate(&random);
        begin(world, random_below(&random, UINT64_MAX), rate);
        live(world);
        check_windows(world);
        cr_assert(lt(uint, 50, world->use_count), "it lets something through");
        quota_close(&world->quota);
    }
    free(world);
}

/* All tokens are somewhere: when every lease has been given back, the whole burst is there. */
Test(quota, has_all_of_its_burst_again_when_everything_was_given_back)
{
    struct world *world = malloc(sizeof *world);
    struct random random;
    random_init(&random, SEED + 1);
    for (unsigned run = 0; run < RUNS; run++) {
        begin(world, random_below(&random, UINT64_MAX), draw_rate(&random));
        live(world);
        for (unsigned round = 0; round < 3; round++) {
            for (unsigned i = 1; i < SHARDS; i++) {
                struct quota_ask ask;
                while (world->posts[i].where != NOWHERE)
                    deliver(world, i);
                if (lease_settle(&world->leases[i], true, &ask))
                    post(world, i, ask);
            }
        }
        world->now_ns += 2000 * second_ns;
        cr_assert(eq(uint, world->quota.out, 0));
        cr_assert(eq(u64, quota_take(&world->quota, world->rate.burst, world->now_ns), 0));
        cr_assert(lt(u64, 0, quota_take(&world->quota, 1, world->now_ns)));
        quota_close(&world->quota);
    }
    free(world);
}

Test(quota, gives_the_whole_rate_to_one_shard_that_wants_it)
{
    struct world *world = malloc(sizeof *world);
    begin(world, SEED, (struct throttle_rate){.per_second = 1000, .burst = 100});
    uint64_t end_ns = world->now_ns + 2 * second_ns;
    while (world->now_ns < end_ns) {
        world->now_ns += MS / 4;
        deliver_due(world);
        take(world, 1, 1);
    }
    cr_assert(lt(uint, 1700, world->use_count),
              "of 2100: one in ten is put back, and mail is slow");
    quota_close(&world->quota);
    free(world);
}

Test(quota, grants_what_there_is_if_that_is_enough_for_the_first)
{
    const struct throttle_rate rate = {.per_second = 1, .burst = 10};
    struct quota quota;
    cr_assert(eq(int, quota_open(&quota, SHARDS), 0));
    quota_change(&quota, rate, second_ns);
    struct quota_grant grant =
        quota_answer(&quota, 1, &(struct quota_ask){.first = 3, .need = 12}, second_ns);
    cr_assert(eq(uint, grant.count, 10));
    grant = quota_answer(&quota, 1, &(struct quota_ask){.returned = 2, .first = 3, .need = 3},
                         second_ns);
    cr_assert(eq(uint, grant.count, 0));
    cr_assert(eq(u64, throttle_wait_ns(&grant.view, 3, second_ns), second_ns), "one more");
    quota_close(&quota);
}

Test(quota, that_is_low_leases_no_more_than_is_needed)
{
    struct quota quota;
    cr_assert(eq(int, quota_open(&quota, SHARDS), 0));
    quota_change(&quota, (struct throttle_rate){.per_second = 5, .burst = 5}, second_ns);
    const struct quota_ask ask = {.first = 1, .need = 1};
    for (unsigned i = 0; i < 5; i++)
        cr_assert(eq(uint, quota_answer(&quota, i % SHARDS, &ask, second_ns).count, 1));
    cr_assert(eq(uint, quota_answer(&quota, 1, &ask, second_ns).count, 0));
    quota_close(&quota);
}

Test(quota, survives_words_of_tokens_it_never_gave)
{
    struct quota quota;
    cr_assert(eq(int, quota_open(&quota, SHARDS), 0));
    quota_change(&quota, (struct throttle_rate){.per_second = 5, .burst = 5}, second_ns);
    const struct quota_ask ask = {.used = 100, .returned = 100, .first = 6, .need = 6};
    cr_assert(eq(uint, quota_answer(&quota, 1, &ask, second_ns).count, 0));
    cr_assert(eq(uint, quota.out, 0));
    cr_assert(eq(u64, quota_take(&quota, 5, second_ns), 0));
    cr_assert(lt(u64, 0, quota_take(&quota, 1, second_ns)));
    quota_close(&quota);
}
