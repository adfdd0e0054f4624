/* screen.h - takes out of the subscriptions that match an event by type and channels those whose
 * filter does not.
 *
 * The event is read once, whatever the number of filters, and not at all if there is none; its
 * metadata only if one of them looks at it.
 * Memory: its parsers allocate when they meet a text larger than any before. One thread's.
 */
#ifndef ENGINE_SCREEN_H
#define ENGINE_SCREEN_H

#include "envelope.h"
#include "subscription.h"

struct filter_event;

struct screen {
    struct json *payload, *channels, *metadata;
    char *text; /* of metadata, with padding */
    size_t room;
    uint64_t undecided; /* filters that an event was too much for */
};

MUST_CHECK int screen_open(struct screen *screen);
void screen_close(struct screen *screen);

/* What filters see of an event, until the next one. A payload that is no JSON by its content type,
 * or has a number that no double holds, is not there; nor is metadata with such a number. Texts are
 * followed by padding. 0, or -ENOMEM. */
MUST_CHECK int screen_read(struct screen *screen, const struct envelope *envelope,
                           bool with_metadata, struct filter_event *event);

/* Keeps those of `matches` that want the event, in order; also those whose filter cannot say so in
 * time. 0, or -ENOMEM. */
MUST_CHECK int screen_apply(struct screen *screen, const struct envelope *envelope,
                            const struct subscription **matches, unsigned *count);

#endif
