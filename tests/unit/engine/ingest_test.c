/* From requests to the events that are kept of them: every form, for whom, and by which key. */
#include "ingest_stage.h"

TestSuite(ingest, .init = open_shard, .fini = close_shard);

/* ---- forms ---- */

Test(ingest, takes_one_event_with_all_that_is_said_of_it)
{
    publish(JSON, "{\"type\":\"a.b\",\"payload\": {\"x\" : 1.0} ,\"correlation_id\":\"c\","
                  "\"version\":\"2\",\"timestamp\":\"1970-01-01T00:00:05Z\",\"channels\":[\"x\"]}");
    expect_kept(1);
    cr_expect_str_eq(kept.events[0].type, "a.b");
    cr_expect_str_eq(kept.events[0].payload, "{\"x\" : 1.0}", "as it came");
    cr_expect_str_eq(kept.events[0].correlation, "c");
    cr_expect_str_eq(kept.events[0].version, "2");
    cr_expect_str_eq(kept.events[0].channels, "[\"x\"]");
    cr_expect_str_eq(kept.events[0].content_type, "application/json");
    cr_expect(eq(u64, kept.events[0].time_ms, 5000));
    cr_expect(not(kept.events[0].has_key));
    cr_expect(not(kept.is_batch));
    cr_expect(eq(u64, kept.received_ns, 55));
    cr_expect(eq(u64, kept.requester.ticket.serial, ticket.serial));
}

Test(ingest, looks_at_the_media_type_alone)
{
    publish("Application/JSON ; charset=utf-8", EVENT);
    expect_kept(1);
}

Test(ingest, takes_an_array_in_order)
{
    publish(JSON, " \r\n\t[{\"type\":\"a\",\"payload\":1}, {\"type\":\"b\",\"payload\":2}]");
    expect_kept(2);
    cr_expect(kept.is_batch);
    cr_expect_str_eq(kept.events[0].type, "a");
    cr_expect_str_eq(kept.events[1].payload, "2");
}

Test(ingest, takes_an_array_of_one_as_a_batch)
{
    publish(JSON, "[" EVENT "]");
    expect_kept(1);
    cr_expect(kept.is_batch);
}

Test(ingest, takes_lines_and_passes_over_empty_ones)
{
    publish("application/x-ndjson", "{\"type\":\"a\",\"payload\":1}\r\n\r\n \n\n"
                                    "{\"type\":\"b\",\"payload\":2}");
    expect_kept(2);
    cr_expect(kept.is_batch);
    cr_expect_str_eq(kept.events[1].type, "b");
}

Test(ingest, takes_a_cloudevent)
{
    publish("application/cloudevents+json", CLOUDEVENT);
    expect_kept(1);
    cr_expect(not(kept.is_batch));
    cr_expect_str_eq(kept.events[0].payload, "[ ]");
}

Test(ingest, takes_a_batch_of_cloudevents)
{
    publish("application/cloudevents-batch+json", "[" CLOUDEVENT "," CLOUDEVENT "]");
    expect_kept(2);
    cr_expect(kept.is_batch);
}

Test(ingest, takes_a_cloudevent_of_any_content_in_binary_mode)
{
    add_binary_fields();
    publish("image/png", "[not json");
    expect_kept(1);
    cr_expect(not(kept.is_batch));
    cr_expect_str_eq(kept.events[0].content_type, "image/png");
    cr_expect_str_eq(kept.events[0].payload, "[not json");
}

/* ---- traces ---- */

#define PARENT "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
#define OTHER  "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b8-01"
#define TRACED                                             \
    "{\"specversion\":\"1.0\",\"id\":\"2\",\"source\":\"/" \
    "s\",\"type\":\"a\",\"traceparent\":\"" OTHER "\"}"

static void expect_trace(unsigned event, const char *parent, const char *state)
{
    cr_expect_str_eq(kept.events[event].parent, parent);
    cr_expect_str_eq(kept.events[event].state, state);
}

