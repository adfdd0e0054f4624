/* vault.c - see vault.h. All keys are in memory, found by their id; those that seal are also found
 * by their tenant: of its data keys that with the greatest id, and its log key.
 *
 * A document "data_key": {"id":"dk_...","tenant":"ten_...","key":"v1:NAME:base64"}, NAME being that
 * of the secret key. A document "log_key" is like it, with an id "lk_...".
 */
#include "vault.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/list.h"
#include "base/random.h"
#include "base/table.h"
#include "secret_key.h"
#include "store/documents.h"

#include <errno.h>
#include <openssl/mem.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    DOCUMENT_SIZE = 512,
    FIELD_SIZE = 192,
    PLACE_SIZE = 2 * sizeof(struct id) + FIELD_SIZE,
    PATH_SIZE = 1024,
};

/* What a key is for. */
static const struct use {
    const char *document, *prefix;
} for_secrets = {"data_key", "dk"}, for_logs = {"log_key", "lk"};

struct data_key {
    const struct use *use;
    struct table_node node;    /* in vault->keys, by its id */
    struct table_node present; /* in the table of its use, by its tenant */
    struct id id, tenant;
    uint8_t bytes[SEAL_KEY_SIZE];
    char wrapped_by[SECRET_KEY_NAME_SIZE];
    bool is_present;
};

struct vault {
    struct db *db;
    char data[PATH_SIZE], key_file[PATH_SIZE];
    struct secret_keys secret_keys;
    struct table keys, present, logs;
    struct random random;
    bool is_outdated;
};

/* ---- data keys ---- */

static struct data_key *find(const struct vault *vault, const struct id *id)
{
    struct table_node *node = table_first(&vault->keys, id_hash(id));
    for (; node; node = table_next(node)) {
        struct data_key *key = container_of(node, struct data_key, node);
        if (id_equal(&key->id, id))
            return key;
    }
    return NULL;
}

static struct table *table_of(struct vault *vault, const struct use *use)
{
    return use == &for_logs ? &vault->logs : &vault->present;
}

static struct data_key *find_of(const struct table *present, const struct id *tenant)
{
    struct table_node *node = table_first(present, id_hash(tenant));
    for (; node; node = table_next(node)) {
        struct data_key *key = container_of(node, struct data_key, present);
        if (id_equal(&key->tenant, tenant))
            return key;
    }
    return NULL;
}

static struct data_key *present_of(const struct vault *vault, const struct id *tenant)
{
    return find_of(&vault->present, tenant);
}

static void keep(struct vault *vault, struct data_key *key)
{
    struct table *present = table_of(vault, key->use);
    struct data_key *before = find_of(present, &key->tenant);
    table_put(&vault->keys, &key->node, id_hash(&key->id));
    if (before && memcmp(&before->id, &key->id, sizeof key->id) > 0)
        return;
    if (before)
        table_drop(present, &before->present);
    if (before)
        before->is_present = false;
    table_put(present, &key->present, id_hash(&key->tenant));
    key->is_present = true;
}

static void wipe(struct data_key *key)
{
    OPENSSL_cleanse(key, sizeof *key);
    free(key);
}

static void drop(struct vault *vault, struct data_key *key)
{
    table_drop(&vault->keys, &key->node);
    if (key->is_present)
        table_drop(table_of(vault, key->use), &key->present);
    wipe(key);
}

/* Of a new id: a clock that was set back must not make it the lesser one. */
static struct data_key *make(struct vault *vault, const struct use *use, const struct id *tenant)
{
    struct data_key *key = calloc(1, sizeof *key);
    struct data_key *before = find_of(table_of(vault, use), tenant);
    if (!key)
        return NULL;
    key->use = use;
    uint64_t now_ms = clock_wall_ms();
    if (before && now_ms <= id_time_ms(&before->id))
        now_ms = id_time_ms(&before->id) + 1;
    key->id = id_new(now_ms, &vault->random);
    key->tenant = *tenant;
    memcpy(key->wrapped_by, vault_secret_key(vault), sizeof key->wrapped_by);
    random_secret(key->bytes, sizeof key->bytes);
    return key;
}

/* ---- places ---- */

static struct slice print_place(const struct vault_place *place, char out[static PLACE_SIZE])
{
    struct text text;
    text_init(&text, out, PLACE_SIZE);
    text_put(&text, slice_of(place->tenant, sizeof *place->tenant));
    text_put(&text, slice_of(place->object, sizeof *place->object));
    text_put(&text, slice_str(place->field));
    must(text_ok(&text));
    return text_slice(&text);
}

