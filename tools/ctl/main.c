/* main.c - grapnelctl: reads the line, and runs what it says. */
#include "tools/ctl/help.h"
#include "tools/ctl/run.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>

/* Output that could not be written was not delivered: a script has to know. */
static int end_output(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    perror("grapnelctl: standard output");
    return status ? status : EXIT_REFUSED;
}

/* As much of the line as was understood, with --help. */
static int say_usage(const struct line *line, const char *why)
{
    bool has_verb = line->verb && line->verb->name;
    fprintf(stderr, "grapnelctl: %s\ntry: grapnelctl%s%s%s%s --help\n", why, line->noun ? " " : "",
            line->noun ? line->noun->name : "", has_verb ? " " : "",
            has_verb ? line->verb->name : "");
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    struct line line;
    char why[LINE_WHY_SIZE];
    signal(SIGPIPE, SIG_DFL);
    if (argc < 2) {
        help_print(&(struct line){0}, stderr);
        return EXIT_USAGE;
    }
    if (line_read(&line, argc, argv, why) < 0)
        return say_usage(&line, why);
    if (line_global(&line, GLOBAL_HELP)) {
        help_print(&line, stdout);
        return end_output(EXIT_DONE);
    }
    if (line_global(&line, GLOBAL_VERSION)) {
        puts("grapnelctl " GRAPNEL_VERSION);
        return end_output(EXIT_DONE);
    }
    return end_output(line.verb->run ? line.verb->run(&line) : run_request(&line));
}