Test(ingest, keeps_the_trace_of_the_request_with_each_of_its_events)
{
    add_field("traceparent", PARENT);
    add_field("tracestate", "a=1");
    publish(JSON, "[" EVENT "," EVENT "]");
    expect_kept(2);
    expect_trace(0, PARENT, "a=1");
    expect_trace(1, PARENT, "a=1");
}

Test(ingest, keeps_no_trace_of_a_request_before)
{
    add_field("traceparent", PARENT);
    publish(JSON, EVENT);
    publish(JSON, EVENT);
    expect_trace(0, PARENT, "");
    expect_trace(1, "", "");
}

Test(ingest, takes_an_event_whose_trace_is_none)
{
    add_field("traceparent", "00-" PARENT);
    add_field("tracestate", "a=1");
    publish(JSON, EVENT);
    expect_kept(1);
    expect_trace(0, "", "");
}

/* The event's own is where it began; the request's may be one of a hop. The two are never mixed. */
Test(ingest, prefers_the_trace_that_a_cloudevent_names_itself)
{
    add_field("traceparent", PARENT);
    add_field("tracestate", "a=1");
    publish("application/cloudevents-batch+json", "[" TRACED "," CLOUDEVENT "]");
    expect_kept(2);
    expect_trace(0, OTHER, "");
    expect_trace(1, PARENT, "a=1");
}

Test(ingest, prefers_the_trace_of_the_event_in_binary_mode_too)
{
    add_field("traceparent", PARENT);
    add_field("ce-traceparent", OTHER);
    add_field("ce-tracestate", "b=2");
    add_binary_fields();
    publish("text/plain", "x");
    expect_kept(1);
    expect_trace(0, OTHER, "b=2");
}

Test(ingest, falls_back_to_the_trace_of_the_request)
{
    add_field("traceparent", PARENT);
    add_field("ce-traceparent", "none");
    add_field("ce-tracestate", "b=2");
    add_binary_fields();
    publish("text/plain", "x");
    expect_kept(1);
    expect_trace(0, PARENT, "");
}

Test(ingest, fixes_the_matching_subscriptions)
{
    matching = 2;
    publish(JSON, EVENT);
    expect_kept(1);
    cr_assert(eq(u32, kept.events[0].subscription_count, 2));
    cr_expect(id_equal(&kept.events[0].subscriptions[0], &subscriptions[0].id));
    cr_expect(id_equal(&kept.events[0].subscriptions[1], &subscriptions[1].id));
    cr_expect(zero(u32, kept.ordered));
}

Test(ingest, tells_that_the_order_counts_for_a_subscription)
{
    matching = 2;
    subscriptions[0].ordering = ORDERING_STRICT;
    publish(JSON, EVENT);
    expect_kept(1);
    cr_expect(eq(u32, kept.ordered, 1));
}

Test(ingest, never_goes_back_in_time)
{
    publish(JSON, EVENT);
    wall_ms -= 500;
    publish(JSON, EVENT);
    cr_assert(eq(u32, kept.count, 2));
    cr_expect(eq(u64, kept.events[1].wall_ms, kept.events[0].wall_ms));
}

/* ---- who may ---- */

Test(ingest, wants_a_key)
{
    request("POST", EVENTS_PATH);
    expect_refused(401, "a key is required: Authorization: Bearer KEY");
    cr_expect_str_eq(answer.headers, "WWW-Authenticate: Bearer\r\n");
}

Test(ingest, wants_a_key_that_is_known)
{
    add_field("Authorization", "Bearer abd");
    request("POST", EVENTS_PATH);
    expect_refused(401, "the key is not valid");
}

Test(ingest, wants_a_bearer_key)
{
    add_field("Authorization", "Digest abc");
    request("POST", EVENTS_PATH);
    expect_refused(401, "the key is not valid");
}

Test(ingest, wants_the_scope_ingest)
{
    key.scopes = SCOPE_READ | SCOPE_MANAGE;
    publish(JSON, EVENT);
    expect_refused(403, "the key has not the scope ingest");
}

Test(ingest, is_for_the_tenant_of_the_key)
{
    publish(JSON, EVENT);
    expect_kept(1);
    cr_expect(id_equal(&kept.events[0].tenant, &tenants[0].id));
}

