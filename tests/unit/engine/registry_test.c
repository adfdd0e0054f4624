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
