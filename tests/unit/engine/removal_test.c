/* The removal of a tenant, on a real database, with the shards played by the test. */
#include "removal.h"

#include "../store/scratch.h"
#include "store/documents.h"
#include "vault.h"

#include <criterion/new/assert.h>
#include <errno.h>
#include <stdlib.h>

enum { SHARDS = 2, SUBSCRIPTIONS = 50 };

static struct scratch scratch;
static struct vault *vault;
static struct registry registry;
static struct changes changes;
static struct crew crew;
static struct audit audit;
static const struct mutation by = {.action = "tenant.delete"};
static const struct id acme = {{1}}, other = {{2}};
static bool is_done;

static void note_done(void *context)
{
    (void)context;
    is_done = true;
}

static struct tenant *make_tenant(const struct id *id, const char *name)
{
    struct tenant *tenant = calloc(1, sizeof *tenant);
    tenant->id = *id;
    snprintf(tenant->name, sizeof tenant->name, "%s", name);
    return tenant;
}

static struct subscription *make_subscription(const struct id *tenant, unsigned number)
{
    struct subscription *made = NULL;
    struct faults *faults = malloc(4096 * 8);
    struct json *json;
    struct json_value body;
    char why[JSON_WHY_SIZE], text[64 + JSON_PADDING] = "{\"url\":\"http://127.0.0.1:9/\"}";
    cr_assert(eq(int, json_open(&json), 0));
    cr_assert(eq(int, json_read(json, slice_str(text), &body, why), 0));
    cr_assert(eq(int, subscription_parse(body, NULL, &made, faults), 0));
    made->id.bytes[0] = (uint8_t)number;
    made->tenant = *tenant;
    json_close(json);
    free(faults);
    return made;
}

/* Each shard takes its mail and answers it; the kinds that shard 0 was told of, in order. */
static unsigned turn(enum directory_kind *kinds, unsigned room)
{
    unsigned count = 0;
    struct mail *mail;
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        while ((mail = mailbox_take(&crew.members[shard].mailbox)) != NULL) {
            struct mail_directory *told = (struct mail_directory *)mail;
            if (shard == 0 && count < room)
                kinds[count++] = told->kind;
            changes_answered(&changes, told);
        }
    }
    return count;
}

static void drain(void)
{
    while (changes.in_flight)
        turn(NULL, 0);
}

static void put_all(const struct id *tenant, const char *name, unsigned first)
{
    struct tenant *made = make_tenant(tenant, name);
    struct access_key *key = calloc(1, sizeof *key);
    key->id.bytes[0] = key->hash[0] = (uint8_t)first;
    key->tenant = *tenant;
    key->scopes = SCOPE_READ;
    cr_assert(eq(int, changes_put_tenant(&changes, &by, NULL, made, NULL, NULL), 0));
    cr_assert(eq(int, changes_put_key(&changes, &by, NULL, key, NULL, NULL), 0));
    for (unsigned i = 0; i < SUBSCRIPTIONS; i++)
        cr_assert(
            eq(int,
               changes_begin(&changes, &by, NULL, make_subscription(tenant, first + i), NULL, NULL),
               0));
    drain();
}

static void open_all(void)
{
    char why[VAULT_WHY_SIZE];
    scratch_open(&scratch, 1);
    crew_init(&crew, SHARDS);
    cr_assert(eq(int, vault_open(&vault, scratch.db, scratch.path, "", why), 0), "%s", why);
    cr_assert(eq(int, registry_open(&registry), 0));
    cr_assert(eq(int, audit_open(&audit, scratch.db), 0));
    changes_init(&changes, &crew, scratch.db, &registry, vault, &audit);
    put_all(&acme, "acme", 1);
    put_all(&other, "other", 100);
}

static void close_all(void)
{
    registry_close(&registry);
    vault_close(vault);
    scratch_close(&scratch);
}

TestSuite(removal, .init = open_all, .fini = close_all);

static int count_one(void *context, struct slice name, struct slice document)
{
    (void)name;
    (void)document;
    ++*(unsigned *)context;
    return 0;
}

static unsigned stored(const char *kind)
{
    unsigned count = 0;
    cr_assert(eq(int, documents_each(scratch.db, kind, count_one, &count), 0));
    return count;
}

Test(removal, ends_all_of_the_tenant_at_once_on_disk_and_in_the_registry)
{
    struct id first = {{1}}, others = {{100}};
    cr_assert(eq(uint, stored("subscription"), 2 * SUBSCRIPTIONS));
    cr_assert(eq(uint, stored("data_key"), 2));
    unsigned records = stored("audit");
    cr_assert(eq(
        int, removal_begin(&changes, &by, registry_tenant(&registry, &acme), note_done, NULL), 0));
    cr_assert(eq(uint, stored("audit"), records + 1), "one record of all of it");
    cr_assert(eq(uint, stored("tenant"), 1));
    cr_assert(eq(uint, stored("key"), 1));
    cr_assert(eq(uint, stored("subscription"), SUBSCRIPTIONS));
    cr_assert(eq(uint, stored("data_key"), 1));
    cr_assert(eq(ptr, registry_tenant(&registry, &acme), NULL));
    cr_assert(eq(ptr, registry_tenant_named(&registry, SLICE("acme")), NULL));
    cr_assert(eq(ptr, registry_subscription(&registry, &first), NULL));
    cr_assert(eq(ptr, registry_key_with_id(&registry, &first), NULL));
    cr_assert(ne(ptr, registry_subscription(&registry, &others), NULL));
    cr_assert(ne(ptr, registry_key_with_id(&registry, &others), NULL));
    drain();
    cr_assert(is_done);
}

Test(removal, tells_the_shards_of_keys_first_and_of_the_tenant_last_a_few_at_a_time)
{
    enum directory_kind kinds[SUBSCRIPTIONS + 2];
    unsigned told = 0;
    cr_assert(eq(
        int, removal_begin(&changes, &by, registry_tenant(&registry, &acme), note_done, NULL), 0));
    cr_assert(lt(uint, changes.in_flight, SUBSCRIPTIONS));
    while (changes.in_flight) {
        cr_assert(not(is_done));
        told += turn(kinds + told, SUBSCRIPTIONS + 2 - told);
    }
    cr_assert(is_done);
    cr_assert(eq(uint, told, SUBSCRIPTIONS + 2));
    cr_assert(eq(int, (int)kinds[0], DIRECTORY_KEY));
    for (unsigned i = 1; i <= SUBSCRIPTIONS; i++)
        cr_assert(eq(int, (int)kinds[i], DIRECTORY_SUBSCRIPTION));
    cr_assert(eq(int, (int)kinds[SUBSCRIPTIONS + 1], DIRECTORY_TENANT));
}
