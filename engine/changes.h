/* changes.h - a change of configuration on its way: from durable to used by every shard.
 *
 * changes_begin() writes the document and the record of who changed it (audit.h), and where there
 * is one the answer to be given again, in one synced batch; puts the object into the registry; and
 * sends it to all shards. When the last of them has answered, the object that was replaced is freed
 * (nobody can read it any more) and the caller is told. At most CHANGES_MAX are on their way.
 */
#ifndef ENGINE_CHANGES_H
#define ENGINE_CHANGES_H

#include "answers.h"
#include "audit.h"
#include "base/list.h"
#include "crew.h"
#include "mail.h"
#include "registry.h"

enum { CHANGES_MAX = 64 };

struct changes {
    struct crew *crew;
    struct db *db;
    struct registry *registry;
    struct vault *vault;
    struct audit *audit;
    struct answers *answers; /* NULL until control sets it: no mutation has one */
    struct list_node pending;
    unsigned in_flight;
};

/* Who changes something, and what that is called: for the audit log. */
struct mutation {
    const char *action;           /* "subscription.update": kind of resource, and what is done */
    const struct access_key *key; /* whose request it is; NULL: the engine does it by itself */
    const struct address *peer;   /* from where; NULL: the engine */
    const struct answer *answer;  /* to be given again (answers.h); NULL: none */
};

void changes_init(struct changes *changes, struct crew *crew, struct db *db,
                  struct registry *registry, struct vault *vault, struct audit *audit);

/* Drops what no shard will answer any more; nobody is told. */
void changes_close(struct changes *changes);

/* False: begin no more for now. */
bool changes_have_room(const struct changes *changes);

/* A subscription is made (`before` NULL), changed or deleted (`after` NULL). On 0, takes over
 * `after` and, in the end, frees `before`; `on_done` is called (in changes_answered()) when all
 * shards use it. Else -EIO or -ENOMEM, and nothing has changed. */
MUST_CHECK int changes_begin(struct changes *changes, const struct mutation *by,
                             struct subscription *before, struct subscription *after,
                             void (*on_done)(void *context), void *context);

/* The same of a tenant that is made or changed. */
MUST_CHECK int changes_put_tenant(struct changes *changes, const struct mutation *by,
                                  struct tenant *before, struct tenant *after,
                                  void (*on_done)(void *context), void *context);

/* The same of a key that is made (`before` NULL), changed or deleted (`after` NULL). */
MUST_CHECK int changes_put_key(struct changes *changes, const struct mutation *by,
                               struct access_key *before, struct access_key *after,
                               void (*on_done)(void *context), void *context);

/* A key is rotated: `ended` takes the place of `before`, and its successor `made` comes, in one
 * write. */
struct key_rotation {
    struct access_key *before, *ended, *made;
};
MUST_CHECK int changes_rotate_key(struct changes *changes, const struct mutation *by,
                                  const struct key_rotation *rotation,
                                  void (*on_done)(void *context), void *context);

/* The same of an event type that is made, changed or deleted. */
MUST_CHECK int changes_put_event_type(struct changes *changes, const struct mutation *by,
                                      struct event_type *before, struct event_type *after,
                                      void (*on_done)(void *context), void *context);

/* Several at once: all are in one write, each with its record. On 0 takes over the set too. */
MUST_CHECK int changes_put_event_types(struct changes *changes, const struct mutation *by,
                                       struct directory_set *set, void (*on_done)(void *context),
                                       void *context);

/* What is changed, as the audit log shows it. */
struct subject {
    const struct id *tenant;    /* whose it is; NULL: nobody's */
    struct slice name;          /* its id or name, AUDIT_NAME_MAX at most */
    struct slice before, after; /* as JSON, with nothing secret; empty: it is made, it is gone */
};

/* Writes the documents that are in `batch`, with record and answer, synced; clears the batch. For
 * what no shard has to know, this is all of the change. 0, -EIO or -ENOMEM: then nothing is
 * written. */
MUST_CHECK int changes_write(struct changes *changes, const struct mutation *by,
                             const struct subject *subject, struct batch *batch);

/* The same of one document of `kind`; empty: it is dropped. */
MUST_CHECK int changes_put_document(struct changes *changes, const struct mutation *by,
                                    const struct subject *subject, const char *kind,
                                    struct slice name, struct slice document);

/* Lets the shards forget what is neither stored nor in the registry any more, and frees it. */
MUST_CHECK int changes_send_drop(struct changes *changes, enum directory_kind kind, void *object,
                                 void (*on_done)(void *context), void *context);

/* Sends what is stored already, or (DIRECTORY_STORAGE) never is. -ENOMEM. */
MUST_CHECK int changes_send(struct changes *changes, enum directory_kind kind, const void *object,
                            void (*on_done)(void *context), void *context);

/* A MAIL_DIRECTORY came back. */
void changes_answered(struct changes *changes, struct mail_directory *mail);

#endif