static struct slice place_of_key(const struct data_key *key, char out[static PLACE_SIZE])
{
    const struct vault_place place = {&key->tenant, &key->id, "/key"};
    return print_place(&place, out);
}

/* ---- documents ---- */

static void print_key(const struct vault *vault, const struct data_key *key, struct text *text)
{
    const struct secret_key *by = &vault->secret_keys.list[0];
    char id[ID_TEXT_SIZE], tenant[ID_TEXT_SIZE], place[PLACE_SIZE];
    text_printf(text, "{\"id\":\"%s\",\"tenant\":\"%s\",\"key\":\"",
                id_print(&key->id, key->use->prefix, id).at,
                id_print(&key->tenant, "ten", tenant).at);
    seal_put(by->bytes, slice_str(by->name), place_of_key(key, place),
             slice_of(key->bytes, sizeof key->bytes), text);
    text_put(text, SLICE("\"}"));
    must(text_ok(text));
}

static void put_key(const struct vault *vault, const struct data_key *key, struct batch *batch)
{
    char document[DOCUMENT_SIZE], name[ID_TEXT_SIZE];
    struct text text;
    text_init(&text, document, sizeof document);
    print_key(vault, key, &text);
    documents_batch_put(vault->db, batch, key->use->document,
                        id_print(&key->id, key->use->prefix, name), text_slice(&text));
}

static void drop_document(const struct vault *vault, const struct data_key *key,
                          struct batch *batch)
{
    char name[ID_TEXT_SIZE];
    documents_batch_drop(vault->db, batch, key->use->document,
                         id_print(&key->id, key->use->prefix, name));
}

struct reading {
    struct vault *vault;
    const struct use *use;
    struct json *json;
    char *why;
};

static bool get_string(struct json_value root, const char *key, struct slice *text)
{
    struct json_value value;
    return json_get(root, key, &value) && json_string(value, text);
}

static int unwrap(struct reading *reading, struct data_key *key, struct slice wrapped)
{
    const struct secret_keys *secret_keys = &reading->vault->secret_keys;
    char place[PLACE_SIZE];
    struct slice name, box;
    struct text plain;
    if (!seal_parse(wrapped, &name, &box) || name.size >= SECRET_KEY_NAME_SIZE)
        return -EBADMSG;
    const struct secret_key *by = secret_key_named(secret_keys, name);
    if (!by) {
        snprintf(reading->why, VAULT_WHY_SIZE,
                 "what is stored is encrypted by the secret key %.*s, which is not given: %s%s",
                 SLICE_ARGS(name), secret_keys->count ? "the one given is " : "there is none",
                 secret_keys->count ? secret_keys->list[0].name : "");
        return -ENOKEY;
    }
    text_init(&plain, (char *)key->bytes, sizeof key->bytes);
    if (seal_open(by->bytes, place_of_key(key, place), box, &plain) ||
        plain.size != sizeof key->bytes)
        return -EBADMSG;
    memcpy(key->wrapped_by, by->name, sizeof by->name);
    return 0;
}

static int parse_key(struct reading *reading, struct slice document, struct data_key *key)
{
    char json_why[JSON_WHY_SIZE];
    struct json_value root;
    struct slice id, tenant, wrapped;
    if (json_read(reading->json, document, &root, json_why) || !get_string(root, "id", &id) ||
        !get_string(root, "tenant", &tenant) || !get_string(root, "key", &wrapped) ||
        id_parse(id, key->use->prefix, &key->id) || id_parse(tenant, "ten", &key->tenant))
        return -EBADMSG;
    return unwrap(reading, key, wrapped);
}

static int read_key(void *context, struct slice name, struct slice document)
{
    struct reading *reading = context;
    struct data_key *key = calloc(1, sizeof *key);
    if (!key)
        return -ENOMEM;
    key->use = reading->use;
    int error = parse_key(reading, document, key);
    if (!error) {
        keep(reading->vault, key);
        return 0;
    }
    if (error == -EBADMSG)
        snprintf(reading->why, VAULT_WHY_SIZE, "the stored key %.*s is damaged",
                 (int)(name.size < ID_TEXT_SIZE ? name.size : ID_TEXT_SIZE), name.at);
    wipe(key);
    return error;
}

static int read_keys(struct vault *vault, char why[static VAULT_WHY_SIZE])
{
    struct reading reading = {.vault = vault, .why = why};
    int error = json_open(&reading.json);
    if (error)
        return error;
    reading.use = &for_secrets;
    error = documents_each(vault->db, for_secrets.document, read_key, &reading);
    reading.use = &for_logs;
    if (!error)
        error = documents_each(vault->db, for_logs.document, read_key, &reading);
    json_close(reading.json);
    return error;
}

