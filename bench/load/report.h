/* report.h - a bench's figures as a table for people and as JSON for programs. */
#ifndef LOAD_REPORT_H
#define LOAD_REPORT_H

#include "bench/load/figures.h"

#include <stdio.h>

void report_table(FILE *out, const struct bench_settings *settings, const struct figures *figures);

/* One member a line, every name once, so that a script can find a figure without a parser. 0, or
 * -errno. */
MUST_CHECK int report_json(const char *path, const struct bench_settings *settings,
                           const struct figures *figures);

/* Parts of the table, for `send`, too. */
void report_latency_head(FILE *out);
void report_latency_row(FILE *out, const char *name, const struct histogram *us);
void report_answers(FILE *out, const struct publisher_counters *published);

enum { REPORT_TIME_SIZE = 24, REPORT_COUNT_SIZE = 32 };

/* "812 us", "1.62 ms", "3.20 s". */
void report_time(uint64_t us, char out[static REPORT_TIME_SIZE]);

/* "1,234,567". */
void report_count(uint64_t count, char out[static REPORT_COUNT_SIZE]);

#endif
