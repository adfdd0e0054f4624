/* channels.h - names by which events are told apart further than by type.
 *
 * A list of them is the text of a JSON array of strings as text_json() writes it, both in an event
 * and in a subscription. A subscription without channels gets every event of its types; one with
 * channels gets those events that carry at least one of them, so an event without channels goes
 * only to subscriptions without.
 */
#ifndef ENGINE_CHANNELS_H
#define ENGINE_CHANNELS_H

#include "base/slice.h"

/* Whether an event with the channels `of_event` is for a subscription with those of `wanted`; empty
 * is none. The names in `wanted` have no character that JSON escapes, and no comma. */
bool channels_match(struct slice wanted, struct slice of_event);

#endif
