/* last_use.c - see last_use.h. The document: {"last_used_at":"2026-01-31T12:00:00.000Z"} */
#include "last_use.h"

#include "base/log.h"
#include "base/units.h"
#include "store/documents.h"

#include <errno.h>
#include <stdlib.h>

enum { SWEEP_STEP = 1024, ROUND_MS = 30000, DOCUMENT_SIZE = 64 };

/* ---- reading ---- */

struct reading {
    struct last_use *uses;
    struct json *json;
    struct batch *stale;
};

static bool parse(struct reading *reading, struct slice document, uint64_t *wall_ms)
{
    struct json_value root, value;
    struct slice text;
    char why[JSON_WHY_SIZE];
    return json_read(reading->json, document, &root, why) == 0 &&
           json_get(root, "last_used_at", &value) && json_string(value, &text) &&
           units_parse_time(text, wall_ms) == 0;
}

static int read_one(void *context, struct slice name, struct slice document)
{
    struct reading *reading = context;
    struct access_key *key = NULL;
    struct id id;
    uint64_t wall_ms;
    if (id_parse(name, "key", &id) == 0)
        key = registry_key_with_id(reading->uses->registry, &id);
    if (key && parse(reading, document, &wall_ms))
        key->used_ms = key->used_kept_ms = wall_ms;
    else
        documents_batch_drop(reading->uses->db, reading->stale, LAST_USE_KIND, name);
    return 0;
}

int last_use_open(struct last_use *uses, struct db *db, struct registry *registry)
{
    struct reading reading = {.uses = uses};
    *uses = (struct last_use){.db = db, .registry = registry};
    int error = json_open(&reading.json);
    if (!error)
        error = batch_open(&reading.stale);
    if (!error)
        error = documents_each(db, LAST_USE_KIND, read_one, &reading);
    if (!error && batch_count(reading.stale) > 0)
        error = db_write(db, reading.stale, true);
    if (reading.stale)
        batch_close(reading.stale);
    if (reading.json)
        json_close(reading.json);
    return error;
}

/* ---- as it comes ---- */

void last_use_take(struct last_use *uses, const struct mail_uses *mail)
{
    for (unsigned i = 0; i < mail->count; i++) {
        struct access_key *key = registry_key_with_id(uses->registry, &mail->uses[i].key);
        if (key && mail->uses[i].at_ms > key->used_ms)
            key->used_ms = mail->uses[i].at_ms;
    }
}

/* ---- to the disk ---- */

static void batch_one(struct last_use *uses, struct batch *batch, const struct access_key *key)
{
    char room[DOCUMENT_SIZE], name[ID_TEXT_SIZE];
    struct text text;
    text_init(&text, room, sizeof room);
    text_put(&text, SLICE("{\"last_used_at\":\""));
    text_time(&text, key->used_ms);
    text_put(&text, SLICE("\"}"));
    must(text_ok(&text));
    documents_batch_put(uses->db, batch, LAST_USE_KIND, id_print(&key->id, "key", name),
                        text_slice(&text));
}

/* Those from `at` on, below `end`. What could not be written is tried in the next round. */
static void keep(struct last_use *uses, size_t end)
{
    struct access_key *const *keys = (void *)uses->registry->keys.items;
    struct batch *batch;
    if (batch_open(&batch))
        return;
    for (size_t i = uses->at; i < end; i++)
        if (keys[i]->used_ms > keys[i]->used_kept_ms)
            batch_one(uses, batch, keys[i]);
    int error = batch_count(batch) ? db_write(uses->db, batch, true) : 0;
    batch_close(batch);
    if (error)
        LOG(LOG_WARN, "when keys were last used could not be stored", log_str("why", db_why()));
    for (size_t i = uses->at; !error && i < end; i++)
        keys[i]->used_kept_ms = keys[i]->used_ms;
}

/* True: there is more of this round. */
static bool step(struct last_use *uses)
{
    size_t count = uses->registry->keys.count, end = uses->at + SWEEP_STEP;
    if (end > count)
        end = count;
    if (uses->at < end)
        keep(uses, end);
    uses->at = end < count ? end : 0;
    return uses->at > 0;
}

void last_use_sweep(struct last_use *uses, uint64_t wall_ms)
{
    bool is_time = wall_ms >= uses->round_ms + ROUND_MS || wall_ms < uses->round_ms;
    if (uses->at == 0 && !is_time)
        return;
    if (uses->at == 0)
        uses->round_ms = wall_ms;
    step(uses);
}

void last_use_finish(struct last_use *uses)
{
    uses->at = 0;
    while (step(uses))
        ;
}
