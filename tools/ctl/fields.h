/* fields.h - a JSON object put together from what a command line gives: a document to begin with,
 * and members by their paths.
 *
 * A path is names with dots between them, "retry.jitter"; a dot that belongs to a name is written
 * "\.". What is set later replaces what was there; an object on the way to it is opened, anything
 * else on the way gives place to an object. Memory grows with what is given, and is freed by
 * fields_close().
 */
#ifndef CTL_FIELDS_H
#define CTL_FIELDS_H

#include "base/json.h"
#include "base/text.h"

enum { FIELDS_WHY_SIZE = 160, FIELDS_DEPTH_MAX = 16, FIELDS_MEMBERS_MAX = 1024 };

struct fields {
    struct field *first; /* of the object; private */
    struct json *json;   /* private */
};

/* 0, or -ENOMEM. */
MUST_CHECK int fields_open(struct fields *fields);
void fields_close(struct fields *fields);

/* Takes the members of a JSON object. 0, or -EINVAL and `why`. */
MUST_CHECK int fields_load(struct fields *fields, struct slice text,
                           char why[static FIELDS_WHY_SIZE]);

/* Sets a member: to JSON (-EINVAL if it is none), to a string, or to JSON if it is some and else to
 * a string. */
MUST_CHECK int fields_set_json(struct fields *fields, struct slice path, struct slice value,
                               char why[static FIELDS_WHY_SIZE]);
MUST_CHECK int fields_set_text(struct fields *fields, struct slice path, struct slice value,
                               char why[static FIELDS_WHY_SIZE]);
MUST_CHECK int fields_set(struct fields *fields, struct slice path, struct slice value,
                          char why[static FIELDS_WHY_SIZE]);

/* Adds strings, with commas between them, to an array that was begun so. */
MUST_CHECK int fields_add_texts(struct fields *fields, struct slice path, struct slice values,
                                char why[static FIELDS_WHY_SIZE]);

/* The object as JSON, to be given to free(). */
struct text fields_print(const struct fields *fields);

#endif
