/* metadata.h - what a producer says of an event beside its type, its channels and its data: the
 * attributes that filters see as `metadata`, as an object in JSON.
 *
 * Of our own envelope these are id, correlation_id, version and timestamp; of a CloudEvent all
 * attributes but its type, extensions included, and in binary mode the content type as
 * datacontenttype. Names and values are the producer's. They are not kept: the object is made from
 * the request, when a filter is to look at it.
 */
#ifndef ENGINE_METADATA_H
#define ENGINE_METADATA_H

#include "envelope.h"

#include "base/text.h"

/* No more bytes than this will be printed. */
size_t metadata_room(const struct envelope *envelope);

/* The event's request has to be there yet. */
void metadata_print(const struct envelope *envelope, struct text *text);

#endif
