/* first_start.c - see first_start.h. The key's file is written before its hash is stored, so that a
 * crash between the two leads to another key and never to one that nobody knows.
 */
#include "first_start.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "store/documents.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SIZE = 1100 };

static int say(char *why, const char *what, int error)
{
    snprintf(why, FIRST_START_WHY_SIZE, "%s: %s", what,
             error == -EIO ? db_why() : strerror(-error));
    return error;
}

/* ---- the tenant ---- */

static int make_tenant(struct registry *registry, struct db *db)
{
    char document[KEY_DOCUMENT_MAX], name[ID_TEXT_SIZE];
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
        free(tenant);
    return error;
}

/* The tenant for which the admin key acts when it names none. */
static const struct tenant *own_tenant(const struct registry *registry)
{
    const struct tenant *tenant = registry_tenant_named(registry, SLICE("default"));
    return tenant ? tenant : registry->tenants.items[0];
}

/* ---- the key ---- */

/* Writes `text` and a line's end to a new file that only its owner may read. */
static int write_private(const char *path, struct slice text)
{
    char line[KEY_TEXT_SIZE + 1];
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    int size = snprintf(line, sizeof line, "%.*s\n", SLICE_ARGS(text));
    int error = 0;
    if (fchmod(fd, 0600) != 0 || write(fd, line, (size_t)size) != size || fsync(fd) != 0)
        error = errno ? -errno : -EIO;
    if (close(fd) != 0 && !error)
        error = -errno;
    return error;
}

/* The file appears whole or not at all, and its directory entry is durable. */
static int write_key_file(const char *data, struct slice text)
{
    char path[PATH_SIZE], fresh[PATH_SIZE];
    snprintf(path, sizeof path, "%s/admin.key", data);
    snprintf(fresh, sizeof fresh, "%s/admin.key.new", data);
    int error = write_private(fresh, text);
    if (!error && rename(fresh, path) != 0)
        error = -errno;
    if (error)
        return error;
    int directory = open(data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return -errno;
    if (fsync(directory) != 0)
        error = -errno;
    close(directory);
    return error;
}

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
    key_hash(text, key->hash);

    struct access_key *before = registry_key_with_id(registry, &key->id);
    text_init(&printed, document, sizeof document);
    key_print(key, &printed);
    must(text_ok(&printed));
    int error = documents_put(db, "key", id_print(&key->id, "key", name), text_slice(&printed));
    if (!error)
        error = registry_put_key(registry, key);
    free(error ? key : before); /* no shard has seen it yet */
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
    int error = write_key_file(data, text);
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
