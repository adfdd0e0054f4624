/* expunge.h - taking out of blocks what must not be kept: the payload of an event, or what
 * receivers answered.
 *
 * The block is written anew under its number with the bytes overwritten, so from then on nothing
 * that the database returns holds them. The files keep what they have until they are dropped with
 * their age (FIFO), at the latest when the event's retention ends.
 */
#ifndef STORE_EXPUNGE_H
#define STORE_EXPUNGE_H

#include "store/db.h"
#include "store/row.h"

/* Puts the event's block without its payload into the batch. 0; -ENOENT; -EBADMSG; -EIO; -ENOMEM.
 */
MUST_CHECK int expunge_payload(struct db *db, struct batch *batch, const struct id *event);

/* The same of the attempts of a delivery in one block. */
MUST_CHECK int expunge_responses(struct db *db, struct batch *batch, struct attempts_place place,
                                 const struct id *event, const struct id *subscription);

#endif
