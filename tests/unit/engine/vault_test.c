/* The vault on a database: what it sealed opens again after every change of keys, at every step of
 * it, and nowhere else. */
#include "vault.h"

#include "../store/scratch.h"
#include "store/documents.h"

#include <criterion/new/assert.h>
#include <errno.h>

#define KEY_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define KEY_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static struct scratch scratch;
static struct vault *vault;
static char why[VAULT_WHY_SIZE];
static const struct id tenants[] = {{{1}}, {{2}}}, objects[] = {{{3}}, {{4}}};

struct sealed {
    char bytes[512];
    struct text text;
};

static int try_start(const char *keys)
{
    setenv("GRAPNEL_SECRET_KEY", keys, 1);
    return vault_open(&vault, scratch.db, scratch.path, "", why);
}

static void start(const char *keys)
{
    cr_assert(eq(int, try_start(keys), 0), "%s", why);
}

static void restart(const char *keys)
{
    vault_close(vault);
    scratch_reopen(&scratch);
    start(keys);
}

static void open_scratch(void)
{
    scratch_open(&scratch, 1);
    start(KEY_A);
}

static void close_scratch(void)
{
    vault_close(vault);
    scratch_close(&scratch);
}

TestSuite(vault, .init = open_scratch, .fini = close_scratch);

static struct vault_place place_of(unsigned tenant, unsigned object, const char *field)
{
    return (struct vault_place){&tenants[tenant], &objects[object], field};
}

static void seal(struct sealed *sealed, unsigned tenant, const char *plain)
{
    struct vault_place place = place_of(tenant, 0, "/secret");
    cr_assert(eq(int, vault_prepare(vault, place.tenant), 0));
    text_init(&sealed->text, sealed->bytes, sizeof sealed->bytes);
    vault_seal(vault, &place, slice_str(plain), &sealed->text);
    cr_assert(text_ok(&sealed->text));
    cr_assert_null(memmem(sealed->bytes, sealed->text.size, plain, strlen(plain)));
}

static int unseal(const struct sealed *sealed, struct vault_place place, const char *expected)
{
    char bytes[512];
    struct text text;
    text_init(&text, bytes, sizeof bytes);
    int error = vault_unseal(vault, &place, text_slice(&sealed->text), &text);
    if (!error)
        cr_assert(slice_equal(text_slice(&text), slice_str(expected)));
    return error;
}

static void assert_opens(const struct sealed *sealed, unsigned tenant, const char *expected)
{
    cr_assert(eq(int, unseal(sealed, place_of(tenant, 0, "/secret"), expected), 0));
}

Test(vault, opens_what_it_sealed_in_its_place_alone_also_after_a_restart)
{
    struct sealed sealed;
    seal(&sealed, 0, "correct horse");
    restart(KEY_A);
    assert_opens(&sealed, 0, "correct horse");
    cr_assert(not(vault_is_outdated(vault)));
    cr_assert(eq(int, unseal(&sealed, place_of(0, 1, "/secret"), ""), -EBADMSG));
    cr_assert(eq(int, unseal(&sealed, place_of(0, 0, "/other"), ""), -EBADMSG));
    cr_assert(eq(int, unseal(&sealed, place_of(1, 0, "/secret"), ""), -ENOKEY));
    sealed.bytes[sealed.text.size - 5] ^= 1;
    cr_assert(eq(int, unseal(&sealed, place_of(0, 0, "/secret"), ""), -EBADMSG));
}

Test(vault, takes_what_was_stored_in_the_clear_and_knows_that_it_is_outdated)
{
    struct sealed sealed;
    text_init(&sealed.text, sealed.bytes, sizeof sealed.bytes);
    text_put(&sealed.text, SLICE("whsec_old"));
    assert_opens(&sealed, 0, "whsec_old");
    cr_assert(vault_is_outdated(vault));
}

Test(vault, refuses_to_start_without_the_key_and_names_it)
{
    struct sealed sealed;
    char name[64];
    seal(&sealed, 0, "secret x");
    snprintf(name, sizeof name, "%s", vault_secret_key(vault));
    vault_close(vault);
    vault = NULL;
    cr_assert(eq(int, try_start(KEY_B), -ENOKEY));
    cr_assert_not_null(strstr(why, name), "%s", why);
    unsetenv("GRAPNEL_SECRET_KEY");
    cr_assert(eq(int, vault_open(&vault, scratch.db, scratch.path, "", why), -ENOKEY),
              "no key is made where one is missing");
    cr_assert_not_null(strstr(why, name), "%s", why);
    start(KEY_B "," KEY_A);
    assert_opens(&sealed, 0, "secret x");
}

