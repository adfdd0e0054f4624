/* form.h - the members of a JSON object read into an object of ours, each by its row of a table.
 *
 * A row's parser takes its value over into what is being made, or notes a fault with its place.
 * Members that no row names are faults; null stands for the default. Plain functions, no state.
 */
#ifndef ENGINE_FORM_H
#define ENGINE_FORM_H

#include "base/json.h"
#include "faults.h"

struct form {
    void *made; /* the rows know what */
    struct faults *faults;
    bool out_of_memory;
};

struct form_field {
    const char *name;
    void (*parse)(struct form *form, struct json_value value, const char *pointer);
};

/* The walk itself, for tables whose rows parse into something else. Each row begins with its name.
 */
struct form_members {
    struct json_value object;
    const char *base; /* its place */
    struct faults *faults;
    const void *fields;
    size_t field_size;
    unsigned count;        /* at most 64 */
    uint64_t cursor, seen; /* zero at first */
};

/* The next member that has a row and is not null: the number of its row, or -1 at the end. */
int form_next(struct form_members *members, struct json_value *value,
              char pointer[static FAULT_POINTER_SIZE]);

void form_walk(struct form *form, struct json_value object, const char *base,
               const struct form_field *fields, unsigned count);

#define FORM_WALK(form, object, base, fields) \
    form_walk(form, object, base, fields, sizeof(fields) / sizeof(fields)[0])

/* Each takes a value of one kind, or notes the fault and returns false. A string is without NUL
 * and of at most `max` bytes. */
bool form_string(struct form *form, struct json_value value, const char *pointer, size_t max,
                 struct slice *string);
bool form_u64(struct form *form, struct json_value value, const char *pointer, uint64_t max,
              uint64_t *number); /* 1 to `max` */
bool form_number(struct form *form, struct json_value value, const char *pointer,
                 const double bounds[2], double *number);
bool form_bool(struct form *form, struct json_value value, const char *pointer, bool *flag);

/* A JSON object of at most LIMIT_METADATA_SIZE bytes, kept as text. */
void form_metadata(struct form *form, struct json_value value, const char *pointer, char **field);

/* Whether a text may be a uid: a name, not "." or "..", which paths have a use for, and nothing
 * that could be taken for an id with this prefix. */
bool form_is_uid(struct slice text, const char *prefix);

/* "A-Z a-z 0-9 _ - .", at least one. */
bool form_is_name(struct slice text);

/* Copies into an allocated string, in the place of what is there. */
void form_keep(struct form *form, char **field, struct slice string);

#endif
