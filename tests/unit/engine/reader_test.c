/* The thread that reads what shards left on disk. The store's reading is replaced by a small disk
 * of the test's, with faults; shards are mailboxes that the test empties. */
#include "reader.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdlib.h>

enum { SHARD = 1, ROWS = 5 };

static struct crew crew;
static struct reader reader;
static struct mail_fetch fetch;
static const struct id subscription = {{7}};

/* ---- in place of backlog.c ---- */

static struct {
    struct backlog_row rows[ROWS];
    int count;           /* of rows, or -errno */
    size_t payload_size; /* of each event */
    int event_error, state_error;
    unsigned events_read, erased;
    int subscriptions, subscription_error;
} disk;
static char payload[1024 * 1024];

static void expect_shard(unsigned shard)
{
    cr_assert(eq(u32, shard, SHARD));
}

static int give(struct backlog_row *rows, int max)
{
    int count = disk.count < max ? disk.count : max;
    if (count > 0)
        memcpy(rows, disk.rows, (size_t)count * sizeof rows[0]);
    return count;
}

int backlog_retries(struct db *db, unsigned shard, uint64_t from_ms, const struct id *of,
                    const struct id *event, uint64_t below_ms, struct backlog_row *rows, int max)
{
    (void)db;
    expect_shard(shard);
    cr_assert(eq(u64, from_ms, 100));
    cr_assert(eq(u64, below_ms, 200));
    cr_assert(eq(int, of != NULL, fetch.has_after));
    if (of)
        cr_assert(id_equal(of, &fetch.after_subscription));
    if (event)
        cr_assert(id_equal(event, &fetch.after_event));
    return give(rows, max);
}

int backlog_parked(struct db *db, unsigned shard, const struct parked_span *span,
                   struct backlog_row *rows, int max)
{
    (void)db;
    expect_shard(shard);
    cr_assert(id_equal(span->subscription, &subscription));
    cr_assert(eq(int, span->after != NULL, fetch.has_after));
    if (span->after)
        cr_assert(id_equal(span->after, &fetch.after_event));
    cr_assert(eq(int, span->last != NULL, fetch.has_last));
    if (span->last)
        cr_assert(id_equal(span->last, &fetch.last_event));
    return give(rows, max);
}

int backlog_next_subscription(struct db *db, unsigned shard, const struct id *after,
                              struct id *found)
{
    (void)db;
    expect_shard(shard);
    int next = after ? after->bytes[0] + 1 : 1;
    if (next > disk.subscriptions)
        return disk.subscription_error ? disk.subscription_error : -ENOENT;
    *found = (struct id){{(uint8_t)next}};
    return 0;
}

int backlog_outages(struct db *db, unsigned shard, const struct id *after, struct backlog_row *rows,
                    int max)
{
    (void)db;
    expect_shard(shard);
    cr_assert(eq(int, after != NULL, fetch.has_after));
    if (after)
        cr_assert(id_equal(after, &fetch.after_subscription));
    return give(rows, max);
}

int backlog_erase(struct db *db, unsigned shard, const struct id *of, int max)
{
    (void)db;
    expect_shard(shard);
    cr_assert(id_equal(of, &subscription));
    disk.erased++;
    return disk.count < max ? disk.count : max;
}

int backlog_delivery(struct db *db, unsigned shard, const struct id *of, const struct id *event,
                     struct delivery_row *row)
{
    (void)db;
    expect_shard(shard);
    cr_assert(id_equal(of, &subscription));
    *row = (struct delivery_row){.attempt_count = event->bytes[0], .block_count = 1};
    return disk.state_error;
}

int event_reader_open(struct event_reader **made, struct db *db)
{
    (void)db;
    *made = NULL;
    return 0;
}

void event_reader_close(struct event_reader *closed)
{
    (void)closed;
}

static unsigned forgotten;

void event_reader_forget(struct event_reader *from)
{
    (void)from;
    forgotten++;
}

