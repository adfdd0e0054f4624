/* changes.c - see changes.h. Control's thread. A struct change is one allocation with a mail for
 * each shard; it lives until the last of them is back.
 */
#include "changes.h"

#include "store/documents.h"
#include "vault.h"

#include <errno.h>
#include <stdlib.h>

struct change {
    struct list_node link;
    enum directory_kind kind;
    void *old; /* to be freed in the end, or NULL */
    void (*on_done)(void *context);
    void *context;
    unsigned left; /* shards that have not answered */
    struct mail_directory mails[];
};

void changes_init(struct changes *changes, struct crew *crew, struct db *db,
                  struct registry *registry, struct vault *vault)
{
    *changes = (struct changes){.crew = crew, .db = db, .registry = registry, .vault = vault};
    list_init(&changes->pending);
}

static void free_old(enum directory_kind kind, void *old)
{
    if (kind == DIRECTORY_SUBSCRIPTION)
        subscription_free(old);
    else if (kind == DIRECTORY_TENANT)
        tenant_free(old);
    else
        free(old);
}

static void end(struct changes *changes, struct change *change)
{
    list_remove(&change->link);
    changes->in_flight--;
    free_old(change->kind, change->old);
    free(change);
}

void changes_close(struct changes *changes)
{
    struct list_node *next;
    for (struct list_node *node = changes->pending.next; node != &changes->pending; node = next) {
        next = node->next;
        end(changes, container_of(node, struct change, link));
    }
}

bool changes_have_room(const struct changes *changes)
{
    return changes->in_flight < CHANGES_MAX;
}

static struct change *make(struct changes *changes, void (*on_done)(void *context), void *context)
{
    struct change *change =
        calloc(1, sizeof *change + changes->crew->shards * sizeof change->mails[0]);
    if (!change)
        return NULL;
    change->on_done = on_done;
    change->context = context;
    change->left = changes->crew->shards;
    return change;
}

static void post_all(struct changes *changes, struct change *change, enum directory_kind kind,
                     void *before, const void *after)
{
    change->kind = kind;
    change->old = before;
    list_push_back(&changes->pending, &change->link);
    changes->in_flight++;
    for (unsigned shard = 0; shard < changes->crew->shards; shard++) {
        struct mail_directory *mail = &change->mails[shard];
        mail->mail.kind = MAIL_DIRECTORY;
        mail->kind = kind;
        mail->before = before;
        mail->after = after;
        mail->change = change;
        crew_post(changes->crew, crew_control(changes->crew), shard, &mail->mail);
    }
}

/* ---- subscriptions ---- */

static int store(struct changes *changes, const struct subscription *before,
                 const struct subscription *after)
{
    char name[ID_TEXT_SIZE];
    struct slice key = id_print(after ? &after->id : &before->id, "sub", name);
    if (!after)
        return documents_drop(changes->db, "subscription", key);

    int error = vault_prepare(changes->vault, &after->tenant);
    if (error)
        return error;
    struct text text;
    char *document = malloc(SUBSCRIPTION_TEXT_MAX);
    if (!document)
        return -ENOMEM;
    text_init(&text, document, SUBSCRIPTION_TEXT_MAX);
    subscription_print_stored(after, changes->vault, &text);
    must(text_ok(&text));
    error = documents_put(changes->db, "subscription", key, text_slice(&text));
    free(document);
    return error;
}

int changes_begin(struct changes *changes, struct subscription *before, struct subscription *after,
                  void (*on_done)(void *context), void *context)
{
    struct change *change = make(changes, on_done, context);
    if (!change)
        return -ENOMEM;
    int error = store(changes, before, after);
    if (error) {
        free(change);
        return error;
    }

    /* What is durable must be what is used: there is no way back from here. */
    if (after)
        must(registry_put_subscription(changes->registry, after) == 0);
    else
        registry_drop_subscription(changes->registry, &before->id);
    post_all(changes, change, DIRECTORY_SUBSCRIPTION, before, after);
    return 0;
}

/* ---- tenants and keys ---- */

static int store_tenant(struct changes *changes, const struct tenant *tenant)
{
    char document[TENANT_TEXT_MAX], name[ID_TEXT_SIZE];
    struct text text;
    text_init(&text, document, sizeof document);
    tenant_print(tenant, &text);
    must(text_ok(&text));
    return documents_put(changes->db, "tenant", id_print(&tenant->id, "ten", name),
                         text_slice(&text));
}

int changes_put_tenant(struct changes *changes, struct tenant *before, struct tenant *after,
                       void (*on_done)(void *context), void *context)
{
    struct change *change = make(changes, on_done, context);
    if (!change)
        return -ENOMEM;
    int error = store_tenant(changes, after);
    if (error) {
        free(change);
        return error;
    }
    must(registry_put_tenant(changes->registry, after) == 0);
    post_all(changes, change, DIRECTORY_TENANT, before, after);
    return 0;
}

static int store_key(struct changes *changes, const struct access_key *before,
                     const struct access_key *after)
{
    char document[KEY_DOCUMENT_MAX], name[ID_TEXT_SIZE];
    struct text text;
    if (!after)
        return documents_drop(changes->db, "key", id_print(&before->id, "key", name));
    text_init(&text, document, sizeof document);
    key_print_stored(after, &text);
    must(text_ok(&text));
    return documents_put(changes->db, "key", id_print(&after->id, "key", name), text_slice(&text));
}

int changes_put_key(struct changes *changes, struct access_key *before, struct access_key *after,
                    void (*on_done)(void *context), void *context)
{
    must(!before || !after);
    struct change *change = make(changes, on_done, context);
    if (!change)
        return -ENOMEM;
    int error = store_key(changes, before, after);
    if (error) {
        free(change);
        return error;
    }
    if (after)
        must(registry_put_key(changes->registry, after) == 0);
    else
        registry_drop_key(changes->registry, &before->id);
    post_all(changes, change, DIRECTORY_KEY, before, after);
    return 0;
}

/* ---- what is stored already, or never ---- */

int changes_send_drop(struct changes *changes, enum directory_kind kind, void *object,
                      void (*on_done)(void *context), void *context)
{
    struct change *change = make(changes, on_done, context);
    if (!change)
        return -ENOMEM;
    post_all(changes, change, kind, object, NULL);
    return 0;
}

int changes_send(struct changes *changes, enum directory_kind kind, const void *object,
                 void (*on_done)(void *context), void *context)
{
    struct change *change = make(changes, on_done, context);
    if (!change)
        return -ENOMEM;
    post_all(changes, change, kind, NULL, object);
    return 0;
}

void changes_answered(struct changes *changes, struct mail_directory *mail)
{
    struct change *change = mail->change;
    must(change->left > 0);
    if (--change->left)
        return;
    if (change->on_done)
        change->on_done(change->context);
    end(changes, change);
}
