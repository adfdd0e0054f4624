/* watermark.c - see watermark.h. */
#include "store/watermark.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { SLOT_SIZE = 32, SLOT_STEP = 4096, SLOTS = 2, PATH_SIZE = 4096 };

#define WRITE_EVERY_NS UINT64_C(1000000000)

static const char magic[8] = "grapnelW";

static int open_file(const char *directory, int flags)
{
    char path[PATH_SIZE];
    if (snprintf(path, sizeof path, "%s/watermark", directory) >= (int)sizeof path)
        return -ENAMETOOLONG;
    int fd = open(path, flags | O_CLOEXEC, 0600);
    return fd < 0 ? -errno : fd;
}

/* Whether the slot is whole. */
static bool read_slot(int fd, unsigned slot, uint64_t *turn, uint64_t *sequence)
{
    char bytes[SLOT_SIZE];
    uint64_t check;
    if (pread(fd, bytes, sizeof bytes, (off_t)slot * SLOT_STEP) != (ssize_t)sizeof bytes ||
        memcmp(bytes, magic, sizeof magic) != 0)
        return false;
    memcpy(turn, bytes + 8, sizeof *turn);
    memcpy(sequence, bytes + 16, sizeof *sequence);
    memcpy(&check, bytes + 24, sizeof check);
    return check == XXH64(bytes, 24, 0);
}

/* The newer of the slots that are whole; -EBADMSG if none is. */
static int read_newest(int fd, uint64_t *turn, uint64_t *sequence)
{
    bool found = false;
    for (unsigned slot = 0; slot < SLOTS; slot++) {
        uint64_t its_turn, its_sequence;
        if (!read_slot(fd, slot, &its_turn, &its_sequence) || (found && its_turn < *turn))
            continue;
        *turn = its_turn;
        *sequence = its_sequence;
        found = true;
    }
    return found ? 0 : -EBADMSG;
}

void watermark_init(struct watermark *watermark)
{
    *watermark = (struct watermark){.fd = -1, .lock = PTHREAD_MUTEX_INITIALIZER};
}

int watermark_open(struct watermark *watermark, const char *directory)
{
    watermark_init(watermark);
    int fd = open_file(directory, O_RDWR | O_CREAT);
    if (fd < 0)
        return fd;
    watermark->fd = fd;
    if (read_newest(fd, &watermark->turn, &watermark->written))
        watermark->turn = watermark->written = 0;
    watermark->sequence = watermark->written;
    return 0;
}

static void write_down(struct watermark *watermark)
{
    char bytes[SLOT_SIZE];
    uint64_t turn = watermark->turn + 1;
    memcpy(bytes, magic, sizeof magic);
    memcpy(bytes + 8, &turn, sizeof turn);
    memcpy(bytes + 16, &watermark->sequence, sizeof watermark->sequence);
    uint64_t check = XXH64(bytes, 24, 0);
    memcpy(bytes + 24, &check, sizeof check);
    off_t at = (off_t)(turn % SLOTS) * SLOT_STEP;
    if (pwrite(watermark->fd, bytes, sizeof bytes, at) != (ssize_t)sizeof bytes ||
        fdatasync(watermark->fd))
        return;
    watermark->turn = turn;
    watermark->written = watermark->sequence;
}

void watermark_note(struct watermark *watermark, uint64_t sequence)
{
    pthread_mutex_lock(&watermark->lock);
    uint64_t now_ns = clock_monotonic_ns();
    if (sequence > watermark->sequence)
        watermark->sequence = sequence;
    if (watermark->sequence != watermark->written &&
        now_ns >= watermark->written_ns + WRITE_EVERY_NS) {
        watermark->written_ns = now_ns;
        write_down(watermark);
    }
    pthread_mutex_unlock(&watermark->lock);
}

void watermark_close(struct watermark *watermark)
{
    if (watermark->fd < 0)
        return;
    if (watermark->sequence != watermark->written)
        write_down(watermark);
    close(watermark->fd);
    watermark->fd = -1;
}

int watermark_read(const char *directory, uint64_t *sequence)
{
    uint64_t turn;
    int fd = open_file(directory, O_RDONLY);
    if (fd < 0)
        return fd;
    int error = read_newest(fd, &turn, sequence);
    close(fd);
    return error;
}