Test(vault, wraps_all_data_keys_by_another_secret_key_without_a_restart)
{
    struct sealed sealed[2];
    unsigned count;
    seal(&sealed[0], 0, "secret x");
    seal(&sealed[1], 1, "secret y");
    cr_assert(eq(int, vault_rewrap(vault, &count, why), 0));
    cr_assert(eq(u32, count, 0), "they are wrapped by it");

    setenv("GRAPNEL_SECRET_KEY", KEY_B "," KEY_A, 1);
    cr_assert(eq(int, vault_rewrap(vault, &count, why), 0));
    cr_assert(eq(u32, count, 2));
    assert_opens(&sealed[0], 0, "secret x");
    restart(KEY_B);
    assert_opens(&sealed[0], 0, "secret x");
    assert_opens(&sealed[1], 1, "secret y");
    cr_assert(not(vault_is_outdated(vault)));

    setenv("GRAPNEL_SECRET_KEY", "nonsense", 1);
    cr_assert(eq(int, vault_rewrap(vault, &count, why), -EINVAL));
    assert_opens(&sealed[1], 1, "secret y");
}

Test(vault, renews_data_keys_and_keeps_the_old_until_they_are_retired)
{
    struct sealed old, fresh, none;
    unsigned count;
    seal(&old, 0, "secret x");
    cr_assert(eq(int, vault_renew(vault, &count), 0));
    cr_assert(eq(u32, count, 1), "the other tenant has none");
    seal(&fresh, 0, "secret x");
    cr_assert(not(slice_equal(slice_of(old.bytes, 32), slice_of(fresh.bytes, 32))));
    restart(KEY_A); /* a crash before anything was sealed anew */
    assert_opens(&fresh, 0, "secret x");
    cr_assert(not(vault_is_outdated(vault)));
    assert_opens(&old, 0, "secret x");
    cr_assert(vault_is_outdated(vault));
    seal(&none, 0, "secret z");
    cr_assert(slice_equal(slice_of(none.bytes, 32), slice_of(fresh.bytes, 32)), "the newest seals");

    cr_assert(eq(int, vault_retire(vault), 0));
    cr_assert(eq(int, unseal(&old, place_of(0, 0, "/secret"), ""), -ENOKEY));
    restart(KEY_A);
    cr_assert(eq(int, unseal(&old, place_of(0, 0, "/secret"), ""), -ENOKEY));
    assert_opens(&fresh, 0, "secret x");
}

Test(vault, says_which_data_key_is_damaged)
{
    struct sealed sealed;
    seal(&sealed, 0, "secret x");
    vault_close(vault);
    vault = NULL;
    cr_assert(eq(int, documents_put(scratch.db, "data_key", SLICE("dk_x"), SLICE("{}")), 0));
    cr_assert(eq(int, try_start(KEY_A), -EBADMSG));
    cr_assert_not_null(strstr(why, "dk_x"), "%s", why);
}

Test(vault, keeps_a_log_key_for_life_whatever_becomes_of_the_others)
{
    uint8_t first[AEAD_KEY_SIZE];
    unsigned count;
    cr_assert_null(vault_log_key(vault, &tenants[0]));
    cr_assert(zero(int, vault_prepare_log(vault, &tenants[0])));
    cr_assert(zero(int, vault_prepare_log(vault, &tenants[1])));
    memcpy(first, vault_log_key(vault, &tenants[0]), sizeof first);
    cr_assert(ne(int, memcmp(first, vault_log_key(vault, &tenants[1]), sizeof first), 0));

    cr_assert(zero(int, vault_prepare_log(vault, &tenants[0])));
    cr_assert(zero(int, vault_renew(vault, &count)));
    cr_assert(zero(u32, count));
    cr_assert(zero(int, vault_retire(vault)));
    setenv("GRAPNEL_SECRET_KEY", KEY_B "," KEY_A, 1);
    cr_assert(zero(int, vault_rewrap(vault, &count, why)), "%s", why);
    cr_assert(eq(u32, count, 2));
    restart(KEY_B);
    cr_assert(zero(int, memcmp(first, vault_log_key(vault, &tenants[0]), sizeof first)));

    struct batch *batch;
    cr_assert(zero(int, batch_open(&batch)));
    vault_batch_drop(vault, &tenants[0], batch);
    cr_assert(zero(int, db_write(scratch.db, batch, true)));
    batch_close(batch);
    vault_forget(vault, &tenants[0]);
    cr_assert_null(vault_log_key(vault, &tenants[0]));
    restart(KEY_B);
    cr_assert_null(vault_log_key(vault, &tenants[0]));
    cr_assert_not_null(vault_log_key(vault, &tenants[1]));
}

Test(vault, forgets_a_tenant_for_good_and_leaves_the_others)
{
    struct sealed gone, kept;
    struct batch *batch;
    unsigned count;
    seal(&gone, 0, "of the deleted");
    seal(&kept, 1, "of the other");
    cr_assert(eq(int, vault_renew(vault, &count), 0), "so that it has an old key and a new one");

    cr_assert(eq(int, batch_open(&batch), 0));
    vault_batch_drop(vault, &tenants[0], batch);
    cr_assert(eq(sz, batch_count(batch), 2));
    cr_assert(eq(int, db_write(scratch.db, batch, true), 0));
    batch_close(batch);
    vault_forget(vault, &tenants[0]);
    cr_assert(eq(int, unseal(&gone, place_of(0, 0, "/secret"), ""), -ENOKEY));
    assert_opens(&kept, 1, "of the other");
    restart(KEY_A);
    cr_assert(eq(int, unseal(&gone, place_of(0, 0, "/secret"), ""), -ENOKEY));
    assert_opens(&kept, 1, "of the other");
}
