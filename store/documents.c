/* documents.c - one entry of `meta` a document, under the key kind, 0, name.
 *
 * Any thread may read; the control thread writes, so that no two writers need to agree.
 */
#include "store/documents.h"

#include "store/keys.h"

#include <errno.h>
#include <stdlib.h>

static const struct family meta = {.kind = FAMILY_META};

/* What the JSON parser may read behind a document. */
enum { PADDING = 64 };

void documents_batch_put(struct db *db, struct batch *batch, const char *kind, struct slice name,
                         struct slice document)
{
    struct key key = key_meta(kind, name);
    batch_put(batch, db, meta, key_slice(&key), document);
}

void documents_batch_drop(struct db *db, struct batch *batch, const char *kind, struct slice name)
{
    struct key key = key_meta(kind, name);
    batch_drop(batch, db, meta, key_slice(&key));
}

int documents_put(struct db *db, const char *kind, struct slice name, struct slice document)
{
    struct batch *batch;
    int error = batch_open(&batch);
    if (error)
        return error;
    documents_batch_put(db, batch, kind, name, document);
    error = db_write(db, batch, true);
    batch_close(batch);
    return error;
}

int documents_drop(struct db *db, const char *kind, struct slice name)
{
    struct batch *batch;
    int error = batch_open(&batch);
    if (error)
        return error;
    documents_batch_drop(db, batch, kind, name);
    error = db_write(db, batch, true);
    batch_close(batch);
    return error;
}

int documents_get(struct db *db, const char *kind, struct slice name, struct db_value *document)
{
    struct key key = key_meta(kind, name);
    return db_get(db, meta, key_slice(&key), document);
}

/* A copy of one document at a time, padded. */
struct padded {
    char *at;
    size_t room;
};

static int padded_set(struct padded *padded, struct slice document)
{
    if (!padded->at || document.size + PADDING > padded->room) {
        size_t room = 2 * document.size + PADDING;
        char *at = realloc(padded->at, room);
        if (!at)
            return -ENOMEM;
        padded->at = at;
        padded->room = room;
    }
    if (document.size)
        memcpy(padded->at, document.at, document.size);
    memset(padded->at + document.size, 0, PADDING);
    return 0;
}

int documents_each(struct db *db, const char *kind,
                   int (*each)(void *context, struct slice name, struct slice document),
                   void *context)
{
    struct key from = key_meta(kind, slice_of(NULL, 0)), below = key_after(&from);
    struct cursor *cursor;
    int error = cursor_open(&cursor, db, meta, key_slice(&from), key_slice(&below));
    if (error)
        return error;
    struct padded padded = {.at = NULL};
    for (bool found = cursor_first(cursor); found && !error; found = cursor_next(cursor)) {
        struct slice document = cursor_value(cursor);
        error = padded_set(&padded, document);
        if (!error)
            error = each(context, slice_skip(cursor_key(cursor), from.size),
                         slice_of(padded.at, document.size));
    }
    if (!error)
        error = cursor_error(cursor);
    free(padded.at);
    cursor_close(cursor);
    return error;
}
