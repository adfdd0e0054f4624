/* Documents: by kind and name, in order, durable, and padded for the JSON parser. */
#include "store/documents.h"

#include "scratch.h"

#include <criterion/new/assert.h>
#include <errno.h>

static struct scratch scratch;
static char names[256];

static void setup(void)
{
    scratch_open(&scratch, 1);
    names[0] = 0;
}

static void teardown(void)
{
    scratch_close(&scratch);
}

TestSuite(documents, .init = setup, .fini = teardown);

static void put(const char *kind, const char *name, const char *document)
{
    cr_assert(zero(int, documents_put(scratch.db, kind, slice_str(name), slice_str(document))));
}

static int note_name(void *context, struct slice name, struct slice document)
{
    const char *stop = context;
    size_t size = strlen(names);
    snprintf(names + size, sizeof names - size, "%.*s=%.*s ", SLICE_ARGS(name),
             SLICE_ARGS(document));
    for (size_t i = 0; i < 64; i++)
        cr_assert(zero(chr, document.at[document.size + i]));
    return stop && slice_equal(name, slice_str(stop)) ? -ECANCELED : 0;
}

Test(documents, are_kept_by_kind_and_name)
{
    put("tenant", "a", "{\"n\":1}");
    put("tenant", "a", "{\"n\":2}");
    scratch_reopen(&scratch);
    struct db_value document;
    cr_assert(zero(int, documents_get(scratch.db, "tenant", SLICE("a"), &document)));
    cr_assert(slice_equal(document.bytes, SLICE("{\"n\":2}")));
    db_value_give(&document);
    cr_assert(eq(int, documents_get(scratch.db, "key", SLICE("a"), &document), -ENOENT));

    cr_assert(zero(int, documents_drop(scratch.db, "tenant", SLICE("a"))));
    cr_assert(eq(int, documents_get(scratch.db, "tenant", SLICE("a"), &document), -ENOENT));
}

Test(documents, of_a_kind_are_walked_in_order)
{
    put("tenants", "x", "0");
    put("tenant", "b", "2");
    put("tenant", "a", "1");
    put("tenant", "c", "");
    put("tenan", "y", "0");
    cr_assert(zero(int, documents_each(scratch.db, "tenant", note_name, NULL)));
    cr_assert_str_eq(names, "a=1 b=2 c= ");
}

Test(documents, are_walked_until_the_first_error)
{
    put("tenant", "a", "1");
    put("tenant", "b", "2");
    put("tenant", "c", "3");
    char stop[] = "b";
    cr_assert(eq(int, documents_each(scratch.db, "tenant", note_name, stop), -ECANCELED));
    cr_assert_str_eq(names, "a=1 b=2 ");
}
