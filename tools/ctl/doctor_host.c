/* doctor_host.c - kernel, limits, memory, clock. */
#include "base/slice.h"
#include "net/loop.h"
#include "tools/ctl/doctor.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/timex.h>
#include <sys/utsname.h>

enum {
    LINE_SIZE = 256,
    FILES_LEAST = 65536,
    MEMLOCK_LEAST = 1024 * 1024,
    SWAPPINESS_MOST = 10,
    BACKLOG_LEAST = 1024
};

/* The first line of a file of /proc or /sys; false: it is not there. */
static bool read_line(const char *path, char line[static LINE_SIZE])
{
    FILE *file = fopen(path, "re");
    line[0] = '\0';
    if (!file)
        return false;
    bool is_read = fgets(line, LINE_SIZE, file) != NULL;
    fclose(file);
    size_t size = strlen(line);
    if (size && line[size - 1] == '\n')
        line[size - 1] = '\0';
    return is_read;
}

static bool read_number(const char *path, unsigned long *number)
{
    char line[LINE_SIZE];
    return read_line(path, line) && slice_to_u64(slice_str(line), number);
}

/* "Name:   12345 kB" of /proc/meminfo, in bytes; 0: it is not there. */
static uint64_t meminfo(const char *name)
{
    char line[LINE_SIZE];
    unsigned long long kilobytes = 0;
    FILE *file = fopen("/proc/meminfo", "re");
    if (!file)
        return 0;
    while (fgets(line, sizeof line, file))
        if (slice_starts_with(slice_str(line), slice_str(name)))
            kilobytes = strtoull(line + strlen(name) + 1, NULL, 10);
    fclose(file);
    return kilobytes * 1024;
}

/* ---- kernel ---- */

static void look_at_kernel(const struct doctor *doctor, struct finding *finding)
{
    struct utsname name;
    (void)doctor;
    if (uname(&name) != 0) {
        finding_put(finding, DOCTOR_WARN, "Linux 6.1 or later is needed");
        finding_detail(finding, "its version cannot be told");
        return;
    }
    char *end;
    unsigned long major = strtoul(name.release, &end, 10);
    unsigned long minor = *end == '.' ? strtoul(end + 1, NULL, 10) : 0;
    finding_detail(finding, "%s %s", name.sysname, name.release);
    if (major < 6 || (major == 6 && minor < 1))
        finding_put(finding, DOCTOR_FAIL, "Linux 6.1 or later is needed, as Debian 12 has it");
}

/* As the engine opens it: with all that it asks of the kernel. */
static void look_at_io_uring(const struct doctor *doctor, struct finding *finding)
{
    const struct loop_options sizes = {.entries = 1024, .buffers = 512, .buffer_bytes = 8192};
    struct loop *loop;
    char why[LOOP_WHY_SIZE];
    (void)doctor;
    if (loop_open(&loop, &sizes, why)) {
        finding_put(finding, DOCTOR_FAIL,
                    "without io_uring no engine starts: allow it (sysctl kernel.io_uring_disabled, "
                    "the container's seccomp profile)");
        finding_detail(finding, "%s", why);
        return;
    }
    loop_close(loop);
    finding_detail(finding, "a ring of a shard's size opens");
}

/* ---- limits ---- */

static void look_at_files(const struct doctor *doctor, struct finding *finding)
{
    struct rlimit limit;
    (void)doctor;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        finding_detail(finding, "cannot be told");
        return;
    }
    finding_detail(finding, "%llu may be open at once", (unsigned long long)limit.rlim_max);
    if (limit.rlim_max < FILES_LEAST)
        finding_put(finding, DOCTOR_WARN,
                    "each connection is a file: LimitNOFILE=1048576 in the unit, or ulimit -Hn");
}

