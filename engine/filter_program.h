/* filter_program.h - what a condition is compiled to: a tree of nodes, as filter.c writes it and
 * filter_match.c reads it. Private to them.
 *
 * Each node is a question about one value. Nodes refer to one another by number; node 0 is the
 * whole, and a link of 0 is none.
 */
#ifndef ENGINE_FILTER_PROGRAM_H
#define ENGINE_FILTER_PROGRAM_H

#include "filter.h"

#include "base/regex.h"

#include <stdint.h>

enum filter_kind {
    FILTER_ALL,     /* its children hold, all of them */
    FILTER_SOME,    /* one of them */
    FILTER_NOT,     /* not all of them */
    FILTER_MEMBER,  /* all of them, of the member `name` */
    FILTER_ELEMENT, /* all of them, of one element if the value is an array; else of the value */
    /* of the value itself */
    FILTER_EXIST,
    FILTER_EQUAL,
    FILTER_LESS,
    FILTER_GREATER,
    FILTER_AT_MOST,
    FILTER_AT_LEAST,
    FILTER_STARTS,
    FILTER_ENDS,
    FILTER_REGEX,
};

/* Exact if whole, for as long as it is compared with another whole one. */
struct filter_number {
    bool is_whole, is_negative;
    uint64_t magnitude;
    double real;
};

struct filter_node {
    uint8_t kind, depth; /* as objects and arrays nest in the text */
    uint8_t operand;     /* enum json_kind */
    bool is_outer;       /* the value is the event */
    bool is_true;        /* an operand that is a bool */
    bool is_within;      /* stands in its parent's text, at `index` or at `name` */
    bool has_index;
    uint16_t index;
    uint16_t parent, first, next;
    struct slice name;
    struct slice string; /* an operand that is one, or the pattern */
    struct filter_number number;
    struct regex *regex;
};

struct filter {
    unsigned owners;
    unsigned count;
    char *strings; /* what the nodes' slices are of */
    char *text;    /* as it was given, of `size` bytes */
    size_t size;
    bool looks_at_metadata;
    struct filter_node nodes[];
};

/* The place of a node in the text, below `base`. */
void filter_pointer(const struct filter *filter, unsigned node, const char *base,
                    char out[static FAULT_POINTER_SIZE]);

/* False: not a number. */
bool filter_read_number(struct json_value value, struct filter_number *number);

#endif
