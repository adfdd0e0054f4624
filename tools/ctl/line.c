/* line.c - see line.h. */
#include "tools/ctl/line.h"

#include "tools/ctl/guess.h"

#include <errno.h>
#include <stdio.h>

struct reader {
    struct line *line;
    int argc, at;
    char **argv;
    bool options_ended;
    char *why;
};

static int wrong(const struct reader *reader, const char *what, struct slice word,
                 const struct guess *guess)
{
    int size = snprintf(reader->why, LINE_WHY_SIZE, "%s '%.*s'", what, SLICE_ARGS(word));
    if (guess && guess->best && size > 0 && size < LINE_WHY_SIZE)
        snprintf(reader->why + size, LINE_WHY_SIZE - (size_t)size, ": did you mean '%s'?",
                 guess->best);
    return -EINVAL;
}

/* ---- options ---- */

static const struct option *find_in(const struct option *list, struct slice name)
{
    for (; list->name; list++)
        if (slice_equal(name, slice_str(list->name)))
            return list;
    return NULL;
}

static const struct option *find_option(const struct line *line, struct slice name)
{
    const struct option *found = line->verb ? verb_option(line->verb, name) : NULL;
    return found ? found : find_in(global_options, name);
}

static int unknown_option(const struct reader *reader, struct slice name)
{
    struct guess guess;
    size_t cursor = 0;
    const struct option *option;
    guess_init(&guess, name);
    while (reader->line->verb && (option = verb_next_option(reader->line->verb, &cursor)))
        guess_offer(&guess, option->name);
    for (option = global_options; option->name; option++)
        guess_offer(&guess, option->name);
    return wrong(reader, "unknown option", name, &guess);
}

static int put_option(struct reader *reader, const struct option *option, const char *value)
{
    struct line *line = reader->line;
    if (line->count == LINE_GIVEN_MAX) {
        snprintf(reader->why, LINE_WHY_SIZE, "more than %d options", LINE_GIVEN_MAX);
        return -EINVAL;
    }
    line->given[line->count++] = (struct given){option, value};
    return 0;
}

/* `value`: what was attached to it, or NULL. */
static int take_option(struct reader *reader, const struct option *option, const char *value)
{
    if (!option->argument && value)
        return wrong(reader, "no value goes with option", slice_str(option->name), NULL);
    if (!option->argument)
        return put_option(reader, option, "");
    if (!value && reader->at == reader->argc)
        return wrong(reader, "a value is missing for option", slice_str(option->name), NULL);
    return put_option(reader, option, value ? value : reader->argv[reader->at++]);
}

static int read_long(struct reader *reader, const char *word)
{
    struct slice name = slice_str(word + 2);
    size_t equals = slice_find(name, '=');
    const char *value = equals < name.size ? name.at + equals + 1 : NULL;
    name.size = equals;
    const struct option *option = find_option(reader->line, name);
    return option ? take_option(reader, option, value) : unknown_option(reader, name);
}

static int read_short(struct reader *reader, const char *word)
{
    if (slice_equal(slice_str(word), SLICE("-h")))
        return put_option(reader, &global_options[GLOBAL_HELP], "");
    if (word[1] == 'o')
        return take_option(reader, &global_options[GLOBAL_OUTPUT], word[2] ? word + 2 : NULL);
    return wrong(reader, "unknown option", slice_str(word), NULL);
}

/* ---- words ---- */

static int read_noun(struct reader *reader, const char *word)
{
    struct line *line = reader->line;
    struct guess guess;
    line->noun = noun_find(slice_str(word));
    if (line->noun) {
        line->verb = noun_alone(line->noun);
        return 0;
    }
    guess_init(&guess, slice_str(word));
    for (const struct noun *noun = nouns; noun->name; noun++)
        guess_offer(&guess, noun->name);
    return wrong(reader, "unknown command", slice_str(word), &guess);
}

static int read_verb(struct reader *reader, const char *word)
{
    struct line *line = reader->line;
    struct guess guess;
    line->verb = verb_find(line->noun, slice_str(word));
    if (line->verb)
        return 0;
    guess_init(&guess, slice_str(word));
    for (const struct verb *verb = line->noun->verbs; verb->help; verb++)
        guess_offer(&guess, verb->name);
    char what[64];
    snprintf(what, sizeof what, "%s has no verb", line->noun->name);
    return wrong(reader, what, slice_str(word), &guess);
}

static int read_word(struct reader *reader, const char *word)
{
    struct line *line = reader->line;
    if (!line->noun)
        return read_noun(reader, word);
    if (!line->verb)
        return read_verb(reader, word);
    if (!line->verb->argument || line->argument)
        return wrong(reader, "one argument too many:", slice_str(word), NULL);
    line->argument = word;
    return 0;
}

/* ---- the whole ---- */

/* A lone "-" is a word: standard input. */
static int read_next(struct reader *reader)
{
    const char *word = reader->argv[reader->at++];
    if (reader->options_ended || word[0] != '-' || !word[1])
        return read_word(reader, word);
    if (word[1] != '-')
        return read_short(reader, word);
    if (word[2])
        return read_long(reader, word);
    reader->options_ended = true;
    return 0;
}

/* "active|paused" has "paused". */
static bool is_choice(const char *choices, struct slice value)
{
    struct slice rest = slice_str(choices);
    while (rest.size) {
        struct slice choice = slice_of(rest.at, slice_find(rest, '|'));
        if (slice_equal(choice, value))
            return true;
        rest = slice_skip(rest, choice.size + 1);
    }
    return false;
}

static int check(const struct reader *reader)
{
    const struct line *line = reader->line;
    const char *output = line_global(line, GLOBAL_OUTPUT);
    if (output && !is_choice(global_options[GLOBAL_OUTPUT].choices, slice_str(output)))
        return wrong(reader, "the output is table or json, not", slice_str(output), NULL);
    if (line_global(line, GLOBAL_HELP) || line_global(line, GLOBAL_VERSION))
        return 0;
    const char *missing = !line->noun ? "a command" : !line->verb ? "a verb" : NULL;
    if (missing) {
        snprintf(reader->why, LINE_WHY_SIZE, "%s is missing", missing);
        return -EINVAL;
    }
    if (line->verb->argument && line->verb->argument[0] != '[' && !line->argument) {
        snprintf(reader->why, LINE_WHY_SIZE, "%s is missing", line->verb->argument);
        return -EINVAL;
    }
    return 0;
}

int line_read(struct line *line, int argc, char **argv, char why[static LINE_WHY_SIZE])
{
    struct reader reader = {.line = line, .argc = argc, .at = 1, .argv = argv, .why = why};
    *line = (struct line){0};
    while (reader.at < argc) {
        int error = read_next(&reader);
        if (error)
            return error;
    }
    return check(&reader);
}

const char *line_option(const struct line *line, const char *name)
{
    const struct option *option = verb_option(line->verb, slice_str(name));
    for (unsigned i = line->count; option && i > 0; i--)
        if (line->given[i - 1].option == option)
            return line->given[i - 1].value;
    return NULL;
}

const char *line_global(const struct line *line, unsigned global)
{
    for (unsigned i = line->count; i > 0; i--)
        if (line->given[i - 1].option == &global_options[global])
            return line->given[i - 1].value;
    return NULL;
}

bool line_wants_json(const struct line *line)
{
    const char *output = line_global(line, GLOBAL_OUTPUT);
    return output && slice_equal(slice_str(output), SLICE("json"));
}
