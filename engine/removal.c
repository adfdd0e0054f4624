/* removal.c - see removal.h. */
#include "removal.h"

#include "answers.h"
#include "base/log.h"
#include "last_use.h"
#include "store/documents.h"
#include "vault.h"

#include <errno.h>
#include <stdlib.h>

enum { IN_FLIGHT_MAX = 16 };

struct removal {
    struct changes *changes;
    struct estate estate;
    size_t next; /* of keys, subscriptions, event types and the tenant, in this order */
    unsigned in_flight;
    void (*on_done)(void *context);
    void *context;
};

static void give_back(struct removal *removal)
{
    free((void *)removal->estate.keys);
    free((void *)removal->estate.subscriptions);
    free((void *)removal->estate.event_types);
    free(removal);
}

static void on_dropped(void *context);

static void send_drop(struct removal *removal, enum directory_kind kind, void *object)
{
    /* It is gone from the disk: there is no way back. */
    must(changes_send_drop(removal->changes, kind, object, on_dropped, removal) == 0);
    removal->in_flight++;
    removal->next++;
}

static bool send_next(struct removal *removal)
{
    struct estate *estate = &removal->estate;
    size_t at = removal->next;
    if (at < estate->key_count) {
        send_drop(removal, DIRECTORY_KEY, estate->keys[at]);
        return true;
    }
    at -= estate->key_count;
    if (at < estate->subscription_count) {
        send_drop(removal, DIRECTORY_SUBSCRIPTION, estate->subscriptions[at]);
        return true;
    }
    at -= estate->subscription_count;
    if (at < estate->event_type_count)
        send_drop(removal, DIRECTORY_EVENT_TYPE, estate->event_types[at]);
    else if (at == estate->event_type_count)
        send_drop(removal, DIRECTORY_TENANT, estate->tenant);
    else
        return false;
    return true;
}

static void go_on(struct removal *removal)
{
    while (removal->in_flight < IN_FLIGHT_MAX && send_next(removal))
        ;
}

static void on_dropped(void *context)
{
    struct removal *removal = context;
    removal->in_flight--;
    go_on(removal);
    if (removal->in_flight > 0)
        return;
    if (removal->on_done)
        removal->on_done(removal->context);
    give_back(removal);
}

static int store(struct changes *changes, const struct mutation *by, const struct estate *estate)
{
    char name[ID_TEXT_SIZE], shown[TENANT_TEXT_MAX];
    struct text text;
    struct batch *batch;
    int error = batch_open(&batch);
    if (error)
        return error;
    for (size_t i = 0; i < estate->key_count; i++) {
        struct slice key = id_print(&estate->keys[i]->id, "key", name);
        documents_batch_drop(changes->db, batch, "key", key);
        documents_batch_drop(changes->db, batch, LAST_USE_KIND, key);
    }
    for (size_t i = 0; i < estate->subscription_count; i++)
        documents_batch_drop(changes->db, batch, "subscription",
                             id_print(&estate->subscriptions[i]->id, "sub", name));
    for (size_t i = 0; i < estate->event_type_count; i++)
        documents_batch_drop(changes->db, batch, "event_type",
                             id_print(&estate->event_types[i]->id, "etp", name));
    answers_batch_drop(changes->answers, batch, &estate->tenant->id);
    vault_batch_drop(changes->vault, &estate->tenant->id, batch);

    text_init(&text, shown, sizeof shown);
    tenant_print(estate->tenant, &text);
    must(text_ok(&text));
    const struct subject subject = {
        .tenant = &estate->tenant->id,
        .name = id_print(&estate->tenant->id, "ten", name),
        .before = text_slice(&text),
    };
    documents_batch_drop(changes->db, batch, "tenant", subject.name);
    error = changes_write(changes, by, &subject, batch);
    batch_close(batch);
    return error;
}

int removal_begin(struct changes *changes, const struct mutation *by, struct tenant *tenant,
                  void (*on_done)(void *context), void *context)
{
    struct removal *removal = calloc(1, sizeof *removal);
    if (!removal)
        return -ENOMEM;
    *removal = (struct removal){.changes = changes, .on_done = on_done, .context = context};
    int error = registry_list_estate(changes->registry, tenant, &removal->estate);
    if (!error)
        error = store(changes, by, &removal->estate);
    if (error) {
        give_back(removal);
        return error;
    }
    answers_forget(changes->answers, &tenant->id);
    vault_forget(changes->vault, &tenant->id);
    /* The wrapped keys were dropped; now no file has them either. */
    if (db_scrub(changes->db, (struct family){.kind = FAMILY_META}))
        LOG(LOG_WARN,
            "files still hold the wrapped keys of a deleted tenant until they are compacted",
            log_str("why", db_why()));
    registry_drop_estate(changes->registry, &removal->estate);
    go_on(removal);
    return 0;
}
