/* backups.h - /api/v1/backup: who asked for the backup that is being taken. A timer looks for its
 * end. Control's thread.
 */
#ifndef API_BACKUPS_H
#define API_BACKUPS_H

#include "backup.h"
#include "net/http_server.h"
#include "net/wheel.h"

struct backups {
    struct api *api;
    struct backup backup;
    struct http_ticket ticket; /* who waits for the one that is running */
    struct timer timer;
};

void backups_init(struct backups *backups, struct api *api);

/* Waits for the one that is running, at most for shutdown_timeout. The database must not be closed
 * before it has ended: if that takes longer, the process ends here, with status 0: all that counts
 * is on disk by then. */
void backups_close(struct backups *backups);

#endif