int event_reader_get(struct event_reader *from, const struct id *id, struct event_record *event)
{
    (void)from;
    *event = (struct event_record){.event = *id,
                                   .tenant = {{8}},
                                   .type = SLICE("a.b"),
                                   .version = SLICE("2"),
                                   .correlation_id = SLICE("c"),
                                   .content_type = SLICE("text/plain"),
                                   .channels = SLICE("[]"),
                                   .trace_parent = SLICE("p"),
                                   .trace_state = SLICE("s=1"),
                                   .payload = slice_of(payload, disk.payload_size)};
    disk.events_read++;
    return disk.event_error;
}

/* ---- the stage ---- */

static void open_reader(void)
{
    crew_init(&crew, 2);
    cr_assert(zero(int, reader_open(&reader, &crew, NULL)));
    memset(payload, 'x', sizeof payload);
    disk.payload_size = 3;
    for (int i = 0; i < ROWS; i++)
        disk.rows[i] = (struct backlog_row){.subscription = subscription,
                                            .event = {{(uint8_t)(i + 1)}},
                                            .attempt_count = 1,
                                            .due_ms = 100 + (unsigned)i};
}

static void close_reader(void)
{
    reader_close(&reader);
}

TestSuite(reader, .init = open_reader, .fini = close_reader);

/* Asks as shard 1 does, and waits for the answer. */
static void ask(enum fetch_kind kind, int max)
{
    fetch.mail.kind = MAIL_FETCH;
    fetch.kind = kind;
    fetch.shard = SHARD;
    fetch.subscription = subscription;
    fetch.max = max;
    fetch.error = fetch.count = 0;
    fetch.more = false;
    crew_post(&crew, SHARD, crew_reader(&crew), &fetch.mail);
    cr_assert(reader_tick(&reader));
    cr_assert(mailbox_take(&crew.members[SHARD].mailbox) == &fetch.mail);
    cr_assert(eq(u32, fetch.mail.from, crew_reader(&crew)));
}

static void give_back(int i)
{
    struct fetched_event *event = fetch.events[i];
    cr_assert(event != NULL);
    fetch.events[i] = NULL;
    event->mail.kind = MAIL_GIVE_BACK;
    crew_post(&crew, SHARD, crew_reader(&crew), &event->mail);
    cr_assert(reader_tick(&reader)); /* what is not freed here, LeakSanitizer finds */
}

static void give_all_back(void)
{
    for (int i = 0; i < fetch.count; i++)
        give_back(i);
}

static void expect_slice(struct slice slice, const char *expected)
{
    cr_expect(slice_equal(slice, slice_str(expected)), "%.*s", SLICE_ARGS(slice));
}

/* ---- retries ---- */

Test(reader, has_nothing_to_do_without_mail)
{
    cr_assert(not(reader_tick(&reader)));
}

Test(reader, lists_retries_that_are_due)
{
    disk.count = ROWS;
    fetch.from_ms = 100;
    fetch.below_ms = 200;
    ask(FETCH_RETRIES, FETCH_ROWS_MAX);
    cr_assert(zero(int, fetch.error));
    cr_assert(eq(int, fetch.count, ROWS));
    for (int i = 0; i < ROWS; i++)
        cr_expect(eq(u64, fetch.rows[i].due_ms, 100 + (unsigned)i));
    cr_expect(zero(u32, disk.events_read));
}

Test(reader, goes_on_with_retries_after_the_last)
{
    disk.count = ROWS;
    fetch.from_ms = 100;
    fetch.below_ms = 200;
    fetch.has_after = true;
    fetch.after_subscription = subscription;
    fetch.after_event = disk.rows[0].event;
    ask(FETCH_RETRIES, 2);
    cr_assert(eq(int, fetch.count, 2));
}

Test(reader, says_when_retries_cannot_be_read)
{
    disk.count = -EIO;
    fetch.from_ms = 100;
    fetch.below_ms = 200;
    ask(FETCH_RETRIES, FETCH_ROWS_MAX);
    cr_assert(eq(int, fetch.error, -EIO));
    cr_assert(zero(int, fetch.count));
}

/* ---- parked ---- */

