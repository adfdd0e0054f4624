/* config.c - where settings come from: the file, the environment, the command line.
 *
 * A source is a run of assignments. They are applied in that order, so the later source wins. A
 * list is emptied by the first assignment of each source, so a flag replaces the file's list rather
 * than adding to it. No state; one thread.
 */
#include "config.h"

#include "budget.h"
#include "settings.h"
#include "store/db.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>

extern char **environ;

enum { LINE_SIZE = 4096 };

/* ---- sources ---- */

struct source {
    struct config *config;
    FILE *err;
    bool begun[SETTINGS_MAX]; /* by this source */
};

static int complain(FILE *err, const char *format, ...)
{
    va_list args;
    fputs("grapnel: ", err);
    va_start(args, format);
    vfprintf(err, format, args);
    va_end(args);
    fputc('\n', err);
    return -EINVAL;
}

static int assign(struct source *source, const struct setting *setting, struct slice value,
                  const char *where)
{
    size_t index = (size_t)(setting - settings);
    if (setting_is_list(setting) && !source->begun[index])
        setting_clear_list(source->config, setting);
    source->begun[index] = true;

    int error = setting_parse(source->config, setting, value);
    if (error == 0)
        return 0;
    if (error == -ENOSPC)
        return complain(source->err, "%s: too many values of %s", where, setting->name);
    if (setting_is_secret(setting))
        value = SLICE("***");
    fprintf(source->err, "grapnel: %s: bad value \"%.*s\" for %s: expected ", where,
            SLICE_ARGS(value), setting->name);
    setting_print_expected(setting, source->err);
    fputc('\n', source->err);
    return -EINVAL;
}

static int read_line(struct source *source, struct slice line, const char *where)
{
    line = slice_trim(line);
    if (line.size == 0 || line.at[0] == '#')
        return 0;
    size_t sign = slice_find(line, '=');
    if (sign == line.size)
        return complain(source->err, "%s: expected \"key = value\"", where);

    struct slice key = slice_trim(slice_of(line.at, sign));
    const struct setting *setting = setting_find(key, '_', false);
    if (!setting || setting == &settings[0])
        return complain(source->err, "%s: unknown key \"%.*s\"", where, SLICE_ARGS(key));
    return assign(source, setting, slice_trim(slice_skip(line, sign + 1)), where);
}

static int read_file(struct config *config, FILE *err)
{
    struct source source = {.config = config, .err = err};
    FILE *file = fopen(config->file, "re");
    if (!file)
        return complain(err, "cannot read configuration file %s: %s", config->file,
                        strerror(errno));

    char line[LINE_SIZE], where[CONFIG_PATH_SIZE + 32];
    int error = 0;
    for (unsigned number = 1; !error && fgets(line, sizeof line, file); number++) {
        size_t size = strcspn(line, "\r\n");
        snprintf(where, sizeof where, "%s:%u", config->file, number);
        error = line[size] == '\0' && !feof(file) ? complain(err, "%s: line is too long", where)
                                                  : read_line(&source, slice_of(line, size), where);
    }
    if (!error && ferror(file))
        error = complain(err, "cannot read configuration file %s", config->file);
    fclose(file);
    return error;
}

/* Variables that other parts read: two keys (first_start.c, secret_key.c) and the client's two
 * (grapnelctl). */
static bool is_foreign(struct slice name)
{
    return slice_equal(name, SLICE("ADMIN_KEY")) || slice_equal(name, SLICE("SECRET_KEY")) ||
           slice_equal(name, SLICE("URL")) || slice_equal(name, SLICE("KEY")) ||
           slice_equal(name, SLICE("KEY_FILE")) || slice_equal(name, SLICE("TENANT"));
}

/* `only`: assign this setting and no other; NULL: all. */
static int read_environment(struct config *config, const struct setting *only, FILE *err)
{
    struct source source = {.config = config, .err = err};
    for (char **entry = environ; entry && *entry; entry++) {
        struct slice whole = slice_str(*entry), prefix = SLICE("GRAPNEL_");
        if (!slice_starts_with(whole, prefix))
            continue;
        struct slice name = slice_skip(whole, prefix.size);
        size_t sign = slice_find(name, '=');
        struct slice value = slice_skip(name, sign + 1);
        name.size = sign;
        if (is_foreign(name))
            continue;

        char where[SETTING_NAME_SIZE + 32];
        snprintf(where, sizeof where, "environment variable GRAPNEL_%.*s",
                 (int)(name.size < SETTING_NAME_SIZE ? name.size : SETTING_NAME_SIZE - 1), name.at);
        const struct setting *setting = setting_find(name, '_', true);
        if (!setting)
            return complain(err, "unknown %s", where);
        if ((!only || only == setting) && assign(&source, setting, value, where))
            return -EINVAL;
    }
    return 0;
}

enum asked { ASKED_RUN, ASKED_HELP, ASKED_VERSION, ASKED_SAMPLE };

