/* Changes of configuration on their way, on a real database. Who records, seals and prints is
 * replaced; shards are mailboxes that the test empties. */
#include "changes.h"

#include "../store/scratch.h"
#include "fake_vault.h"

#include "store/documents.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { SHARDS = 3 };

static struct scratch scratch;
static struct crew crew;
static struct audit audit;
static struct registry registry;
static struct changes changes;
static unsigned dones;

/* ---- in place of audit.c, vault.c and subscription_print.c ---- */

static struct {
    unsigned begun, records, written;
    size_t documents; /* of the batch at hand */
    char action[32], name[ID_TEXT_SIZE], before[512], after[512];
    int error, prepare_error;
} disk;

static void copy(char *into, struct slice text)
{
    if (text.size)
        memcpy(into, text.at, text.size);
    into[text.size] = '\0';
}

void audit_begin(struct audit *to)
{
    cr_assert(to == &audit);
    disk.begun++;
    disk.documents = 0;
}

int audit_batch_put(struct audit *to, struct batch *batch, const struct audit_entry *entry)
{
    cr_assert(to == &audit);
    cr_assert(eq(sz, batch_count(batch), ++disk.documents), "the document before its record");
    copy(disk.action, slice_str(entry->action));
    copy(disk.name, entry->resource);
    copy(disk.before, entry->before);
    copy(disk.after, entry->after);
    for (unsigned i = 0; i < SHARDS && changes.in_flight == 0; i++)
        cr_assert(mailbox_take(&crew.members[i].mailbox) == NULL, "durable first, told then");
    disk.records++;
    return disk.error;
}

void audit_written(struct audit *to)
{
    cr_assert(to == &audit);
    disk.written++;
}

int vault_prepare(struct vault *with, const struct id *tenant)
{
    cr_assert(eq(ptr, with, &vault));
    cr_assert(eq(u8, tenant->bytes[0], 8));
    return disk.prepare_error;
}

int vault_prepare_log(struct vault *with, const struct id *tenant)
{
    return vault_prepare(with, tenant);
}

const uint8_t *vault_log_key(const struct vault *with, const struct id *tenant)
{
    static const uint8_t key[AEAD_KEY_SIZE] = {77};
    (void)with, (void)tenant;
    return key;
}

void subscription_print_stored(const struct subscription *subscription, const struct vault *with,
                               struct text *text)
{
    cr_assert(eq(ptr, (void *)with, &vault));
    text_printf(text, "stored %u", (unsigned)subscription->updated_ms);
}

void subscription_print(const struct subscription *subscription, enum subscription_view view,
                        struct text *text)
{
    cr_assert(eq(int, (int)view, SUBSCRIPTION_PUBLIC), "nothing secret is recorded");
    text_printf(text, "shown %u", (unsigned)subscription->updated_ms);
}

/* What is stored of it; empty: nothing. */
static const char *stored(const char *kind, const char *name)
{
    static char document[1024];
    struct db_value value;
    int error = documents_get(scratch.db, kind, slice_str(name), &value);
    document[0] = '\0';
    cr_assert(error == 0 || error == -ENOENT);
    if (error == 0) {
        copy(document, value.bytes);
        db_value_give(&value);
    }
    return document;
}

/* ---- the stage ---- */

static void open_changes(void)
{
    scratch_open(&scratch, 1);
    crew_init(&crew, SHARDS);
    cr_assert(zero(int, registry_open(&registry)));
    changes_init(&changes, &crew, scratch.db, &registry, &vault, &audit);
}

static void close_changes(void)
{
    changes_close(&changes);
    registry_close(&registry);
    scratch_close(&scratch);
}

TestSuite(changes, .init = open_changes, .fini = close_changes);

static struct subscription *make(void)
{
    struct subscription *made = calloc(1, sizeof *made);
    made->id = (struct id){{7}};
    made->tenant = (struct id){{8}};
    return made;
}

static void on_done(void *context)
{
    cr_assert(context == &dones);
    dones++;
}

static int begin(struct subscription *before, struct subscription *after)
{
    static const struct mutation by = {.action = "subscription.test"};
    return changes_begin(&changes, &by, before, after, on_done, &dones);
}

