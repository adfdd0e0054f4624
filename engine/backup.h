/* backup.h - a copy of all that is kept, taken while the engine runs.
 *
 *   ROOT/NAME/backup.json   what it is: version, moment, how far the log goes, which secret key
 *   ROOT/NAME/data/         the database: hard links where ROOT is on its file system, else copies
 *
 * It is made as ROOT/NAME.partial and gets its name when all of it is on disk, so what has a name
 * is whole. What a crash left partial is removed when the next one begins. One at a time, on a
 * thread of its own; everybody else goes on.
 *
 * The secret key is not in it, nor is the text of any access key (see tools/docs/backup.md).
 *
 * Control's thread, but for the work itself.
 */
#ifndef ENGINE_BACKUP_H
#define ENGINE_BACKUP_H

#include "base/slice.h"
#include "store/db.h"

#include <pthread.h>

#define BACKUP_PARTIAL  ".partial"
#define BACKUP_MANIFEST "backup.json"
#define BACKUP_DATA     "data"

enum {
    BACKUP_FORMAT = 1,
    BACKUP_NAME_MAX = 64,
    BACKUP_PATH_SIZE = 1200,
    BACKUP_WHY_SIZE = 512,
    BACKUP_TEXT_MAX = 1024,
    BACKUP_KEY_SIZE = 32,
};

struct backup {
    struct db *db;
    const char *root; /* the setting backup_directory */
    bool is_running;

    /* of the one that runs, or ran last */
    char name[BACKUP_NAME_MAX + 1];
    char secret_key[BACKUP_KEY_SIZE]; /* its name */
    int error;                        /* 0; -EEXIST: the name is taken; else -errno and `why` */
    char why[BACKUP_WHY_SIZE];
    char manifest[BACKUP_TEXT_MAX]; /* JSON */
    size_t manifest_size;

    pthread_t thread; /* private */
};

/* Is it a name for a backup? 1 to BACKUP_NAME_MAX of "A-Z a-z 0-9 _ - .", the first no '.', and not
 * the name of a partial one. */
bool backup_is_name(struct slice name);

/* Whether what is there was not finished: until then it has a name of its own. */
bool backup_is_partial(struct slice path);

/* Begins one. 0; -EAGAIN: no thread could be started. None may be running. */
MUST_CHECK int backup_start(struct backup *backup, struct slice name, const char *secret_key);

/* Whether it has ended by now; then, once, true: its results can be read. */
bool backup_has_ended(struct backup *backup);

/* Waits for the one that runs. False: it has not ended within this time, and goes on. */
bool backup_close(struct backup *backup, uint64_t patience_ms);

#endif
