/* crew.h - who works here: the threads of one engine, by number, each with its mailbox and
 * its loop.
 *
 * Numbers: 0 to shards-1 the shards, then the writer, the reader and control. The simulator makes a
 * crew whose members are all driven from one thread.
 */
#ifndef ENGINE_CREW_H
#define ENGINE_CREW_H

#include "mailbox.h"
#include "net/loop.h"
#include "store/db.h"

enum { CREW_MAX = DB_SHARDS_MAX + 3 };

struct crew_member {
    struct mailbox mailbox;
    struct loop *loop; /* set by the member's own thread before anyone posts to it */
};

struct crew {
    unsigned shards;
    struct crew_member members[CREW_MAX];
};

static inline unsigned crew_writer(const struct crew *crew)
{
    return crew->shards;
}

static inline unsigned crew_reader(const struct crew *crew)
{
    return crew->shards + 1;
}

static inline unsigned crew_control(const struct crew *crew)
{
    return crew->shards + 2;
}

static inline unsigned crew_count(const struct crew *crew)
{
    return crew->shards + 3;
}

void crew_init(struct crew *crew, unsigned shards);

/* Posts `mail` to member `to` in the name of member `from`, whose thread this must be, and wakes it
 * if it rests. Sets mail->from. */
void crew_post(struct crew *crew, unsigned from, unsigned to, struct mail *mail);

/* Waits for completions, mail or `until_ns` (monotonic): one turn of the member's loop. */
void crew_turn(struct crew *crew, unsigned member, uint64_t until_ns);

#endif
