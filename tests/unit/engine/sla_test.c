/* What counts as good, and what that leaves of the budget. */
#include "sla.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static struct rollup sums;

static void deliver(unsigned count, uint64_t latency_ms)
{
    sums.delivered += count;
    for (; count > 0; count--)
        spread_add(&sums.delivery_ms, latency_ms);
}

Test(sla, without_deliveries_is_met)
{
    struct sla sla = {.objective = 0.999};
    struct sla_account account = sla_judge(&sla, &sums);
    cr_expect(account.is_met);
    cr_expect(zero(u64, account.deliveries));
    cr_expect(ieee_ulp_eq(dbl, account.burn_rate, 0, 4));
}

Test(sla, is_met_at_its_objective_and_not_below)
{
    struct sla sla = {.objective = 0.9};
    deliver(90, 5);
    sums.dead = 10;
    struct sla_account account = sla_judge(&sla, &sums);
    cr_expect(account.is_met);
    cr_expect(epsilon_eq(dbl, account.burn_rate, 1, 1e-9));
    sums.dead = 11;
    account = sla_judge(&sla, &sums);
    cr_expect(not(account.is_met));
    cr_expect(eq(u64, account.bad, 11));
    cr_expect(epsilon_eq(dbl, account.budget, 10.1, 1e-9));
}

Test(sla, with_a_latency_takes_what_came_later_for_bad)
{
    struct sla sla = {.objective = 0.5, .latency_ms = 1000};
    deliver(3, 10);
    deliver(2, 4000);
    sums.dead = 1;
    struct sla_account account = sla_judge(&sla, &sums);
    cr_expect(eq(u64, account.deliveries, 6));
    cr_expect(eq(u64, account.good, 3));
    cr_expect(account.is_met);
}

Test(sla, is_printed_as_it_is_given)
{
    char out[128];
    struct text text;
    text_init(&text, out, sizeof out);
    sla_print(&(struct sla){0}, &text);
    sla_print(&(struct sla){.objective = 0.999}, &text);
    sla_print(&(struct sla){.objective = 0.95, .latency_ms = 5000}, &text);
    text_char(&text, '\0');
    cr_expect_str_eq(out, "null{\"objective\":0.999,\"latency\":null}"
                          "{\"objective\":0.95,\"latency\":\"5s\"}");
}
