/* Tenants: bodies with their faults, and what is printed is read again. */
#include "tenant.h"

#include "base/text.h"
#include "faults.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdlib.h>

static struct json *json;
static char room[TENANT_TEXT_MAX + JSON_PADDING];

static void open_json(void)
{
    cr_assert(eq(int, json_open(&json), 0));
}

static void close_json(void)
{
    json_close(json);
}

TestSuite(tenant, .init = open_json, .fini = close_json);

static struct json_value read_text(const char *text)
{
    struct json_value root;
    char why[JSON_WHY_SIZE];
    size_t size = strlen(text);
    memmove(room, text, size + 1);
    cr_assert(eq(int, json_read(json, slice_of(room, size), &root, why), 0), "%s", why);
    return root;
}

/* The pointers of the faults, one after the other. */
static const char *faults_of(const char *body, const struct tenant *before)
{
    static char pointers[1024];
    struct tenant *made = NULL;
    struct faults faults;
    int error = tenant_parse(read_text(body), before, &made, &faults);
    cr_assert(eq(int, error, faults.count ? -EINVAL : 0));
    if (!error)
        tenant_free(made);
    pointers[0] = '\0';
    for (unsigned i = 0; i < faults.count && i < FAULTS_MAX; i++)
        strcat(strcat(pointers, faults.list[i].pointer), " ");
    return pointers;
}

static struct tenant *make(const char *body)
{
    struct tenant *made = NULL;
    struct faults faults;
    cr_assert(eq(int, tenant_parse(read_text(body), NULL, &made, &faults), 0), "%s %s",
              faults.list[0].pointer, faults.list[0].detail);
    made->id = id_pack(1700000000000, 1, 2);
    return made;
}

static char *print(const struct tenant *tenant)
{
    char *out = malloc(TENANT_TEXT_MAX + 1);
    struct text text;
    text_init(&text, out, TENANT_TEXT_MAX);
    tenant_print(tenant, &text);
    cr_assert(text_ok(&text));
    out[text.size] = '\0';
    return out;
}

Test(tenant, has_standards_for_all_but_its_name)
{
    struct tenant *made = make("{\"name\":\"acme\"}");
    char *shown = print(made);
    cr_assert_str_eq(shown,
                     "{\"id\":\"ten_01hf7yat00e00r000000000002\",\"uid\":null,\"name\":\"acme\","
                     "\"description\":\"\",\"metadata\":{},\"ingest\":null,"
                     "\"egress\":{\"allow\":[],\"deny\":[]},\"https_only\":false,"
                     "\"event_types\":{\"enforcement\":\"off\"},\"sla\":null,"
                     "\"created_at\":\"2023-11-14T22:13:20.000Z\","
                     "\"updated_at\":\"2023-11-14T22:13:20.000Z\"}");
    free(shown);
    tenant_free(made);
}

Test(tenant, is_read_again_as_it_was_printed)
{
    struct tenant *made = make("{\"name\":\"a.b-c_1\",\"description\":\"d \\\"q\\\"\","
                               "\"metadata\":{\"a\":[1,{\"b\":null}]},"
                               "\"ingest\":{\"per_second\":0.5,\"burst\":7},"
                               "\"egress\":{\"deny\":[\"1.0.0.0/8\"]},\"https_only\":true}");
    struct tenant *again = NULL;
    struct faults faults;
    made->updated_ms = 1700000001234;
    char *first = print(made);
    cr_assert(eq(int, tenant_parse_stored(read_text(first), &again, &faults), 0));
    char *second = print(again);
    cr_assert_str_eq(second, first);
    free(first);
    free(second);
    tenant_free(made);
    tenant_free(again);
}

Test(tenant, of_an_older_version_has_a_name_alone)
{
    struct tenant *read = NULL;
    struct faults faults;
    const char *document = "{\"id\":\"ten_01hf7yat00004g000000000002\",\"name\":\"default\"}";
    cr_assert(eq(int, tenant_parse_stored(read_text(document), &read, &faults), 0));
    cr_assert_str_eq(read->name, "default");
    tenant_free(read);
}