/* ---- life ---- */

static int open_keys(struct vault *vault, char why[static VAULT_WHY_SIZE])
{
    int error = secret_keys_read(&vault->secret_keys, vault->key_file, vault->data, why);
    if (error && error != -ENOENT)
        return error;
    bool is_given = error == 0;
    error = read_keys(vault, why);
    if (!error && !is_given)
        error = secret_keys_make(&vault->secret_keys, vault->data, why);
    return error;
}

int vault_open(struct vault **made, struct db *db, const char *data, const char *key_file,
               char why[static VAULT_WHY_SIZE])
{
    struct vault *vault = calloc(1, sizeof *vault);
    uint64_t seed;
    snprintf(why, VAULT_WHY_SIZE, "out of memory");
    if (!vault)
        return -ENOMEM;
    vault->db = db;
    snprintf(vault->data, sizeof vault->data, "%s", data);
    snprintf(vault->key_file, sizeof vault->key_file, "%s", key_file);
    random_secret(&seed, sizeof seed);
    random_init(&vault->random, seed);

    int error = table_open(&vault->keys, 64);
    if (!error)
        error = table_open(&vault->present, 64);
    if (!error)
        error = table_open(&vault->logs, 64);
    if (!error)
        error = open_keys(vault, why);
    if (error == -EIO)
        snprintf(why, VAULT_WHY_SIZE, "cannot read the data keys: %.200s", db_why());
    if (error) {
        vault_close(vault);
        return error;
    }
    *made = vault;
    return 0;
}

void vault_close(struct vault *vault)
{
    struct table_node *node;
    if (!vault)
        return;
    while (vault->keys.buckets && (node = table_walk(&vault->keys, NULL)))
        drop(vault, container_of(node, struct data_key, node));
    table_close(&vault->keys);
    table_close(&vault->present);
    table_close(&vault->logs);
    secret_keys_close(&vault->secret_keys);
    free(vault);
}

const char *vault_secret_key(const struct vault *vault)
{
    return vault->secret_keys.list[0].name;
}

/* ---- secrets ---- */

static int store_new(struct vault *vault, const struct use *use, const struct id *tenant)
{
    char document[DOCUMENT_SIZE], name[ID_TEXT_SIZE];
    struct text text;
    struct data_key *key = make(vault, use, tenant);
    if (!key)
        return -ENOMEM;
    text_init(&text, document, sizeof document);
    print_key(vault, key, &text);
    int error = documents_put(vault->db, use->document, id_print(&key->id, use->prefix, name),
                              text_slice(&text));
    if (error)
        wipe(key);
    else
        keep(vault, key);
    return error;
}

int vault_prepare(struct vault *vault, const struct id *tenant)
{
    return present_of(vault, tenant) ? 0 : store_new(vault, &for_secrets, tenant);
}

int vault_prepare_log(struct vault *vault, const struct id *tenant)
{
    return vault_log_key(vault, tenant) ? 0 : store_new(vault, &for_logs, tenant);
}

const uint8_t *vault_log_key(const struct vault *vault, const struct id *tenant)
{
    const struct data_key *key = find_of(&vault->logs, tenant);
    return key ? key->bytes : NULL;
}

void vault_seal(const struct vault *vault, const struct vault_place *place, struct slice plain,
                struct text *out)
{
    const struct data_key *key = present_of(vault, place->tenant);
    char name[ID_TEXT_SIZE], bytes[PLACE_SIZE];
    must(key);
    seal_put(key->bytes, id_print(&key->id, key->use->prefix, name), print_place(place, bytes),
             plain, out);
}

int vault_unseal(struct vault *vault, const struct vault_place *place, struct slice stored,
                 struct text *out)
{
    char bytes[PLACE_SIZE];
    struct slice name, box;
    struct id id;
    if (!seal_parse(stored, &name, &box) || id_parse(name, for_secrets.prefix, &id)) {
        vault->is_outdated = true;
        text_put(out, stored);
        return text_ok(out) ? 0 : -ENOBUFS;
    }
    const struct data_key *key = find(vault, &id);
    if (!key || !id_equal(&key->tenant, place->tenant))
        return -ENOKEY;
    vault->is_outdated |= !key->is_present;
    return seal_open(key->bytes, print_place(place, bytes), box, out);
}

bool vault_is_outdated(const struct vault *vault)
{
    return vault->is_outdated;
}

/* ---- changing keys ---- */

