/* exposition.h - Prometheus' text format (0.0.4): metrics as rows of a table, and how one is
 * printed. Base units: what was counted in milli-, micro- or nanoseconds is printed in seconds.
 */
#ifndef API_EXPOSITION_H
#define API_EXPOSITION_H

#include "base/histogram.h"
#include "base/text.h"

enum metric_type { COUNTER, GAUGE, HISTOGRAM };
enum metric_unit { ONE, BYTES, MILLISECONDS, MICROSECONDS, NANOSECONDS };

/* A label whose values are fixed in this program: those of `first` up to `count`. */
struct metric_label {
    const char *name;
    unsigned first, count;
    const char *(*value)(unsigned number);
};

struct metric {
    const char *name, *help;
    enum metric_type type;
    enum metric_unit unit;
    const struct metric_label *label; /* NULL: none */
    unsigned source;                  /* which structs it is summed over: the table's own */
    size_t offset; /* in them: of a uint64_t (with a label, of an array of `count`), or histogram */
};

/* The structs to sum over. */
struct metric_source {
    const void *const *structs;
    unsigned count;
};

void exposition_head(struct text *text, const char *name, const char *help, enum metric_type type);

/* `sum` is for adding up histograms. */
void exposition_put(struct text *text, const struct metric *metric,
                    const struct metric_source *source, struct histogram *sum);

#endif
