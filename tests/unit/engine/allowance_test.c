/* What one shard knows of a tenant's limit: two shards, whose mail the test carries by hand. One
 * file is replaced: who takes a request in that has waited. */
#include "allowance.h"

#include "shard.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

enum { SHARDS = 2, ARENA = 1 << 20, RESUMED_MAX = 16 };

static struct crew crew;
static struct shard shards[SHARDS];
static struct shard *home, *away;
static struct tenant tenant;

/* ---- in place of ingest.c ---- */

static struct {
    char body[16];
    struct shard *shard;
    enum lease_result result;
    bool is_limited;
} resumed[RESUMED_MAX];
static unsigned resumed_count;

void ingest_resume(struct shard *shard, const struct requester *requester,
                   const struct http_request *request)
{
    struct allowance *allowance = allowance_find(shard, &tenant.id);
    uint64_t wait_ns;
    (void)requester;
    cr_assert(lt(uint, resumed_count, RESUMED_MAX));
    memcpy(resumed[resumed_count].body, request->body.at, request->body.size);
    resumed[resumed_count].shard = shard;
    resumed[resumed_count].is_limited = allowance != NULL;
    if (allowance)
        resumed[resumed_count].result =
            allowance_take(allowance, (unsigned)atoi(request->body.at), &wait_ns);
    resumed_count++;
}

/* ---- the stage ---- */

static struct tenant limit(double per_second, unsigned burst)
{
    struct tenant made = tenant;
    made.ingest = (struct throttle_rate){per_second, burst};
    return made;
}

static void tell(const struct tenant *before, const struct tenant *after)
{
    for (unsigned i = 0; i < SHARDS; i++)
        allowance_change(&shards[i], before, after);
}

static void open_all(void)
{
    crew_init(&crew, SHARDS);
    for (unsigned i = 0; i < SHARDS; i++) {
        shards[i].number = i;
        shards[i].crew = &crew;
        wheel_init(&shards[i].wheel, 1000);
        cr_assert(zero(int, buddy_open(&shards[i].memory, ARENA)));
        cr_assert(zero(int, allowances_open(&shards[i])));
    }
    tenant.id.bytes[0] = 7;
    home = &shards[keys_home(&tenant.id, SHARDS)];
    away = &shards[!home->number];
}

static void close_all(void)
{
    for (unsigned i = 0; i < SHARDS; i++) {
        cr_assert(eq(sz, shards[i].memory.used, 0), "no request is left behind");
        allowances_close(&shards[i]);
        buddy_close(&shards[i].memory);
    }
}

TestSuite(allowance, .init = open_all, .fini = close_all);

/* Delivers one mail of a shard; false: there was none. */
static bool carry(struct shard *to)
{
    struct mail *mail = mailbox_take(&crew.members[to->number].mailbox);
    if (mail)
        allowance_mail(to, (struct mail_lease *)mail);
    return mail;
}

static void carry_all(void)
{
    while (carry(home) || carry(away))
        ;
}

static enum lease_result take(struct shard *shard, unsigned count)
{
    uint64_t wait_ns;
    return allowance_take(allowance_find(shard, &tenant.id), count, &wait_ns);
}

/* A request for `count` events, which its body says; what it is made of does not outlive the call.
 */
static void request(struct shard *shard, const char *count)
{
    char body[8 + LOOP_SLACK] = {0};
    struct http_head head = {.method = SLICE("POST")};
    struct http_request made = {.head = &head, .body = slice_of(body, strlen(count))};
    const struct requester nobody = {.mail = NULL};
    memcpy(body, count, strlen(count));
    cr_assert(eq(int, (int)take(shard, (unsigned)atoi(count)), LEASE_SHORT));
    cr_assert(
        allowance_wait(allowance_find(shard, &tenant.id), &nobody, &made, (unsigned)atoi(count)));
    memset(body, 'x', sizeof body);
}

static void pass_ms(struct shard *shard, uint64_t ms)
{
    wheel_advance(&shard->wheel, shard->wheel.now_ms + ms);
}

/* ---- tests ---- */

Test(allowance, is_there_for_a_tenant_with_a_limit_alone)
{
    struct tenant limited = limit(10, 10);
    tell(NULL, &tenant);
    cr_assert(eq(ptr, allowance_find(away, &tenant.id), NULL));
    tell(&tenant, &limited);
    cr_assert(ne(ptr, allowance_find(away, &tenant.id), NULL));
    tell(&limited, &tenant);
    cr_assert(eq(ptr, allowance_find(away, &tenant.id), NULL));
    tell(&tenant, &limited);
    tell(&limited, NULL);
    cr_assert(eq(ptr, allowance_find(home, &tenant.id), NULL));
}

Test(allowance, is_taken_at_home_without_a_word)
{
    struct tenant limited = limit(0.01, 3);
    tell(NULL, &limited);
    for (unsigned i = 0; i < 3; i++)
        cr_assert(eq(int, (int)take(home, 1), LEASE_TAKEN));
    cr_assert(eq(int, (int)take(home, 1), LEASE_REFUSED));
    allowance_give(allowance_find(home, &tenant.id), 1);
    cr_assert(eq(int, (int)take(home, 1), LEASE_TAKEN));
    cr_assert(not(carry(away)));
    cr_assert(eq(u64, home->metrics.lease_asks, 0));
}