/* Writes all keys anew, of which `count` are not wrapped by the current secret key. */
static int wrap_all(struct vault *vault, unsigned *count)
{
    const char *current = vault_secret_key(vault);
    struct batch *batch;
    int error = batch_open(&batch);
    if (error)
        return error;
    struct table_node *node;
    *count = 0;
    for (node = table_walk(&vault->keys, NULL); node; node = table_walk(&vault->keys, node)) {
        const struct data_key *key = container_of(node, struct data_key, node);
        if (strcmp(key->wrapped_by, current) == 0)
            continue;
        put_key(vault, key, batch);
        ++*count;
    }
    error = *count ? db_write(vault->db, batch, true) : 0;
    batch_close(batch);
    return error;
}

static void note_wrapped(struct vault *vault)
{
    struct table_node *node;
    for (node = table_walk(&vault->keys, NULL); node; node = table_walk(&vault->keys, node)) {
        struct data_key *key = container_of(node, struct data_key, node);
        memcpy(key->wrapped_by, vault_secret_key(vault), sizeof key->wrapped_by);
    }
}

int vault_rewrap(struct vault *vault, unsigned *count, char why[static VAULT_WHY_SIZE])
{
    struct secret_keys fresh, before = vault->secret_keys;
    int error = secret_keys_read(&fresh, vault->key_file, vault->data, why);
    if (!error) {
        vault->secret_keys = fresh;
        error = wrap_all(vault, count);
        if (error) {
            snprintf(why, VAULT_WHY_SIZE, "cannot store the data keys: %.200s", db_why());
            vault->secret_keys = before;
        } else {
            note_wrapped(vault);
        }
    }
    secret_keys_close(&fresh);
    secret_keys_close(&before);
    return error;
}

static void free_keys(struct data_key **keys, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        wipe(keys[i]);
    free(keys);
}

/* A new key for each tenant, put into the batch too. */
static int make_all(struct vault *vault, struct batch *batch, struct data_key **keys,
                    unsigned *count)
{
    struct table_node *node;
    for (node = table_walk(&vault->present, NULL); node; node = table_walk(&vault->present, node)) {
        struct data_key *key =
            make(vault, &for_secrets, &container_of(node, struct data_key, present)->tenant);
        if (!key)
            return -ENOMEM;
        keys[(*count)++] = key;
        put_key(vault, key, batch);
    }
    return 0;
}

int vault_renew(struct vault *vault, unsigned *count)
{
    struct data_key **keys = calloc(vault->present.count + 1, sizeof(struct data_key *));
    struct batch *batch = NULL;
    unsigned made = 0;
    int error = keys ? batch_open(&batch) : -ENOMEM;
    if (!error)
        error = make_all(vault, batch, keys, &made);
    if (!error && made)
        error = db_write(vault->db, batch, true);
    if (batch)
        batch_close(batch);
    *count = made;
    for (unsigned i = 0; i < made && !error; i++)
        keep(vault, keys[i]);
    free_keys(keys, error ? made : 0);
    return error;
}

static struct data_key *next_past(const struct vault *vault, struct table_node **node)
{
    for (; (*node = table_walk(&vault->keys, *node));) {
        struct data_key *key = container_of(*node, struct data_key, node);
        if (!key->is_present)
            return key;
    }
    return NULL;
}

int vault_retire(struct vault *vault)
{
    struct table_node *node = NULL;
    struct data_key *key;
    struct batch *batch;
    int error = batch_open(&batch);
    if (error)
        return error;
    while ((key = next_past(vault, &node)))
        drop_document(vault, key, batch);
    error = batch_count(batch) ? db_write(vault->db, batch, true) : 0;
    batch_close(batch);
    if (error)
        return error;
    for (node = NULL; (key = next_past(vault, &node)); node = NULL)
        drop(vault, key);
    vault->is_outdated = false;
    return 0;
}

/* ---- the end of a tenant ---- */

static struct data_key *next_of(const struct vault *vault, const struct id *tenant,
                                struct table_node **node)
{
    while ((*node = table_walk(&vault->keys, *node)) != NULL) {
        struct data_key *key = container_of(*node, struct data_key, node);
        if (id_equal(&key->tenant, tenant))
            return key;
    }
    return NULL;
}

void vault_batch_drop(struct vault *vault, const struct id *tenant, struct batch *batch)
{
    struct table_node *node = NULL;
    struct data_key *key;
    while ((key = next_of(vault, tenant, &node)) != NULL)
        drop_document(vault, key, batch);
}

void vault_forget(struct vault *vault, const struct id *tenant)
{
    struct table_node *node = NULL;
    struct data_key *key;
    for (; (key = next_of(vault, tenant, &node)) != NULL; node = NULL)
        drop(vault, key);
}
