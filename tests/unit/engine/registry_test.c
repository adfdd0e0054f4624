/* The registry against a model: an array that is searched from end to end. */
#include "registry.h"

#include "base/random.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 100, STEPS = 20000, UIDS = 40, TENANTS = 3, SEED = 11 };

static struct registry registry;
static struct subscription *model[SLOTS]; /* NULL: not there */

static struct id id_of(unsigned slot)
{
    struct id id = {{0}};
    id.bytes[3] = (uint8_t)(slot * 37 % SLOTS); /* not in the order of slots */
    id.bytes[15] = (uint8_t)slot;
    return id;
}

static struct subscription *make(unsigned slot, unsigned tenant, int uid)
{
    struct subscription *made = calloc(1, sizeof *made);
    char text[16];
    made->id = id_of(slot);
    made->tenant.bytes[0] = (uint8_t)tenant;
    snprintf(text, sizeof text, "uid-%d", uid);
    made->uid = uid < 0 ? NULL : strdup(text);
    return made;
}

static struct subscription *model_with_uid(const struct id *tenant, const char *uid)
{
    for (unsigned i = 0; i < SLOTS; i++)
        if (model[i] && model[i]->uid && id_equal(&model[i]->tenant, tenant) &&
            strcmp(model[i]->uid, uid) == 0)
            return model[i];
    return NULL;
}

static void check_order(void)
{
    const struct shelf *shelf = &registry.subscriptions;
    size_t expected = 0;
    for (unsigned i = 0; i < SLOTS; i++)
        expected += model[i] != NULL;
    cr_assert(eq(sz, shelf->count, expected));
    for (size_t i = 1; i < shelf->count; i++) {
        const struct subscription *before = shelf->items[i - 1], *after = shelf->items[i];
        cr_assert(memcmp(&before->id, &after->id, sizeof after->id) < 0);
        cr_assert(eq(sz, shelf_before(shelf, &after->id), i));
    }
}

Test(registry, agrees_with_a_simple_model)
{
    struct random random;
    random_init(&random, SEED);
    cr_log_info("seed %d", SEED);
    cr_assert(eq(int, registry_open(&registry), 0));

    for (unsigned step = 0; step < STEPS; step++) {
        unsigned slot = (unsigned)random_below(&random, SLOTS);
        unsigned tenant = (unsigned)random_below(&random, TENANTS);
        int uid = (int)random_below(&random, 2 * UIDS) - UIDS;
        struct id id = id_of(slot), owner = {{(uint8_t)tenant}};
        char text[16];
        snprintf(text, sizeof text, "uid-%d", uid);

        if (random_below(&random, 3) == 0 && model[slot]) {
            registry_drop_subscription(&registry, &id);
            subscription_free(model[slot]);
            model[slot] = NULL;
        } else if (uid < 0 || !model_with_uid(&owner, text)) {
            struct subscription *made = make(slot, tenant, uid);
            cr_assert(eq(int, registry_put_subscription(&registry, made), 0));
            subscription_free(model[slot]);
            model[slot] = made;
        }
        cr_assert(eq(ptr, registry_subscription(&registry, &id), model[slot]));
        cr_assert(eq(ptr, registry_subscription_with_uid(&registry, &owner, text),
                     model_with_uid(&owner, text)));
        if (step % 97 == 0)
            check_order();
    }
    registry_close(&registry);
}

Test(registry, finds_keys_by_hash_and_forgets_a_hash_that_was_replaced)
{
    uint8_t first_hash[KEY_HASH_SIZE] = {1}, second_hash[KEY_HASH_SIZE] = {2};
    struct access_key *first = calloc(1, sizeof *first), *second = calloc(1, sizeof *second);
    memcpy(first->hash, first_hash, sizeof first_hash);
    memcpy(second->hash, second_hash, sizeof second_hash);
    cr_assert(eq(int, registry_open(&registry), 0));

    cr_assert(eq(int, registry_put_key(&registry, first), 0));
    cr_assert(eq(ptr, registry_key(&registry, first_hash), first));
    cr_assert(eq(int, registry_put_key(&registry, second), 0), "of the same id");
    cr_assert(eq(ptr, registry_key(&registry, first_hash), NULL));
    cr_assert(eq(ptr, registry_key(&registry, second_hash), second));
    free(first);
    registry_close(&registry);
}

