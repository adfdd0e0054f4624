/* Jobs over deliveries that have ended, on a real database. What there is to select is replaced,
 * and so is the audit log; the shard is a mailbox that the test empties. */
#include "replays.h"

#include "../store/scratch.h"
#include "base/clock.h"
#include "base/log.h"
#include "store/documents.h"

#include <criterion/new/assert.h>
#include <errno.h>

enum { TOTAL = 1200, PAGES = (TOTAL + SELECTION_MAX - 1) / SELECTION_MAX };

static struct scratch scratch;
static struct crew crew;
static struct registry registry;
static struct changes changes;
static struct audit audit;
static struct replays replays;
static const struct mutation by = {.action = "replay.create"};
static struct subscription *subscription;
static uint64_t now_ms; /* ahead of the clock, once it has waited */
static const struct config config = {.retention_ms = 7 * 86400000, .replay_rate = 1000};
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

static unsigned number_of(const struct id *event)
{
    return (unsigned)event->bytes[14] << 8 | event->bytes[15];
}

static void set_number(struct id *event, unsigned number)
{
    event->bytes[14] = (uint8_t)(number >> 8);
    event->bytes[15] = (uint8_t)number;
}

void selection_pass(struct selection_place *place, const struct ended_delivery *delivery)
{
    place->after = delivery->event;
}

/* TOTAL deliveries, whose events are numbered; a page of them from the place on. One that is live
 * is before each of them that is the last of a hundred, and one at the end of each page. */
int selection_step(struct selection *selection, struct db *db, unsigned home_shards,
                   const struct selection_filter *filter, struct selection_place *place)
{
    unsigned at = number_of(&place->after);
    (void)db, (void)home_shards, (void)filter;
    *selection = (struct selection){.live = 1, .passed = 1};
    while (at < TOTAL && selection->count < SELECTION_MAX) {
        struct ended_delivery *ended = &selection->list[selection->count++];
        set_number(&ended->event, ++at);
        ended->passed = at % 100 == 0;
        selection->live += ended->passed;
    }
    set_number(&place->after, at);
    selection->ended = at == TOTAL;
    return 0;
}

/* ---- the stage ---- */

static void put_tenant(void)
{
    struct tenant *tenant = calloc(1, sizeof *tenant);
    tenant->id = (struct id){{6}};
    snprintf(tenant->name, sizeof tenant->name, "six");
    cr_assert(zero(int, registry_put_tenant(&registry, tenant)));
}

static void open_replays(void)
{
    char why[REPLAYS_WHY_SIZE];
    cr_assert(zero(int, replays_open(&replays, &changes, &config, why)), "%s", why);
}

static void open_all(void)
{
    log_set(LOG_OFF, LOG_FORMAT_TEXT);
    now_ms = clock_monotonic_ns() / 1000000;
    scratch_open(&scratch, 1);
    crew_init(&crew, 1);
    cr_assert(zero(int, registry_open(&registry)));
    changes_init(&changes, &crew, scratch.db, &registry, NULL, &audit);
    subscription = calloc(1, sizeof *subscription);
    subscription->id = (struct id){{5}};
    subscription->tenant = (struct id){{6}};
    cr_assert(zero(int, registry_put_subscription(&registry, subscription)));
    put_tenant();
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
        if (!mail)
            continue;
        struct mail_redeliver *page = container_of(mail, struct mail_redeliver, mail);
        page->done = page->handed = 0;
        return page;
    }
    return NULL;
}

/* As the shard does, which takes the page's deliveries up to `to` but for `known` of them: the
 * document is durable with the rows. */
static void take(struct mail_redeliver *page, unsigned to, unsigned known)
{
    struct text text;
    text_init(&text, page->document_text, sizeof page->document_text);
    page->print(page->context, page->done, to, to - page->done - known, &text);
    page->done = to;
    struct slice name = key_slice(&page->document.key);
    cr_assert(
        zero(int, documents_put(scratch.db, "replay", slice_skip(name, 7), text_slice(&text))));
}

