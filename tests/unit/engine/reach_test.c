/* Where deliveries may go, against an obviously right judge: random lists over a few networks, of
 * which the judge knows by heart which address is in which. */
#include "reach.h"

#include "auth.h"
#include "base/random.h"
#include "faults.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

enum { ADDRESSES = 5, NETWORKS = 7, STEPS = 200000, SEED = 31 };

static const char *const addresses[ADDRESSES] = {"8.8.8.8", "8.8.4.4", "10.1.1.1", "10.2.2.2",
                                                 "192.168.0.1"};
static const bool is_private[ADDRESSES] = {false, false, true, true, true};

static const struct {
    const char *text;
    bool holds[ADDRESSES];
} networks[NETWORKS] = {
    {"8.8.8.0/24", {true, false, false, false, false}},
    {"8.8.0.0/16", {true, true, false, false, false}},
    {"10.1.0.0/16", {false, false, true, false, false}},
    {"10.0.0.0/8", {false, false, true, true, false}},
    {"10.2.2.2/32", {false, false, false, true, false}},
    {"192.168.0.0/16", {false, false, false, false, true}},
    {"0.0.0.0/0", {true, true, true, true, true}},
};

/* A list is a set of bits. */
struct lists {
    unsigned allow, deny;
};

static struct network network_at(unsigned i)
{
    struct network network;
    cr_assert(zero(int, network_parse(slice_str(networks[i].text), &network)));
    return network;
}

static struct egress_rules *rules_of(struct lists lists)
{
    struct egress_rules *rules;
    if (!lists.allow && !lists.deny)
        return NULL;
    rules = calloc(1, sizeof *rules + 2 * NETWORKS * sizeof rules->networks[0]);
    for (unsigned i = 0; i < NETWORKS; i++)
        if (lists.allow & 1u << i)
            rules->networks[rules->allow_count++] = network_at(i);
    for (unsigned i = 0; i < NETWORKS; i++)
        if (lists.deny & 1u << i)
            rules->networks[rules->allow_count + rules->deny_count++] = network_at(i);
    return rules;
}

static void fill(struct network_list *list, unsigned set)
{
    list->count = 0;
    for (unsigned i = 0; i < NETWORKS; i++)
        if (set & 1u << i)
            list->list[list->count++] = network_at(i);
}

static bool is_in(unsigned set, unsigned address)
{
    for (unsigned i = 0; i < NETWORKS; i++)
        if ((set & 1u << i) && networks[i].holds[address])
            return true;
    return false;
}

static bool judge(unsigned allowed, unsigned lent, struct lists tenant, struct lists subscription,
                  unsigned address)
{
    if (is_in(tenant.deny, address) || is_in(subscription.deny, address))
        return false;
    if (tenant.allow && !is_in(tenant.allow, address))
        return false;
    if (subscription.allow && !is_in(subscription.allow, address))
        return false;
    if (!is_private[address] || is_in(allowed, address))
        return true;
    return is_in(lent, address) && is_in(tenant.allow, address);
}

static unsigned draw_set(struct random *random)
{
    unsigned set = 0;
    for (uint64_t i = random_below(random, 4); i > 0; i--)
        set |= 1u << random_below(random, NETWORKS);
    return set;
}

Test(reach, agrees_with_an_obvious_judge)
{
    static struct config config;
    struct random random;
    unsigned yes = 0;
    random_init(&random, SEED);
    cr_log_info("seed %d", SEED);
    for (unsigned step = 0; step < STEPS; step++) {
        unsigned allowed = draw_set(&random) & draw_set(&random), lent = draw_set(&random);
        struct lists ours = {draw_set(&random), draw_set(&random) & draw_set(&random)};
        struct lists theirs = {draw_set(&random), draw_set(&random) & draw_set(&random)};
        struct tenant tenant = {.egress = rules_of(ours)};
        struct subscription subscription = {.egress = rules_of(theirs)};
        const struct reach reach = {&config, &tenant, &subscription};
        unsigned at = (unsigned)random_below(&random, ADDRESSES);
        struct address address;
        cr_assert(zero(int, address_parse_ip(slice_str(addresses[at]), 80, &address)));
        fill(&config.allowed, allowed);
        fill(&config.tenant_networks, lent);

        bool expected = judge(allowed, lent, ours, theirs, at);
        yes += expected;
        cr_assert(eq(int, reach_allows(&reach, &address), expected),
                  "%s allowed %x lent %x tenant %x/%x subscription %x/%x", addresses[at], allowed,
                  lent, ours.allow, ours.deny, theirs.allow, theirs.deny);
        bool has_rules = tenant.egress || subscription.egress;
        cr_assert(eq(int, reach_has_rules(&reach), has_rules));
        free(tenant.egress);
        free(subscription.egress);
    }
    cr_assert(lt(u32, STEPS / 10, yes));
    cr_assert(lt(u32, yes, STEPS / 10 * 9));
}

