/* The thread that makes things durable. The journal is replaced by one that takes down what it is
 * given, and fails when it is told to; shards are mailboxes that the test empties. */
#include "writer.h"

#include "intake.h"
#include "outcomes.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>

enum { MAILS = 2 * WRITER_MAILS_MAX };

static struct crew crew;
static struct writer writer;
static struct event_block events;
static struct outcome_batch outcomes;

/* ---- in place of journal.c ---- */

static struct {
    unsigned opened, closed, adds, commits, syncs;
    const void *added[MAILS];
    size_t pending;
    int add_error, commit_error, sync_error;
} journal;

int journal_open(struct journal **made, struct db *db, uint64_t dedup_window_ms,
                 const struct journal_options *options)
{
    (void)db;
    cr_assert(eq(u64, dedup_window_ms, 1000));
    cr_assert(options->sync);
    *made = (struct journal *)&journal;
    journal.opened++;
    return 0;
}

void journal_close(struct journal *closed)
{
    cr_assert(closed == (struct journal *)&journal);
    journal.closed++;
}

int journal_add_events(struct journal *to, struct journal_events *added)
{
    cr_assert(to == (struct journal *)&journal);
    journal.added[journal.adds++] = added;
    return journal.add_error;
}

void journal_add_outcomes(struct journal *to, struct journal_outcomes *added)
{
    cr_assert(to == (struct journal *)&journal);
    journal.added[journal.adds++] = added;
}

int journal_commit(struct journal *to)
{
    cr_assert(to == (struct journal *)&journal);
    journal.commits++;
    return journal.commit_error;
}

int journal_sync(struct journal *to)
{
    cr_assert(to == (struct journal *)&journal);
    journal.syncs++;
    return journal.sync_error;
}

size_t journal_pending(const struct journal *of)
{
    (void)of;
    return journal.pending;
}

struct journal_counters journal_counters(const struct journal *of)
{
    (void)of;
    return (struct journal_counters){.commits = journal.commits};
}

/* ---- the stage ---- */

static void open_writer(void)
{
    const struct journal_options options = {.sync = true};
    crew_init(&crew, 2);
    cr_assert(zero(int, writer_open(&writer, &crew, NULL, &options, 1000)));
    events.mail.kind = MAIL_EVENTS;
    outcomes.mail.kind = MAIL_OUTCOMES;
}

static void close_writer(void)
{
    writer_close(&writer);
    cr_assert(eq(u32, journal.closed, 1));
}

TestSuite(writer, .init = open_writer, .fini = close_writer);

static void post(unsigned from, struct mail *mail)
{
    crew_post(&crew, from, crew_writer(&crew), mail);
}

static struct mail *back_at(unsigned member)
{
    return mailbox_take(&crew.members[member].mailbox);
}

static void post_stop(struct mail_stop *stop)
{
    stop->mail.kind = MAIL_STOP;
    post(crew_control(&crew), &stop->mail);
}

/* ---- tests ---- */

Test(writer, commits_nothing_when_nothing_came)
{
    cr_assert(eq(u64, writer_tick(&writer), UINT64_MAX));
    cr_assert(zero(u32, journal.commits));
}

Test(writer, commits_what_has_gathered_at_once_and_in_order)
{
    post(1, &outcomes.mail);
    post(0, &events.mail);
    cr_assert(zero(u64, writer_tick(&writer)), "there may be more by now");

    cr_assert(eq(u32, journal.commits, 1));
    cr_assert(eq(u32, journal.adds, 2));
    cr_assert(journal.added[0] == &outcomes.journal);
    cr_assert(journal.added[1] == &events.journal);
}

Test(writer, sends_each_back_where_it_came_from)
{
    post(1, &outcomes.mail);
    post(0, &events.mail);
    writer_tick(&writer);
    cr_assert(back_at(0) == &events.mail);
    cr_assert(back_at(1) == &outcomes.mail);
    cr_assert(back_at(0) == NULL);
    cr_assert(back_at(1) == NULL);
    cr_assert(eq(u64, writer_tick(&writer), UINT64_MAX));
    cr_assert(eq(u32, journal.commits, 1), "once");
}

Test(writer, bounds_a_group_and_goes_on_with_the_rest)
{
    static struct event_block *many[MAILS];
    static char place[MAILS][sizeof(struct event_block)] __attribute__((aligned(64)));
    const unsigned count = WRITER_MAILS_MAX + 10;
    for (unsigned i = 0; i < count; i++) {
        many[i] = (struct event_block *)place[i];
        many[i]->mail.kind = MAIL_EVENTS;
        post(0, &many[i]->mail);
    }
    writer_tick(&writer);
    cr_assert(eq(u32, journal.adds, WRITER_MAILS_MAX));
    writer_tick(&writer);
    cr_assert(eq(u32, journal.adds, count));
    cr_assert(eq(u32, journal.commits, 2));
    for (unsigned i = 0; i < count; i++)
        cr_assert(back_at(0) == &many[i]->mail);
}

Test(writer, syncs_and_stops_when_all_is_committed)
{
    struct mail_stop stop = {0};
    post(0, &outcomes.mail);
    post_stop(&stop);
    post(1, &events.mail); /* from one that was late */
    writer_tick(&writer);
    cr_assert(eq(u32, journal.adds, 2));
    cr_assert(zero(u32, journal.syncs));
    cr_assert(not(writer.is_stopped));

    writer_tick(&writer);
    cr_assert(eq(u32, journal.syncs, 1));
    cr_assert(writer.is_stopped);
    cr_assert(back_at(crew_control(&crew)) == &stop.mail);
    writer_tick(&writer);
    cr_assert(eq(u32, journal.syncs, 1), "once");
}

Test(writer, tells_how_large_its_groups_were)
{
    static struct writer_figures figures;
    struct mail_figures ask = {.mail.kind = MAIL_FIGURES, .into.writer = &figures};
    events.journal.block.count = 7;
    journal.pending = 4096;
    post(0, &events.mail);
    writer_tick(&writer);
    post(1, &outcomes.mail);
    writer_tick(&writer);
    post(crew_control(&crew), &ask.mail);
    writer_tick(&writer);

    cr_assert(back_at(crew_control(&crew)) == &ask.mail);
    cr_assert(eq(u64, figures.group_events.count, 2));
    cr_assert(eq(u64, figures.group_events.sum, 7), "none of the first in the second");
    cr_assert(eq(u64, figures.group_bytes.sum, 8192));
    cr_assert(eq(u64, figures.commit_us.count, 2));
    cr_assert(eq(u64, figures.journal.commits, 2), "a question is nothing to commit");
}

/* ---- a disk that fails: nothing may be acknowledged that is not on it ---- */

Test(writer, ends_the_process_when_it_cannot_commit, .exit_code = 1)
{
    journal.commit_error = -EIO;
    post(0, &events.mail);
    writer_tick(&writer);
}

Test(writer, ends_the_process_when_it_cannot_read_idempotency_keys, .exit_code = 1)
{
    journal.add_error = -EIO;
    post(0, &events.mail);
    writer_tick(&writer);
}

Test(writer, ends_the_process_when_it_cannot_sync, .exit_code = 1)
{
    struct mail_stop stop = {0};
    journal.sync_error = -EIO;
    post_stop(&stop);
    writer_tick(&writer);
}
