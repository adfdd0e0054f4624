/* What has to be there before anybody can use the engine. Documents and the key's file are replaced
 * by ones that take down what is written, in which order, and fail when they are told to. */
#include "first_start.h"

#include "base/log.h"
#include "fake_vault.h"
#include "private_file.h"
#include "store/documents.h"
#include "tenant.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static struct registry registry;
static char why[FIRST_START_WHY_SIZE];

/* ---- in place of documents.c and private_file.c ---- */

static struct {
    char order[8]; /* t tenant, k key, f file */
    int fails;     /* at this letter, with -EIO */
    char file[KEY_TEXT_SIZE], key[1024];
} disk;

static int write_down(char letter)
{
    size_t count = strlen(disk.order);
    cr_assert(lt(sz, count + 1, sizeof disk.order));
    disk.order[count] = letter;
    return disk.fails == letter ? -ENOSPC : 0;
}

int documents_put(struct db *db, const char *kind, struct slice name, struct slice document)
{
    (void)db, (void)name;
    if (strcmp(kind, "key") == 0)
        snprintf(disk.key, sizeof disk.key, "%.*s", SLICE_ARGS(document));
    return write_down(kind[0]);
}

int documents_each(struct db *db, const char *kind,
                   int (*each)(void *context, struct slice name, struct slice document),
                   void *context)
{
    (void)db, (void)kind, (void)each, (void)context;
    return 0;
}

int private_file_write(const char *folder, const char *name, struct slice text)
{
    cr_assert_str_eq(folder, "/data");
    cr_assert_str_eq(name, "admin.key");
    snprintf(disk.file, sizeof disk.file, "%.*s", SLICE_ARGS(text));
    return write_down('f');
}

/* ---- the stage ---- */

static void open_registry(void)
{
    log_set(LOG_OFF, LOG_FORMAT_TEXT);
    unsetenv("GRAPNEL_ADMIN_KEY");
    cr_assert(zero(int, registry_open(&registry)));
}

static void close_registry(void)
{
    registry_close(&registry);
}

TestSuite(first_start, .init = open_registry, .fini = close_registry);

static int start(void)
{
    memset(disk.order, 0, sizeof disk.order);
    return first_start(&registry, NULL, "/data", why);
}

static struct access_key *key_of(const char *text)
{
    uint8_t hash[KEY_HASH_SIZE];
    key_hash(slice_str(text), hash);
    return registry_key(&registry, hash);
}

/* ---- tests ---- */

Test(first_start, makes_a_tenant_and_a_key_for_it)
{
    cr_assert(zero(int, start()));
    const struct tenant *tenant = registry_tenant_named(&registry, SLICE("default"));
    const struct access_key *key = key_of(disk.file);
    cr_assert(tenant != NULL);
    cr_assert(key != NULL);
    cr_expect(id_equal(&key->tenant, &tenant->id));
    cr_expect(eq(u32, key->scopes, SCOPE_ADMIN));
    cr_expect(id_is_zero(&key->id));
    cr_expect(not(id_is_zero(&tenant->id)));
}

Test(first_start, writes_the_file_before_the_key_is_of_use)
{
    cr_assert(zero(int, start()));
    cr_assert_str_eq(disk.order, "tfk");
}

Test(first_start, stores_no_key_as_it_is)
{
    cr_assert(zero(int, start()));
    cr_assert(lt(sz, 16, strlen(disk.file)));
    cr_assert(strstr(disk.key, disk.file) == NULL);
}

Test(first_start, makes_another_key_each_time)
{
    char other[KEY_TEXT_SIZE];
    cr_assert(zero(int, start()));
    snprintf(other, sizeof other, "%s", disk.file);
    close_registry();
    open_registry();
    cr_assert(zero(int, start()));
    cr_assert_str_neq(disk.file, other);
}

Test(first_start, writes_nothing_at_a_second_start)
{
    cr_assert(zero(int, start()));
    cr_assert(zero(int, start()));
    cr_assert_str_empty(disk.order);
}

Test(first_start, takes_the_key_it_is_given_and_writes_no_file)
{
    setenv("GRAPNEL_ADMIN_KEY", "gk_0123456789abcdef", 1);
    cr_assert(zero(int, start()));
    cr_assert_str_eq(disk.order, "tk");
    cr_assert(key_of("gk_0123456789abcdef") != NULL);
    cr_assert(zero(int, start()));
    cr_assert_str_empty(disk.order);
}

Test(first_start, forgets_the_key_that_another_takes_the_place_of)
{
    cr_assert(zero(int, start()));
    setenv("GRAPNEL_ADMIN_KEY", "gk_0123456789abcdef", 1);
    cr_assert(zero(int, start()));
    cr_assert_str_eq(disk.order, "k");
    cr_assert(key_of("gk_0123456789abcdef") != NULL);
    cr_assert(key_of(disk.file) == NULL);
    cr_assert(eq(sz, registry.keys.count, 1));
}

Test(first_start, refuses_a_key_that_is_too_short)
{
    setenv("GRAPNEL_ADMIN_KEY", "gk_short", 1);
    cr_assert(eq(int, start(), -EINVAL));
    cr_assert(strstr(why, "GRAPNEL_ADMIN_KEY") != NULL, "%s", why);
    cr_assert(strstr(why, "gk_short") == NULL, "%s", why);
}

/* The next start begins with what is there. */
Test(first_start, says_what_could_not_be_written_and_can_be_tried_again)
{
    static const char steps[] = "tfk";
    static const char *const whats[] = {"default tenant", "admin.key", "admin key"};
    for (size_t i = 0; i < 3; i++) {
        disk.fails = steps[i];
        cr_assert(eq(int, start(), -ENOSPC));
        cr_expect(strstr(why, whats[i]) != NULL, "%s", why);
        cr_expect(eq(sz, registry.keys.count, 0));
    }
    disk.fails = 0;
    cr_assert(zero(int, start()));
    cr_assert(eq(sz, registry.tenants.count, 1));
    cr_assert(key_of(disk.file) != NULL);
}
