/* Events held against the catalogue of event types as they come in: off, warn and reject. */
#include "ingest_stage.h"

#include "event_type.h"

static struct event_type *type;

/* In the catalogue is the type "a" with versions 1, whose payloads are numbers, and 2, strings. */
static void open_catalogue(void)
{
    static char text[] = "{\"name\":\"a\",\"versions\":["
                         "{\"version\":\"1\",\"schema\":{\"properties\":{\"n\":{\"type\":"
                         "\"number\"}},\"required\":[\"n\"]}},"
                         "{\"version\":\"2\",\"schema\":{\"type\":\"string\"}}]}";
    char padded[sizeof text + JSON_PADDING] = {0}, why[JSON_WHY_SIZE];
    struct json_value body;
    struct faults faults;
    struct json *json;
    memcpy(padded, text, sizeof text);
    cr_assert(zero(int, json_open(&json)));
    cr_assert(zero(int, json_read(json, slice_of(padded, sizeof text - 1), &body, why)));
    cr_assert(zero(int, event_type_parse(body, NULL, 1, &type, &faults)));
    json_close(json);
    in_catalogue = type;
    open_shard();
}

static void close_catalogue(void)
{
    close_shard();
    event_type_free(type);
}

TestSuite(ingest_conformity, .init = open_catalogue, .fini = close_catalogue);

#define FITS      "{\"type\":\"a\",\"version\":\"1\",\"payload\":{\"n\":1}}"
#define FITS_NOT  "{\"type\":\"a\",\"version\":\"1\",\"payload\":{\"n\":\"\"}}"
#define FITS_LAST "{\"type\":\"a\",\"payload\":\"\"}"

static void enforce(enum enforcement enforcement)
{
    tenants[0].enforcement = enforcement;
}

/* What the metrics have. */
static void expect_counted(unsigned invalid, unsigned deprecated)
{
    cr_expect(eq(u64, shard.metrics.events_invalid, invalid));
    cr_expect(eq(u64, shard.metrics.events_deprecated, deprecated));
}

/* ---- off ---- */

Test(ingest_conformity, off_looks_at_nothing)
{
    type->deprecated_ms = 1;
    publish(JSON, FITS_NOT);
    expect_kept(1);
    expect_counted(0, 0);
}

Test(ingest_conformity, off_needs_no_catalogue)
{
    in_catalogue = NULL;
    publish(JSON, EVENT);
    expect_kept(1);
    expect_counted(0, 0);
}

/* ---- warn ---- */

Test(ingest_conformity, warn_takes_what_fits)
{
    enforce(ENFORCEMENT_WARN);
    publish(JSON, "[" FITS "," FITS_LAST "]");
    expect_kept(2);
    expect_counted(0, 0);
}

Test(ingest_conformity, warn_takes_and_counts_what_does_not)
{
    enforce(ENFORCEMENT_WARN);
    publish(JSON, "[" FITS_NOT "," FITS ",{\"type\":\"a\",\"version\":\"3\",\"payload\":1}]");
    expect_kept(3);
    expect_counted(2, 0);
}

Test(ingest_conformity, warn_takes_and_counts_a_type_that_nobody_knows)
{
    enforce(ENFORCEMENT_WARN);
    in_catalogue = NULL;
    publish(JSON, EVENT);
    expect_kept(1);
    expect_counted(1, 0);
}

/* ---- reject ---- */

Test(ingest_conformity, reject_takes_what_fits)
{
    enforce(ENFORCEMENT_REJECT);
    publish(JSON, "[" FITS "," FITS_LAST "]");
    expect_kept(2);
    expect_counted(0, 0);
    cr_expect_str_eq(kept.events[0].payload, "{\"n\":1}");
}

/* Refused, with a pointer to what is wrong. */
static void expect_pointer(const char *pointer)
{
    expect_refused(422, pointer);
    expect_counted(1, 0);
}

Test(ingest_conformity, reject_points_into_the_payload)
{
    enforce(ENFORCEMENT_REJECT);
    publish(JSON, FITS_NOT);
    expect_pointer("/payload/n");
}

