/* exposition.c - see exposition.h. No state. */
#include "exposition.h"

#include <string.h>

void exposition_head(struct text *text, const char *name, const char *help, enum metric_type type)
{
    static const char *const types[] = {
        [COUNTER] = "counter", [GAUGE] = "gauge", [HISTOGRAM] = "histogram"};
    text_printf(text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, types[type]);
}

static void put_value(struct text *text, enum metric_unit unit, uint64_t value)
{
    static const struct {
        uint64_t parts;
        int digits;
    } units[] = {[ONE] = {1, 0},
                 [BYTES] = {1, 0},
                 [MILLISECONDS] = {1000, 3},
                 [MICROSECONDS] = {1000000, 6},
                 [NANOSECONDS] = {1000000000, 9}};
    unsigned long long parts = units[unit].parts;
    text_printf(text, " %llu", value / parts);
    if (parts > 1)
        text_printf(text, ".%0*llu", units[unit].digits, value % parts);
    text_char(text, '\n');
}

/* ---- numbers ---- */

static uint64_t add_up(const struct metric *metric, const struct metric_source *source,
                       unsigned number)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < source->count; i++) {
        uint64_t value;
        memcpy(&value, (const char *)source->structs[i] + metric->offset + number * sizeof value,
               sizeof value);
        sum += value;
    }
    return sum;
}

static void put_numbers(struct text *text, const struct metric *metric,
                        const struct metric_source *source)
{
    const struct metric_label *label = metric->label;
    if (!label) {
        text_put(text, slice_str(metric->name));
        put_value(text, metric->unit, add_up(metric, source, 0));
        return;
    }
    for (unsigned i = label->first; i < label->count; i++) {
        text_printf(text, "%s{%s=\"%s\"}", metric->name, label->name, label->value(i));
        put_value(text, metric->unit, add_up(metric, source, i));
    }
}

/* ---- histograms ---- */

struct bound {
    const char *printed;
    uint64_t value;
};

static const struct bound times[] = {
    {"0.0001", 100},  {"0.00025", 250}, {"0.0005", 500},  {"0.001", 1000},    {"0.0025", 2500},
    {"0.005", 5000},  {"0.01", 10000},  {"0.025", 25000}, {"0.05", 50000},    {"0.1", 100000},
    {"0.25", 250000}, {"0.5", 500000},  {"1", 1000000},   {"2.5", 2500000},   {"5", 5000000},
    {"10", 10000000}, {"30", 30000000}, {"60", 60000000}, {"300", 300000000}, {NULL, 0}};
static const struct bound counts[] = {
    {"1", 1},       {"2", 2},       {"5", 5},         {"10", 10},   {"20", 20},
    {"50", 50},     {"100", 100},   {"200", 200},     {"500", 500}, {"1000", 1000},
    {"2000", 2000}, {"5000", 5000}, {"10000", 10000}, {NULL, 0}};
static const struct bound sizes[] = {{"1024", 1 << 10},     {"4096", 1 << 12},
                                     {"16384", 1 << 14},    {"65536", 1 << 16},
                                     {"262144", 1 << 18},   {"1048576", 1 << 20},
                                     {"4194304", 1 << 22},  {"16777216", 1 << 24},
                                     {"67108864", 1 << 26}, {NULL, 0}};

static void put_histogram(struct text *text, const struct metric *metric,
                          const struct metric_source *source, struct histogram *sum)
{
    const struct bound *bounds = metric->unit == ONE     ? counts
                                 : metric->unit == BYTES ? sizes
                                                         : times;
    histogram_init(sum);
    for (unsigned i = 0; i < source->count; i++)
        histogram_merge(sum, (const void *)((const char *)source->structs[i] + metric->offset));

    for (const struct bound *bound = bounds; bound->printed; bound++)
        text_printf(text, "%s_bucket{le=\"%s\"} %llu\n", metric->name, bound->printed,
                    (unsigned long long)histogram_at_most(sum, bound->value));
    text_printf(text, "%s_bucket{le=\"+Inf\"} %llu\n%s_sum", metric->name,
                (unsigned long long)sum->count, metric->name);
    put_value(text, metric->unit, sum->sum);
    text_printf(text, "%s_count %llu\n", metric->name, (unsigned long long)sum->count);
}

void exposition_put(struct text *text, const struct metric *metric,
                    const struct metric_source *source, struct histogram *sum)
{
    exposition_head(text, metric->name, metric->help, metric->type);
    if (metric->type == HISTOGRAM)
        put_histogram(text, metric, source, sum);
    else
        put_numbers(text, metric, source);
}