Test(allowance, lets_a_request_wait_one_mail_there_and_back)
{
    struct tenant limited = limit(0.01, 3);
    tell(NULL, &limited);
    request(away, "2");
    request(away, "1");
    cr_assert(eq(uint, resumed_count, 0));
    cr_assert(carry(home));
    cr_assert(carry(away));
    cr_assert(eq(uint, resumed_count, 1), "the second came when the mail was out");
    cr_assert_str_eq(resumed[0].body, "2");
    cr_assert(eq(int, (int)resumed[0].result, LEASE_TAKEN));
    carry_all();
    cr_assert(eq(uint, resumed_count, 2));
    cr_assert(eq(int, (int)resumed[1].result, LEASE_TAKEN));
    cr_assert(eq(int, (int)take(away, 1), LEASE_REFUSED), "known without asking");
    cr_assert(eq(int, (int)take(home, 1), LEASE_REFUSED));
}

Test(allowance, serves_those_that_fit_of_many_that_wait_and_gives_the_rest_back_at_once)
{
    struct tenant limited = limit(0.01, 10);
    tell(NULL, &limited);
    request(away, "1");
    request(away, "5");
    request(away, "6");
    carry_all();
    cr_assert(eq(uint, resumed_count, 3));
    cr_assert(eq(int, (int)resumed[0].result, LEASE_TAKEN));
    cr_assert(eq(int, (int)resumed[1].result, LEASE_TAKEN));
    cr_assert(ne(int, (int)resumed[2].result, LEASE_TAKEN));
    cr_assert(eq(int, (int)take(home, 4), LEASE_TAKEN), "10 - 1 - 5");
    cr_assert(eq(int, (int)take(home, 1), LEASE_REFUSED));
}

Test(allowance, goes_home_when_it_is_not_used)
{
    struct tenant limited = limit(1000, 1000);
    struct allowance *lease;
    tell(NULL, &limited);
    request(away, "1");
    carry_all();
    lease = allowance_find(away, &tenant.id);
    cr_assert(lt(uint, 0, lease->lease.held), "some more than was needed");
    pass_ms(away, QUOTA_LEASE_MS);
    carry_all();
    cr_assert(lt(uint, 0, lease->lease.held), "it was in use");
    pass_ms(away, QUOTA_LEASE_MS);
    carry_all();
    cr_assert(eq(uint, lease->lease.held, 0));
    cr_assert(eq(uint, allowance_find(home, &tenant.id)->quota.out, 0));
    pass_ms(away, QUOTA_LEASE_MS);
    cr_assert(not(timer_is_armed(&lease->timer)), "an idle tenant costs nothing");
}

Test(allowance, that_ends_lets_go_of_those_that_wait_and_outlives_its_mail)
{
    struct tenant limited = limit(0.01, 3);
    tell(NULL, &limited);
    request(away, "2");
    tell(&limited, NULL);
    cr_assert(eq(uint, resumed_count, 1));
    cr_assert(not(resumed[0].is_limited));
    cr_assert(eq(ptr, allowance_find(away, &tenant.id), NULL));
    tell(NULL, &limited);
    request(away, "2");
    carry_all();
    cr_assert(eq(uint, resumed_count, 2));
    cr_assert(ne(int, (int)resumed[1].result, LEASE_TAKEN), "what the old mail got is on its way");
    cr_assert(eq(uint, allowance_find(home, &tenant.id)->quota.out, 0));
    cr_assert(eq(int, (int)take(home, 3), LEASE_TAKEN), "and has come back");
}

Test(allowance, hears_everybody_when_the_shard_stops)
{
    struct tenant limited = limit(0.01, 3);
    struct mail_stop order;
    tell(NULL, &limited);
    request(away, "2");
    away->stopping = &order;
    allowances_release(away);
    cr_assert(eq(uint, resumed_count, 1));
    carry_all();
    cr_assert(not(carry(home)), "nothing more is asked");
}

Test(allowance, says_429_and_when)
{
    struct tenant limited = limit(2, 5);
    struct mail_publish asker = {.mail.from = 1};
    const struct requester requester = {.mail = &asker};
    tell(NULL, &limited);
    cr_assert(eq(int, (int)take(home, 5), LEASE_TAKEN));
    allowance_refuse(allowance_find(home, &tenant.id), &requester, 1500000000);
    cr_assert(eq(int, asker.response.status, 429));
    cr_assert(slice_equal(asker.response.headers, SLICE("Retry-After: 2\r\n"
                                                        "RateLimit-Policy: \"ingest\";q=5;w=3\r\n"
                                                        "RateLimit: \"ingest\";r=0;t=2\r\n")),
              "%.*s", SLICE_ARGS(asker.response.headers));
    cr_assert(eq(u64, home->metrics.events_limited, 1));
    free(asker.answer);
}
