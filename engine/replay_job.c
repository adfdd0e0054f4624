/* replay_job.c - see replay_job.h. */
#include "replay_job.h"

#include "replays.h"

#include <stdlib.h>
#include <string.h>

void replay_job_free(struct replay_job *job)
{
    if (!job)
        return;
    free(job->now.place.reached);
    free(job->next.place.reached);
    free(job->end.reached);
    free(job->waiter);
    free(job);
}

struct replay_job *replay_job_make(struct replays *replays)
{
    unsigned shards = db_shards(replays->db);
    struct replay_job *job = calloc(1, sizeof *job);
    if (!job)
        return NULL;
    job->replays = replays;
    job->now.place.reached = calloc(shards, sizeof(struct id));
    job->next.place.reached = calloc(shards, sizeof(struct id));
    job->end.reached = calloc(shards, sizeof(struct id));
    if (job->now.place.reached && job->next.place.reached && job->end.reached)
        return job;
    replay_job_free(job);
    return NULL;
}

void replay_place_copy(const struct selection_place *from, struct selection_place *to,
                       unsigned count)
{
    to->after = from->after;
    if (count > 0)
        memcpy(to->reached, from->reached, count * sizeof *to->reached);
}

void replay_copy(const struct replay *from, struct replay *to)
{
    struct id *reached = to->place.reached;
    *to = *from;
    to->place.reached = reached;
    replay_place_copy(&from->place, &to->place, from->reached_count);
}

void replay_job_pass(struct replay_job *job, unsigned from, unsigned to)
{
    const struct mail_redeliver *mail = &job->page->mail;
    struct replay *next = &job->next;
    for (unsigned i = from; i < to; i++) {
        selection_pass(&next->place, &mail->deliveries[i]);
        next->skipped += mail->deliveries[i].passed;
    }
    next->matched += to - from;
    next->seen_ms = id_time_ms(&mail->deliveries[to - 1].event);
    if (to < mail->count)
        return;
    next->skipped += job->passed;
    replay_place_copy(&job->end, &next->place, next->reached_count);
}
