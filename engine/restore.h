/* restore.h - a backup (backup.h) made a data directory.
 *
 * The data directory must be empty, or not be there; only keys (secret.key, admin.key) may be in it
 * already. Files are copied to DATA/restore.partial and looked at there: are all of them whole, is
 * every block's checksum right, does the log go as far as it did. Only then they are moved, the
 * file that makes them a database last. An engine does not start on a directory in which a restore
 * was cut off.
 */
#ifndef ENGINE_RESTORE_H
#define ENGINE_RESTORE_H

#include "store/db.h"

enum { RESTORE_WHY_SIZE = 512 };

struct restore_report {
    char version[32], created_at[32], secret_key[32]; /* of the backup */
    uint64_t files, bytes;
};

/* 0, or -errno and `why`: then the data directory is as it was, or has to be emptied, as `why`
 * says. */
MUST_CHECK int restore_run(const char *backup, const char *data, const struct db_options *options,
                           struct restore_report *report, char why[static RESTORE_WHY_SIZE]);

/* Was one cut off in this data directory? */
bool restore_is_partial(const char *data);

#endif
