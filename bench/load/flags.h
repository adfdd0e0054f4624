/* flags.h - the command line of a program that measures: one table of flags, from which parsing and
 * --help both come.
 *
 * "--name value" and "--name=value" are the same. There are no other arguments.
 */
#ifndef LOAD_FLAGS_H
#define LOAD_FLAGS_H

#include "base/must.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FLAG_TEXTS_MAX = 32, FLAGS_WHY_SIZE = 160 };

/* What a flag that may be repeated has gathered. */
struct flag_texts {
    const char *at[FLAG_TEXTS_MAX];
    unsigned count;
};

enum flag_kind {
    FLAG_SWITCH,   /* bool; takes no argument */
    FLAG_COUNT,    /* uint64_t: a decimal number */
    FLAG_SIZE,     /* uint64_t: bytes, as "64K" */
    FLAG_DURATION, /* uint64_t: milliseconds, as "5s" */
    FLAG_RATE,     /* uint64_t: a decimal number, or "max", which is 0 */
    FLAG_DECIMAL,  /* double, at least 0, as "0.25"; min and max are in millionths */
    FLAG_TEXT,     /* const char * */
    FLAG_TEXTS,    /* struct flag_texts */
};

struct flag {
    const char *name; /* with its dashes */
    enum flag_kind kind;
    void *value;       /* where it goes; holds the default before */
    uint64_t min, max; /* for numbers; max 0: no bound */
    const char *argument, *help;
};

struct flags {
    const char *program; /* "grapnel-load bench" */
    const char *summary;
    const struct flag *table;
    size_t count;
};

/* Reads argv[0..argc). 0; 1 if --help was among them; -EINVAL with `why`, which names the flag. */
MUST_CHECK int flags_read(const struct flags *flags, int argc, char **argv,
                          char why[static FLAGS_WHY_SIZE]);

/* As flags_read(), for a program's main: prints help or what is wrong. -1: go on; else exit with
 * that code (0 or 2). */
MUST_CHECK int flags_parse(const struct flags *flags, int argc, char **argv);

#endif
