/* speech.h - HTTP/1.1 as the scripted peers speak it: messages with a Content-Length, and no parser
 * of the engine's. */
#ifndef SIM_SPEECH_H
#define SIM_SPEECH_H

#include "base/slice.h"

#include <stdint.h>

struct speech {
    char *at;
    size_t size, room;
};

/* A message: borrowed from the speech until speech_drop(). */
struct said {
    struct slice first_line, fields, body;
    size_t size; /* of all of it */
};

void speech_add(struct speech *speech, const char *bytes, size_t size);

/* The message at the beginning, if all of it has come. */
bool speech_find(const struct speech *speech, struct said *said);
void speech_drop(struct speech *speech, size_t size);
void speech_clear(struct speech *speech);

/* The value of a field; empty if there is none. */
struct slice said_field(const struct said *said, const char *name);

/* The number behind `name` in JSON printed by the engine, from `*from` on, which is moved behind
 * it; UINT64_MAX if there is none. */
uint64_t json_number_after(struct slice *from, const char *name);

/* The same for a string; empty if there is none. */
struct slice json_text_after(struct slice *from, const char *name);

#endif
