/* control.h - the control thread: owner of the configuration, of the admin port, and of
 * starting and stopping.
 *
 * It is the only writer of `meta`. Shards get every tenant, key and subscription by MAIL_DIRECTORY,
 * first at start (before they listen), then with each change; a change is answered to its caller
 * when it is durable and every shard uses it.
 *
 * Threads: all of it on one thread, which runs control_run() (or, in the simulator,
 * control_tick()).
 */
#ifndef ENGINE_CONTROL_H
#define ENGINE_CONTROL_H

#include "config.h"
#include "crew.h"
#include "store/db.h"

struct control;

enum { CONTROL_WHY_SIZE = 256 };

/* Opens the loop of crew member crew_control() on the calling thread, reads meta, makes the default
 * tenant and the admin key at the first start (DATA/admin.key, mode 0600, or GRAPNEL_ADMIN_KEY),
 * and opens the admin port (config->admin gets the port that was given). Does not serve yet. */
MUST_CHECK int control_open(struct control **control, struct config *config, struct crew *crew,
                            struct db *db, char why[static CONTROL_WHY_SIZE]);
void control_close(struct control *control);

/* Sends all of meta to the shards. Turn until control_is_loaded(). */
void control_load_shards(struct control *control);
bool control_is_loaded(const struct control *control);

/* Begins to answer on the admin port. */
MUST_CHECK int control_serve(struct control *control);

/* Mail that came while somebody else read the mailbox. */
void control_take_mail(struct control *control, struct mail *mail);

/* Takes mail and does what is due. Returns the monotonic time (ns) at which to be called next at
 * the latest. */
uint64_t control_tick(struct control *control);

/* SIGTERM, SIGINT: the admin port drains, then shards, writer and reader are told to stop in this
 * order (MAIL_STOP), each when the one before is done. A second call makes all of it immediate.
 * SIGHUP: reload. */
void control_stop(struct control *control);
void control_reload(struct control *control);
bool control_is_stopped(const struct control *control);

#endif
