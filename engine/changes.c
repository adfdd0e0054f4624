/* changes.c - see changes.h. Control's thread. A struct change is one allocation with a mail for
 * each shard; it lives until the last of them is back.
 */
#include "changes.h"

#include "base/clock.h"
#include "last_use.h"
#include "store/documents.h"
#include "vault.h"

#include <errno.h>
#include <stdlib.h>

struct change {
    struct list_node link;
    enum directory_kind kind;
    void *before; /* to be freed in the end, or NULL */
    const void *after;
    void (*on_done)(void *context);
    void *context;
    unsigned left; /* shards that have not answered */
    struct mail_directory mails[];
};

void changes_init(struct changes *changes, struct crew *crew, struct db *db,
                  struct registry *registry, struct vault *vault, struct audit *audit)
{
    *changes = (struct changes){
        .crew = crew, .db = db, .registry = registry, .vault = vault, .audit = audit};
    list_init(&changes->pending);
}

static void free_set(struct directory_set *set)
{
    for (size_t i = 0; set && i < set->count; i++)
        event_type_free(set->list[i].before);
    free(set);
}

static void free_old(enum directory_kind kind, void *old)
{
    if (kind == DIRECTORY_SUBSCRIPTION)
        subscription_free(old);
    else if (kind == DIRECTORY_TENANT)
        tenant_free(old);
    else if (kind == DIRECTORY_KEY)
        access_key_free(old);
    else if (kind == DIRECTORY_EVENT_TYPE)
        event_type_free(old);
    else if (kind == DIRECTORY_EVENT_TYPES)
        free_set(old);
    else
        free(old);
}

