/* Any bytes as a schema and as a document, with a line between them: what is taken as a schema
 * reads back as the same, and every document has an answer, the same one each time, with a fault
 * for each that is not as the schema says. */
#include "schema.h"

#include <stdlib.h>

enum { TEXT_MAX = 80 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static bool read_json(int which, struct slice text, struct json_value *root)
{
    static char padded[2][TEXT_MAX + JSON_PADDING];
    static struct json *jsons[2];
    char why[JSON_WHY_SIZE];
    if (!jsons[which])
        check(json_open(&jsons[which]) == 0);
    if (text.size > TEXT_MAX)
        return false;
    if (text.size > 0)
        memcpy(padded[which], text.at, text.size);
    return json_read(jsons[which], slice_of(padded[which], text.size), root, why) == 0;
}

static void check_document(const struct schema *schema, struct json_value document)
{
    struct faults faults[2] = {0};
    bool fits = schema_allows(schema, document, "/payload", &faults[0]);
    check(fits == (faults[0].count == 0));
    check(schema_allows(schema, document, "/payload", &faults[1]) == fits);
    check(faults[0].count == faults[1].count);
    for (unsigned i = 0; i < faults[0].count && i < FAULTS_MAX; i++)
        check(strncmp(faults[0].list[i].pointer, "/payload", 8) == 0);
}

static void check_reads_back(const struct schema *schema)
{
    struct schema *again;
    struct json_value value;
    struct faults faults = {0};
    check(read_json(0, schema_text(schema), &value));
    check(schema_open(&again, value, "", &faults) == 0);
    check(slice_equal(schema_text(schema), schema_text(again)));
    schema_close(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice whole = slice_of(data, size), text = slice_of(data, slice_find(whole, '\n'));
    struct json_value value, document;
    struct faults faults = {0};
    struct schema *schema;

    bool has_document = read_json(1, slice_skip(whole, text.size + 1), &document);
    if (!read_json(0, text, &value))
        return 0;
    int error = schema_open(&schema, value, "", &faults);
    check((error == 0) == (faults.count == 0));
    if (error)
        return 0;
    check_reads_back(schema);
    if (has_document)
        check_document(schema, document);
    schema_close(schema);
    return 0;
}
