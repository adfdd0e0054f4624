/* sla.h - what part of its deliveries a tenant is promised, and whether it gets it.
 *
 * A delivery that ended is good if it was delivered, and within `latency_ms` of its acceptance if
 * that is given (to within a bucket of store/spread.h). Plain functions.
 */
#ifndef ENGINE_SLA_H
#define ENGINE_SLA_H

#include "base/json.h"
#include "base/text.h"
#include "faults.h"
#include "store/rollup.h"

struct sla {
    double objective;    /* the part that is to be good; 0: nothing is promised */
    uint64_t latency_ms; /* 0: however long it takes */
};

/* {"objective":0.999,"latency":"5s"}. 0, or -ENOMEM; faults are noted. */
MUST_CHECK int sla_parse(struct json_value value, const char *pointer, struct sla *sla,
                         struct faults *faults);

/* The same, or null. */
void sla_print(const struct sla *sla, struct text *text);

/* What may be bad, what is, and what that leaves. */
struct sla_account {
    uint64_t deliveries, good, bad;
    double budget;    /* deliveries that may be bad */
    double burn_rate; /* 1: the budget is just used up by the end of the window; 0 without any */
    bool is_met;      /* true without any */
};

struct sla_account sla_judge(const struct sla *sla, const struct rollup *sums);

#endif