static void look_at_memlock(const struct doctor *doctor, struct finding *finding)
{
    struct rlimit limit;
    (void)doctor;
    if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
        finding_detail(finding, "no limit");
        return;
    }
    finding_detail(finding, "%llu KiB", (unsigned long long)(limit.rlim_cur / 1024));
    if (limit.rlim_cur < MEMLOCK_LEAST)
        finding_put(finding, DOCTOR_WARN,
                    "rings may need locked memory: LimitMEMLOCK=64M in the unit, or ulimit -l");
}

static void look_at_backlog(const struct doctor *doctor, struct finding *finding)
{
    unsigned long connections;
    (void)doctor;
    if (!read_number("/proc/sys/net/core/somaxconn", &connections)) {
        finding_detail(finding, "cannot be told");
        return;
    }
    finding_detail(finding, "%lu connections may wait to be accepted", connections);
    if (connections < BACKLOG_LEAST)
        finding_put(finding, DOCTOR_WARN, "sysctl net.core.somaxconn=4096");
}

/* ---- memory ---- */

static void look_at_memory(const struct doctor *doctor, struct finding *finding)
{
    char line[LINE_SIZE];
    unsigned long most = 0;
    uint64_t available = meminfo("MemAvailable:");
    if (read_line("/sys/fs/cgroup/memory.max", line) && slice_to_u64(slice_str(line), &most) &&
        most < available)
        available = most;
    finding_detail(finding, "%llu MiB are available, the engine may use %llu MiB",
                   (unsigned long long)(available >> 20),
                   (unsigned long long)(doctor->memory_bytes >> 20));
    if (available < doctor->memory_bytes)
        finding_put(finding, DOCTOR_WARN,
                    "give it less (--memory), or the kernel may end it when both are used up");
}

static void look_at_huge_pages(const struct doctor *doctor, struct finding *finding)
{
    char line[LINE_SIZE];
    (void)doctor;
    if (!read_line("/sys/kernel/mm/transparent_hugepage/enabled", line)) {
        finding_detail(finding, "the kernel has none");
        return;
    }
    finding_detail(finding, "%s", line);
    if (strstr(line, "[always]"))
        finding_put(finding, DOCTOR_WARN,
                    "memory grows beyond what is used, and compaction makes pauses: "
                    "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled");
}

static void look_at_swap(const struct doctor *doctor, struct finding *finding)
{
    unsigned long swappiness = 0;
    uint64_t swap = meminfo("SwapTotal:");
    (void)doctor;
    if (swap == 0 || !read_number("/proc/sys/vm/swappiness", &swappiness)) {
        finding_detail(finding, "none");
        return;
    }
    finding_detail(finding, "%llu MiB, vm.swappiness is %lu", (unsigned long long)(swap >> 20),
                   swappiness);
    if (swappiness > SWAPPINESS_MOST)
        finding_put(finding, DOCTOR_WARN,
                    "an engine that is swapped out delivers late: sysctl vm.swappiness=1");
}

/* ---- clock ---- */

static void look_at_clock(const struct doctor *doctor, struct finding *finding)
{
    struct timex state = {0};
    (void)doctor;
    int result = adjtimex(&state);
    if (result < 0) {
        finding_put(finding, DOCTOR_WARN, "signatures carry the time: keep it right");
        finding_detail(finding, "cannot be told");
        return;
    }
    if (result == TIME_ERROR || state.status & STA_UNSYNC) {
        finding_put(finding, DOCTOR_WARN,
                    "receivers refuse signatures that are 5 minutes off: run chrony or "
                    "systemd-timesyncd (a virtual machine's host may keep it right unseen)");
        finding_detail(finding, "nothing keeps it in step");
        return;
    }
    finding_detail(finding, "kept in step, off by %ld us at most", state.maxerror);
}

const struct doctor_check doctor_host_checks[] = {
    {"kernel", look_at_kernel},
    {"io_uring", look_at_io_uring},
    {"open files", look_at_files},
    {"locked memory", look_at_memlock},
    {"memory", look_at_memory},
    {"huge pages", look_at_huge_pages},
    {"swap", look_at_swap},
    {"clock", look_at_clock},
    {"accept queue", look_at_backlog},
    {0},
};
