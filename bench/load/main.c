/* main.c - grapnel-load: which command? */
#include "base/slice.h"
#include "bench/load/commands.h"

#include <stdio.h>

static const char help[] =
    "usage: grapnel-load COMMAND [flags]\n"
    "\n"
    "Puts load on a grapnel engine and checks every delivery.\n"
    "\n"
    "  bench       starts an engine of its own and a receiver, publishes, drains, audits\n"
    "  isolation   what endpoints that hang or fail do to the others\n"
    "  backlog     what millions of deliveries for a dead receiver do to it\n"
    "  management  what lists, scrapes and a replay do to deliveries\n"
    "  queries     how long lists take with millions of attempts on disk\n"
    "  send        publishes to an engine that runs already\n"
    "  sink        receives, with faults on demand, and keeps a ledger\n"
    "\n"
    "grapnel-load COMMAND --help lists the flags.\n";

static const struct {
    const char *name;
    int (*main)(int argc, char **argv);
} commands[] = {
    {"bench", bench_main},     {"isolation", isolation_main},
    {"backlog", backlog_main}, {"management", management_main},
    {"queries", queries_main}, {"send", send_main},
    {"sink", sink_main},
};

int main(int argc, char **argv)
{
    struct slice word = argc > 1 ? slice_str(argv[1]) : SLICE("");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (slice_equal(word, slice_str(commands[i].name)))
            return commands[i].main(argc - 2, argv + 2);

    if (slice_equal(word, SLICE("--help"))) {
        fputs(help, stdout);
        return 0;
    }
    if (slice_equal(word, SLICE("--version"))) {
        puts("grapnel-load " GRAPNEL_VERSION);
        return 0;
    }
    if (word.size > 0)
        fprintf(stderr, "grapnel-load: unknown command '%s'\n", argv[1]);
    fputs(help, stderr);
    return 2;
}
