/* Jobs over deliveries that have ended, on a real database. What there is to select is replaced,
 * and so is the audit log; the shard is a mailbox that the test empties. */
#include "replays.h"

#include "../store/scratch.h"
#include "base/clock.h"
#include "base/log.h"
#include "store/documents.h"

#include <criterion/new/assert.h>
#include <errno.h>

enum { TOTAL = 150 };

static struct scratch scratch;
static struct crew crew;
static struct registry registry;
static struct changes changes;
static struct audit audit;
static struct replays replays;
static const struct mutation by = {.action = "replay.create"};
static struct subscription *subscription;
static uint64_t now_ms, begun_ms; /* ahead of the clock, once it has waited */
static unsigned records;

/* ---- in place of audit.c and selection.c ---- */

void audit_begin(struct audit *to)
{
    (void)to;
}

int audit_batch_put(struct audit *to, struct batch *batch, const struct audit_entry *entry)
{
    (void)to, (void)batch;
    cr_assert(entry->resource.size > 4);
    records++;
    return 0;
}

void audit_written(struct audit *to)
{
    (void)to;
}

/* TOTAL deliveries, whose events are numbered; a page of them from the place on. */
int selection_step(struct selection *selection, struct db *db, unsigned home_shards,
                   const struct selection_filter *filter, struct selection_place *place)
{
    unsigned at = place->after.bytes[15];
    (void)db, (void)home_shards;
    cr_assert(id_equal(&filter->subscription, &subscription->id));
    *selection = (struct selection){.live = 1};
    for (; at < TOTAL && selection->count < SELECTION_MAX; at++)
        selection->list[selection->count++].event.bytes[15] = (uint8_t)(at + 1);
    place->after.bytes[15] = (uint8_t)at;
    selection->ended = at == TOTAL;
    return 0;
}

/* ---- the stage ---- */

static void open_replays(void)
{
    char why[REPLAYS_WHY_SIZE];
    cr_assert(zero(int, replays_open(&replays, &changes, 7 * 86400000, why)), "%s", why);
}

static void open_all(void)
{
    log_set(LOG_OFF, LOG_FORMAT_TEXT);
    now_ms = begun_ms = clock_monotonic_ns() / 1000000;
    scratch_open(&scratch, 1);
    crew_init(&crew, 1);
    cr_assert(zero(int, registry_open(&registry)));
    changes_init(&changes, &crew, scratch.db, &registry, NULL, &audit);
    subscription = calloc(1, sizeof *subscription);
    subscription->id = (struct id){{5}};
    subscription->tenant = (struct id){{6}};
    cr_assert(zero(int, registry_put_subscription(&registry, subscription)));
    open_replays();
}

static void close_all(void)
{
    replays_close(&replays);
    registry_close(&registry);
    scratch_close(&scratch);
}

TestSuite(replays, .init = open_all, .fini = close_all);

static struct id begin(unsigned number)
{
    struct replay wish = {.id = {{9, (uint8_t)number}},
                          .tenant = subscription->tenant,
                          .subscription = subscription->id,
                          .created_ms = 1,
                          .updated_ms = clock_wall_ms()};
    cr_assert(zero(int, replays_begin(&replays, &by, &wish)));
    return wish.id;
}

/* The page that has been sent; NULL: none within so much time. */
static struct mail_redeliver *sent(uint64_t within_ms)
{
    for (uint64_t until_ms = now_ms + within_ms; now_ms <= until_ms; now_ms++) {
        replays_turn(&replays, now_ms, false);
        struct mail *mail = mailbox_take(&crew.members[0].mailbox);
        if (mail)
            return container_of(mail, struct mail_redeliver, mail);
    }
    return NULL;
}

/* As the shard does: the document is durable with the rows. */
static void answer(struct mail_redeliver *page, enum redelivery_result result)
{
    struct text text;
    page->result = result;
    if (result == REDELIVERY_DONE) {
        page->handed = page->count;
        text_init(&text, page->document_text, sizeof page->document_text);
        page->print(page->context, page->handed, &text);
        struct slice name = key_slice(&page->document.key);
        cr_assert(
            zero(int, documents_put(scratch.db, "replay", slice_skip(name, 7), text_slice(&text))));
    }
    redeliveries_answered(page);
}

static const struct replay *look(const struct id *id)
{
    const struct replay *found = replays_find(&replays, id);
    cr_assert(found != NULL);
    return found;
}

Test(replays, hand_over_page_after_page_and_are_done)
{
    struct id id = begin(1);
    unsigned seen = 0;
    for (struct mail_redeliver *page; (page = sent(100)); answer(page, REDELIVERY_DONE)) {
        cr_assert(eq(u32, page->deliveries[0].event.bytes[15], seen + 1));
        cr_assert(mailbox_take(&crew.members[0].mailbox) == NULL, "one at a time");
        seen += page->count;
    }
    cr_expect(eq(u32, seen, TOTAL));
    cr_expect(eq(int, (int)look(&id)->status, REPLAY_DONE));
    cr_expect(eq(u64, look(&id)->handed, TOTAL));
    cr_expect(eq(u64, look(&id)->skipped, 3), "one in each of three steps");
}

