/* openapi.h - the texts of engine/api/openapi/, which the build puts into openapi_texts.c. */
#ifndef API_OPENAPI_H
#define API_OPENAPI_H

#include <stddef.h>

struct openapi_text {
    const unsigned char *at;
    size_t size;
};

/* base.json: an object with all but paths and schemas. */
extern const struct openapi_text openapi_base;

/* The other files: each an object of schemas by name. */
extern const struct openapi_text openapi_schemas[];
extern const size_t openapi_schemas_count;

#endif
