/* manual.c - grapnelctl manual: the manual page as roff, from the table. */
#include "tools/ctl/line.h"
#include "tools/ctl/run.h"

#include <stdio.h>

/* Escapes what roff would read: '\' and '-' anywhere, '.' and '\'' at the start of a line. */
static void put_text(const char *text)
{
    bool is_start = true;
    for (; *text; text++) {
        if (*text == '\\')
            fputs("\\e", stdout);
        else if (*text == '-')
            fputs("\\-", stdout);
        else if (is_start && (*text == '.' || *text == '\''))
            printf("\\&%c", *text);
        else
            putchar(*text);
        is_start = *text == '\n';
    }
}

static void put_option(const struct option *option)
{
    fputs(".TP\n\\fB\\-\\-", stdout);
    put_text(option->name);
    fputs("\\fR", stdout);
    if (option->argument) {
        fputs(" \\fI", stdout);
        put_text(option->argument);
        fputs("\\fR", stdout);
    }
    putchar('\n');
    put_text(option->help);
    if (option->choices) {
        fputs(" (", stdout);
        put_text(option->choices);
        putchar(')');
    }
    putchar('\n');
}

static void put_verb(const struct noun *noun, const struct verb *verb)
{
    size_t cursor = 0;
    const struct option *option;
    fputs(".SS \"grapnelctl ", stdout);
    put_text(noun->name);
    if (verb->name) {
        putchar(' ');
        put_text(verb->name);
    }
    if (verb->argument) {
        putchar(' ');
        put_text(verb->argument);
    }
    puts("\"");
    put_text(verb->help);
    putchar('\n');
    while ((option = verb_next_option(verb, &cursor)))
        put_option(option);
}

static void put_nouns(void)
{
    for (const struct noun *noun = nouns; noun->name; noun++) {
        fputs(".TP\n\\fB", stdout);
        put_text(noun->name);
        fputs("\\fR\n", stdout);
        put_text(noun->help);
        putchar('\n');
    }
}

int run_manual(const struct line *line)
{
    (void)line;
    puts(".TH GRAPNELCTL 1 \"\" \"grapnel " GRAPNEL_VERSION "\" \"User Commands\"\n"
         ".SH NAME\ngrapnelctl \\- command line of the grapnel webhook delivery engine\n"
         ".SH SYNOPSIS\n.B grapnelctl\n[\\fIOPTION\\fR]... \\fINOUN\\fR \\fIVERB\\fR "
         "[\\fIARGUMENT\\fR] [\\fIOPTION\\fR]...\n"
         ".SH DESCRIPTION\nSpeaks to the admin port of a running engine. The nouns are\n.PP");
    put_nouns();
    puts(".PP\nLists are tables for people, and with \\fB\\-o json\\fR what the server answered. "
         "Times are shown in the local time zone. Colour is for terminals alone, and not where "
         "\\fBNO_COLOR\\fR is set.\n"
         ".SH OPTIONS\nThese go with every command.");
    for (const struct option *option = global_options; option->name; option++)
        put_option(option);
    puts(".SH COMMANDS");
    for (const struct noun *noun = nouns; noun->name; noun++)
        for (const struct verb *verb = noun->verbs; verb->help; verb++)
            put_verb(noun, verb);
    puts(".SH EXIT STATUS\n.TP\n.B 0\nDone.\n.TP\n.B 1\nThe server said no; what it said is on "
         "standard error.\n.TP\n.B 2\nWrong usage.\n.TP\n.B 3\nThe server cannot be reached.\n"
         ".SH ENVIRONMENT\n\\fBGRAPNEL_URL\\fR, \\fBGRAPNEL_KEY\\fR, \\fBGRAPNEL_KEY_FILE\\fR and "
         "\\fBGRAPNEL_TENANT\\fR stand for the options of these names.\n"
         ".SH SEE ALSO\n.BR grapnel (1),\n.BR grapnel\\-load (1)");
    return EXIT_DONE;
}