Test(replays, select_anew_what_had_to_wait_and_do_not_wait_for_ever)
{
    struct id id = begin(1);
    struct mail_redeliver *page = sent(100);
    cr_assert(page->may_wait);
    for (unsigned i = 0; page->may_wait; i++) {
        cr_assert(lt(u32, i, 100));
        answer(page, REDELIVERY_BUSY);
        now_ms += 500; /* it asks again, now and then */
        page = sent(1000);
        cr_assert(page != NULL);
        cr_assert(eq(u32, page->deliveries[0].event.bytes[15], 1));
    }
    cr_expect(ge(u64, now_ms, begun_ms + REPLAYS_PATIENCE_MS));
    answer(page, REDELIVERY_DONE);
    cr_expect(eq(u64, look(&id)->handed, SELECTION_MAX));
    cr_expect(eq(u64, look(&id)->skipped, 1));
}

Test(replays, go_on_behind_what_was_handed_over_when_they_are_read_again)
{
    struct id id = begin(1);
    answer(sent(100), REDELIVERY_DONE);
    struct mail_redeliver *lost = sent(100);
    cr_assert(eq(u32, lost->deliveries[0].event.bytes[15], SELECTION_MAX + 1));
    replays_close(&replays);
    open_replays();
    struct mail_redeliver *page = sent(100);
    cr_assert(eq(u32, page->deliveries[0].event.bytes[15], SELECTION_MAX + 1));
    while (page) {
        answer(page, REDELIVERY_DONE);
        page = sent(100);
    }
    cr_expect(eq(u64, look(&id)->handed, TOTAL));
    replays_close(&replays);
    open_replays();
    cr_expect(eq(int, (int)look(&id)->status, REPLAY_DONE));
    cr_expect(sent(100) == NULL);
}

static unsigned told;

static void on_done(void *context)
{
    told++;
    free(context);
}

Test(replays, are_cancelled_when_their_page_is_back)
{
    struct id id = begin(1);
    struct mail_redeliver *page = sent(100);
    cr_assert(eq(int, replays_end(&replays, &by, &id, on_done, malloc(1)), -EINPROGRESS));
    cr_assert(eq(int, replays_end(&replays, &by, &id, on_done, NULL), -EALREADY));
    cr_assert(zero(u32, told));
    answer(page, REDELIVERY_DONE);
    cr_assert(eq(u32, told, 1));
    cr_expect(eq(int, (int)look(&id)->status, REPLAY_CANCELLED));
    cr_expect(eq(u64, look(&id)->handed, SELECTION_MAX));
    cr_expect(sent(100) == NULL);
    cr_assert(zero(int, replays_end(&replays, &by, &id, on_done, NULL)), "now it is forgotten");
    cr_expect(replays_find(&replays, &id) == NULL);
    cr_expect(eq(u32, records, 3));
}

Test(replays, wait_for_a_subscription_that_is_paused_and_fail_without_one)
{
    struct id id = begin(1);
    subscription->status = SUBSCRIPTION_PAUSED;
    cr_expect(sent(3000) == NULL);
    cr_expect(eq(int, (int)look(&id)->status, REPLAY_RUNNING));
    struct subscription *gone = subscription;
    registry_drop_subscription(&registry, &gone->id);
    cr_expect(sent(3000) == NULL);
    cr_expect(eq(int, (int)look(&id)->status, REPLAY_FAILED));
    subscription_free(gone);
}

Test(replays, are_only_so_many_at_a_time)
{
    struct replay wish = {.id = {{8}}, .tenant = subscription->tenant};
    for (unsigned i = 0; i < REPLAYS_OF_TENANT_MAX; i++)
        begin(i);
    cr_expect(eq(int, replays_begin(&replays, &by, &wish), -EBUSY));
    wish.tenant = (struct id){{7}};
    cr_expect(zero(int, replays_begin(&replays, &by, &wish)));
}

Test(replays, that_are_dry_count_and_send_nothing)
{
    struct replay wish = {.id = {{8}},
                          .tenant = subscription->tenant,
                          .subscription = subscription->id,
                          .is_dry = true};
    cr_assert(zero(int, replays_begin(&replays, &by, &wish)));
    cr_expect(sent(100) == NULL);
    cr_expect(eq(int, (int)look(&wish.id)->status, REPLAY_DONE));
    cr_expect(eq(u64, look(&wish.id)->matched, TOTAL));
    cr_expect(zero(u64, look(&wish.id)->handed));
}
