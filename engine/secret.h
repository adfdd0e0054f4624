/* secret.h - signing secrets between their text and the bytes that sign.
 *
 * Scheme "standard": "whsec_" and base64 of 24 to 64 bytes. Other schemes: any string, taken as its
 * bytes (a "whsec_" prefix included).
 */
#ifndef ENGINE_SECRET_H
#define ENGINE_SECRET_H

#include "base/must.h"
#include "subscription.h"

enum { SECRET_TEXT_SIZE = LIMIT_SECRET_SIZE + 1, SECRET_WHY_SIZE = 96 };

/* 0, or -EINVAL and `why`. */
MUST_CHECK int secret_parse(enum signature_scheme scheme, struct slice text, struct secret *secret,
                            char why[static SECRET_WHY_SIZE]);

/* The text of it, with a NUL. */
struct slice secret_print(enum signature_scheme scheme, const struct secret *secret,
                          char out[static SECRET_TEXT_SIZE]);

/* A new one, whose text begins with whsec_ in all schemes. */
void secret_make(enum signature_scheme scheme, struct secret *secret);

#endif
