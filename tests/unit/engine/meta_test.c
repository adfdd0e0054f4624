/* In which order what is in `meta` is opened, and what comes of a step that fails. Every part is
 * replaced by one that says that it was there. */
#include "meta.h"

#include "first_start.h"
#include "rotation.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>

static struct config config = {.data = "the data", .secret_key_file = "the key"};
static struct crew crew;
static struct meta meta;
static char why[META_WHY_SIZE];

/* Nobody looks into these. */
static char some_vault, some_db;
static struct vault *const vault = (struct vault *)&some_vault;
static struct db *const db = (struct db *)&some_db;

static struct tenant acme = {.id = {{8}}};
static void *tenants[] = {&acme};

static const char *failing = ""; /* the step that does */
static char steps[128];

static int step(const char *name)
{
    size_t size = strlen(steps);
    snprintf(steps + size, sizeof steps - size, "%s%s", size ? " " : "", name);
    return strcmp(name, failing) == 0 ? -EIO : 0;
}

/* ---- in place of the parts ---- */

int vault_open(struct vault **made, struct db *of, const char *data, const char *key_file,
               char reason[static VAULT_WHY_SIZE])
{
    cr_assert(of == db);
    cr_assert_str_eq(data, config.data);
    cr_assert_str_eq(key_file, config.secret_key_file);
    int error = step("vault");
    if (error)
        snprintf(reason, VAULT_WHY_SIZE, "no key");
    else
        *made = vault;
    return error;
}

int vault_prepare_log(struct vault *of, const struct id *tenant)
{
    cr_assert(of == vault);
    cr_assert(id_equal(tenant, &acme.id));
    return step("logs");
}

const uint8_t *vault_log_key(const struct vault *of, const struct id *tenant)
{
    static const uint8_t key[AEAD_KEY_SIZE] = {7};
    cr_assert(of == vault);
    cr_assert(id_equal(tenant, &acme.id));
    return key;
}

void vault_close(struct vault *closed)
{
    step(closed == vault ? "-vault" : "-nothing");
}

int registry_open(struct registry *registry)
{
    cr_assert(registry == &meta.registry);
    return step("registry");
}

void registry_close(struct registry *registry)
{
    cr_assert(registry == &meta.registry);
    step("-registry");
}

int registry_load(struct registry *registry, struct db *from, struct vault *by,
                  char reason[static REGISTRY_WHY_SIZE])
{
    cr_assert(registry == &meta.registry);
    cr_assert(from == db);
    cr_assert(by == vault);
    snprintf(reason, REGISTRY_WHY_SIZE, "loading");
    return step("load");
}

int audit_open(struct audit *audit, struct db *in)
{
    cr_assert(audit == &meta.audit);
    cr_assert(in == db);
    return step("audit");
}

int answers_open(struct answers *answers, struct db *in, struct vault *by, uint64_t window_ms)
{
    cr_assert(answers == &meta.answers);
    cr_assert(in == db);
    cr_assert(by == vault);
    cr_assert(eq(u64, window_ms, config.idempotency_window_ms));
    return step("answers");
}

void answers_close(struct answers *answers)
{
    cr_assert(answers == &meta.answers);
}

int answers_tidy(struct answers *answers, uint64_t now_ms)
{
    (void)now_ms;
    cr_assert(answers == &meta.answers);
    return 0;
}

void changes_init(struct changes *changes, struct crew *for_crew, struct db *in,
                  struct registry *registry, struct vault *by, struct audit *audit)
{
    cr_assert(audit == &meta.audit);
    cr_assert(changes == &meta.changes);
    cr_assert(for_crew == &crew);
    cr_assert(in == db);
    cr_assert(registry == &meta.registry);
    cr_assert(by == vault);
    step("changes");
}

void changes_close(struct changes *changes)
{
    cr_assert(changes == &meta.changes);
    step("-changes");
}

void rekey_init(struct rekey *rekey, struct db *in, const struct registry *registry,
                struct vault *by)
{
    cr_assert(rekey == &meta.rekey);
    cr_assert(in == db);
    cr_assert(registry == &meta.registry);
    cr_assert(by == vault);
    step("rekey");
}

