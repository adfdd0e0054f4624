#include "metrics.h"

#include <stdlib.h>

/* The statuses that ingest refuses with. */
static const char *const refusals[METRICS_REFUSALS] = {"400", "401", "403", "404", "413",
                                                       "415", "422", "429", "503", "other"};

unsigned metrics_refusal_of(int status)
{
    unsigned number = 0;
    while (number + 1 < METRICS_REFUSALS && strtol(refusals[number], NULL, 10) != status)
        number++;
    return number;
}

const char *metrics_refusal_name(unsigned number)
{
    return refusals[number];
}
