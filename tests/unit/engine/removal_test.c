/* The removal of a tenant, on a real database, with the shards played by the test. */
#include "removal.h"

#include "../store/scratch.h"
#include "answers.h"
#include "base/clock.h"
#include "replays.h"
#include "store/documents.h"
#include "store/keys.h"
#include "store/rollup_sweep.h"
#include "vault.h"

#include <criterion/new/assert.h>
#include <errno.h>
#include <stdlib.h>

enum { SHARDS = 2, SUBSCRIPTIONS = 50 };

static struct scratch scratch;
static struct vault *vault;
static struct answers answers;
static struct registry registry;
static struct changes changes;
static struct crew crew;
static struct audit audit;
static const struct mutation by = {.action = "tenant.delete"};
static const struct id acme = {{1, [15] = 0xa1}}, other = {{2, [15] = 0xb2}};
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
    cr_assert(zero(int, answers_open(&answers, scratch.db, vault, 3600000)));
    changes.answers = &answers;
    put_all(&acme, "acme", 1);
    put_all(&other, "other", 100);
}

static void close_all(void)
{
    registry_close(&registry);
    answers_close(&answers);
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

/* ---- what is left ---- */

static void keep_answer(const struct id *tenant, unsigned number)
{
    const struct answer answer = {
        .key = {(uint8_t)number}, .tenant = *tenant, .status = 201, .body = SLICE("{}")};
    struct batch *batch;
    cr_assert(zero(int, batch_open(&batch)));
    cr_assert(zero(int, answers_batch_put(&answers, batch, &answer, clock_wall_ms())));
    cr_assert(zero(int, db_write(scratch.db, batch, true)));
    batch_close(batch);
    answers_written(&answers);
}

/* More than one step of a sweep drops. */
static void put_sums(const struct id *tenant)
{
    struct batch *batch;
    cr_assert(zero(int, batch_open(&batch)));
    for (unsigned i = 0; i < 1500; i++) {
        const struct rollup_place place = {
            .tenant = *tenant, .resolution = RESOLUTION_1H, .start_ms = 60000 * i};
        struct key key = key_rollup(&place);
        batch_put(batch, scratch.db, (struct family){.kind = FAMILY_STATS}, key_slice(&key),
                  SLICE("sums"));
    }
    cr_assert(zero(int, db_write(scratch.db, batch, true)));
    batch_close(batch);
}

static void begin_replay(struct replays *replays, const struct id *tenant, unsigned number)
{
    const struct replay wish = {
        .id = {{(uint8_t)number}}, .tenant = *tenant, .subscription = {{(uint8_t)number}}};
    cr_assert(zero(int, replays_begin(replays, &by, &wish)));
}

static bool knows(void *context, const struct id *tenant)
{
    return registry_tenant(context, tenant) != NULL;
}

static bool has(struct slice text, const struct id *tenant)
{
    char digits[ID_TEXT_SIZE];
    struct slice printed = id_print(tenant, "ten", digits);
    return memmem(text.at, text.size, printed.at, printed.size) ||
           memmem(text.at, text.size, tenant->bytes, sizeof tenant->bytes);
}

/* Entries that have the tenant's id, outside of the audit log. */
static unsigned left_of(const struct id *tenant)
{
    static const enum family_kind kinds[] = {FAMILY_META, FAMILY_DEDUP, FAMILY_STATS, FAMILY_QUEUE};
    unsigned count = 0;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct slice all = slice_of(NULL, 0);
        struct cursor *cursor;
        cr_assert(
            zero(int, cursor_open(&cursor, scratch.db, (struct family){kinds[i], 0}, all, all)));
        for (bool found = cursor_first(cursor); found; found = cursor_next(cursor)) {
            struct slice key = cursor_key(cursor);
            bool is_audit =
                kinds[i] == FAMILY_META && key.size > 6 && memcmp(key.at, "audit", 6) == 0;
            bool is_left = !is_audit && (has(key, tenant) || has(cursor_value(cursor), tenant));
            count += is_left;
        }
        cursor_close(cursor);
    }
    return count;
}

Test(removal, leaves_nothing_with_the_tenants_id_but_the_audit_log)
{
    static struct replays replays;
    static const struct config config;
    struct rollup_sweep sweep = {.is_over = false};
    char why[REPLAYS_WHY_SIZE];
    cr_assert(zero(int, replays_open(&replays, &changes, &config, why)), "%s", why);
    for (unsigned i = 0; i < 3; i++) {
        const struct id *tenant = i ? &acme : &other;
        keep_answer(tenant, i);
        begin_replay(&replays, tenant, i + 1);
        put_sums(tenant);
    }
    unsigned before = left_of(&other);
    cr_assert(lt(u32, 1500 + SUBSCRIPTIONS, left_of(&acme)));
    cr_assert(eq(
        int, removal_begin(&changes, &by, registry_tenant(&registry, &acme), note_done, NULL), 0));
    replays_erase(&replays);
    while (!sweep.is_over)
        cr_assert(zero(int, rollup_sweep_step(&sweep, scratch.db, knows, &registry)));
    drain();
    cr_expect(eq(u32, left_of(&acme), 0));
    cr_expect(eq(u32, left_of(&other), before));
    cr_expect(eq(sz, replays.jobs.count, 1));
    replays_close(&replays);
}
