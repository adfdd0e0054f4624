/* engine_process.c - fork and exec, /proc, and a log file that is watched for the line "ready
 * ingest=ADDRESS admin=ADDRESS". The engine gets no GRAPNEL_* variable of ours, and ends if we do.
 */
#include "bench/load/engine_process.h"

#include "base/clock.h"
#include "base/slice.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    PATH_ROOM = 1024,
    ARGUMENTS_MAX = 64,
    START_SECONDS = 60,
    STOP_SECONDS = 20,
    LOG_TAIL = 2048,
};

static void path_of(const struct engine_process *engine, const char *name,
                    char out[static PATH_ROOM])
{
    snprintf(out, PATH_ROOM, "%s/%s", engine->directory, name);
}

static void pause_ms(long ms)
{
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&time, NULL);
}

/* ---- starting ---- */

static void forget_settings(void)
{
    for (char **entry = environ; *entry;) {
        struct slice text = slice_str(*entry);
        char name[128];
        size_t size = slice_find(text, '=');
        if (!slice_starts_with(text, SLICE("GRAPNEL_")) || size >= sizeof name) {
            entry++;
            continue;
        }
        memcpy(name, text.at, size);
        name[size] = '\0';
        unsetenv(name);
        entry = environ;
    }
}

_Noreturn static void become_engine(const struct engine_process *engine, const char *program,
                                    const char *const *arguments)
{
    char data[PATH_ROOM], log[PATH_ROOM];
    path_of(engine, "data", data);
    path_of(engine, "engine.log", log);
    const char *words[ARGUMENTS_MAX] = {program,       "--data",          data,
                                        "--ingest",    "127.0.0.1:0",     "--admin",
                                        "127.0.0.1:0", "--allow-network", "127.0.0.0/8"};
    unsigned count = 9;
    while (*arguments && count < ARGUMENTS_MAX - 1)
        words[count++] = *arguments++;

    int out = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    int null = open("/dev/null", O_RDONLY);
    if (out < 0 || null < 0)
        _exit(127);
    dup2(null, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    forget_settings();
    setpgid(0, 0); /* ^C is for us: we end the engine in our own time */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    execv(program, (char *const *)(uintptr_t)words);
    dprintf(STDERR_FILENO, "%s: %s\n", program, strerror(errno));
    _exit(127);
}

static bool read_address(struct slice text, const char *name, struct address *address)
{
    const char *found = memmem(text.at, text.size, name, strlen(name));
    if (!found)
        return false;
    struct slice value = slice_skip(text, (size_t)(found - text.at) + strlen(name));
    size_t end = 0;
    while (end < value.size && !strchr(" \n\t", value.at[end]))
        end++;
    return end < value.size && address_parse(slice_of(value.at, end), address) == 0;
}

/* True when the log has said that the engine takes traffic, and where. */
static bool is_ready(struct engine_process *engine)
{
    char path[PATH_ROOM], log[64 * 1024];
    path_of(engine, "engine.log", path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t size = read(fd, log, sizeof log);
    close(fd);
    if (size <= 0)
        return false;
    const char *ready = memmem(log, (size_t)size, "ready ", 6);
    if (!ready)
        return false;
    struct slice line = slice_of(ready, (size_t)(log + size - ready));
    return read_address(line, "ingest=", &engine->ingest) &&
           read_address(line, "admin=", &engine->admin);
}

static int read_key(struct engine_process *engine, char *why)
{
    char path[PATH_ROOM];
    path_of(engine, "data/admin.key", path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, engine->key, ENGINE_KEY_SIZE - 1);
    if (fd >= 0)
        close(fd);
    while (size > 0 && strchr("\r\n ", engine->key[size - 1]))
        size--;
    if (size <= 0) {
        snprintf(why, ENGINE_WHY_SIZE, "the engine made no data/admin.key");
        return -ENOENT;
    }
    engine->key[size] = '\0';
    return 0;
}

int engine_process_start(struct engine_process *engine, const char *directory, const char *program,
                         const char *const *arguments, char why[static ENGINE_WHY_SIZE])
{
    *engine = (struct engine_process){.directory = directory};
    pid_t pid = fork();
    if (pid == 0)
        become_engine(engine, program, arguments);
    if (pid < 0) {
        snprintf(why, ENGINE_WHY_SIZE, "fork: %s", strerror(errno));
        return -EAGAIN;
    }
    engine->pid = pid;
    uint64_t until_ns = clock_monotonic_ns() + UINT64_C(1000000000) * START_SECONDS;
    while (!is_ready(engine)) {
        if (!engine_process_runs(engine)) {
            char end[ENGINE_END_SIZE];
            engine_process_print_end(engine, end);
            snprintf(why, ENGINE_WHY_SIZE, "the engine (%s) ended before it was ready: %s", program,
                     end);
            return -ECHILD;
        }
        if (clock_monotonic_ns() > until_ns) {
            snprintf(why, ENGINE_WHY_SIZE, "the engine was not ready after %d s", START_SECONDS);
            return -ETIMEDOUT;
        }
        pause_ms(5);
    }
    return read_key(engine, why);
}

bool engine_process_runs(struct engine_process *engine)
{
    if (engine->pid == 0)
        return false;
    if (waitpid(engine->pid, &engine->status, WNOHANG) == 0)
        return true;
    engine->pid = 0;
    return false;
}

void engine_process_print_end(const struct engine_process *engine, char out[static ENGINE_END_SIZE])
{
    if (WIFSIGNALED(engine->status))
        snprintf(out, ENGINE_END_SIZE, "signal %d (%s)", WTERMSIG(engine->status),
                 strsignal(WTERMSIG(engine->status)));
    else
        snprintf(out, ENGINE_END_SIZE, "exit code %d", WEXITSTATUS(engine->status));
}

/* ---- what it costs ---- */

static uint64_t exact_cpu_ns(pid_t pid)
{
    clockid_t clock;
    struct timespec time;
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) != 0)
        return 0;
    return (uint64_t)time.tv_sec * UINT64_C(1000000000) + (uint64_t)time.tv_nsec;
}

