/* old_logs.c - see old_logs.h. */
#include "store/old_logs.h"

#include "base/clock.h"
#include "base/semaphore.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    STEP_BYTES = 1 << 20, /* 100 MiB/s: more than one log can be written with */
    STEP_NS = 10000000,
    LOOK_NS = 500000000,
    SECOND_NS = 1000000000,
};

struct old_logs {
    pthread_t thread;
    sem_t ended; /* posted by the closer */
    DIR *folder; /* where RocksDB moves them */
};

/* Waits so long; false: it has ended meanwhile. */
static bool pause_for(struct old_logs *logs, uint64_t ns)
{
    uint64_t until_ns = clock_monotonic_ns() + ns;
    const struct timespec until = {.tv_sec = (time_t)(until_ns / SECOND_NS),
                                   .tv_nsec = (long)(until_ns % SECOND_NS)};
    int result;
    do
        result = sem_clockwait(&logs->ended, CLOCK_MONOTONIC, &until);
    while (result < 0 && errno == EINTR);
    return result < 0;
}

/* False: it has ended meanwhile. */
static bool take_away(struct old_logs *logs, const char *name)
{
    struct stat status;
    int file = openat(dirfd(logs->folder), name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (file < 0)
        return true; /* deleted meanwhile */
    off_t size = fstat(file, &status) == 0 ? status.st_size : 0;
    bool goes_on = true;
    while (goes_on && size > STEP_BYTES && ftruncate(file, size - STEP_BYTES) == 0) {
        size -= STEP_BYTES;
        goes_on = pause_for(logs, STEP_NS);
    }
    if (goes_on)
        (void)unlinkat(dirfd(logs->folder), name,
                       0); /* with the rest; if not, RocksDB tries it later */
    close(file);
    return goes_on;
}

/* False: it has ended meanwhile. */
static bool take_all_away(struct old_logs *logs)
{
    bool goes_on = true;
    const struct dirent *entry;
    rewinddir(logs->folder);
    while (goes_on && (entry = readdir(logs->folder))) {
        const char *suffix = strrchr(entry->d_name, '.');
        if (suffix && strcmp(suffix, ".log") == 0)
            goes_on = take_away(logs, entry->d_name);
    }
    return goes_on;
}

static void *thread_main(void *context)
{
    struct old_logs *logs = context;
    (void)pthread_setname_np(pthread_self(), "old-logs");
    while (take_all_away(logs) && pause_for(logs, LOOK_NS))
        ;
    return NULL;
}

static int begin(struct old_logs *logs, const char *path)
{
    char folder[PATH_MAX];
    if (snprintf(folder, sizeof folder, "%s/archive", path) >= (int)sizeof folder)
        return -ENAMETOOLONG;
    logs->folder = opendir(folder);
    if (!logs->folder)
        return -errno;
    int error = pthread_create(&logs->thread, NULL, thread_main, logs);
    if (error)
        closedir(logs->folder);
    return -error;
}

int old_logs_open(struct old_logs **opened, const char *path)
{
    struct old_logs *logs = calloc(1, sizeof *logs);
    if (!logs)
        return -ENOMEM;
    must(sem_init(&logs->ended, 0, 0) == 0);
    int error = begin(logs, path);
    if (error) {
        sem_destroy(&logs->ended);
        free(logs);
        return error;
    }
    *opened = logs;
    return 0;
}

void old_logs_close(struct old_logs *logs)
{
    if (!logs)
        return;
    sem_post(&logs->ended);
    pthread_join(logs->thread, NULL);
    closedir(logs->folder);
    sem_destroy(&logs->ended);
    free(logs);
}