static struct mail_directory *mail_at(unsigned shard)
{
    struct mail *mail = mailbox_take(&crew.members[shard].mailbox);
    if (!mail)
        return NULL;
    cr_assert(eq(u32, mail->kind, MAIL_DIRECTORY));
    cr_assert(eq(u32, mail->from, crew_control(&crew)));
    return container_of(mail, struct mail_directory, mail);
}

static void answer_all(void)
{
    for (unsigned i = 0; i < SHARDS; i++)
        changes_answered(&changes, mail_at(i));
}

/* One that is in use. */
static struct subscription *settled(void)
{
    struct subscription *made = make();
    cr_assert(zero(int, begin(NULL, made)));
    answer_all();
    dones = 0;
    return made;
}

static void expect_nothing_sent(void)
{
    for (unsigned i = 0; i < SHARDS; i++)
        cr_expect(mail_at(i) == NULL);
    cr_expect(zero(u32, changes.in_flight));
}

/* ---- tests ---- */

Test(changes, tells_every_shard_of_what_is_stored)
{
    struct subscription *made = make();
    char name[ID_TEXT_SIZE];
    cr_assert(zero(int, begin(NULL, made)));
    id_print(&made->id, "sub", name);
    cr_expect_str_eq(stored("subscription", name), "stored 0");
    cr_expect(registry_subscription(&registry, &made->id) == made);

    for (unsigned i = 0; i < SHARDS; i++) {
        struct mail_directory *mail = mail_at(i);
        cr_assert(mail != NULL);
        cr_expect(eq(int, (int)mail->kind, DIRECTORY_SUBSCRIPTION));
        cr_expect(mail->before == NULL);
        cr_expect(mail->after == made);
    }
}

Test(changes, is_done_when_the_last_shard_has_answered)
{
    cr_assert(zero(int, begin(NULL, make())));
    for (unsigned i = 0; i < SHARDS; i++) {
        cr_expect(zero(u32, dones));
        changes_answered(&changes, mail_at(i));
    }
    cr_expect(eq(u32, dones, 1));
    cr_expect(zero(u32, changes.in_flight));
}

/* AddressSanitizer sees if it goes too early, LeakSanitizer if it stays. */
Test(changes, keeps_what_is_replaced_until_nobody_can_read_it)
{
    struct subscription *before = settled();
    struct subscription *after = make();
    cr_assert(zero(int, begin(before, after)));
    for (unsigned i = 0; i < SHARDS; i++) {
        struct mail_directory *mail = mail_at(i);
        const struct subscription *old = mail->before;
        cr_expect(eq(u8, old->id.bytes[0], 7));
        cr_expect(mail->after == after);
        changes_answered(&changes, mail);
    }
    cr_expect(registry_subscription(&registry, &after->id) == after);
}

Test(changes, drops_the_document_of_what_is_deleted)
{
    struct subscription *before = settled();
    struct id id = before->id;
    char name[ID_TEXT_SIZE];
    id_print(&id, "sub", name);
    cr_assert(zero(int, begin(before, NULL)));
    cr_expect_str_eq(stored("subscription", name), "");
    cr_expect(registry_subscription(&registry, &id) == NULL);
    struct mail_directory *mail = mail_at(0);
    cr_expect(mail->before == before);
    cr_expect(mail->after == NULL);
    changes_answered(&changes, mail);
    for (unsigned i = 1; i < SHARDS; i++)
        changes_answered(&changes, mail_at(i));
    cr_expect(eq(u32, dones, 1));
}

Test(changes, tells_apart_those_that_are_on_their_way_together)
{
    struct subscription *before = settled();
    struct subscription *after = make();
    struct mail_directory *mails[2][SHARDS];
    cr_assert(zero(int, begin(before, after)));
    cr_assert(zero(int, begin(after, NULL)));
    for (unsigned i = 0; i < SHARDS; i++) {
        mails[0][i] = mail_at(i); /* in order */
        mails[1][i] = mail_at(i);
    }
    for (unsigned i = 0; i < SHARDS; i++)
        changes_answered(&changes, mails[0][i]);
    cr_expect(eq(u32, dones, 1));
    cr_expect(eq(u32, changes.in_flight, 1));
    for (unsigned i = 0; i < SHARDS; i++)
        changes_answered(&changes, mails[1][i]);
    cr_expect(eq(u32, dones, 2));
}