static void end(struct changes *changes, struct change *change)
{
    list_remove(&change->link);
    changes->in_flight--;
    free_old(change->kind, change->before);
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

static struct change *make(struct changes *changes, enum directory_kind kind, void *before,
                           const void *after, void (*on_done)(void *context), void *context)
{
    struct change *change =
        calloc(1, sizeof *change + changes->crew->shards * sizeof change->mails[0]);
    if (!change)
        return NULL;
    change->kind = kind;
    change->before = before;
    change->after = after;
    change->on_done = on_done;
    change->context = context;
    change->left = changes->crew->shards;
    return change;
}

static void post_all(struct changes *changes, struct change *change)
{
    list_push_back(&changes->pending, &change->link);
    changes->in_flight++;
    for (unsigned shard = 0; shard < changes->crew->shards; shard++) {
        struct mail_directory *mail = &change->mails[shard];
        mail->mail.kind = MAIL_DIRECTORY;
        mail->kind = change->kind;
        mail->before = change->before;
        mail->after = change->after;
        mail->change = change;
        crew_post(changes->crew, crew_control(changes->crew), shard, &mail->mail);
    }
}

/* ---- what is written ---- */

static int batch_record(struct changes *changes, const struct mutation *by,
                        const struct subject *subject, struct batch *batch)
{
    const struct audit_entry entry = {
        .action = by->action,
        .key = by->key,
        .peer = by->peer,
        .tenant = subject->tenant,
        .resource = subject->name,
        .before = subject->before,
        .after = subject->after,
    };
    return audit_batch_put(changes->audit, batch, &entry);
}

/* Writes what is in the batch, records too, with the answer. */
static int commit(struct changes *changes, const struct mutation *by, struct batch *batch)
{
    int error = 0;
    if (by->answer)
        error = answers_batch_put(changes->answers, batch, by->answer, clock_wall_ms());
    if (!error)
        error = db_write(changes->db, batch, true);
    if (!error)
        audit_written(changes->audit);
    if (!error && by->answer)
        answers_written(changes->answers);
    return error;
}

int changes_write(struct changes *changes, const struct mutation *by, const struct subject *subject,
                  struct batch *batch)
{
    audit_begin(changes->audit);
    int error = batch_record(changes, by, subject, batch);
    if (!error)
        error = commit(changes, by, batch);
    batch_clear(batch);
    return error;
}

int changes_put_document(struct changes *changes, const struct mutation *by,
                         const struct subject *subject, const char *kind, struct slice name,
                         struct slice document)
{
    struct batch *batch;
    int error = batch_open(&batch);
    if (error)
        return error;
    if (document.size)
        documents_batch_put(changes->db, batch, kind, name, document);
    else
        documents_batch_drop(changes->db, batch, kind, name);
    error = changes_write(changes, by, subject, batch);
    batch_close(batch);
    return error;
}

static void show_subscription(const void *object, struct text *text)
{
    subscription_print(object, SUBSCRIPTION_PUBLIC, text);
}

static int store_subscription(struct changes *changes, const void *object, struct text *text)
{
    const struct subscription *subscription = object;
    int error = vault_prepare(changes->vault, &subscription->tenant);
    if (!error)
        subscription_print_stored(subscription, changes->vault, text);
    return error;
}

static void show_tenant(const void *object, struct text *text)
{
    tenant_print(object, text);
}

static int store_tenant(struct changes *changes, const void *object, struct text *text)
{
    (void)changes;
    tenant_print(object, text);
    return 0;
}

static void show_key(const void *object, struct text *text)
{
    access_key_print(object, NULL, text);
}

static int store_key(struct changes *changes, const void *object, struct text *text)
{
    (void)changes;
    access_key_print_stored(object, text);
    return 0;
}

static void show_event_type(const void *object, struct text *text)
{
    event_type_print(object, text);
}

static int store_event_type(struct changes *changes, const void *object, struct text *text)
{
    (void)changes;
    event_type_print_stored(object, text);
    return 0;
}

/* How an object is written, and how it is shown to the audit log. */
static const struct shape {
    const char *kind, *prefix;
    size_t id, tenant; /* offsets */
    size_t text_max;
    void (*show)(const void *object, struct text *text);
    int (*store)(struct changes *changes, const void *object, struct text *text);
} shapes[] = {
    [DIRECTORY_SUBSCRIPTION] = {"subscription", "sub", offsetof(struct subscription, id),
                                offsetof(struct subscription, tenant), SUBSCRIPTION_TEXT_MAX,
                                show_subscription, store_subscription},
    [DIRECTORY_TENANT] = {"tenant", "ten", offsetof(struct tenant, id), offsetof(struct tenant, id),
                          TENANT_TEXT_MAX, show_tenant, store_tenant},
    [DIRECTORY_KEY] = {"key", "key", offsetof(struct access_key, id),
                       offsetof(struct access_key, tenant), KEY_DOCUMENT_MAX, show_key, store_key},
    [DIRECTORY_EVENT_TYPE] = {"event_type", "etp", offsetof(struct event_type, id),
                              offsetof(struct event_type, tenant), EVENT_TYPE_TEXT_MAX,
                              show_event_type, store_event_type},
};

static const struct id *id_at(const void *object, size_t offset)
{
    return (const struct id *)((const char *)object + offset);
}

/* Puts an object's document into the batch. `room` is for its text. */
static int batch_object(struct changes *changes, struct batch *batch, const struct shape *shape,
                        const void *object, char *room)
{
    char name[ID_TEXT_SIZE];
    struct text text;
    text_init(&text, room, shape->text_max);
    int error = shape->store(changes, object, &text);
    must(text_ok(&text));
    if (!error)
        documents_batch_put(changes->db, batch, shape->kind,
                            id_print(id_at(object, shape->id), shape->prefix, name),
                            text_slice(&text));
    return error;
}

static struct slice show(const struct shape *shape, const void *object, char *room)
{
    struct text text;
    text_init(&text, room, shape->text_max);
    if (object)
        shape->show(object, &text);
    must(text_ok(&text));
    return text_slice(&text);
}

/* Puts what is stored of an object, and the record, into the batch. `room` is for three texts. */
static int batch_pair(struct changes *changes, const struct mutation *by, const struct shape *shape,
                      const struct directory_pair *pair, struct batch *batch, char *room)
{
    const void *object = pair->after ? pair->after : pair->before;
    char name[ID_TEXT_SIZE];
    const struct subject subject = {
        .tenant = id_at(object, shape->tenant),
        .name = id_print(id_at(object, shape->id), shape->prefix, name),
        .before = show(shape, pair->before, room),
        .after = show(shape, pair->after, room + shape->text_max),
    };
    int error = 0;
    if (pair->after)
        error = batch_object(changes, batch, shape, pair->after, room + 2 * shape->text_max);
    else
        documents_batch_drop(changes->db, batch, shape->kind, subject.name);
    if (!pair->after && shape == &shapes[DIRECTORY_KEY])
        documents_batch_drop(changes->db, batch, LAST_USE_KIND, subject.name);
    return error ? error : batch_record(changes, by, &subject, batch);
}

struct writing {
    enum directory_kind kind;
    const struct directory_pair *pairs; /* each is recorded */
    size_t count;
    const void *also; /* written with them, and not recorded; NULL: nothing */
};

static int batch_all(struct changes *changes, const struct mutation *by,
                     const struct writing *writing, struct batch *batch, char *room)
{
    const struct shape *shape = &shapes[writing->kind];
    int error = 0;
    audit_begin(changes->audit);
    if (writing->also)
        error = batch_object(changes, batch, shape, writing->also, room);
    for (size_t i = 0; i < writing->count && !error; i++)
        error = batch_pair(changes, by, shape, &writing->pairs[i], batch, room);
    return error;
}

static int write(struct changes *changes, const struct mutation *by, const struct writing *writing)
{
    struct batch *batch = NULL;
    char *room = malloc(3 * shapes[writing->kind].text_max);
    int error = room ? batch_open(&batch) : -ENOMEM;
    if (!error)
        error = batch_all(changes, by, writing, batch, room);
    if (!error)
        error = commit(changes, by, batch);
    if (batch)
        batch_close(batch);
    free(room);
    return error;
}

/* ---- what shards have to know ---- */

/* Makes it durable; if it cannot, frees `change` (NULL is -ENOMEM). */
static int begin(struct changes *changes, const struct mutation *by, struct change *change)
{
    if (!change)
        return -ENOMEM;
    const struct directory_pair pair = {change->before, (void *)change->after};
    int error = write(changes, by, &(struct writing){change->kind, &pair, 1, NULL});
    if (error)
        free(change);
    return error;
}

/* After begin() there is no way back: what is durable must be what is used. */

int changes_begin(struct changes *changes, const struct mutation *by, struct subscription *before,
                  struct subscription *after, void (*on_done)(void *context), void *context)
{
    struct change *change = make(changes, DIRECTORY_SUBSCRIPTION, before, after, on_done, context);
    int error = begin(changes, by, change);
    if (error)
        return error;
    if (after)
        must(registry_put_subscription(changes->registry, after) == 0);
    else
        registry_drop_subscription(changes->registry, &before->id);
    post_all(changes, change);
    return 0;
}

int changes_put_tenant(struct changes *changes, const struct mutation *by, struct tenant *before,
                       struct tenant *after, void (*on_done)(void *context), void *context)
{
    int error = vault_prepare_log(changes->vault, &after->id);
    if (error)
        return error;
    memcpy(after->log_key, vault_log_key(changes->vault, &after->id), sizeof after->log_key);
    struct change *change = make(changes, DIRECTORY_TENANT, before, after, on_done, context);
    error = begin(changes, by, change);
    if (error)
        return error;
    must(registry_put_tenant(changes->registry, after) == 0);
    post_all(changes, change);
    return 0;
}

int changes_put_key(struct changes *changes, const struct mutation *by, struct access_key *before,
                    struct access_key *after, void (*on_done)(void *context), void *context)
{
    struct change *change = make(changes, DIRECTORY_KEY, before, after, on_done, context);
    int error = begin(changes, by, change);
    if (error)
        return error;
    if (after)
        must(registry_put_key(changes->registry, after) == 0);
    else
        registry_drop_key(changes->registry, &before->id);
    post_all(changes, change);
    return 0;
}

/* Mail keeps its order: who knows of the end of the old key has the new one. */
int changes_rotate_key(struct changes *changes, const struct mutation *by,
                       const struct key_rotation *rotation, void (*on_done)(void *context),
                       void *context)
{
    struct change *making = make(changes, DIRECTORY_KEY, NULL, rotation->made, NULL, NULL);
    struct change *ending =
        make(changes, DIRECTORY_KEY, rotation->before, rotation->ended, on_done, context);
    const struct directory_pair pair = {rotation->before, rotation->ended};
    const struct writing writing = {DIRECTORY_KEY, &pair, 1, rotation->made};
    int error = making && ending ? write(changes, by, &writing) : -ENOMEM;
    if (error) {
        free(making);
        free(ending);
        return error;
    }
    must(registry_put_key(changes->registry, rotation->made) == 0);
    must(registry_put_key(changes->registry, rotation->ended) == 0);
    post_all(changes, making);
    post_all(changes, ending);
    return 0;
}

int changes_put_event_type(struct changes *changes, const struct mutation *by,
                           struct event_type *before, struct event_type *after,
                           void (*on_done)(void *context), void *context)
{
    struct change *change = make(changes, DIRECTORY_EVENT_TYPE, before, after, on_done, context);
    int error = begin(changes, by, change);
    if (error)
        return error;
    if (after)
        must(registry_put_event_type(changes->registry, after) == 0);
    else
        registry_drop_event_type(changes->registry, before);
    post_all(changes, change);
    return 0;
}

int changes_put_event_types(struct changes *changes, const struct mutation *by,
                            struct directory_set *set, void (*on_done)(void *context),
                            void *context)
{
    struct change *change = make(changes, DIRECTORY_EVENT_TYPES, set, set, on_done, context);
    const struct writing writing = {DIRECTORY_EVENT_TYPE, set->list, set->count, NULL};
    int error = change ? write(changes, by, &writing) : -ENOMEM;
    if (error) {
        free(change);
        return error;
    }
    for (size_t i = 0; i < set->count; i++)
        must(registry_put_event_type(changes->registry, set->list[i].after) == 0);
    post_all(changes, change);
    return 0;
}

/* ---- what is stored already, or never ---- */

int changes_send_drop(struct changes *changes, enum directory_kind kind, void *object,
                      void (*on_done)(void *context), void *context)
{
    struct change *change = make(changes, kind, object, NULL, on_done, context);
    if (!change)
        return -ENOMEM;
    post_all(changes, change);
    return 0;
}

int changes_send(struct changes *changes, enum directory_kind kind, const void *object,
                 void (*on_done)(void *context), void *context)
{
    struct change *change = make(changes, kind, NULL, object, on_done, context);
    if (!change)
        return -ENOMEM;
    post_all(changes, change);
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
