/* rekey.c - see rekey.h. */
#include "rekey.h"

#include "store/documents.h"

#include <errno.h>
#include <stdlib.h>

enum { DOCUMENTS_PER_TURN = 64 };

void rekey_init(struct rekey *rekey, struct db *db, const struct registry *registry,
                struct vault *vault)
{
    *rekey = (struct rekey){.db = db, .registry = registry, .vault = vault};
}

static int seal_one(struct rekey *rekey, const struct subscription *subscription,
                    struct batch *batch, char *document)
{
    char name[ID_TEXT_SIZE];
    struct text text;
    int error = vault_prepare(rekey->vault, &subscription->tenant);
    if (error)
        return error;
    text_init(&text, document, SUBSCRIPTION_TEXT_MAX);
    subscription_print_stored(subscription, rekey->vault, &text);
    must(text_ok(&text));
    documents_batch_put(rekey->db, batch, "subscription", id_print(&subscription->id, "sub", name),
                        text_slice(&text));
    return 0;
}

/* The place in the shelf of the first that comes after those that are done. */
static size_t next_place(const struct rekey *rekey)
{
    const struct shelf *shelf = &rekey->registry->subscriptions;
    size_t place = shelf_before(shelf, &rekey->done);
    const struct subscription *at = place < shelf->count ? shelf->items[place] : NULL;
    return place + (at && id_equal(&at->id, &rekey->done));
}

/* Seals the next few in one write. `more`: there may be others behind them. */
static int seal_some(struct rekey *rekey, bool *more)
{
    const struct shelf *shelf = &rekey->registry->subscriptions;
    struct batch *batch = NULL;
    char *document = malloc(SUBSCRIPTION_TEXT_MAX);
    int error = document ? batch_open(&batch) : -ENOMEM;
    size_t from = next_place(rekey), to = from;
    for (; !error && to < shelf->count && to - from < DOCUMENTS_PER_TURN; to++)
        error = seal_one(rekey, shelf->items[to], batch, document);
    if (!error && to > from)
        error = db_write(rekey->db, batch, true);
    if (batch)
        batch_close(batch);
    free(document);
    if (error)
        return error;
    if (to > from)
        rekey->done = ((const struct subscription *)shelf->items[to - 1])->id;
    rekey->documents_sealed += to - from;
    *more = to < shelf->count;
    return 0;
}

static void begin(struct rekey *rekey)
{
    rekey->done = (struct id){{0}};
    rekey->keys_rewrapped = rekey->data_keys_made = 0;
    rekey->documents_sealed = 0;
}

int rekey_finish(struct rekey *rekey)
{
    bool more = vault_is_outdated(rekey->vault);
    int error = 0;
    begin(rekey);
    while (!error && more)
        error = seal_some(rekey, &more);
    return error ? error : vault_retire(rekey->vault);
}

int rekey_wrap(struct rekey *rekey, char why[static VAULT_WHY_SIZE])
{
    begin(rekey);
    return vault_rewrap(rekey->vault, &rekey->keys_rewrapped, why);
}

int rekey_renew(struct rekey *rekey, void (*on_done)(void *context, int error), void *context)
{
    must(!rekey->is_running);
    int error = vault_renew(rekey->vault, &rekey->data_keys_made);
    rekey->is_running = error == 0;
    rekey->done = (struct id){{0}}; /* no document is sealed by these yet */
    rekey->on_done = on_done;
    rekey->context = context;
    return error;
}

bool rekey_turn(struct rekey *rekey)
{
    bool more = false;
    if (!rekey->is_running)
        return false;
    int error = seal_some(rekey, &more);
    if (!error && more)
        return true;
    if (!error)
        error = vault_retire(rekey->vault);
    rekey->is_running = false;
    rekey->on_done(rekey->context, error);
    return false;
}