/* ---- the record ---- */

Test(changes, records_what_it_was_and_what_it_is_in_the_same_write)
{
    struct subscription *before = settled(), *after = make();
    char name[ID_TEXT_SIZE];
    id_print(&before->id, "sub", name);
    cr_expect_str_eq(disk.before, "");
    cr_expect_str_eq(disk.after, "shown 0");
    after->updated_ms = 2;
    cr_assert(zero(int, begin(before, after)));
    cr_expect_str_eq(disk.action, "subscription.test");
    cr_expect_str_eq(disk.name, name);
    cr_expect_str_eq(disk.before, "shown 0");
    cr_expect_str_eq(disk.after, "shown 2");
    answer_all();
    cr_assert(zero(int, begin(after, NULL)));
    cr_expect_str_eq(disk.before, "shown 2");
    cr_expect_str_eq(disk.after, "");
    cr_expect(eq(u32, disk.written, 3));
    answer_all();
}

Test(changes, writes_what_no_shard_has_to_know_with_its_record)
{
    static const struct mutation by = {.action = "thing.create"};
    const struct subject subject = {.name = SLICE("a thing"), .after = SLICE("{}")};
    cr_assert(zero(int, changes_put_document(&changes, &by, &subject, "thing", SLICE("a"),
                                             SLICE("its document"))));
    cr_expect_str_eq(stored("thing", "a"), "its document");
    cr_expect_str_eq(disk.action, "thing.create");
    cr_expect_str_eq(disk.name, "a thing");
    disk.error = -ENOMEM;
    cr_assert(eq(int, changes_put_document(&changes, &by, &subject, "thing", SLICE("a"), SLICE("")),
                 -ENOMEM));
    cr_expect_str_eq(stored("thing", "a"), "its document");
    disk.error = 0;
    cr_assert(
        zero(int, changes_put_document(&changes, &by, &subject, "thing", SLICE("a"), SLICE(""))));
    cr_expect_str_eq(stored("thing", "a"), "");
    cr_expect(eq(u32, disk.written, 2));
    expect_nothing_sent();
}

/* ---- several at once ---- */

static struct event_type *make_type(unsigned number, uint64_t updated_ms)
{
    struct event_type *made = calloc(1, sizeof *made);
    made->id = (struct id){{(uint8_t)number}};
    made->tenant = (struct id){{8}};
    made->updated_ms = updated_ms;
    sprintf(made->name, "type.%u", number);
    return made;
}

/* Made are those of the numbers from `from` on; changed is the first, if there is `before`. */
static struct directory_set *make_set(unsigned from, unsigned count, struct event_type *before)
{
    struct directory_set *set = calloc(1, sizeof *set + count * sizeof set->list[0]);
    set->count = count;
    for (unsigned i = 0; i < count; i++)
        set->list[i].after = make_type(from + i, before ? 2 : 1);
    set->list[0].before = before;
    return set;
}

static int begin_set(struct directory_set *set)
{
    static const struct mutation by = {.action = "event_type.import"};
    return changes_put_event_types(&changes, &by, set, on_done, &dones);
}

static struct event_type *registered(unsigned number)
{
    char name[16];
    sprintf(name, "type.%u", number);
    return registry_event_type(&registry, &(struct id){{8}}, slice_str(name));
}

static bool is_stored(unsigned number)
{
    char name[ID_TEXT_SIZE];
    id_print(&(struct id){{(uint8_t)number}}, "etp", name);
    return strstr(stored("event_type", name), "type.") != NULL;
}

