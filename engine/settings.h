/* settings.h - the table behind config.h: one row for each setting, and what can be done with a row
 * alone. For config.c only.
 */
#ifndef ENGINE_SETTINGS_H
#define ENGINE_SETTINGS_H

#include "config.h"

enum setting_kind {
    PATH,
    ADDRESS,
    COUNT,
    SIZE,
    DURATION,
    SWITCH,
    CHOICE,
    NETWORKS,
    SERVERS,
    PROXY,
    HEADERS,
    POINTERS,
    PATTERNS,
};

struct setting {
    const char *name; /* the key of the file; --name-so of the flag, GRAPNEL_NAME of the variable */
    enum setting_kind kind;
    bool reloadable;
    size_t offset, size;
    const char *standard; /* as text; NULL: "" or an empty list */
    uint64_t min, max;    /* of COUNT, SIZE, DURATION */
    const char *const *choices;
    const char *group; /* a heading before this setting, or NULL */
    const char *help;
};

enum { SETTING_NAME_SIZE = 64, SETTINGS_MAX = 64 };

extern const struct setting settings[]; /* settings[0] names the configuration file */
extern const size_t settings_count;     /* at most SETTINGS_MAX */

/* Gives every field its default. */
void settings_clear(struct config *config);

/* The setting called `name`, or NULL. `joint` is what stands for '_' in it ('-' for a flag);
 * `upper`: it is written in capitals. */
const struct setting *setting_find(struct slice name, char joint, bool upper);

/* Takes a value over into its field; a list grows by it (setting_clear_list() empties one). 0,
 * -EINVAL, or -ENOSPC for a list that is full. */
MUST_CHECK int setting_parse(struct config *config, const struct setting *setting,
                             struct slice value);
bool setting_is_list(const struct setting *setting);

/* May a value have a secret in it, which is then shown nowhere? */
bool setting_is_secret(const struct setting *setting);
void setting_clear_list(struct config *config, const struct setting *setting);

/* Copies the field from one configuration to another. Not for lists. */
void setting_copy(struct config *to, const struct config *from, const struct setting *setting);

/* What a value has to look like, for a message. */
void setting_print_expected(const struct setting *setting, FILE *out);

/* --help's text. */
void settings_print_help(FILE *out);

#endif
