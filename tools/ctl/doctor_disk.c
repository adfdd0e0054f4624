/* doctor_disk.c - the data directory: may it be used, on what does it lie, and how fast is that
 * durable. Looks at the nearest folder above where it is not there yet.
 */
#include "base/clock.h"
#include "base/slice.h"
#include "tools/ctl/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { PATH_SIZE = 1024, SYNCS = 33, MEDIAN = SYNCS / 2, SYNC_BYTES = 4096 };

#define XFS_MAGIC       0x58465342L
#define ZFS_MAGIC       0x2fc12fc1L
#define CIFS_SMB2_MAGIC 0xfe534d42L
#define FUSE_MAGIC      0x65735546L
#define GIBIBYTE        (UINT64_C(1) << 30)

/* The data directory, or the nearest folder above it that is there. */
static void find_folder(const struct doctor *doctor, char path[static PATH_SIZE])
{
    snprintf(path, PATH_SIZE, "%s", doctor->data);
    while (access(path, F_OK) != 0) {
        char *slash = strrchr(path, '/');
        if (!slash) {
            snprintf(path, PATH_SIZE, ".");
            return;
        }
        if (slash == path) {
            path[1] = '\0';
            return;
        }
        *slash = '\0';
    }
}

static void look_at_folder(const struct doctor *doctor, struct finding *finding)
{
    char path[PATH_SIZE];
    struct stat status;
    find_folder(doctor, path);
    bool is_there = stat(doctor->data, &status) == 0;
    if (access(path, W_OK | X_OK) != 0) {
        finding_put(finding, DOCTOR_FAIL,
                    "run this as the user the engine runs as, or give the "
                    "directory to that user");
        finding_detail(finding, "%.200s cannot be written: %s", path, strerror(errno));
    } else if (is_there && !S_ISDIR(status.st_mode)) {
        finding_put(finding, DOCTOR_FAIL, "the data directory has to be one");
        finding_detail(finding, "%.200s is no directory", doctor->data);
    } else if (is_there && status.st_mode & 077) {
        finding_put(finding, DOCTOR_WARN, "payloads and keys are in it: chmod 700");
        finding_detail(finding, "%.200s is open to others (mode %03o)", doctor->data,
                       status.st_mode & 0777);
    } else {
        finding_detail(finding, "%.200s %s", doctor->data,
                       is_there ? "can be written" : "can be made");
    }
}

static void look_at_space(const struct doctor *doctor, struct finding *finding)
{
    char path[PATH_SIZE];
    struct statvfs status;
    find_folder(doctor, path);
    if (statvfs(path, &status) != 0) {
        finding_put(finding, DOCTOR_FAIL, "the data directory's file system has to be there");
        finding_detail(finding, "%.200s: %s", path, strerror(errno));
        return;
    }
    uint64_t free_bytes = (uint64_t)status.f_bavail * status.f_frsize;
    finding_detail(finding, "%.1f GiB are free", (double)free_bytes / (double)GIBIBYTE);
    if (free_bytes < GIBIBYTE / 2)
        finding_put(finding, DOCTOR_FAIL,
                    "with less than storage_free_min (512M) no events are accepted: make room");
    else if (free_bytes < 5 * GIBIBYTE)
        finding_put(finding, DOCTOR_WARN,
                    "7 days of events and attempts are kept: see retention and retention_bytes");
}

/* ---- the file system ---- */

struct file_system {
    long magic;
    const char *name;
    enum doctor_level level;
    const char *advice;
};

#define REMOTE "a journal over the network is slow, and not always durable: use a local disk"

static const struct file_system file_systems[] = {
    {EXT4_SUPER_MAGIC, "ext4", DOCTOR_OK, ""},
    {XFS_MAGIC, "xfs", DOCTOR_OK, ""},
    {ZFS_MAGIC, "zfs", DOCTOR_OK, ""},
    {BTRFS_SUPER_MAGIC, "btrfs", DOCTOR_WARN,
     "copy-on-write makes a database slow with time: chattr +C on the empty data directory"},
    {TMPFS_MAGIC, "tmpfs", DOCTOR_FAIL, "nothing in it survives a restart: use a disk"},
    {OVERLAYFS_SUPER_MAGIC, "overlay", DOCTOR_WARN,
     "what a container has written goes with it: mount a volume for the data directory"},
    {NFS_SUPER_MAGIC, "nfs", DOCTOR_WARN, REMOTE},
    {SMB_SUPER_MAGIC, "smb", DOCTOR_WARN, REMOTE},
    {CIFS_SMB2_MAGIC, "cifs", DOCTOR_WARN, REMOTE},
    {FUSE_MAGIC, "fuse", DOCTOR_WARN, "find out whether its fsync is one"},
};

