/* flags.c - reads a command line by its table. */
#include "bench/load/flags.h"

#include "base/slice.h"
#include "base/units.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static const struct flag *find_flag(const struct flags *flags, struct slice name)
{
    for (size_t i = 0; i < flags->count; i++)
        if (slice_equal(name, slice_str(flags->table[i].name)))
            return &flags->table[i];
    return NULL;
}

static int read_decimal(const char *text, uint64_t *millionths)
{
    char *end;
    errno = 0;
    double value = strtod(text, &end);
    if (errno || end == text || *end || !(value >= 0 && value <= 1e12))
        return -EINVAL;
    *millionths = (uint64_t)(value * 1e6 + 0.5);
    return 0;
}

static int read_count(struct slice text, uint64_t *number)
{
    unsigned long value;
    if (!slice_to_u64(text, &value))
        return -EINVAL;
    *number = value;
    return 0;
}

/* What a value should have been. */
static const char *kind_name(enum flag_kind kind)
{
    switch (kind) {
    case FLAG_COUNT:
        return "a whole number";
    case FLAG_SIZE:
        return "a size such as 1024 or 64K";
    case FLAG_DURATION:
        return "a duration such as 500ms or 10s";
    case FLAG_RATE:
        return "a whole number or max";
    case FLAG_DECIMAL:
        return "a number such as 0.25";
    default:
        return "a value";
    }
}

static int read_number(const struct flag *flag, const char *text, uint64_t *number)
{
    struct slice slice = slice_str(text);
    switch (flag->kind) {
    case FLAG_RATE:
        if (slice_equal(slice, SLICE("max"))) {
            *number = 0;
            return 0;
        }
        return read_count(slice, number);
    case FLAG_COUNT:
        return read_count(slice, number);
    case FLAG_SIZE:
        return units_parse_size(slice, number);
    case FLAG_DURATION:
        return units_parse_duration(slice, number);
    case FLAG_DECIMAL:
        return read_decimal(text, number);
    default:
        return -EINVAL;
    }
}

static int set_text(const struct flag *flag, const char *text, char *why)
{
    if (flag->kind == FLAG_TEXT) {
        *(const char **)flag->value = text;
        return 0;
    }
    struct flag_texts *texts = flag->value;
    if (texts->count == FLAG_TEXTS_MAX) {
        snprintf(why, FLAGS_WHY_SIZE, "%s: at most %d times", flag->name, FLAG_TEXTS_MAX);
        return -EINVAL;
    }
    texts->at[texts->count++] = text;
    return 0;
}

static int set_value(const struct flag *flag, const char *text, char *why)
{
    if (flag->kind == FLAG_TEXT || flag->kind == FLAG_TEXTS)
        return set_text(flag, text, why);

    uint64_t number;
    if (read_number(flag, text, &number) < 0) {
        snprintf(why, FLAGS_WHY_SIZE, "%s: '%s' is not %s", flag->name, text,
                 kind_name(flag->kind));
        return -EINVAL;
    }
    if (number < flag->min || (flag->max && number > flag->max)) {
        double unit = flag->kind == FLAG_DECIMAL ? 1e6 : 1;
        snprintf(why, FLAGS_WHY_SIZE, "%s: %s is out of bounds (%g to %g)", flag->name, text,
                 (double)flag->min / unit, (double)flag->max / unit);
        return -EINVAL;
    }
    if (flag->kind == FLAG_DECIMAL)
        *(double *)flag->value = (double)number / 1e6;
    else
        *(uint64_t *)flag->value = number;
    return 0;
}

/* Takes one flag from the front; returns how many arguments it took, or -EINVAL. */
static int read_flag(const struct flags *flags, int argc, char **argv, char *why)
{
    struct slice word = slice_str(argv[0]);
    size_t equals = slice_find(word, '=');
    const struct flag *flag = find_flag(flags, slice_of(word.at, equals));
    if (!flag) {
        snprintf(why, FLAGS_WHY_SIZE, "unknown argument '%s'", argv[0]);
        return -EINVAL;
    }

    bool attached = equals < word.size;
    if (flag->kind == FLAG_SWITCH) {
        if (attached) {
            snprintf(why, FLAGS_WHY_SIZE, "%s takes no value", flag->name);
            return -EINVAL;
        }
        *(bool *)flag->value = true;
        return 1;
    }
    if (!attached && argc < 2) {
        snprintf(why, FLAGS_WHY_SIZE, "%s needs %s", flag->name, kind_name(flag->kind));
        return -EINVAL;
    }
    int error = set_value(flag, attached ? word.at + equals + 1 : argv[1], why);
    return error ? error : attached ? 1 : 2;
}

int flags_read(const struct flags *flags, int argc, char **argv, char why[static FLAGS_WHY_SIZE])
{
    why[0] = '\0';
    for (int i = 0; i < argc;) {
        if (slice_equal(slice_str(argv[i]), SLICE("--help")))
            return 1;
        int taken = read_flag(flags, argc - i, argv + i, why);
        if (taken < 0)
            return taken;
        i += taken;
    }
    return 0;
}

static void print_help(const struct flags *flags)
{
    printf("usage: %s [flags]\n\n%s\n\n", flags->program, flags->summary);
    for (size_t i = 0; i < flags->count; i++) {
        const struct flag *flag = &flags->table[i];
        char usage[48];
        snprintf(usage, sizeof usage, "%s %s", flag->name, flag->argument ? flag->argument : "");
        printf("  %-26s %s\n", usage, flag->help);
    }
}

int flags_parse(const struct flags *flags, int argc, char **argv)
{
    char why[FLAGS_WHY_SIZE];
    int result = flags_read(flags, argc, argv, why);
    if (result == 1) {
        print_help(flags);
        return 0;
    }
    if (result < 0) {
        fprintf(stderr, "%s: %s (try --help)\n", flags->program, why);
        return 2;
    }
    return -1;
}
