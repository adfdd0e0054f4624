/* uses.c - see uses.h. */
#include "uses.h"

#include "shard.h"

enum { EVERY_MS = 10000 };

static void send_uses(struct shard *shard)
{
    struct uses *uses = &shard->uses;
    struct mail_uses *mail = &uses->mail;
    for (mail->count = 0; mail->count < USES_MAX && list_is_linked(&uses->fresh); mail->count++) {
        struct known_key *known = container_of(uses->fresh.next, struct known_key, fresh);
        list_remove(&known->fresh);
        mail->uses[mail->count] = (struct key_use){known->key->id, known->used_ms};
    }
    uses->is_out = true;
    crew_post(shard->crew, shard->number, crew_control(shard->crew), &mail->mail);
}

static void on_due(struct timer *timer)
{
    struct shard *shard = container_of(timer, struct shard, uses.timer);
    if (!shard->uses.is_out && list_is_linked(&shard->uses.fresh))
        send_uses(shard);
}

void uses_init(struct uses *uses)
{
    *uses = (struct uses){.mail.mail.kind = MAIL_USES};
    list_init(&uses->fresh);
    timer_init(&uses->timer, on_due);
}

void uses_note(struct shard *shard, struct known_key *known, uint64_t wall_ms)
{
    struct uses *uses = &shard->uses;
    known->used_ms = wall_ms;
    if (list_is_linked(&known->fresh))
        return;
    list_push_back(&uses->fresh, &known->fresh);
    if (!uses->is_out && !timer_is_armed(&uses->timer))
        wheel_arm(&shard->wheel, &uses->timer,
                  uses->next_ms > shard->now_ms ? uses->next_ms : shard->now_ms);
}

void uses_taken(struct shard *shard)
{
    struct uses *uses = &shard->uses;
    bool was_full = uses->mail.count == USES_MAX;
    uses->is_out = false;
    uses->next_ms = shard->now_ms + (was_full ? 0 : EVERY_MS);
    if (list_is_linked(&uses->fresh))
        wheel_arm(&shard->wheel, &uses->timer, uses->next_ms);
}

bool uses_flush(struct shard *shard)
{
    struct uses *uses = &shard->uses;
    timer_disarm(&uses->timer);
    if (!uses->is_out && list_is_linked(&uses->fresh))
        send_uses(shard);
    return !uses->is_out;
}
