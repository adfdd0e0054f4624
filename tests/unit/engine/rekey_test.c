/* Documents sealed anew while the engine runs. The vault and what is printed are replaced by ones
 * that take down what happens; the documents go into a database of the test's own. */
#include "rekey.h"

#include "../store/scratch.h"
#include "fake_vault.h"
#include "store/documents.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdlib.h>

enum { SUBSCRIPTIONS = 150, A_TURN = 64 };

static struct scratch scratch;
static struct registry registry;
static struct rekey rekey;
static unsigned dones;
static int done_error;

/* ---- in place of vault.c and subscription_print.c ---- */

static struct {
    bool is_outdated;
    unsigned renewed, retired, sealed;
    int prepare_error, retire_error;
} keys;

bool vault_is_outdated(const struct vault *with)
{
    (void)with;
    return keys.is_outdated;
}

int vault_prepare(struct vault *with, const struct id *tenant)
{
    (void)with, (void)tenant;
    return keys.prepare_error;
}

int vault_rewrap(struct vault *with, unsigned *count, char why[static VAULT_WHY_SIZE])
{
    (void)with, (void)why;
    *count = 3;
    return 0;
}

int vault_renew(struct vault *with, unsigned *count)
{
    (void)with;
    keys.renewed++;
    *count = 2;
    return 0;
}

int vault_retire(struct vault *with)
{
    (void)with;
    cr_assert(eq(u32, keys.sealed, registry.subscriptions.count),
              "old keys go when none needs them");
    keys.retired++;
    return keys.retire_error;
}

void subscription_print_stored(const struct subscription *subscription, const struct vault *with,
                               struct text *text)
{
    (void)subscription, (void)with;
    keys.sealed++;
    text_put(text, SLICE("sealed"));
}

/* ---- the stage ---- */

static void add(unsigned number)
{
    struct subscription *made = calloc(1, sizeof *made);
    made->id = (struct id){{1, (uint8_t)(number >> 8), (uint8_t)number}};
    cr_assert(zero(int, registry_put_subscription(&registry, made)));
}

static void open_rekey(void)
{
    scratch_open(&scratch, 1);
    cr_assert(zero(int, registry_open(&registry)));
    rekey_init(&rekey, scratch.db, &registry, &vault);
}

static void close_rekey(void)
{
    registry_close(&registry);
    scratch_close(&scratch);
}

TestSuite(rekey, .init = open_rekey, .fini = close_rekey);

static void add_all(void)
{
    for (unsigned i = 0; i < SUBSCRIPTIONS; i++)
        add(2 * i);
}

static int count_one(void *context, struct slice name, struct slice document)
{
    (void)name;
    *(unsigned *)context += slice_equal(document, SLICE("sealed"));
    return 0;
}

static unsigned sealed_on_disk(void)
{
    unsigned count = 0;
    cr_assert(zero(int, documents_each(scratch.db, "subscription", count_one, &count)));
    return count;
}

static void on_done(void *context, int error)
{
    cr_assert(context == &dones);
    dones++;
    done_error = error;
}

static void renew(void)
{
    cr_assert(zero(int, rekey_renew(&rekey, on_done, &dones)));
}

/* ---- at start ---- */

Test(rekey, seals_all_that_is_outdated_before_it_returns)
{
    add_all();
    keys.is_outdated = true;
    cr_assert(zero(int, rekey_finish(&rekey)));
    cr_expect(eq(u32, sealed_on_disk(), SUBSCRIPTIONS));
    cr_expect(eq(u64, rekey.documents_sealed, SUBSCRIPTIONS));
    cr_expect(eq(u32, keys.retired, 1));
}

Test(rekey, keeps_old_keys_when_it_cannot_seal_all)
{
    add_all();
    keys.is_outdated = true;
    keys.prepare_error = -EIO;
    cr_assert(eq(int, rekey_finish(&rekey), -EIO));
    cr_expect(zero(u32, keys.retired));
    cr_expect(zero(u32, sealed_on_disk()));
}

/* ---- while the engine runs ---- */

Test(rekey, has_nothing_to_do_unless_it_was_told_to)
{
    add_all();
    cr_assert(not(rekey_turn(&rekey)));
    cr_assert(zero(u32, keys.sealed));
}

Test(rekey, seals_some_in_each_turn_and_says_when_it_is_done)
{
    add_all();
    renew();
    cr_expect(eq(u32, rekey.data_keys_made, 2));
    cr_assert(rekey_turn(&rekey));
    cr_expect(eq(u32, sealed_on_disk(), A_TURN));
    cr_assert(rekey_turn(&rekey));
    cr_expect(eq(u32, sealed_on_disk(), 2 * A_TURN));
    cr_expect(zero(u32, dones));
    cr_assert(not(rekey_turn(&rekey)));
    cr_expect(eq(u32, sealed_on_disk(), SUBSCRIPTIONS));
    cr_expect(eq(u32, dones, 1));
    cr_expect(zero(int, done_error));
    cr_expect(eq(u32, keys.retired, 1));
    cr_expect(not(rekey.is_running));
}

Test(rekey, ends_at_once_when_there_is_nothing)
{
    renew();
    cr_assert(not(rekey_turn(&rekey)));
    cr_expect(eq(u32, dones, 1));
    cr_expect(eq(u32, keys.retired, 1));
}

/* Their places in the shelf move; none may be passed over. What is made meanwhile is under the new
 * keys anyway. */
Test(rekey, is_not_misled_by_what_is_deleted_meanwhile)
{
    add_all();
    renew();
    cr_assert(rekey_turn(&rekey));
    for (unsigned i = 0; i < A_TURN; i++) {
        struct id id = {{1, (uint8_t)((2 * i) >> 8), (uint8_t)(2 * i)}};
        struct subscription *old = registry_subscription(&registry, &id);
        registry_drop_subscription(&registry, &id);
        subscription_free(old);
    }
    keys.sealed = 0;
    while (rekey_turn(&rekey))
        continue;
    cr_expect(eq(u32, keys.sealed, SUBSCRIPTIONS - A_TURN));
    cr_expect(eq(u32, sealed_on_disk(), SUBSCRIPTIONS));
}

Test(rekey, tells_of_an_error_and_keeps_the_old_keys)
{
    add_all();
    renew();
    cr_assert(rekey_turn(&rekey));
    keys.prepare_error = -EIO;
    cr_assert(not(rekey_turn(&rekey)));
    cr_expect(eq(u32, dones, 1));
    cr_expect(eq(int, done_error, -EIO));
    cr_expect(zero(u32, keys.retired));
    keys.prepare_error = 0;
    keys.sealed = 0;
    renew(); /* from the first again */
    while (rekey_turn(&rekey))
        continue;
    cr_expect(eq(u32, sealed_on_disk(), SUBSCRIPTIONS));
    cr_expect(eq(u32, keys.retired, 1));
}

Test(rekey, counts_what_it_has_wrapped)
{
    char why[VAULT_WHY_SIZE];
    cr_assert(zero(int, rekey_wrap(&rekey, why)));
    cr_expect(eq(u32, rekey.keys_rewrapped, 3));
    cr_expect(zero(u32, keys.sealed));
}