Test(ingest, is_for_the_tenant_that_an_admin_names)
{
    key.scopes = SCOPE_ADMIN;
    add_field("Grapnel-Tenant", OTHER_TENANT);
    publish(JSON, EVENT);
    expect_kept(1);
    cr_expect(id_equal(&kept.events[0].tenant, &tenants[1].id));
}

Test(ingest, lets_a_key_name_its_own_tenant)
{
    add_field("Grapnel-Tenant", OWN_TENANT);
    publish(JSON, EVENT);
    expect_kept(1);
}

Test(ingest, tells_nobody_else_whether_a_tenant_exists)
{
    add_field("Grapnel-Tenant", OTHER_TENANT);
    publish(JSON, EVENT);
    expect_refused(404, "Grapnel-Tenant names no tenant");
}

Test(ingest, knows_no_tenant_that_is_not_there)
{
    key.scopes = SCOPE_ADMIN;
    add_field("Grapnel-Tenant", "ten_00000000000000000000000003");
    publish(JSON, EVENT);
    expect_refused(404, "Grapnel-Tenant names no tenant");
}

/* ---- idempotency ---- */

#define KEYED "{\"type\":\"a\",\"payload\":1,\"id\":\"k\"}"

/* Publishes one more, and tells whether its event number `i` has the key of the first event. */
static bool is_again(const char *content_type, const char *body, unsigned i)
{
    unsigned at = kept.count + i;
    publish(content_type, body);
    cr_assert(zero(u32, answer.count), "%s%s", answer.detail, answer.body);
    cr_assert(lt(u32, at, kept.count));
    cr_assert(kept.events[0].has_key);
    cr_assert(kept.events[at].has_key);
    return memcmp(kept.events[0].key, kept.events[at].key, CLAIM_KEY_SIZE) == 0;
}

Test(ingest, takes_a_key_from_the_body_or_a_field_bare_or_quoted)
{
    publish(JSON, KEYED);
    cr_expect(is_again(JSON, "{\"type\":\"b\",\"payload\":2,\"id\":\"k\"}", 0));
    add_field("Idempotency-Key", "k");
    cr_expect(is_again(JSON, EVENT, 0));
    add_field("Idempotency-Key", "\"k\"");
    cr_expect(is_again(JSON, EVENT, 0));
    add_field("Idempotency-Key", "l");
    cr_expect(not(is_again(JSON, EVENT, 0)));
    add_field("Idempotency-Key", "l");
    cr_expect(is_again(JSON, KEYED, 0), "the body's goes before");
}

Test(ingest, keeps_keys_of_tenants_apart)
{
    key.scopes = SCOPE_ADMIN;
    publish(JSON, KEYED);
    add_field("Grapnel-Tenant", OTHER_TENANT);
    cr_expect(not(is_again(JSON, KEYED, 0)));
}

Test(ingest, gives_each_event_of_a_batch_a_key_of_its_own)
{
    static const char batch[] = "[" EVENT "," EVENT "]";
    add_field("Idempotency-Key", "k");
    publish(JSON, batch);
    add_field("Idempotency-Key", "k");
    cr_expect(is_again(JSON, batch, 0));
    cr_expect(not(is_again(JSON, "[" KEYED "]", 0)));
    add_field("Idempotency-Key", "k");
    cr_expect(not(is_again(JSON, batch, 1)));
}

Test(ingest, knows_a_cloudevent_by_source_and_id_in_every_mode)
{
    publish("application/cloudevents+json", CLOUDEVENT);
    cr_expect(is_again("application/cloudevents-batch+json", "[" CLOUDEVENT "]", 0));
    add_binary_fields();
    cr_expect(is_again("text/plain", "", 0));
}

Test(ingest, refuses_a_key_that_is_none)
{
    add_field("Idempotency-Key", "\"k");
    publish(JSON, EVENT);
    expect_refused(400, "Idempotency-Key must be 1 to 256 bytes, bare or a quoted string");
}