Test(tenant, names_every_field_that_is_wrong)
{
    cr_assert_str_eq(faults_of("{}", NULL), "/name ");
    cr_assert_str_eq(faults_of("[]", NULL), " /name ");
    cr_assert_str_eq(faults_of("{\"name\":\"a b\"}", NULL), "/name ");
    cr_assert_str_eq(faults_of("{\"name\":\"ten_a\"}", NULL), "/name ");
    cr_assert_str_eq(faults_of("{\"name\":\"\"}", NULL), "/name ");
    cr_assert_str_eq(faults_of("{\"name\":\"a\",\"name\":\"b\",\"x\":1}", NULL), "/name /x ");
    cr_assert_str_eq(faults_of("{\"name\":\"a\",\"metadata\":1,\"description\":[]}", NULL),
                     "/metadata /description ");
    cr_assert_str_eq(faults_of("{\"name\":\"a\",\"id\":\"ten_00000000000000000000000000\","
                               "\"created_at\":\"2023-11-14T22:13:20.000Z\"}",
                               NULL),
                     "/id /created_at ");
}

Test(tenant, has_a_limit_whose_burst_is_a_second_of_it_unless_given)
{
    static const struct {
        const char *body;
        double per_second;
        unsigned burst;
    } cases[] = {
        {"{\"name\":\"a\",\"ingest\":{\"per_second\":100,\"burst\":5}}", 100, 5},
        {"{\"name\":\"a\",\"ingest\":{\"per_second\":2.5}}", 2.5, 3},
        {"{\"name\":\"a\",\"ingest\":{\"per_second\":0.01,\"burst\":null}}", 0.01, 1},
        {"{\"name\":\"a\",\"ingest\":null}", 0, 0},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tenant *made = make(cases[i].body);
        cr_assert(ieee_ulp_eq(dbl, made->ingest.per_second, cases[i].per_second, 1));
        cr_assert(eq(uint, made->ingest.burst, cases[i].burst));
        tenant_free(made);
    }
    cr_assert_str_eq(faults_of("{\"name\":\"a\",\"ingest\":{\"per_second\":0,\"burst\":0}}", NULL),
                     "/ingest/per_second /ingest/burst ");
    cr_assert_str_eq(faults_of("{\"name\":\"a\",\"ingest\":{\"burst\":1.5,\"x\":1}}", NULL),
                     "/ingest/burst /ingest/x /ingest/per_second ");
    cr_assert_str_eq(faults_of("{\"name\":\"a\",\"ingest\":5}", NULL), "/ingest ");
}

Test(tenant, names_what_is_wrong_about_its_egress)
{
    cr_assert_str_eq(faults_of("{\"name\":\"a\",\"egress\":{\"allow\":[\"1.1.1.1/99\"],\"x\":1},"
                               "\"https_only\":1}",
                               NULL),
                     "/egress/allow/0 /egress/x /https_only ");
}

Test(tenant, keeps_what_only_the_server_sets)
{
    struct tenant *before = make("{\"name\":\"acme\"}");
    char *shown = print(before);
    cr_assert_str_eq(faults_of(shown, before), "", "what was got may be sent back");
    cr_assert_str_eq(faults_of("{\"name\":\"b\",\"id\":\"ten_01hf7yat00004g000000000003\","
                               "\"updated_at\":\"2024-11-14T22:13:20.000Z\"}",
                               before),
                     "/id /updated_at ");
    free(shown);
    tenant_free(before);
}

/* Its tag is made of it: two states never have the same. */
Test(tenant, is_changed_later_than_before_whatever_the_clock_says)
{
    struct tenant before = {.id = id_pack(1000, 0, 0)}, after = before;
    tenant_touch(&after, &before, 1000);
    cr_assert(eq(u64, after.updated_ms, 1001));
    before.updated_ms = 1500;
    tenant_touch(&after, &before, 1000);
    cr_assert(eq(u64, after.updated_ms, 1501));
    tenant_touch(&after, &before, 1501);
    cr_assert(eq(u64, after.updated_ms, 1501));
    tenant_touch(&after, &before, 1900);
    cr_assert(eq(u64, after.updated_ms, 1900));
}
