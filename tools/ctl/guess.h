/* guess.h - what somebody who mistyped a word may have meant. */
#ifndef CTL_GUESS_H
#define CTL_GUESS_H

#include "base/slice.h"

/* The best of the words offered so far. */
struct guess {
    struct slice typed;
    const char *best; /* NULL: none is near enough */
    unsigned distance;
};

void guess_init(struct guess *guess, struct slice typed);
void guess_offer(struct guess *guess, const char *word);

/* Edits (a letter more, less or other, or two changed about) that make one word of the other. Words
 * over 32 letters are far from all others. */
unsigned guess_distance(struct slice a, struct slice b);

#endif