/* Takes one flag, and its value if that is the next argument. */
static int read_flag(struct source *source, char **argv, int argc, int *at,
                     const struct setting *only)
{
    const char *flag = argv[*at];
    struct slice name = slice_skip(slice_str(flag), 2);
    size_t sign = slice_find(name, '=');
    bool has_value = sign < name.size;
    struct slice value = slice_skip(name, sign + 1);
    name.size = sign;

    const struct setting *setting =
        strncmp(flag, "--", 2) == 0 ? setting_find(name, '-', false) : NULL;
    if (!setting)
        return complain(source->err, "unknown option \"%s\" (see --help)", flag);
    if (!has_value && setting->kind == SWITCH) {
        value = SLICE("true");
    } else if (!has_value) {
        if (*at + 1 == argc)
            return complain(source->err, "option %s needs a value", flag);
        value = slice_str(argv[++*at]);
    }
    if (only && only != setting)
        return 0;

    char where[SETTING_NAME_SIZE];
    snprintf(where, sizeof where, "option --%.*s", SLICE_ARGS(name));
    return assign(source, setting, value, where);
}

static int read_flags(struct config *config, int argc, char **argv, const struct setting *only,
                      FILE *err, enum asked *asked)
{
    struct source source = {.config = config, .err = err};
    for (int at = 1; at < argc; at++) {
        if (strcmp(argv[at], "--help") == 0 || strcmp(argv[at], "-h") == 0)
            *asked = ASKED_HELP;
        else if (strcmp(argv[at], "--version") == 0)
            *asked = ASKED_VERSION;
        else if (strcmp(argv[at], "--print-config") == 0)
            *asked = ASKED_SAMPLE;
        else if (strcmp(argv[at], "--check-config") == 0)
            config->check_only = true;
        else if (strcmp(argv[at], "--restore") == 0 && at + 1 < argc)
            config->restore = argv[++at];
        else if (strncmp(argv[at], "--restore=", 10) == 0)
            config->restore = argv[at] + 10;
        else if (read_flag(&source, argv, argc, &at, only))
            return -EINVAL;
        if (*asked != ASKED_RUN)
            return 0;
    }
    return 0;
}

/* ---- all of it ---- */

static unsigned cores(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return 1;
    int count = CPU_COUNT(&set);
    return count < 1 ? 1 : count > DB_SHARDS_MAX ? DB_SHARDS_MAX : (unsigned)count;
}

static int check_whole(const struct config *config, FILE *err)
{
    if (config->data[0] == '\0')
        return complain(err, "data: the directory may not be empty");
    if (config->tls_cert[0] && !config->tls_key[0])
        return complain(err, "tls_cert is given without tls_key");
    if (config->tls_key[0] && !config->tls_cert[0])
        return complain(err, "tls_key is given without tls_cert");
    return 0;
}

static int check_memory(const struct config *config, FILE *err)
{
    uint64_t least = budget_least(config->event_bytes_max, config->shards);
    if (config->memory_bytes >= least)
        return 0;
    return complain(err,
                    "memory: %" PRIu64 "M is too little for events of %" PRIu64
                    " bytes (event_bytes_max) on %u shards: it has to be %" PRIu64 "M at least",
                    config->memory_bytes >> 20, config->event_bytes_max, config->shards,
                    least >> 20);
}

/* One for each core, if there is memory for so many. */
static unsigned usual_shards(const struct config *config)
{
    unsigned most = budget_shards(config->memory_bytes, config->event_bytes_max);
    return cores() < most ? cores() : most;
}

/* The order matters: the file's name comes from the environment or the flags, its contents before
 * both. */
static int load(struct config *config, int argc, char **argv, FILE *err, enum asked *asked)
{
    const struct setting *file = &settings[0];
    settings_clear(config);
    *asked = ASKED_RUN;

    int error = read_environment(config, file, err);
    if (!error)
        error = read_flags(config, argc, argv, file, err, asked);
    if (error || *asked != ASKED_RUN)
        return error;
    if (config->file[0])
        error = read_file(config, err);
    if (!error)
        error = read_environment(config, NULL, err);
    if (!error)
        error = read_flags(config, argc, argv, NULL, err, asked);
    if (!error)
        error = check_whole(config, err);
    if (!error && config->shards == 0)
        config->shards = usual_shards(config);
    return error ? error : check_memory(config, err);
}

enum config_result config_load(struct config *config, int argc, char **argv, FILE *out, FILE *err)
{
    enum asked asked;
    if (load(config, argc, argv, err, &asked))
        return CONFIG_WRONG;
    config->argc = argc;
    config->argv = argv;
    if (asked == ASKED_HELP)
        settings_print_help(out);
    else if (asked == ASKED_VERSION)
        fprintf(out, "grapnel %s\n", GRAPNEL_VERSION);
    else if (asked == ASKED_SAMPLE)
        config_print_sample(out);
    else if (config->check_only)
        config_print(config, out);
    return asked == ASKED_RUN && !config->check_only ? CONFIG_RUN : CONFIG_DONE;
}

int config_reload(struct config *config, FILE *err)
{
    enum asked asked;
    struct config *fresh = calloc(1, sizeof *fresh);
    if (!fresh)
        return -ENOMEM;
    int error = load(fresh, config->argc, config->argv, err, &asked);
    if (!error) { /* these stay */
        fresh->memory_bytes = config->memory_bytes;
        fresh->shards = config->shards;
        error = check_memory(fresh, err);
    }
    for (size_t i = 0; !error && i < settings_count; i++)
        if (settings[i].reloadable)
            setting_copy(config, fresh, &settings[i]);
    free(fresh);
    return error;
}
