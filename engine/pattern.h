/* pattern.h - what is to be struck out of a text wherever it stands: a small language that is
 * matched in one pass.
 *
 *   #   a digit
 *   ?   any one byte
 *   *   one or more of A-Z a-z 0-9 _ - + / = . ~ %, as many as there are: what keys, tokens and
 *       names of hosts are made of
 *   \c  the character c itself; all others stand for themselves, in capitals or not
 *
 * "sk_live_*", "Bearer *", "####-####-####-####", "*@*".
 *
 * There is no choice and no nesting, so the states of a match are the places in the pattern. All
 * matches are followed at the same time, each place with the earliest byte that a match in it began
 * at: the work is at most bytes times places, whatever the text.
 */
#ifndef ENGINE_PATTERN_H
#define ENGINE_PATTERN_H

#include "base/must.h"
#include "base/slice.h"

#include <stdint.h>

enum { PATTERN_PLACES_MAX = 64, PATTERN_TEXT_MAX = 8 * 1024 };

enum place_kind { PLACE_LITERAL, PLACE_DIGIT, PLACE_ANY, PLACE_RUN };

struct pattern {
    struct {
        uint8_t kind, literal; /* in lower case */
    } places[PATTERN_PLACES_MAX];
    unsigned count;
};

/* 0; -EINVAL: empty, too long, a backslash at the end, or nothing but ? and *. */
MUST_CHECK int pattern_compile(struct slice text, struct pattern *pattern);

/* Sets covered[i] to `mark` for each byte of the text that a match takes. `is_cut`: the text goes
 * on, but not here: what may become a match is one. The text has at most PATTERN_TEXT_MAX bytes. */
void pattern_cover(const struct pattern *pattern, struct slice text, bool is_cut, uint8_t mark,
                   uint8_t *covered);

#endif
