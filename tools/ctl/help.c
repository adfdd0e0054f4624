/* help.c - see help.h. */
#include "tools/ctl/help.h"

enum { NAME_WIDTH = 24, TEXT_WIDTH = 72 };

/* Words in lines of TEXT_WIDTH, behind the column of names. */
static void print_text(const char *text, FILE *out)
{
    struct slice rest = slice_str(text);
    size_t at = 0;
    while (rest.size) {
        struct slice word = slice_of(rest.at, slice_find(rest, ' '));
        rest = slice_skip(rest, word.size + 1);
        if (at > 0 && at + 1 + word.size > TEXT_WIDTH) {
            fprintf(out, "\n%*s", NAME_WIDTH + 4, "");
            at = 0;
        }
        fprintf(out, "%s%.*s", at ? " " : "", SLICE_ARGS(word));
        at += word.size + (at > 0);
    }
    fputc('\n', out);
}

static void print_row(const char *name, const char *argument, const char *text, FILE *out)
{
    char usage[80];
    snprintf(usage, sizeof usage, "%s%s%s", name, argument ? " " : "", argument ? argument : "");
    int width = fprintf(out, "  %-*s  ", NAME_WIDTH, usage);
    if (width > NAME_WIDTH + 4)
        fprintf(out, "\n%*s", NAME_WIDTH + 4, "");
    print_text(text, out);
}

static void print_option(const struct option *option, FILE *out)
{
    char name[64], text[512];
    snprintf(name, sizeof name, "--%s", option->name);
    snprintf(text, sizeof text, "%s%s%s%s", option->help, option->choices ? " (" : "",
             option->choices ? option->choices : "", option->choices ? ")" : "");
    print_row(name, option->argument, text, out);
}

static void print_globals(FILE *out)
{
    fputs("\nEverywhere:\n", out);
    for (const struct option *option = global_options; option->name; option++)
        print_option(option, out);
}

static void print_program(FILE *out)
{
    fputs("usage: grapnelctl [OPTION...] COMMAND ...\n\n"
          "Speaks to a grapnel engine's admin port.\n\nCommands:\n",
          out);
    for (const struct noun *noun = nouns; noun->name; noun++)
        print_row(noun->name, NULL, noun->help, out);
    print_globals(out);
    fputs("\ngrapnelctl COMMAND --help says more. It ends with 0: done; 1: the server said no;\n"
          "2: wrong usage; 3: the server cannot be reached.\n",
          out);
}

static void print_noun(const struct noun *noun, FILE *out)
{
    fprintf(out, "usage: grapnelctl %s VERB ...\n\n%s: %s.\n\nVerbs:\n", noun->name, noun->name,
            noun->help);
    for (const struct verb *verb = noun->verbs; verb->help; verb++)
        print_row(verb->name, verb->argument, verb->help, out);
    fprintf(out, "\ngrapnelctl %s VERB --help lists its options.\n", noun->name);
}

static void print_verb(const struct noun *noun, const struct verb *verb, FILE *out)
{
    size_t cursor = 0;
    const struct option *option = verb_next_option(verb, &cursor);
    fprintf(out, "usage: grapnelctl %s%s%s%s%s%s\n\n", noun->name, verb->name ? " " : "",
            verb->name ? verb->name : "", verb->argument ? " " : "",
            verb->argument ? verb->argument : "", option ? " [OPTION...]" : "");
    fprintf(out, "%s\n", verb->help);
    if (verb->path)
        fprintf(out, "(%s %s)\n", verb->method, verb->path);
    if (option)
        fputs("\nOptions:\n", out);
    for (; option; option = verb_next_option(verb, &cursor))
        print_option(option, out);
    print_globals(out);
}

void help_print(const struct line *line, FILE *out)
{
    if (!line->noun)
        print_program(out);
    else if (!line->verb)
        print_noun(line->noun, out);
    else
        print_verb(line->noun, line->verb, out);
}