Test(reader, brings_parked_deliveries_with_event_and_state)
{
    disk.count = 2;
    ask(FETCH_PARKED, 10);
    cr_assert(zero(int, fetch.error));
    cr_assert(eq(int, fetch.count, 2));
    cr_expect(not(fetch.more));
    for (int i = 0; i < 2; i++) {
        const struct fetched_event *held = fetch.events[i];
        cr_assert(held != NULL);
        cr_expect(id_equal(&held->event.event, &disk.rows[i].event));
        cr_expect(eq(u8, held->event.tenant.bytes[0], 8));
        expect_slice(held->event.type, "a.b");
        expect_slice(held->event.version, "2");
        expect_slice(held->event.correlation_id, "c");
        expect_slice(held->event.content_type, "text/plain");
        expect_slice(held->event.trace_parent, "p");
        expect_slice(held->event.trace_state, "s=1");
        expect_slice(held->event.payload, "xxx");
        cr_expect(eq(u32, held->row.attempt_count, (uint32_t)i + 1));
    }
    give_all_back();
}

Test(reader, says_that_there_may_be_more_when_a_page_is_full)
{
    disk.count = ROWS;
    fetch.has_after = true;
    fetch.after_event = (struct id){{3}};
    ask(FETCH_PARKED, 3);
    cr_assert(eq(int, fetch.count, 3));
    cr_expect(fetch.more);
    give_all_back();
}

/* What a page may weigh bounds what is read back at a time. */
Test(reader, ends_a_page_that_has_become_heavy)
{
    disk.count = ROWS;
    disk.payload_size = 600 * 1024;
    ask(FETCH_PARKED, 10);
    cr_assert(zero(int, fetch.error));
    cr_assert(eq(int, fetch.count, 2));
    cr_expect(fetch.more);
    give_all_back();
}

Test(reader, brings_at_least_one_however_heavy)
{
    disk.count = ROWS;
    disk.payload_size = sizeof payload;
    ask(FETCH_PARKED, 10);
    cr_assert(eq(int, fetch.count, 1));
    cr_expect(fetch.more);
    give_all_back();
}

Test(reader, brings_the_rows_of_events_that_are_gone)
{
    disk.count = 2;
    disk.event_error = -ENOENT;
    ask(FETCH_PARKED, 10);
    cr_assert(zero(int, fetch.error));
    cr_assert(eq(int, fetch.count, 2));
    cr_expect(fetch.events[0] == NULL);
    cr_expect(fetch.events[1] == NULL);
}

Test(reader, takes_a_damaged_event_for_gone)
{
    disk.count = 1;
    disk.event_error = -EBADMSG;
    ask(FETCH_PARKED, 10);
    cr_assert(zero(int, fetch.error));
    cr_assert(eq(int, fetch.count, 1));
    cr_expect(fetch.events[0] == NULL);
}

/* "Gone" would end deliveries that are still there: what may be read later is an error. */
Test(reader, does_not_take_what_cannot_be_read_now_for_gone)
{
    disk.count = 2;
    disk.event_error = -EIO;
    ask(FETCH_PARKED, 10);
    cr_assert(eq(int, fetch.error, -EIO));
    cr_assert(zero(int, fetch.count));
}

Test(reader, does_not_look_for_the_state_of_what_was_never_attempted)
{
    disk.count = 1;
    disk.rows[0].attempt_count = 0;
    ask(FETCH_PARKED, 10);
    cr_assert(eq(int, fetch.count, 1));
    cr_expect(zero(u32, fetch.events[0]->row.block_count),
              "one look-up less for each of a backlog");
    give_all_back();
}

Test(reader, says_when_parked_rows_cannot_be_read)
{
    disk.count = -EIO;
    ask(FETCH_PARKED, 10);
    cr_assert(eq(int, fetch.error, -EIO));
    cr_assert(zero(int, fetch.count));
}

Test(reader, begins_anew_where_a_delivery_has_no_state)
{
    const int errors[] = {-ENOENT, -EBADMSG};
    disk.count = 1;
    for (unsigned i = 0; i < 2; i++) {
        disk.state_error = errors[i];
        ask(FETCH_PARKED, 10);
        cr_assert(zero(int, fetch.error));
        cr_expect(zero(u32, fetch.events[0]->row.attempt_count));
        cr_expect(zero(u32, fetch.events[0]->row.block_count));
        give_all_back();
    }
}

