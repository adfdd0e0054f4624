#include "writer.h"

#include "base/clock.h"
#include "base/log.h"
#include "intake.h"
#include "outcomes.h"

#include <stdlib.h>

enum { GATHER_EVENTS = 8, GATHER_BYTES = 256 * 1024 };

#define GATHER_NS UINT64_C(1000000)

int writer_open(struct writer *writer, struct crew *crew, struct db *db,
                const struct journal_options *options, uint64_t dedup_window_ms)
{
    *writer = (struct writer){.crew = crew};
    return journal_open(&writer->journal, db, dedup_window_ms, options);
}

void writer_close(struct writer *writer)
{
    journal_close(writer->journal);
    writer->journal = NULL;
}

/* Nothing can be promised any more, and what is half done is for recovery: exit handlers could only
 * do harm. */
static _Noreturn void die(const char *what)
{
    LOG(LOG_ERROR, what, log_str("why", db_why()));
    _Exit(1);
}

static void count_events(struct writer *writer, const struct journal_events *chain)
{
    for (; chain; chain = chain->next)
        writer->events += chain->block.count;
}

static void add(struct writer *writer, struct mail *mail)
{
    switch (mail->kind) {
    case MAIL_EVENTS:
        count_events(writer, &container_of(mail, struct event_block, mail)->journal);
        if (journal_add_events(writer->journal,
                               &container_of(mail, struct event_block, mail)->journal))
            die("the journal cannot read its idempotency keys");
        break;
    case MAIL_OUTCOMES:
        journal_add_outcomes(writer->journal,
                             &container_of(mail, struct outcome_batch, mail)->journal);
        break;
    case MAIL_STOP:
        writer->stop = mail;
        return;
    default:
        must(false);
    }
    writer->group[writer->count++] = mail;
}

static void send_back(struct writer *writer)
{
    for (unsigned i = 0; i < writer->count; i++)
        crew_post(writer->crew, crew_writer(writer->crew), writer->group[i]->from,
                  writer->group[i]);
    writer->count = 0;
}

static void stop(struct writer *writer)
{
    if (journal_sync(writer->journal))
        die("the journal cannot be synced");
    writer->is_stopped = true;
    crew_post(writer->crew, crew_writer(writer->crew), crew_control(writer->crew), writer->stop);
}

static void take_all(struct writer *writer)
{
    struct mailbox *mailbox = &writer->crew->members[crew_writer(writer->crew)].mailbox;
    struct mail *mail;
    while (writer->count < WRITER_MAILS_MAX && (mail = mailbox_take(mailbox)))
        add(writer, mail);
}

/* Whether to gather a little longer. A sync costs the same for one event as for a hundred, and
 * shards whose chains are committed in turn would stay in turn for ever, each with half a group:
 * after a commit with many events the next one waits for all of them to come. */
static bool is_gathering(const struct writer *writer, uint64_t now_ns)
{
    return now_ns < writer->hold_until_ns && journal_pending(writer->journal) < GATHER_BYTES &&
           !writer->stop;
}

static void commit(struct writer *writer)
{
    if (journal_commit(writer->journal))
        die("the journal cannot be written");
    send_back(writer);
    bool is_busy = writer->events >= GATHER_EVENTS;
    writer->events = 0;
    writer->hold_until_ns = is_busy ? clock_monotonic_ns() + GATHER_NS : 0;
}

uint64_t writer_tick(struct writer *writer)
{
    take_all(writer);
    if (writer->count > 0) {
        if (is_gathering(writer, clock_monotonic_ns()))
            return writer->hold_until_ns;
        commit(writer);
        return 0;
    }
    if (writer->stop && !writer->is_stopped)
        stop(writer);
    return writer->is_stopped ? 0 : UINT64_MAX;
}
