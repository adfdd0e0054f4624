/* guess.c - see guess.h. The optimal string alignment distance, by three rows of its matrix. */
#include "tools/ctl/guess.h"

#include <limits.h>

enum { WORD_MAX = 32 };

static unsigned least(unsigned a, unsigned b, unsigned c)
{
    unsigned smaller = a < b ? a : b;
    return smaller < c ? smaller : c;
}

unsigned guess_distance(struct slice a, struct slice b)
{
    unsigned rows[3][WORD_MAX + 1];
    if (a.size > WORD_MAX || b.size > WORD_MAX)
        return UINT_MAX;
    unsigned *before = rows[0], *last = rows[1], *row = rows[2];
    for (unsigned j = 0; j <= b.size; j++)
        row[j] = j;
    for (unsigned i = 1; i <= a.size; i++) {
        unsigned *oldest = before;
        before = last;
        last = row;
        row = oldest;
        row[0] = i;
        for (unsigned j = 1; j <= b.size; j++) {
            bool is_same = a.at[i - 1] == b.at[j - 1];
            row[j] = least(last[j] + 1, row[j - 1] + 1, last[j - 1] + !is_same);
            bool is_swapped =
                i > 1 && j > 1 && a.at[i - 1] == b.at[j - 2] && a.at[i - 2] == b.at[j - 1];
            if (is_swapped && before[j - 2] + 1 < row[j])
                row[j] = before[j - 2] + 1;
        }
    }
    return row[b.size];
}

void guess_init(struct guess *guess, struct slice typed)
{
    *guess = (struct guess){.typed = typed, .distance = UINT_MAX};
}

/* A third of the letters may be wrong, and one always. A beginning is near too. */
void guess_offer(struct guess *guess, const char *word)
{
    struct slice offered = slice_str(word);
    unsigned distance = guess_distance(guess->typed, offered);
    bool is_start = guess->typed.size >= 3 && slice_starts_with(offered, guess->typed);
    unsigned allowed = (unsigned)guess->typed.size / 3;
    if (is_start)
        distance = 0;
    if (distance > (allowed ? allowed : 1) || distance >= guess->distance)
        return;
    guess->best = word;
    guess->distance = distance;
}
