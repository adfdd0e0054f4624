/* main.c - the program: many seeds, each in a process of its own, several at a time.
 *
 *   sim [--seeds N] [--first N] [--jobs N]    seeds first, first + 1, ...; the first broken one
 * ends it sim --seed N [--verbose]                  one
 *
 * A process for each seed makes a failed must() a seed's failure and no more, and lets the engine's
 * memory go with it. Now and then a seed is run twice, and has to be the same run.
 */
#include "run.h"
#include "world.h"

#include "base/must.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { JOBS_MAX = 64, TWICE_EVERY = 50, RUN_CPU_SECONDS = 60 };

struct job {
    pid_t pid;
    uint64_t seed;
};

/* In memory shared with the children. */
struct results {
    uint64_t digests[TWICE_EVERY];
};

static struct results *results;

static void block_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL); /* control reads them from a descriptor */
}

/* A run that turns on the spot does not come to the end of its virtual time. */
static void limit_run(void)
{
    const struct rlimit limit = {RUN_CPU_SECONDS, RUN_CPU_SECONDS + 1};
    must(setrlimit(RLIMIT_CPU, &limit) == 0);
}

/* `first`: what the digest was when the seed was run before; NULL: it was not. */
static void run_child(uint64_t seed, const uint64_t *first)
{
    limit_run();
    block_signals();
    run_seed(seed, false);
    if (first && *first != world_digest())
        world_fail("it ran otherwise when it was run again");
    if (!first)
        results->digests[seed % TWICE_EVERY] = world_digest();
    _exit(0);
}

static pid_t start(uint64_t seed, const uint64_t *first)
{
    fflush(NULL);
    pid_t pid = fork();
    must(pid >= 0);
    if (pid == 0)
        run_child(seed, first);
    return pid;
}

/* Waits for one of them. False: it failed. */
static bool reap(struct job *jobs, unsigned *count)
{
    int status;
    pid_t pid = wait(&status);
    must(pid > 0);
    unsigned at = 0;
    while (jobs[at].pid != pid)
        at++;
    uint64_t seed = jobs[at].seed;
    jobs[at] = jobs[--*count];
    if (status == 0)
        return true;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU)
        fprintf(stderr, "seed %lu: has not ended after %d s\n", seed, RUN_CPU_SECONDS);
    else if (WIFSIGNALED(status))
        fprintf(stderr, "seed %lu: ended by signal %d\n", seed, WTERMSIG(status));
    fprintf(stderr, "run it again: sim --seed %lu --verbose\n", seed);
    return false;
}

/* How many seeds were run and kept all guarantees. */
static uint64_t run_all(uint64_t first, uint64_t count, unsigned jobs_max)
{
    struct job jobs[JOBS_MAX];
    unsigned running = 0;
    uint64_t started = 0;
    bool is_well = true;
    while (running > 0 || (is_well && started < count)) {
        if (is_well && started < count && running < jobs_max) {
            uint64_t seed = first + started++;
            jobs[running++] = (struct job){start(seed, NULL), seed};
            if (started % TWICE_EVERY == 1) {
                while (running > 0)
                    is_well &= reap(jobs, &running);
                uint64_t digest = results->digests[seed % TWICE_EVERY];
                if (is_well)
                    jobs[running++] = (struct job){start(seed, &digest), seed};
            }
            continue;
        }
        is_well &= reap(jobs, &running);
    }
    return is_well ? started : 0;
}

static uint64_t number(const char *text)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (*text == '\0' || *end != '\0') {
        fprintf(stderr, "sim: not a number: %s\n", text);
        exit(2);
    }
    return value;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"seeds", required_argument, NULL, 'n'}, {"first", required_argument, NULL, 'f'},
        {"jobs", required_argument, NULL, 'j'},  {"seed", required_argument, NULL, 's'},
        {"verbose", no_argument, NULL, 'v'},     {0},
    };
    uint64_t first = 1, count = 100, jobs = (uint64_t)sysconf(_SC_NPROCESSORS_ONLN);
    bool is_one = false, is_verbose = false;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == '?')
            return 2;
        if (option == 'v')
            is_verbose = true;
        else if (option == 'n')
            count = number(optarg);
        else if (option == 'j')
            jobs = number(optarg);
        else
            first = number(optarg);
        is_one |= option == 's';
    }
    if (is_one) {
        limit_run();
        block_signals();
        run_seed(first, is_verbose);
        printf("seed %lu keeps every guarantee\n", first);
        fflush(NULL);
        _exit(0); /* the memory of engines that crashed is left as it is */
    }
    results =
        mmap(NULL, sizeof *results, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(results != MAP_FAILED);
    if (run_all(first, count, jobs < 1 ? 1 : jobs > JOBS_MAX ? JOBS_MAX : (unsigned)jobs) == 0)
        return 1;
    printf("%lu seeds keep every guarantee\n", count);
    return 0;
}
