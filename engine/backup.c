/* backup.c - see backup.h. */
#include "backup.h"

#include "base/clock.h"
#include "base/text.h"
#include "folder.h"
#include "form.h"
#include "private_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

bool backup_is_partial(struct slice path)
{
    struct slice end = SLICE(BACKUP_PARTIAL);
    while (path.size > 1 && path.at[path.size - 1] == '/')
        path.size--;
    return path.size >= end.size && slice_equal(slice_skip(path, path.size - end.size), end);
}

bool backup_is_name(struct slice name)
{
    return name.size <= BACKUP_NAME_MAX && form_is_name(name) && name.at[0] != '.' &&
           !backup_is_partial(name);
}

/* ---- the work, on its own thread ---- */

static int fail(struct backup *backup, int error, const char *what)
{
    backup->error = error;
    snprintf(backup->why, sizeof backup->why, "%s: %s", what,
             error == -EIO ? db_why() : strerrordesc_np(-error));
    return error;
}

/* One runs at a time, so each that is partial is what a crash left. */
static int remove_partial(void *context, const char *name)
{
    const struct backup *backup = context;
    char path[BACKUP_PATH_SIZE + 256];
    snprintf(path, sizeof path, "%s/%s", backup->root, name);
    return backup_is_partial(slice_str(name)) ? folder_remove(path) : 0;
}

static int prepare(struct backup *backup, const char *partial)
{
    if (mkdir(backup->root, 0700) != 0 && errno != EEXIST)
        return fail(backup, -errno, "the backup directory cannot be made");
    int error = folder_each(backup->root, remove_partial, backup);
    if (error)
        return fail(backup, error, "what another left half done cannot be removed");
    if (mkdir(partial, 0700) != 0)
        return fail(backup, -errno, "the backup's directory cannot be made");
    return 0;
}

/* What it is, for who restores it. */
static int put_manifest(struct backup *backup, const char *partial, uint64_t sequence)
{
    char data[BACKUP_PATH_SIZE + 32];
    uint64_t files, bytes;
    struct text text;
    snprintf(data, sizeof data, "%s/" BACKUP_DATA, partial);
    int error = folder_measure(data, &files, &bytes);
    if (error)
        return fail(backup, error, "the copy cannot be read");
    text_init(&text, backup->manifest, sizeof backup->manifest);
    text_printf(&text, "{\"name\":\"%s\",\"format\":%d,\"version\":\"%s\",\"created_at\":\"",
                backup->name, BACKUP_FORMAT, GRAPNEL_VERSION);
    text_time(&text, clock_wall_ms());
    text_printf(&text, "\",\"sequence\":%llu,\"secret_key\":\"%s\",\"files\":%llu,\"bytes\":%llu}",
                (unsigned long long)sequence, backup->secret_key, (unsigned long long)files,
                (unsigned long long)bytes);
    must(text_ok(&text));
    backup->manifest_size = text.size;
    error = private_file_write(partial, BACKUP_MANIFEST, text_slice(&text));
    return error ? fail(backup, error, "its description cannot be written") : 0;
}

static int take(struct backup *backup, const char *whole, const char *partial)
{
    char data[BACKUP_PATH_SIZE + 32];
    uint64_t sequence;
    snprintf(data, sizeof data, "%s/" BACKUP_DATA, partial);
    int error = db_checkpoint(backup->db, data, &sequence);
    if (error)
        return fail(backup, error, "the database cannot be copied");
    error = put_manifest(backup, partial, sequence);
    if (error)
        return error;
    if (renameat2(AT_FDCWD, partial, AT_FDCWD, whole, RENAME_NOREPLACE) != 0)
        return fail(backup, -errno, "the backup cannot be given its name");
    error = folder_sync(backup->root);
    return error ? fail(backup, error, "the backup's name is not durable") : 0;
}

static void *run(void *context)
{
    struct backup *backup = context;
    char whole[BACKUP_PATH_SIZE], partial[BACKUP_PATH_SIZE + 16];
    (void)pthread_setname_np(pthread_self(), "backup");
    snprintf(whole, sizeof whole, "%s/%s", backup->root, backup->name);
    snprintf(partial, sizeof partial, "%s" BACKUP_PARTIAL, whole);
    if (access(whole, F_OK) == 0) {
        (void)fail(backup, -EEXIST, "there is one of this name");
        return NULL;
    }
    /* What could not be finished is removed; if that fails too, the next one does it. */
    if (!prepare(backup, partial) && take(backup, whole, partial))
        (void)!folder_remove(partial);
    return NULL;
}

/* ---- control's side ---- */

int backup_start(struct backup *backup, struct slice name, const char *secret_key)
{
    must(!backup->is_running && backup_is_name(name));
    snprintf(backup->name, sizeof backup->name, "%.*s", SLICE_ARGS(name));
    snprintf(backup->secret_key, sizeof backup->secret_key, "%s", secret_key);
    backup->error = 0;
    backup->why[0] = '\0';
    if (pthread_create(&backup->thread, NULL, run, backup))
        return -EAGAIN;
    backup->is_running = true;
    return 0;
}

bool backup_has_ended(struct backup *backup)
{
    if (!backup->is_running || pthread_tryjoin_np(backup->thread, NULL))
        return false;
    backup->is_running = false;
    return true;
}

bool backup_close(struct backup *backup, uint64_t patience_ms)
{
    struct timespec until;
    uint64_t until_ms = clock_wall_ms() + patience_ms;
    if (!backup->is_running)
        return true;
    until.tv_sec = (time_t)(until_ms / 1000);
    until.tv_nsec = (long)(until_ms % 1000) * 1000000;
    backup->is_running = pthread_timedjoin_np(backup->thread, NULL, &until) != 0;
    return !backup->is_running;
}
