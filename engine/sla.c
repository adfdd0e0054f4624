/* sla.c - see sla.h. */
#include "sla.h"

#include "base/units.h"
#include "form.h"

#include <errno.h>

static const double objective_bounds[] = {0.5, 0.99999};
static const uint64_t latency_max_ms = UINT64_C(30) * 24 * 3600 * 1000;

static void parse_objective(struct form *form, struct json_value value, const char *pointer)
{
    struct sla *sla = form->made;
    form_number(form, value, pointer, objective_bounds, &sla->objective);
}

static void parse_latency(struct form *form, struct json_value value, const char *pointer)
{
    struct sla *sla = form->made;
    struct slice text;
    if (!json_string(value, &text) || units_parse_duration(text, &sla->latency_ms) ||
        sla->latency_ms == 0 || sla->latency_ms > latency_max_ms)
        faults_add(form->faults, pointer, "must be a duration from 1ms to 30d");
}

static const struct form_field fields[] = {
    {"objective", parse_objective},
    {"latency", parse_latency},
};

int sla_parse(struct json_value value, const char *pointer, struct sla *sla, struct faults *faults)
{
    struct form form = {.made = sla, .faults = faults};
    struct json_value objective;
    *sla = (struct sla){0};
    FORM_WALK(&form, value, pointer, fields);
    if (json_kind(value) == JSON_OBJECT &&
        (!json_get(value, "objective", &objective) || json_kind(objective) == JSON_NULL)) {
        char place[FAULT_POINTER_SIZE];
        pointer_member(place, pointer, SLICE("objective"));
        faults_add(faults, place, "is required");
    }
    return form.out_of_memory ? -ENOMEM : 0;
}

void sla_print(const struct sla *sla, struct text *text)
{
    if (sla->objective <= 0) {
        text_put(text, SLICE("null"));
        return;
    }
    text_printf(text, "{\"objective\":%.15g,\"latency\":", sla->objective);
    if (sla->latency_ms) {
        text_char(text, '"');
        text_duration(text, sla->latency_ms);
        text_put(text, SLICE("\"}"));
    } else {
        text_put(text, SLICE("null}"));
    }
}

struct sla_account sla_judge(const struct sla *sla, const struct rollup *sums)
{
    struct sla_account account = {
        .deliveries = sums->delivered + sums->dead,
        .good =
            sla->latency_ms ? spread_at_most(&sums->delivery_ms, sla->latency_ms) : sums->delivered,
    };
    account.bad = account.deliveries - account.good;
    account.budget = (1 - sla->objective) * (double)account.deliveries;
    account.burn_rate = account.deliveries ? (double)account.bad / account.budget : 0;
    account.is_met = (double)account.good >= sla->objective * (double)account.deliveries;
    return account;
}
