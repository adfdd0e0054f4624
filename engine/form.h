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

/* "A-Z a-z 0-9 _ - .", at least one. */
bool form_is_name(struct slice text);

/* Copies into an allocated string, in the place of what is there. */
void form_keep(struct form *form, char **field, struct slice string);

#endif
