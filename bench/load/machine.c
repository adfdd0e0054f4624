/* machine.c - see machine.h. */
#include "bench/load/machine.h"

#include "base/slice.h"

#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC 0x58465342
#endif

static void read_processor(char *out, size_t room)
{
    snprintf(out, room, "unknown");
    FILE *file = fopen("/proc/cpuinfo", "re");
    char line[256];
    while (file && fgets(line, sizeof line, file)) {
        struct slice text = slice_str(line);
        if (!slice_starts_with(text, SLICE("model name")))
            continue;
        struct slice value = slice_skip(text, slice_find(text, ':') + 1);
        value = slice_trim(slice_of(value.at, slice_find(value, '\n')));
        snprintf(out, room, "%.*s", SLICE_ARGS(value));
        break;
    }
    if (file)
        fclose(file);
}

static const char *filesystem_name(const char *directory)
{
    static const struct {
        unsigned long magic;
        const char *name;
    } known[] = {
        {EXT4_SUPER_MAGIC, "ext4"},         {XFS_SUPER_MAGIC, "xfs"},
        {BTRFS_SUPER_MAGIC, "btrfs"},       {TMPFS_MAGIC, "tmpfs"},
        {OVERLAYFS_SUPER_MAGIC, "overlay"}, {F2FS_SUPER_MAGIC, "f2fs"},
        {NFS_SUPER_MAGIC, "nfs"},
    };
    struct statfs info;
    if (statfs(directory, &info) < 0)
        return "unknown";
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].magic == ((unsigned long)info.f_type & 0xffffffff))
            return known[i].name;
    return "unknown";
}

void machine_read(struct machine *machine, const char *data_directory)
{
    struct utsname name;
    cpu_set_t cores;
    read_processor(machine->processor, sizeof machine->processor);
    snprintf(machine->kernel, sizeof machine->kernel, "%s",
             uname(&name) == 0 ? name.release : "unknown");
    snprintf(machine->filesystem, sizeof machine->filesystem, "%s",
             filesystem_name(data_directory));
    machine->cores =
        sched_getaffinity(0, sizeof cores, &cores) == 0 ? (unsigned)CPU_COUNT(&cores) : 0;
    machine->memory_bytes = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
}
