/* restore.c - see restore.h. */
#include "restore.h"

#include "backup.h"
#include "base/json.h"
#include "folder.h"
#include "private_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PARTIAL "restore.partial"
#define CURRENT "CURRENT" /* without this file RocksDB sees no database */

enum { PATH_SIZE = 2048 };

struct restore {
    const char *backup, *data;
    char source[PATH_SIZE], partial[PATH_SIZE];
    uint64_t sequence;
    struct restore_report *report;
    char *why;
};

static int say(const struct restore *restore, int error, const char *what, const char *name)
{
    snprintf(restore->why, RESTORE_WHY_SIZE, "%.40s %.360s: %.60s", what, name,
             strerrordesc_np(-error));
    return error;
}

static int refuse(const struct restore *restore, const char *what)
{
    snprintf(restore->why, RESTORE_WHY_SIZE, "%.120s %s", restore->backup, what);
    return -EINVAL;
}

/* ---- what it is ---- */

static void keep_text(struct json_value manifest, const char *name, char *out, size_t room)
{
    struct json_value value;
    struct slice text;
    bool is_there = json_get(manifest, name, &value) && json_string(value, &text);
    snprintf(out, room, "%.*s", is_there ? (int)text.size : 0, is_there ? text.at : "");
}

static bool get_number(struct json_value manifest, const char *name, uint64_t *number)
{
    struct json_value value;
    return json_get(manifest, name, &value) && json_u64(value, number);
}

static int take_manifest(struct restore *restore, struct json_value manifest)
{
    struct restore_report *report = restore->report;
    uint64_t format;
    if (!get_number(manifest, "format", &format) ||
        !get_number(manifest, "sequence", &restore->sequence) ||
        !get_number(manifest, "files", &report->files) ||
        !get_number(manifest, "bytes", &report->bytes))
        return refuse(restore, "has a " BACKUP_MANIFEST " that is none");
    keep_text(manifest, "version", report->version, sizeof report->version);
    keep_text(manifest, "created_at", report->created_at, sizeof report->created_at);
    keep_text(manifest, "secret_key", report->secret_key, sizeof report->secret_key);
    return format == BACKUP_FORMAT ? 0
                                   : refuse(restore, "is of a version that this one cannot read");
}

static int read_manifest(struct restore *restore)
{
    char path[PATH_SIZE], text[PRIVATE_FILE_MAX + JSON_PADDING] = {0}, what[JSON_WHY_SIZE];
    size_t size;
    struct json *json;
    struct json_value manifest;
    if (backup_is_partial(slice_str(restore->backup)))
        return refuse(restore, "is no backup: it was not finished");
    snprintf(path, sizeof path, "%s/" BACKUP_MANIFEST, restore->backup);
    int error = private_file_read(path, text, &size);
    if (error == -ENOENT)
        return refuse(restore, "is no backup: there is no " BACKUP_MANIFEST " in it");
    if (error)
        return say(restore, error, "cannot read", path);
    error = json_open(&json);
    if (error)
        return say(restore, error, "cannot read", path);
    error = json_read(json, slice_of(text, size), &manifest, what);
    error = error ? refuse(restore, "has a " BACKUP_MANIFEST " that is damaged")
                  : take_manifest(restore, manifest);
    json_close(json);
    return error;
}

/* ---- where to ---- */

/* Keys may be there before. */
static int check_entry(void *context, const char *name)
{
    (void)context;
    bool is_key = slice_equal(slice_str(name), SLICE("secret.key")) ||
                  slice_equal(slice_str(name), SLICE("admin.key"));
    return is_key || slice_equal(slice_str(name), SLICE(PARTIAL)) ? 0 : -ENOTEMPTY;
}

