/* letter.h - the body of a request to a receiver, as it was before it was compressed. */
#ifndef SIM_LETTER_H
#define SIM_LETTER_H

#include "speech.h"

/* Valid until the next call. A body that is not what its fields say is the end of the seed. */
struct slice letter_open(const struct said *said);

#endif