Test(changes, several_are_one_write_with_a_record_of_each_and_one_mail)
{
    cr_assert(zero(int, begin_set(make_set(1, 2, NULL))));
    answer_all();
    struct event_type *before = registered(1);
    struct directory_set *set = make_set(1, 1, before);
    cr_assert(zero(int, begin_set(set)));
    cr_expect(eq(u32, disk.begun, 2));
    cr_expect(eq(u32, disk.records, 3));
    cr_expect(eq(u32, disk.written, 2));
    cr_expect_str_eq(disk.action, "event_type.import");
    cr_expect(is_stored(1));
    cr_expect(is_stored(2));
    cr_expect(registered(1) == set->list[0].after);
    cr_expect(registered(2) != NULL);
    for (unsigned i = 0; i < SHARDS; i++) {
        struct mail_directory *mail = mail_at(i);
        cr_expect(eq(int, (int)mail->kind, DIRECTORY_EVENT_TYPES));
        cr_expect(mail->after == set);
        cr_expect(eq(u64, before->updated_ms, 1), "not freed");
        cr_expect(mail_at(i) == NULL);
        changes_answered(&changes, mail);
    }
    cr_expect(eq(u32, dones, 2));
}

Test(changes, several_are_all_there_or_none_is)
{
    struct directory_set *set = make_set(1, 3, NULL);
    disk.error = -ENOMEM;
    cr_assert(eq(int, begin_set(set), -ENOMEM));
    for (unsigned i = 1; i <= 3; i++)
        cr_expect(is_stored(i) == false);
    cr_expect(registered(1) == NULL);
    cr_expect(zero(u32, disk.written));
    expect_nothing_sent();
    for (unsigned i = 0; i < 3; i++) /* the caller's still */
        event_type_free(set->list[i].after);
    free(set);
}

/* ---- when it cannot be ---- */

Test(changes, leaves_everything_as_it_was_when_it_cannot_store)
{
    struct subscription *before = settled();
    struct subscription *after = make();
    char name[ID_TEXT_SIZE];
    id_print(&before->id, "sub", name);
    after->updated_ms = 2;
    disk.error = -EIO;
    cr_expect(eq(int, begin(before, after), -EIO));
    cr_expect(registry_subscription(&registry, &before->id) == before);
    cr_expect(eq(int, begin(before, NULL), -EIO));
    cr_expect(registry_subscription(&registry, &before->id) == before);
    cr_expect_str_eq(stored("subscription", name), "stored 0");
    cr_expect(eq(u32, disk.written, 1), "the first one alone");
    expect_nothing_sent();
    cr_expect(zero(u32, dones));
    subscription_free(after); /* the caller's still */
}

Test(changes, stores_nothing_that_cannot_be_sealed)
{
    struct subscription *made = make();
    disk.prepare_error = -EIO;
    cr_expect(eq(int, begin(NULL, made), -EIO));
    cr_expect(zero(u32, disk.records));
    expect_nothing_sent();
    subscription_free(made);
}

Test(changes, has_room_for_so_many_and_says_when_not)
{
    static const struct storage_state state = {.low = true};
    for (unsigned i = 0; i < CHANGES_MAX; i++) {
        cr_assert(changes_have_room(&changes));
        cr_assert(zero(int, changes_send(&changes, DIRECTORY_STORAGE, &state, NULL, NULL)));
    }
    cr_assert(not(changes_have_room(&changes)));
    answer_all();
    cr_assert(changes_have_room(&changes));
}

Test(changes, sends_without_storing_when_it_is_told_to)
{
    static const struct storage_state state = {.low = true};
    cr_assert(zero(int, changes_send(&changes, DIRECTORY_STORAGE, &state, on_done, &dones)));
    cr_expect(zero(u32, disk.records));
    for (unsigned i = 0; i < SHARDS; i++) {
        struct mail_directory *mail = mail_at(i);
        cr_expect(eq(int, (int)mail->kind, DIRECTORY_STORAGE));
        cr_expect(mail->after == &state);
        changes_answered(&changes, mail);
    }
    cr_expect(eq(u32, dones, 1));
}

Test(changes, drops_what_is_on_its_way_when_it_closes)
{
    struct subscription *before = settled();
    cr_assert(zero(int, begin(before, make())));
    changes_close(&changes); /* what was replaced is freed */
    cr_expect(zero(u32, dones));
    cr_expect(zero(u32, changes.in_flight));
}
