#include "writer.h"

#include "base/clock.h"
#include "base/log.h"
#include "intake.h"
#include "outcomes.h"

#include <stdlib.h>

enum {
    GROUP_BYTES = 4 * 1024 * 1024
}; /* with so much, what has come since is for the next group */

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

static void add_events(struct writer *writer, struct journal_events *events)
{
    if (journal_add_events(writer->journal, events))
        die("the journal cannot read its idempotency keys");
    for (; events; events = events->next)
        writer->events += events->block.count;
}

static void fill_figures(struct writer *writer, struct mail_figures *mail)
{
    writer->figures.journal = journal_counters(writer->journal);
    db_reads(&writer->figures.reads);
    *mail->into.writer = writer->figures;
    crew_post(writer->crew, crew_writer(writer->crew), mail->mail.from, &mail->mail);
}

static void add(struct writer *writer, struct mail *mail)
{
    switch (mail->kind) {
    case MAIL_EVENTS:
        add_events(writer, &container_of(mail, struct event_block, mail)->journal);
        break;
    case MAIL_OUTCOMES:
        journal_add_outcomes(writer->journal,
                             &container_of(mail, struct outcome_batch, mail)->journal);
        break;
    case MAIL_FIGURES:
        fill_figures(writer, container_of(mail, struct mail_figures, mail));
        return;
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
    while (writer->count < WRITER_MAILS_MAX && journal_pending(writer->journal) < GROUP_BYTES &&
           (mail = mailbox_take(mailbox)))
        add(writer, mail);
}

static void commit(struct writer *writer)
{
    uint64_t since_ns = clock_monotonic_ns();
    struct writer_figures *figures = &writer->figures;
    histogram_add(&figures->group_events, writer->events);
    histogram_add(&figures->group_bytes, journal_pending(writer->journal));
    if (journal_commit(writer->journal))
        die("the journal cannot be written");
    histogram_add(&figures->commit_us, (clock_monotonic_ns() - since_ns) / 1000);
    writer->events = 0;
}

uint64_t writer_tick(struct writer *writer)
{
    take_all(writer);
    if (writer->count > 0) {
        commit(writer);
        send_back(writer);
        return 0;
    }
    if (writer->stop && !writer->is_stopped)
        stop(writer);
    return writer->is_stopped ? 0 : UINT64_MAX;
}