/* ---- the others ---- */

Test(reader, brings_one_event)
{
    fetch.rows[0] = disk.rows[3];
    ask(FETCH_EVENT, 1);
    cr_assert(zero(int, fetch.error));
    cr_assert(id_equal(&fetch.events[0]->event.event, &disk.rows[3].event));
    give_back(0);
}

Test(reader, brings_nothing_for_an_event_that_is_gone)
{
    fetch.rows[0] = disk.rows[3];
    disk.event_error = -ENOENT;
    ask(FETCH_EVENT, 1);
    cr_assert(zero(int, fetch.error));
    cr_expect(fetch.events[0] == NULL);
}

Test(reader, lists_subscriptions_with_parked_rows)
{
    disk.subscriptions = 5;
    ask(FETCH_BACKLOGS, 3);
    cr_assert(zero(int, fetch.error));
    cr_assert(eq(int, fetch.count, 3));
    for (int i = 0; i < 3; i++)
        cr_expect(eq(u8, fetch.rows[i].subscription.bytes[0], (uint8_t)(i + 1)));

    fetch.has_after = true;
    fetch.after_subscription = fetch.rows[2].subscription;
    ask(FETCH_BACKLOGS, 3);
    cr_assert(eq(int, fetch.count, 2), "the last of them");
    cr_expect(eq(u8, fetch.rows[1].subscription.bytes[0], 5));
}

Test(reader, says_when_the_list_of_subscriptions_breaks_off)
{
    disk.subscriptions = 2;
    disk.subscription_error = -EIO;
    ask(FETCH_BACKLOGS, 3);
    cr_assert(eq(int, fetch.error, -EIO));
    cr_assert(eq(int, fetch.count, 2), "what was found is there");
}

Test(reader, lists_outages)
{
    disk.count = 5;
    ask(FETCH_OUTAGES, 3);
    cr_assert(zero(int, fetch.error));
    cr_assert(eq(int, fetch.count, 3));
    fetch.has_after = true;
    disk.count = -EIO;
    ask(FETCH_OUTAGES, 3);
    cr_assert(eq(int, fetch.error, -EIO));
    cr_assert(zero(int, fetch.count));
}

Test(reader, erases_as_many_rows_as_it_is_asked_to)
{
    disk.count = 5;
    ask(FETCH_ERASE, 3);
    cr_assert(eq(u32, disk.erased, 1));
    cr_assert(eq(int, fetch.count, 3));
    disk.count = -EIO;
    ask(FETCH_ERASE, 3);
    cr_assert(eq(int, fetch.error, -EIO));
}

Test(reader, lets_go_of_what_it_has_at_hand_and_says_so)
{
    struct mail_forget forget = {.mail.kind = MAIL_FORGET};
    crew_post(&crew, crew_control(&crew), crew_reader(&crew), &forget.mail);
    cr_assert(reader_tick(&reader));
    cr_assert(eq(u32, forgotten, 1));
    cr_assert(mailbox_take(&crew.members[crew_control(&crew)].mailbox) == &forget.mail);
}

Test(reader, stops_after_what_was_asked_before)
{
    struct mail_stop stop = {.mail.kind = MAIL_STOP};
    struct mailbox *control = &crew.members[crew_control(&crew)].mailbox;
    fetch = (struct mail_fetch){
        .mail.kind = MAIL_FETCH, .kind = FETCH_BACKLOGS, .shard = SHARD, .max = 1};
    crew_post(&crew, SHARD, crew_reader(&crew), &fetch.mail);
    crew_post(&crew, crew_control(&crew), crew_reader(&crew), &stop.mail);
    cr_assert(reader_tick(&reader));

    cr_assert(mailbox_take(&crew.members[SHARD].mailbox) == &fetch.mail);
    cr_assert(mailbox_take(control) == &stop.mail);
    cr_assert(reader.is_stopped);
}