int rekey_finish(struct rekey *rekey)
{
    cr_assert(rekey == &meta.rekey);
    return step("seal");
}

int first_start(struct registry *registry, struct db *in, const char *data,
                char reason[static FIRST_START_WHY_SIZE])
{
    (void)reason;
    cr_assert(registry == &meta.registry);
    cr_assert(in == db);
    cr_assert_str_eq(data, config.data);
    registry->tenants.items = tenants;
    registry->tenants.count = 1;
    return step("first");
}

static uint64_t pruned_before_ms, swept_ms, uses_swept_ms;

int last_use_open(struct last_use *uses, struct db *in, struct registry *registry)
{
    cr_assert(uses == &meta.uses);
    cr_assert(in == db);
    cr_assert(registry == &meta.registry);
    return step("uses");
}

void last_use_sweep(struct last_use *uses, uint64_t now_ms)
{
    cr_assert(uses == &meta.uses);
    uses_swept_ms = now_ms;
}

int audit_prune(struct audit *audit, uint64_t oldest_ms, uint64_t count_max)
{
    cr_assert(audit == &meta.audit);
    cr_assert(eq(u64, count_max, 7));
    pruned_before_ms = oldest_ms;
    return 0;
}

void rotation_sweep(struct changes *changes, size_t *cursor, uint64_t now_ms)
{
    cr_assert(changes == &meta.changes);
    cr_assert(cursor == &meta.rotation_at);
    swept_ms = now_ms;
}

const char *db_why(void)
{
    return "the disk is full";
}

Test(meta, is_kept_tidy_by_what_the_settings_say)
{
    config.audit_retention_ms = 300;
    config.audit_records_max = 7;
    meta_tidy(&meta, &config, 1000);
    cr_expect(eq(u64, pruned_before_ms, 700));
    cr_expect(eq(u64, swept_ms, 1000));
    cr_expect(eq(u64, uses_swept_ms, 1000));
    meta_tidy(&meta, &config, 200);
    cr_expect(zero(u64, pruned_before_ms));
}

/* ---- opening ---- */

static void open_failing(const char *name, const char *expected)
{
    failing = name;
    cr_assert(eq(int, meta_open(&meta, &config, &crew, db, why), *name ? -EIO : 0));
    cr_expect_str_eq(steps, expected);
    steps[0] = '\0';
    meta_close(&meta);
}

/* What is stored is known before anything is sealed anew, and the default tenant is made only when
 * there is none. */
Test(meta, is_read_then_sealed_then_completed)
{
    open_failing("", "vault audit answers registry changes rekey load seal first logs uses");
    cr_expect_str_eq(steps, "-changes -registry -vault");
    cr_expect(eq(u8, acme.log_key[0], 7));
}

Test(meta, is_not_used_without_the_log_keys_of_its_tenants)
{
    open_failing("logs", "vault audit answers registry changes rekey load seal first logs");
    cr_expect_str_eq(why, "cannot store the log key of a tenant: the disk is full");
}

Test(meta, is_not_read_without_its_keys)
{
    open_failing("vault", "vault");
    cr_expect_str_eq(why, "no key");
    cr_expect_str_eq(steps, "-nothing");
}

Test(meta, is_closed_half_open)
{
    open_failing("registry", "vault audit answers registry");
    cr_expect_str_eq(steps, "-vault", "what was not opened is not closed");
}

Test(meta, is_not_sealed_when_it_cannot_be_read)
{
    open_failing("load", "vault audit answers registry changes rekey load");
    cr_expect_str_eq(steps, "-changes -registry -vault");
}

Test(meta, is_not_used_when_it_cannot_be_sealed)
{
    open_failing("seal", "vault audit answers registry changes rekey load seal");
    cr_expect_str_eq(why, "cannot store the sealed documents: the disk is full");
}

Test(meta, is_not_used_without_a_tenant_and_a_key)
{
    open_failing("first", "vault audit answers registry changes rekey load seal first");
}

Test(meta, is_not_used_when_it_is_not_known_when_keys_were_used)
{
    open_failing("uses", "vault audit answers registry changes rekey load seal first logs uses");
    cr_expect_str_eq(why, "cannot read when keys were last used: the disk is full");
}
