/* engine_process.h - an engine of one's own: started in a fresh directory, asked what it costs, and
 * ended.
 */
#ifndef LOAD_ENGINE_PROCESS_H
#define LOAD_ENGINE_PROCESS_H

#include "base/must.h"
#include "net/address.h"

#include <stdio.h>
#include <sys/types.h>

enum { ENGINE_WHY_SIZE = 512, ENGINE_KEY_SIZE = 128 };

struct engine_process {
    pid_t pid;             /* 0: not running */
    int status;            /* as of wait(2), when it has ended */
    const char *directory; /* for its data and its log; NULL before the start */
    struct address ingest, admin;
    char key[ENGINE_KEY_SIZE];
};

/* Runs `program` in `directory` (which must stay) with `arguments` (NULL at the end) behind those
 * that every run needs, and waits until it is ready. 0, or -errno with `why`. */
MUST_CHECK int engine_process_start(struct engine_process *engine, const char *directory,
                                    const char *program, const char *const *arguments,
                                    char why[static ENGINE_WHY_SIZE]);

bool engine_process_runs(struct engine_process *engine);

/* How it ended: "exit code 1", "signal 11 (Segmentation fault)". */
enum { ENGINE_END_SIZE = 64 };
void engine_process_print_end(const struct engine_process *engine,
                              char out[static ENGINE_END_SIZE]);

struct engine_cost {
    uint64_t cpu_ns;             /* user and system together, exactly */
    uint64_t user_ns, system_ns; /* the same in clock ticks of the kernel */
    uint64_t memory_peak_bytes;
};

/* What it has cost since its start. Zero if it does not run. */
struct engine_cost engine_process_cost(const struct engine_process *engine);

/* SIGTERM, and after a while SIGKILL. 0 if it ended by itself with 0; -EIO otherwise. */
MUST_CHECK int engine_process_stop(struct engine_process *engine);

/* The last lines that it logged. */
void engine_process_print_log(const struct engine_process *engine, FILE *out);

#endif