static struct access_key *put_key(unsigned number, unsigned tenant)
{
    struct access_key *key = calloc(1, sizeof *key);
    key->id.bytes[0] = key->hash[0] = (uint8_t)number;
    key->tenant.bytes[0] = (uint8_t)tenant;
    cr_assert(eq(int, registry_put_key(&registry, key), 0));
    return key;
}

static struct tenant *put_tenant(unsigned number, const char *name)
{
    struct tenant *tenant = calloc(1, sizeof *tenant);
    tenant->id.bytes[0] = (uint8_t)number;
    snprintf(tenant->name, sizeof tenant->name, "%s", name);
    cr_assert(eq(int, registry_put_tenant(&registry, tenant), 0));
    return tenant;
}

Test(registry, finds_tenants_by_name_also_when_they_are_renamed)
{
    cr_assert(eq(int, registry_open(&registry), 0));
    struct tenant *first = put_tenant(1, "first"), *second = put_tenant(2, "second");
    cr_assert(eq(ptr, registry_tenant_named(&registry, SLICE("first")), first));
    cr_assert(eq(ptr, registry_find_tenant(&registry, SLICE("second")), second));
    char digits[ID_TEXT_SIZE];
    cr_assert(
        eq(ptr, registry_find_tenant(&registry, id_print(&second->id, "ten", digits)), second));
    struct tenant *renamed = put_tenant(1, "renamed");
    cr_assert(eq(ptr, registry_tenant_named(&registry, SLICE("first")), NULL));
    cr_assert(eq(ptr, registry_tenant_named(&registry, SLICE("renamed")), renamed));
    tenant_free(first);
    registry_close(&registry);
}

Test(registry, takes_out_a_key)
{
    cr_assert(eq(int, registry_open(&registry), 0));
    struct access_key *first = put_key(1, 1), *second = put_key(2, 1);
    registry_drop_key(&registry, &first->id);
    cr_assert(eq(ptr, registry_key(&registry, first->hash), NULL));
    cr_assert(eq(ptr, registry_key_with_id(&registry, &first->id), NULL));
    cr_assert(eq(ptr, registry_key(&registry, second->hash), second));
    free(first);
    registry_close(&registry);
}

Test(registry, takes_out_all_of_a_tenant_and_nothing_else)
{
    struct estate estate;
    cr_assert(eq(int, registry_open(&registry), 0));
    struct tenant *gone = put_tenant(1, "gone");
    put_tenant(2, "kept");
    for (unsigned i = 0; i < SLOTS; i++) {
        put_key(i, 1 + i % 2);
        cr_assert(eq(int, registry_put_subscription(&registry, make(i, 1 + i % 3, (int)i)), 0));
    }
    cr_assert(eq(int, registry_list_estate(&registry, gone, &estate), 0));
    cr_assert(eq(sz, estate.key_count, SLOTS / 2));
    cr_assert(eq(sz, estate.subscription_count, (SLOTS + 2) / 3));
    registry_drop_estate(&registry, &estate);

    cr_assert(eq(sz, registry.tenants.count, 1));
    cr_assert(eq(sz, registry.keys.count, SLOTS - estate.key_count));
    cr_assert(eq(sz, registry.subscriptions.count, SLOTS - estate.subscription_count));
    for (unsigned i = 0; i < SLOTS; i++) {
        struct id id = id_of(i), key_id = {{(uint8_t)i}}, owner = {{(uint8_t)(1 + i % 3)}};
        char uid[16];
        snprintf(uid, sizeof uid, "uid-%u", i);
        bool is_there = registry_subscription(&registry, &id);
        cr_assert(eq(int, is_there, i % 3 != 0));
        is_there = registry_subscription_with_uid(&registry, &owner, uid);
        cr_assert(eq(int, is_there, i % 3 != 0));
        is_there = registry_key_with_id(&registry, &key_id);
        cr_assert(eq(int, is_there, i % 2 != 0));
    }
    for (size_t i = 0; i < estate.key_count; i++)
        free(estate.keys[i]);
    for (size_t i = 0; i < estate.subscription_count; i++)
        subscription_free(estate.subscriptions[i]);
    tenant_free(estate.tenant);
    free(estate.keys);
    free(estate.subscriptions);
    free((void *)estate.event_types);
    registry_close(&registry);
}
