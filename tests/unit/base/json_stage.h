/* json_stage.h - a parser, and texts for it. Each is put into memory of exactly its size and
 * padding, with padding that would complete or spoil it, so a read beyond the text shows.
 */
#ifndef TESTS_UNIT_BASE_JSON_STAGE_H
#define TESTS_UNIT_BASE_JSON_STAGE_H

#include "base/json.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

static struct json *json;
static char why[JSON_WHY_SIZE];
static char *copy;

static inline void start(void)
{
    cr_assert(eq(int, json_open(&json), 0));
    copy = NULL;
}

static inline void stop(void)
{
    free(copy);
    json_close(json);
}

/* A copy of `text` followed by padding full of `padding`. It lives until the next call. */
static inline struct slice padded(struct slice text, char padding)
{
    free(copy);
    copy = malloc(text.size + JSON_PADDING);
    cr_assert(copy != NULL);
    if (text.size)
        memcpy(copy, text.at, text.size);
    memset(copy + text.size, padding, JSON_PADDING);
    return slice_of(copy, text.size);
}

#endif
