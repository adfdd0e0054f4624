/* first_start.c - see first_start.h. The key's file is written before its hash is stored, so that a
 * crash between the two leads to another key and never to one that nobody knows.
 */
#include "first_start.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "private_file.h"
#include "store/documents.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static int say(char *why, const char *what, int error)
{
    snprintf(why, FIRST_START_WHY_SIZE, "%s: %s", what,
             error == -EIO ? db_why() : strerror(-error));
    return error;
}

/* ---- the tenant ---- */

static int make_tenant(struct registry *registry, struct db *db)
{
    char document[TENANT_TEXT_MAX], name[ID_TEXT_SIZE];
    struct tenant *tenant = calloc(1, sizeof *tenant);
    struct random random;
    struct text text;
    if (!tenant)
        return -ENOMEM;
    uint64_t seed;
    random_secret(&seed, sizeof seed);
    random_init(&random, seed);
    tenant->id = id_new(clock_wall_ms(), &random);
    memcpy(tenant->name, "default", sizeof "default");

    text_init(&text, document, sizeof document);
    tenant_print(tenant, &text);
    must(text_ok(&text));
    int error = documents_put(db, "tenant", id_print(&tenant->id, "ten", name), text_slice(&text));
    if (!error)
        error = registry_put_tenant(registry, tenant);
    if (error)
        tenant_free(tenant);
    return error;
}

/* The tenant for which the admin key acts when it names none. */
static const struct tenant *own_tenant(const struct registry *registry)
{
    const struct tenant *tenant = registry_tenant_named(registry, SLICE("default"));
    return tenant ? tenant : registry->tenants.items[0];
}

/* ---- the key ---- */

/* Makes `text` the built-in key. */
static int put_key(struct registry *registry, struct db *db, struct slice text)
{
    char document[KEY_DOCUMENT_MAX], name[ID_TEXT_SIZE];
    struct text printed;
    struct access_key *key = calloc(1, sizeof *key);
    if (!key)
        return -ENOMEM;
    key->tenant = own_tenant(registry)->id;
    key->scopes = SCOPE_ADMIN;
    memcpy(key->name, "built-in", sizeof "built-in");
    key_hash(text, key->hash);

    struct access_key *before = registry_key_with_id(registry, &key->id);
    text_init(&printed, document, sizeof document);
    access_key_print_stored(key, &printed);
    must(text_ok(&printed));
    int error = documents_put(db, "key", id_print(&key->id, "key", name), text_slice(&printed));
    if (!error)
        error = registry_put_key(registry, key);
    access_key_free(error ? key : before); /* no shard has seen it yet */
    return error;
}

static int settle_key(struct registry *registry, struct db *db, const char *data, char *why)
{
    static const struct id built_in = {0};
    const char *given = getenv("GRAPNEL_ADMIN_KEY");
    struct slice text = slice_str(given);
    uint8_t hash[KEY_HASH_SIZE];

    if (given) {
        if (!key_is_text(text)) {
            snprintf(why, FIRST_START_WHY_SIZE,
                     "GRAPNEL_ADMIN_KEY must have %d to %d visible ASCII characters", KEY_TEXT_MIN,
                     KEY_TEXT_MAX);
            return -EINVAL;
        }
        key_hash(text, hash);
        int error = registry_key(registry, hash) ? 0 : put_key(registry, db, text);
        return error ? say(why, "cannot store the admin key", error) : 0;
    }
    if (registry_key_with_id(registry, &built_in))
        return 0;

    char made[KEY_TEXT_SIZE];
    text = key_make(made);
    int error = private_file_write(data, "admin.key", text);
    if (error)
        return say(why, "cannot write admin.key", error);
    error = put_key(registry, db, text);
    if (error)
        return say(why, "cannot store the admin key", error);
    LOG(LOG_INFO, "an admin key was made: it is in admin.key", log_str("data", data));
    return 0;
}

int first_start(struct registry *registry, struct db *db, const char *data,
                char why[static FIRST_START_WHY_SIZE])
{
    int error = registry->tenants.count ? 0 : make_tenant(registry, db);
    if (error)
        return say(why, "cannot store the default tenant", error);
    return settle_key(registry, db, data, why);
}
