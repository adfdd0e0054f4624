/* documents.h - the `meta` family: JSON documents by kind and name, written by the control thread
 * alone, synced. */
#ifndef STORE_DOCUMENTS_H
#define STORE_DOCUMENTS_H

#include "store/db.h"

/* Durable when it returns 0. */
MUST_CHECK int documents_put(struct db *db, const char *kind, struct slice name,
                             struct slice document);
MUST_CHECK int documents_drop(struct db *db, const char *kind, struct slice name);

/* The same as a part of a batch. */
void documents_batch_put(struct db *db, struct batch *batch, const char *kind, struct slice name,
                         struct slice document);
void documents_batch_drop(struct db *db, struct batch *batch, const char *kind, struct slice name);

/* 0, -ENOENT, -EIO. Give the value back with db_value_give(). */
MUST_CHECK int documents_get(struct db *db, const char *kind, struct slice name,
                             struct db_value *document);

/* All of a kind, in order of name; stops at the first error that `each` returns. The bytes have 64
 * readable bytes behind them, as the JSON parser needs. */
MUST_CHECK int documents_each(struct db *db, const char *kind,
                              int (*each)(void *context, struct slice name, struct slice document),
                              void *context);

#endif