static void answer(struct mail_redeliver *page, enum redelivery_result result)
{
    page->result = result;
    if (result == REDELIVERY_DONE)
        take(page, page->count, 0);
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
        cr_assert(eq(u32, number_of(&page->deliveries[0].event), seen + 1));
        cr_assert(mailbox_take(&crew.members[0].mailbox) == NULL, "one at a time");
        seen += page->count;
    }
    cr_expect(eq(u32, seen, TOTAL));
    cr_expect(eq(int, (int)look(&id)->status, REPLAY_DONE));
    cr_expect(eq(u64, look(&id)->handed, TOTAL));
    cr_expect(eq(u64, look(&id)->matched, TOTAL));
    cr_expect(eq(u64, look(&id)->skipped, PAGES + TOTAL / 100));
}

Test(replays, select_anew_what_had_to_wait)
{
    struct id id = begin(1);
    struct mail_redeliver *page = sent(100);
    for (unsigned i = 0; i < 10; i++) {
        cr_assert(page->may_wait);
        answer(page, REDELIVERY_BUSY);
        now_ms += 500; /* it asks again, now and then */
        page = sent(1000);
        cr_assert(page != NULL);
        cr_assert(eq(u32, number_of(&page->deliveries[0].event), 1));
    }
    answer(page, REDELIVERY_DONE);
    cr_expect(eq(u64, look(&id)->handed, SELECTION_MAX));
    cr_expect(eq(u64, look(&id)->skipped, 1 + SELECTION_MAX / 100));
}

Test(replays, go_on_behind_the_chunks_that_were_taken_of_a_page)
{
    struct id id = begin(1);
    struct mail_redeliver *page = sent(100);
    take(page, 64, 3);
    take(page, 128, 0);
    answer(page, REDELIVERY_BUSY);
    cr_expect(eq(u64, look(&id)->matched, 128));
    cr_expect(eq(u64, look(&id)->handed, 125));
    cr_expect(eq(u64, look(&id)->skipped, 4));
    page = sent(100);
    cr_assert(eq(u32, number_of(&page->deliveries[0].event), 129));
    take(page, 64, 0);
    replays_close(&replays);
    open_replays();
    cr_expect(eq(u64, look(&id)->handed, 189));
    while ((page = sent(100)))
        answer(page, REDELIVERY_DONE);
    cr_expect(eq(u64, look(&id)->handed, TOTAL - 3));
    cr_expect(eq(u64, look(&id)->matched, TOTAL));
}

Test(replays, share_the_pace_that_is_set_and_keep_it_from_page_to_page)
{
    struct subscription *other = calloc(1, sizeof *other);
    other->id = (struct id){{7}};
    other->tenant = subscription->tenant;
    cr_assert(zero(int, registry_put_subscription(&registry, other)));
    begin(1);
    struct mail_redeliver *page = sent(100);
    cr_expect(eq(u32, page->per_second, config.replay_rate));
    page->after_us = 12345;
    answer(page, REDELIVERY_DONE);
    page = sent(100);
    cr_expect(eq(u64, page->after_us, 12345));
    struct replay wish = {.id = {{10}},
                          .tenant = subscription->tenant,
                          .subscription = other->id,
                          .updated_ms = clock_wall_ms()};
    cr_assert(zero(int, replays_begin(&replays, &by, &wish)));
    struct mail_redeliver *second = sent(100);
    cr_expect(eq(u32, second->per_second, config.replay_rate / 2));
    answer(second, REDELIVERY_DONE);
    answer(page, REDELIVERY_DONE);
}

Test(replays, go_on_behind_what_was_handed_over_when_they_are_read_again)
{
    struct id id = begin(1);
    answer(sent(100), REDELIVERY_DONE);
    struct mail_redeliver *lost = sent(100);
    cr_assert(eq(u32, number_of(&lost->deliveries[0].event), SELECTION_MAX + 1));
    replays_close(&replays);
    open_replays();
    struct mail_redeliver *page = sent(100);
    cr_assert(eq(u32, number_of(&page->deliveries[0].event), SELECTION_MAX + 1));
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
