/* replay_wish.h - what routes that begin jobs over deliveries share. */
#ifndef API_REPLAY_WISH_H
#define API_REPLAY_WISH_H

#include "call.h"
#include "form.h"
#include "replays.h"

/* Which deliveries are meant. */
struct replay_wish {
    struct call *call;
    struct replay replay;
};

/* Fields of bodies: form.made is a struct replay_wish. */
void replay_wish_subscription(struct form *form, struct json_value value, const char *pointer);
void replay_wish_since(struct form *form, struct json_value value, const char *pointer);
void replay_wish_until(struct form *form, struct json_value value, const char *pointer);
void replay_wish_dry_run(struct form *form, struct json_value value, const char *pointer);

/* Begins it, with an id, for the call's tenant; answers 202 with it, or why not. */
void replay_wish_begin(struct call *call, struct replay *replay);

#endif