Test(ingest_conformity, reject_holds_what_names_no_version_against_the_last)
{
    enforce(ENFORCEMENT_REJECT);
    publish(JSON, "{\"type\":\"a\",\"payload\":{\"n\":1}}");
    expect_pointer("/payload");
}

Test(ingest_conformity, reject_knows_no_other_version)
{
    enforce(ENFORCEMENT_REJECT);
    publish(JSON, "{\"type\":\"a\",\"version\":\"3\",\"payload\":{\"n\":1}}");
    expect_pointer("/version");
}

Test(ingest_conformity, reject_knows_no_other_type)
{
    enforce(ENFORCEMENT_REJECT);
    in_catalogue = NULL;
    publish(JSON, FITS);
    expect_pointer("/type");
}

Test(ingest_conformity, reject_keeps_nothing_of_a_batch_of_which_one_does_not_fit)
{
    enforce(ENFORCEMENT_REJECT);
    publish(JSON, "[" FITS "," FITS_NOT "," FITS "]");
    expect_pointer("/1/payload/n");
    cr_expect(eq(u32, kept.count, 1), "and was cancelled");
}

Test(ingest_conformity, reject_points_to_the_line)
{
    enforce(ENFORCEMENT_REJECT);
    publish("application/x-ndjson", FITS "\n" FITS "\n" FITS_NOT "\n");
    expect_pointer("/2/payload/n");
}

Test(ingest_conformity, reject_points_to_the_data_of_a_cloudevent)
{
    enforce(ENFORCEMENT_REJECT);
    publish("application/cloudevents+json", CLOUDEVENT);
    expect_pointer("/data");
}

Test(ingest_conformity, reject_points_to_the_body_in_binary_mode)
{
    enforce(ENFORCEMENT_REJECT);
    add_binary_fields();
    publish("application/json", "1");
    expect_pointer("");
}

Test(ingest_conformity, reject_takes_no_payload_that_is_not_json)
{
    enforce(ENFORCEMENT_REJECT);
    add_binary_fields();
    publish("text/xml", "<a/>");
    expect_pointer("");
}

Test(ingest_conformity, a_type_without_versions_takes_every_payload_and_version)
{
    enforce(ENFORCEMENT_REJECT);
    type->version_count = 0;
    publish(JSON, "[" FITS_NOT ",{\"type\":\"a\",\"version\":\"7\",\"payload\":[]}]");
    type->version_count = 2;
    expect_kept(2);
    expect_counted(0, 0);
}

/* ---- what is not about payloads ---- */

Test(ingest_conformity, a_deprecated_type_is_taken_and_counted)
{
    enforce(ENFORCEMENT_REJECT);
    type->deprecated_ms = 1;
    publish(JSON, "[" FITS "," FITS_LAST "]");
    expect_kept(2);
    expect_counted(0, 2);
}

Test(ingest_conformity, what_does_not_fit_is_not_deprecated_too)
{
    enforce(ENFORCEMENT_WARN);
    type->deprecated_ms = 1;
    publish(JSON, "[" FITS "," FITS_NOT "]");
    expect_kept(2);
    expect_counted(1, 1);
}

Test(ingest_conformity, an_event_for_one_subscription_is_held_against_nothing)
{
    static struct mail_publish mail;
    enforce(ENFORCEMENT_REJECT);
    make("POST", EVENTS_PATH, FITS_NOT);
    add_field("Content-Type", JSON);
    add_field("Authorization", "Bearer abc");
    mail.request = made;
    mail.subscription = subscriptions[1].id;
    mail.tenant = tenants[0].id;
    ingest_publish(&shard, &mail);
    expect_kept(1);
    expect_counted(0, 0);
}

Test(ingest_conformity, the_mode_is_that_of_the_tenant_of_the_event)
{
    enforce(ENFORCEMENT_REJECT);
    key.scopes = SCOPE_ADMIN;
    add_field("Grapnel-Tenant", OTHER_TENANT);
    publish(JSON, FITS_NOT);
    expect_kept(1);
    expect_counted(0, 0);
}
