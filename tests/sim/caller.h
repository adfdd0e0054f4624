/* caller.h - one HTTP request to the engine, and its answer: for producers and for who keeps the
 * subscriptions. */
#ifndef SIM_CALLER_H
#define SIM_CALLER_H

#include "network.h"

enum caller_end {
    CALLER_ANSWERED,
    CALLER_UNHEARD, /* no connection: the request has not been sent */
    CALLER_LOST,    /* sent, perhaps in part; whether it was obeyed is not known */
};

struct caller_answer {
    enum caller_end end;
    int status;
    struct slice body;
};

/* Sends `request` (copied), on a connection of an earlier call if one is left. on_answer is called
 * once, from an act. */
void caller_ask(const struct address *to, struct slice request,
                void (*on_answer)(void *context, const struct caller_answer *answer),
                void *context);

#endif