/* ---- when a subscription is made ---- */

static struct config config;
static struct tenant tenant;
static struct subscription subscription;
static struct auth auth = {.type = AUTH_OAUTH2};
static const struct reach reach = {&config, &tenant, &subscription};

static void set_urls(const char *url, const char *token_url)
{
    char why[URL_WHY_SIZE];
    cr_assert(zero(int, url_parse(slice_str(url), &subscription.url, why)));
    subscription.auth = token_url ? &auth : NULL;
    if (token_url)
        cr_assert(zero(int, url_parse(slice_str(token_url), &auth.token_url, why)));
}

static const char *faults_of(void)
{
    static char pointers[256];
    struct faults faults = {0};
    reach_check(&reach, &faults);
    pointers[0] = '\0';
    for (unsigned i = 0; i < faults.count; i++)
        strcat(strcat(pointers, faults.list[i].pointer), " ");
    return pointers;
}

Test(reach, asks_for_https_of_both_urls_if_tenant_or_operator_do)
{
    set_urls("http://a.test/", "http://b.test/");
    cr_assert_str_eq(faults_of(), "");
    cr_assert(eq(ptr, (void *)reach_refusal(&reach), NULL));
    tenant.https_only = true;
    cr_assert_str_eq(faults_of(), "/url /auth/token_url ");
    cr_assert(ne(ptr, (void *)reach_refusal(&reach), NULL));
    set_urls("https://a.test/", "http://b.test/");
    cr_assert_str_eq(faults_of(), "/auth/token_url ");
    cr_assert(ne(ptr, (void *)reach_refusal(&reach), NULL));
    set_urls("https://a.test/", NULL);
    cr_assert_str_eq(faults_of(), "");
    cr_assert(eq(ptr, (void *)reach_refusal(&reach), NULL));
    tenant.https_only = false;
    config.https_only = true;
    cr_assert_str_eq(faults_of(), "");
    set_urls("http://a.test/", NULL);
    cr_assert_str_eq(faults_of(), "/url ");
}

Test(reach, sees_addresses_that_are_written_in_a_url)
{
    set_urls("http://127.0.0.1/", "http://[::1]/");
    cr_assert_str_eq(faults_of(), "/url /auth/token_url ");
    set_urls("http://localhost/", "http://1.1.1.1/");
    cr_assert_str_eq(faults_of(), "");
    config.allowed.list[0] = (struct network){{[10] = 0xff, [11] = 0xff, [12] = 127}, 104};
    config.allowed.count = 1;
    set_urls("http://127.0.0.1/", NULL);
    cr_assert_str_eq(faults_of(), "");
}

Test(reach, of_a_tenant_that_is_not_known_is_the_guard_alone)
{
    const struct reach bare = {&config, NULL, &subscription};
    struct address address;
    cr_assert(zero(int, address_parse_ip(SLICE("10.0.0.1"), 80, &address)));
    cr_assert(not(reach_allows(&bare, &address)));
    cr_assert(zero(int, address_parse_ip(SLICE("9.9.9.9"), 80, &address)));
    cr_assert(reach_allows(&bare, &address));
    cr_assert(not(reach_has_rules(&bare)));
    cr_assert(eq(ptr, (void *)reach_refusal(&bare), NULL));
}
