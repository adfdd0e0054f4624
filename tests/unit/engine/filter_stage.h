/* filter_stage.h - conditions and events as text, for tests that compile the ones and judge the
 * others: parsers that stay open for a test, and what is wrong with the condition compiled last.
 */
#ifndef TESTS_UNIT_ENGINE_FILTER_STAGE_H
#define TESTS_UNIT_ENGINE_FILTER_STAGE_H

#include "filter.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

enum { TEXT_SIZE = 64 * 1024 };

static struct json *filters, *payloads, *channels;
static struct faults faults;
static char failed[FAULT_POINTER_SIZE];

static void open_parsers(void)
{
    cr_assert(zero(int, json_open(&filters)));
    cr_assert(zero(int, json_open(&payloads)));
    cr_assert(zero(int, json_open(&channels)));
}

static void close_parsers(void)
{
    json_close(filters);
    json_close(payloads);
    json_close(channels);
}

static struct json_value read_json(struct json *json, const char *text)
{
    static char padded[3][TEXT_SIZE + JSON_PADDING];
    char *copy = padded[json == filters ? 0 : json == payloads ? 1 : 2];
    char why[JSON_WHY_SIZE];
    struct json_value root;
    size_t size = strlen(text);
    cr_assert(lt(sz, size, TEXT_SIZE));
    memcpy(copy, text, size + 1);
    cr_assert(zero(int, json_read(json, slice_of(copy, size), &root, why)), "%s: %s", text, why);
    return root;
}

static int compile(const char *condition, struct filter **made)
{
    faults.count = 0;
    return filter_compile(read_json(filters, condition), "/filter", made, &faults);
}

#endif