static void look_at_file_system(const struct doctor *doctor, struct finding *finding)
{
    char path[PATH_SIZE];
    struct statfs status;
    find_folder(doctor, path);
    if (statfs(path, &status) != 0) {
        finding_detail(finding, "%.200s: %s", path, strerror(errno));
        return;
    }
    for (size_t i = 0; i < sizeof file_systems / sizeof file_systems[0]; i++) {
        if (file_systems[i].magic != (long)status.f_type)
            continue;
        finding_put(finding, file_systems[i].level, file_systems[i].advice);
        finding_detail(finding, "%s", file_systems[i].name);
        return;
    }
    finding_detail(finding, "one that is not known here (0x%lx)", (unsigned long)status.f_type);
}

/* ---- how it is mounted ---- */

/* The options that the file system of `device` has for itself, from /proc/self/mountinfo (proc(5)):
 * "36 35 98:0 / /data rw,noatime - ext4 /dev/vda rw,discard". False: not found. */
static bool find_options(dev_t device, char options[static DOCTOR_TEXT_SIZE])
{
    char *line = NULL;
    size_t room = 0;
    bool is_found = false;
    FILE *mounts = fopen("/proc/self/mountinfo", "re");
    while (mounts && !is_found && getline(&line, &room, mounts) > 0) {
        unsigned at_major, at_minor;
        const char *own = strstr(line, " - ");
        is_found = own && sscanf(line, "%*u %*u %u:%u ", &at_major, &at_minor) == 2 &&
                   at_major == major(device) && at_minor == minor(device) &&
                   sscanf(own, " - %*s %*s %319s", options) == 1;
    }
    free(line);
    if (mounts)
        fclose(mounts);
    return is_found;
}

static bool has_option(struct slice options, struct slice wanted)
{
    while (options.size > 0) {
        size_t size = slice_find(options, ',');
        if (slice_equal(slice_of(options.at, size), wanted))
            return true;
        options = slice_skip(options, size + 1);
    }
    return false;
}

static void look_at_options(const struct doctor *doctor, struct finding *finding)
{
    char path[PATH_SIZE], options[DOCTOR_TEXT_SIZE];
    struct stat status;
    find_folder(doctor, path);
    if (stat(path, &status) != 0 || !find_options(status.st_dev, options)) {
        finding_detail(finding, "it is not known how %.200s is mounted", path);
        return;
    }
    finding_detail(finding, "%.200s", options);
    if (has_option(slice_str(options), SLICE("discard")))
        finding_put(finding, DOCTOR_WARN,
                    "with discard a sync waits for the space of deleted files to be discarded: "
                    "mount without it, and enable fstrim.timer");
}

/* ---- durability ---- */

static int compare(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

/* Appends and syncs, as the log does. 0 or -errno. */
static int measure(const char *path, uint64_t ns[static SYNCS])
{
    static char bytes[SYNC_BYTES];
    char name[PATH_SIZE + 32];
    snprintf(name, sizeof name, "%s/.grapnel-doctor-XXXXXX", path);
    int fd = mkostemp(name, O_CLOEXEC);
    if (fd < 0)
        return -errno;
    (void)unlink(name);
    int error = 0;
    for (int i = 0; !error && i < SYNCS; i++) {
        uint64_t since_ns = clock_monotonic_ns();
        if (write(fd, bytes, sizeof bytes) != (ssize_t)sizeof bytes || fdatasync(fd) != 0)
            error = errno ? -errno : -EIO;
        ns[i] = clock_monotonic_ns() - since_ns;
    }
    close(fd);
    return error;
}

static void look_at_syncs(const struct doctor *doctor, struct finding *finding)
{
    char path[PATH_SIZE];
    uint64_t ns[SYNCS];
    find_folder(doctor, path);
    int error = measure(path, ns);
    if (error) {
        finding_put(finding, DOCTOR_FAIL, "the engine has to write there");
        finding_detail(finding, "%.200s: %s", path, strerror(-error));
        return;
    }
    qsort(ns, SYNCS, sizeof ns[0], compare);
    double median_ms = (double)ns[MEDIAN] / 1e6, worst_ms = (double)ns[SYNCS - 1] / 1e6;
    finding_detail(finding, "%.2f ms (median of %d), %.2f ms (the worst)", median_ms, SYNCS,
                   worst_ms);
    if (median_ms > 20)
        finding_put(finding, DOCTOR_WARN,
                    "each 202 waits for one: a disk with a power-safe cache takes under 1 ms");
    else if (median_ms < 0.005)
        finding_put(finding, DOCTOR_WARN,
                    "no disk is so fast: find out whether what is synced survives power loss");
}

const struct doctor_check doctor_disk_checks[] = {
    {"data directory", look_at_folder},
    {"free space", look_at_space},
    {"file system", look_at_file_system},
    {"mount options", look_at_options},
    {"fdatasync", look_at_syncs},
    {0},
};
