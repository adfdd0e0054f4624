/* line.h - a command line, read by the table of verbs.
 *
 *   grapnelctl [OPTION...] NOUN VERB [ARGUMENT] [OPTION...]
 *
 * "--name value" and "--name=value" are the same; "-o" is --output and "-h" --help; "--" ends the
 * options. Before the noun an option is a global one; behind the verb it is the verb's own, or else
 * a global one (--url of `subscription create` is the subscription's). Plain data; borrows argv.
 */
#ifndef CTL_LINE_H
#define CTL_LINE_H

#include "base/must.h"
#include "tools/ctl/verb.h"

enum { LINE_GIVEN_MAX = 128, LINE_WHY_SIZE = 256 };

struct given {
    const struct option *option;
    const char *value; /* "" of a switch */
};

struct line {
    const struct noun *noun; /* NULL: only --help or --version */
    const struct verb *verb; /* NULL: only --help */
    const char *argument;    /* NULL: not given */
    struct given given[LINE_GIVEN_MAX];
    unsigned count;
};

/* Reads argv[1..argc). 0, or -EINVAL and `why`, which names what is wrong and what may have been
 * meant. With --help or --version, what is missing is no error. */
MUST_CHECK int line_read(struct line *line, int argc, char **argv, char why[static LINE_WHY_SIZE]);

/* The value that was given last, of an option of the verb or of a global one; NULL: none. */
const char *line_option(const struct line *line, const char *name);
const char *line_global(const struct line *line, unsigned global);

/* Whether people are to read it, or (-o json) programs. */
bool line_wants_json(const struct line *line);

#endif
