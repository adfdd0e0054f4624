/* comparison.c - see comparison.h. */
#include "bench/load/comparison.h"

#include "bench/load/report.h"

#include <stdio.h>
#include <stdlib.h>

enum { P99 = COMPARISON_POINTS - 1 };
enum { MEDIAN = 5, MOST = 9, WORST = 10 }; /* tenths of the rounds */

static const double fractions[COMPARISON_POINTS] = {0.5, 0.95, 0.99};

void comparison_add(struct comparison *comparison, unsigned kind, unsigned round,
                    const struct histogram *receive_us)
{
    for (unsigned i = 0; i < COMPARISON_POINTS; i++)
        comparison->us[kind][round][i] = histogram_quantile(receive_us, fractions[i]);
    comparison->events[kind] += receive_us->count;
}

void comparison_account(struct comparison *comparison, const struct audit *audit)
{
    comparison->lost += audit->lost;
    comparison->duplicated += audit->duplicated;
}

void comparison_say(const struct comparison *comparison, unsigned round)
{
    char times[2][REPORT_TIME_SIZE];
    for (unsigned kind = 0; kind < 2; kind++)
        report_time(comparison->us[kind][round][P99], times[kind]);
    fprintf(stderr, "  round %u: p99 %s, %s %s\n", round + 1, times[0], comparison->names[1],
            times[1]);
}

static int compare(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

/* What so many tenths of the rounds do not exceed: 5 is the median, 10 the worst. */
static uint64_t of_rounds(const struct comparison *comparison, unsigned kind, unsigned point,
                          unsigned tenths)
{
    uint64_t values[COMPARISON_ROUNDS_MAX];
    size_t at = comparison->rounds * tenths / 10;
    for (unsigned i = 0; i < comparison->rounds; i++)
        values[i] = comparison->us[kind][i][point];
    qsort(values, comparison->rounds, sizeof *values, compare);
    return values[at < comparison->rounds ? at : comparison->rounds - 1];
}

static void show_figure(const struct comparison *comparison, unsigned kind, unsigned point,
                        unsigned tenths)
{
    char time[REPORT_TIME_SIZE];
    report_time(of_rounds(comparison, kind, point, tenths), time);
    printf(" %10s", time);
}

static void show_row(const struct comparison *comparison, unsigned kind)
{
    printf("  %-24s", comparison->names[kind]);
    for (unsigned i = 0; i < COMPARISON_POINTS; i++)
        show_figure(comparison, kind, i, MEDIAN);
    show_figure(comparison, kind, P99, MOST);
    show_figure(comparison, kind, P99, WORST);
    printf(" %10lu\n", comparison->events[kind]);
}

bool comparison_show(const struct comparison *comparison)
{
    double before = (double)of_rounds(comparison, 0, P99, MEDIAN);
    double after = (double)of_rounds(comparison, 1, P99, MEDIAN);
    double change = before > 0 ? after / before - 1 : 0;
    printf("  %-24s %10s %10s %10s %10s %10s %10s\n", "", "p50", "p95", "p99", "9/10 p99",
           "worst p99", "events");
    show_row(comparison, 0);
    show_row(comparison, 1);
    printf("\n  lost %lu, duplicated %lu\n", comparison->lost, comparison->duplicated);
    printf("  p99 moved by %+.1f %% (allowed: %.0f %%)\n", change * 100,
           comparison->change_max * 100);
    return change <= comparison->change_max;
}
