/* Changes of configuration on their way. Who stores, seals and prints is replaced: a document is
 * "stored"; shards are mailboxes that the test empties. */
#include "changes.h"

#include "fake_vault.h"

#include "store/documents.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdlib.h>

enum { SHARDS = 3 };

static struct crew crew;
static struct registry registry;
static struct changes changes;
static unsigned dones;

/* ---- in place of documents.c, vault.c and subscription_print.c ---- */

static struct {
    unsigned puts, drops;
    char name[ID_TEXT_SIZE];
    int error, prepare_error;
} disk;

static void take_down(const char *kind, struct slice name)
{
    cr_assert_str_eq(kind, "subscription");
    cr_assert(lt(sz, name.size, sizeof disk.name));
    memcpy(disk.name, name.at, name.size);
    disk.name[name.size] = '\0';
    for (unsigned i = 0; i < SHARDS && changes.in_flight == 0; i++)
        cr_assert(mailbox_take(&crew.members[i].mailbox) == NULL, "durable first, told then");
}

int documents_put(struct db *db, const char *kind, struct slice name, struct slice document)
{
    (void)db;
    take_down(kind, name);
    cr_assert(slice_equal(document, SLICE("stored")));
    disk.puts++;
    return disk.error;
}

int documents_drop(struct db *db, const char *kind, struct slice name)
{
    (void)db;
    take_down(kind, name);
    disk.drops++;
    return disk.error;
}

int documents_each(struct db *db, const char *kind,
                   int (*each)(void *context, struct slice name, struct slice document),
                   void *context)
{
    (void)db;
    (void)kind;
    (void)each;
    (void)context;
    return 0;
}

int vault_prepare(struct vault *with, const struct id *tenant)
{
    cr_assert(eq(ptr, with, &vault));
    cr_assert(eq(u8, tenant->bytes[0], 8));
    return disk.prepare_error;
}

void subscription_print_stored(const struct subscription *subscription, const struct vault *with,
                               struct text *text)
{
    (void)subscription;
    cr_assert(eq(ptr, (void *)with, &vault));
    text_put(text, SLICE("stored"));
}

/* ---- the stage ---- */

static void open_changes(void)
{
    crew_init(&crew, SHARDS);
    cr_assert(zero(int, registry_open(&registry)));
    changes_init(&changes, &crew, NULL, &registry, &vault);
}

static void close_changes(void)
{
    changes_close(&changes);
    registry_close(&registry);
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
    return changes_begin(&changes, before, after, on_done, &dones);
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
    cr_expect(eq(u32, disk.puts, 1));
    id_print(&made->id, "sub", name);
    cr_expect_str_eq(disk.name, name);
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
    cr_assert(zero(int, begin(before, NULL)));
    cr_expect(eq(u32, disk.drops, 1));
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

/* ---- when it cannot be ---- */

Test(changes, leaves_everything_as_it_was_when_it_cannot_store)
{
    struct subscription *before = settled();
    struct subscription *after = make();
    disk.error = -EIO;
    cr_expect(eq(int, begin(before, after), -EIO));
    cr_expect(registry_subscription(&registry, &before->id) == before);
    cr_expect(eq(int, begin(before, NULL), -EIO));
    cr_expect(registry_subscription(&registry, &before->id) == before);
    expect_nothing_sent();
    cr_expect(zero(u32, dones));
    subscription_free(after); /* the caller's still */
}

Test(changes, stores_nothing_that_cannot_be_sealed)
{
    struct subscription *made = make();
    disk.prepare_error = -EIO;
    cr_expect(eq(int, begin(NULL, made), -EIO));
    cr_expect(zero(u32, disk.puts));
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
    cr_expect(zero(u32, disk.puts + disk.drops));
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