/* Reads a small file of /proc/PID. Returns its size, 0 if there is none. */
static size_t read_proc(pid_t pid, const char *name, char *out, size_t room)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t size = read(fd, out, room - 1);
    close(fd);
    out[size > 0 ? size : 0] = '\0';
    return size > 0 ? (size_t)size : 0;
}

/* Fields 14 and 15 of proc_pid_stat(5); the name in field 2 may hold anything up to the last ')'.
 */
static void read_ticks(pid_t pid, struct engine_cost *cost)
{
    char stat[1024];
    if (read_proc(pid, "stat", stat, sizeof stat) == 0)
        return;
    const char *rest = strrchr(stat, ')');
    unsigned long user, system;
    if (!rest || sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                        &system) != 2)
        return;
    uint64_t tick_ns = UINT64_C(1000000000) / (uint64_t)sysconf(_SC_CLK_TCK);
    cost->user_ns = user * tick_ns;
    cost->system_ns = system * tick_ns;
}

static uint64_t memory_peak(pid_t pid)
{
    char status[4096];
    if (read_proc(pid, "status", status, sizeof status) == 0)
        return 0;
    const char *line = strstr(status, "VmHWM:");
    return line ? strtoull(line + 6, NULL, 10) * 1024 : 0;
}

struct engine_cost engine_process_cost(const struct engine_process *engine)
{
    struct engine_cost cost = {0};
    if (engine->pid == 0)
        return cost;
    cost.cpu_ns = exact_cpu_ns(engine->pid);
    read_ticks(engine->pid, &cost);
    cost.memory_peak_bytes = memory_peak(engine->pid);
    return cost;
}

/* ---- ending ---- */

int engine_process_stop(struct engine_process *engine)
{
    if (engine->pid == 0)
        return -EIO;
    bool killed = false;
    uint64_t until_ns = clock_monotonic_ns() + UINT64_C(1000000000) * STOP_SECONDS;
    kill(engine->pid, SIGTERM);
    while (waitpid(engine->pid, &engine->status, WNOHANG) == 0) {
        if (!killed && clock_monotonic_ns() > until_ns) {
            killed = true;
            kill(engine->pid, SIGKILL);
        }
        pause_ms(5);
    }
    engine->pid = 0;
    return WIFEXITED(engine->status) && WEXITSTATUS(engine->status) == 0 ? 0 : -EIO;
}

void engine_process_print_log(const struct engine_process *engine, FILE *out)
{
    char path[PATH_ROOM], tail[LOG_TAIL];
    if (!engine->directory)
        return;
    path_of(engine, "engine.log", path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    off_t size = lseek(fd, 0, SEEK_END);
    off_t from = size > LOG_TAIL ? size - LOG_TAIL : 0;
    ssize_t got = pread(fd, tail, sizeof tail, from);
    close(fd);
    if (got <= 0)
        return;
    struct slice lines = slice_of(tail, (size_t)got);
    if (from > 0)
        lines = slice_skip(lines, slice_find(lines, '\n') + 1);
    fprintf(out, "the last of the engine's log:\n%.*s", SLICE_ARGS(lines));
}