static int make_room(struct restore *restore)
{
    if (mkdir(restore->data, 0700) != 0 && errno != EEXIST)
        return say(restore, -errno, "cannot make", restore->data);
    int error = folder_each(restore->data, check_entry, NULL);
    if (error == -ENOTEMPTY) {
        snprintf(restore->why, RESTORE_WHY_SIZE,
                 "%.160s is not empty: a backup is restored into an empty directory only",
                 restore->data);
        return error;
    }
    if (!error)
        error = folder_remove(restore->partial);
    if (!error && mkdir(restore->partial, 0700) != 0)
        error = -errno;
    return error ? say(restore, error, "cannot make", restore->partial) : 0;
}

/* ---- the files ---- */

static int copy_one(void *context, const char *name)
{
    const struct restore *restore = context;
    char from[PATH_SIZE + 256], to[PATH_SIZE + 256];
    snprintf(from, sizeof from, "%s/%s", restore->source, name);
    snprintf(to, sizeof to, "%s/%s", restore->partial, name);
    int error = folder_copy_file(from, to);
    return error ? say(restore, error, "cannot copy", from) : 0;
}

static int copy_all(struct restore *restore)
{
    uint64_t files, bytes;
    int error = folder_measure(restore->source, &files, &bytes);
    if (error)
        return say(restore, error, "cannot read", restore->source);
    if (files != restore->report->files || bytes != restore->report->bytes)
        return refuse(restore, "is not whole: files are missing, or have another size");
    error = folder_each(restore->source, copy_one, restore);
    return error ? error : folder_sync(restore->partial);
}

static int verify(struct restore *restore, const struct db_options *options)
{
    char why[DB_WHY_SIZE];
    uint64_t sequence;
    int error = db_verify(restore->partial, options, &sequence, why);
    if (error) {
        snprintf(restore->why, RESTORE_WHY_SIZE, "the backup is damaged: %.400s", why);
        return error;
    }
    return sequence >= restore->sequence ? 0 : refuse(restore, "is damaged: its log is cut off");
}

static int move_file(struct restore *restore, const char *name)
{
    char from[PATH_SIZE + 256], to[PATH_SIZE + 256];
    snprintf(from, sizeof from, "%s/%s", restore->partial, name);
    snprintf(to, sizeof to, "%s/%s", restore->data, name);
    return rename(from, to) == 0 ? 0 : say(restore, -errno, "cannot move", from);
}

/* What RocksDB said when it looked is not part of it. */
static int move_one(void *context, const char *name)
{
    bool is_log = slice_starts_with(slice_str(name), SLICE("LOG"));
    bool is_last = slice_equal(slice_str(name), SLICE(CURRENT));
    return is_log || is_last ? 0 : move_file(context, name);
}

static int move_all(struct restore *restore)
{
    int error = folder_each(restore->partial, move_one, restore);
    if (!error)
        error = folder_sync(restore->data);
    if (!error)
        error = move_file(restore, CURRENT);
    if (!error)
        error = folder_remove(restore->partial);
    if (!error)
        error = folder_sync(restore->data);
    if (error && !restore->why[0])
        error = say(restore, error, "cannot fill", restore->data);
    return error;
}

int restore_run(const char *backup, const char *data, const struct db_options *options,
                struct restore_report *report, char why[static RESTORE_WHY_SIZE])
{
    struct restore restore = {.backup = backup, .data = data, .report = report, .why = why};
    snprintf(restore.source, sizeof restore.source, "%s/" BACKUP_DATA, backup);
    snprintf(restore.partial, sizeof restore.partial, "%s/" PARTIAL, data);
    *report = (struct restore_report){0};
    why[0] = '\0';
    int error = read_manifest(&restore);
    if (!error)
        error = make_room(&restore);
    if (error)
        return error;
    error = copy_all(&restore);
    if (!error)
        error = verify(&restore, options);
    if (error) {
        (void)!folder_remove(restore.partial);
        return error;
    }
    return move_all(&restore);
}

bool restore_is_partial(const char *data)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/" PARTIAL, data);
    return access(path, F_OK) == 0;
}
