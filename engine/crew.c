#include "crew.h"

#include "base/clock.h"

void crew_init(struct crew *crew, unsigned shards)
{
    must(shards > 0 && shards <= DB_SHARDS_MAX);
    crew->shards = shards;
    for (unsigned i = 0; i < crew_count(crew); i++) {
        mailbox_init(&crew->members[i].mailbox);
        crew->members[i].loop = NULL;
    }
}

void crew_post(struct crew *crew, unsigned from, unsigned to, struct mail *mail)
{
    must(from < crew_count(crew) && to < crew_count(crew));
    mail->from = from;
    if (mailbox_post(&crew->members[to].mailbox, mail))
        loop_wake(crew->members[from].loop, crew->members[to].loop);
}

void crew_turn(struct crew *crew, unsigned member, uint64_t until_ns)
{
    struct crew_member *self = &crew->members[member];
    if (!mailbox_rest(&self->mailbox))
        until_ns = 0;
    loop_turn(self->loop, until_ns);
    mailbox_rise(&self->mailbox);
}
