/* letter.h - what a request carries to a receiver: one event, or several in a batch; as it was
 * before it was compressed. */
#ifndef SIM_LETTER_H
#define SIM_LETTER_H

#include "speech.h"

#include <stdbool.h>

enum { LETTER_ITEMS = 32 };

struct letter_item {
    struct slice id, type, payload;
    struct slice content_type; /* empty: of a member of a batch that is JSON */
};

/* Valid until the next is opened. */
struct letter {
    struct slice body;
    unsigned count;
    struct letter_item items[LETTER_ITEMS];
};

/* What is not as its fields say is the end of the seed. */
void letter_open(const struct said *said, bool is_batch, struct letter *letter);

#endif
