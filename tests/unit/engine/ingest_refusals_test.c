/* What the ingest port refuses, and with what; and its other paths. */
#include "ingest_stage.h"

TestSuite(ingest_refusals, .init = open_shard, .fini = close_shard);

/* ---- bodies that are wrong ---- */

Test(ingest_refusals, refuses_media_types_that_it_does_not_know)
{
    publish("text/json", EVENT);
    expect_refused(415, "Content-Type must be application/json, application/x-ndjson, "
                        "application/cloudevents+json or application/cloudevents-batch+json, "
                        "or the ce-* fields must be there");
}

Test(ingest_refusals, refuses_a_body_without_a_media_type)
{
    publish(NULL, EVENT);
    cr_expect(eq(int, answer.status, 415));
}

Test(ingest_refusals, points_to_what_is_wrong)
{
    publish(JSON, "{\"type\":\"a b\",\"payload\":1}");
    expect_pointed(422, "/type must be 1 to 128 of A-Z a-z 0-9 _ - . / :", "/type");
}

Test(ingest_refusals, points_to_the_whole_of_what_is_no_json)
{
    publish(JSON, "{\"type\":");
    expect_refused(400, "");
    cr_expect(strstr(answer.body, "\"errors\":[{\"pointer\":\"\",") != NULL);
}

Test(ingest_refusals, keeps_nothing_of_a_batch_of_which_one_event_is_wrong)
{
    publish(JSON, "[{\"type\":\"a\",\"payload\":1},{\"type\":\"b\"}]");
    expect_pointed(422, "event 1 of the batch: /payload is required", "/1/payload");
    cr_expect(eq(u32, kept.count, 1), "and was cancelled");
}

Test(ingest_refusals, points_to_the_line_that_is_wrong)
{
    publish("application/x-ndjson", "\n{\"type\":\"a\",\"payload\":1}\n7\n");
    expect_pointed(422, "event 1 of the batch: an event must be a JSON object", "/1");
}

Test(ingest_refusals, points_to_the_field_of_a_cloudevent_that_is_missing)
{
    add_binary_fields();
    head.header_count--; /* ce-type */
    publish("text/plain", "x");
    expect_pointed(422, "ce-type is required", "ce-type");
}

Test(ingest_refusals, refuses_an_array_that_breaks_off)
{
    publish(JSON, "[{\"type\":\"a\",\"payload\":1},");
    cr_assert(eq(u32, answer.count, 1));
    cr_expect(eq(int, answer.status, 400));
    cr_expect(zero(u32, kept.committed));
    cr_expect(eq(u32, kept.cancelled, 1));
}

Test(ingest_refusals, refuses_a_batch_of_cloudevents_that_is_no_array)
{
    publish("application/cloudevents-batch+json", CLOUDEVENT);
    expect_refused(422, "a batch must be a JSON array");
}

Test(ingest_refusals, refuses_an_empty_array)
{
    publish(JSON, "[]");
    expect_refused(422, "the batch is empty");
}

Test(ingest_refusals, refuses_lines_of_nothing)
{
    publish("application/x-ndjson", "\n \r\n");
    expect_refused(422, "the batch is empty");
}

/* ---- limits ---- */

/* An event of so many bytes. */
static const char *event_of_size(int size)
{
    static char text[2 * EVENT_MAX];
    snprintf(text, sizeof text, "{\"type\":\"a\",\"payload\":%0*d}", size - 23, 0);
    memset(text + 22, '1', (size_t)(size - 23));
    cr_assert(eq(sz, strlen(text), (size_t)size));
    return text;
}

Test(ingest_refusals, takes_one_event_of_the_greatest_size)
{
    publish(JSON, event_of_size(EVENT_MAX));
    expect_kept(1);
    cr_expect(eq(u64, shard.metrics.event_bytes, EVENT_MAX - 23));
}

Test(ingest_refusals, refuses_an_event_that_is_longer)
{
    publish(JSON, event_of_size(EVENT_MAX + 1));
    expect_refused(413, "the event is longer than event_bytes_max");
}

Test(ingest_refusals, refuses_a_batch_with_an_event_that_is_longer)
{
    publish("application/x-ndjson", event_of_size(EVENT_MAX + 1));
    expect_pointed(413, "event 0 of the batch: is longer than event_bytes_max, 1024", "/0");
}

static const char *batch_of(unsigned count)
{
    static char text[BATCH_MAX];
    struct text lines;
    text_init(&lines, text, sizeof text - 1);
    for (unsigned i = 0; i < count; i++)
        text_put(&lines, SLICE("{\"type\":\"a\",\"payload\":1}\n"));
    text[lines.size] = '\0';
    cr_assert(text_ok(&lines));
    return text;
}

Test(ingest_refusals, takes_the_greatest_batch)
{
    publish("application/x-ndjson", batch_of(LIMIT_BATCH_EVENTS));
    expect_kept(LIMIT_BATCH_EVENTS);
}

Test(ingest_refusals, refuses_a_batch_of_one_more)
{
    publish("application/x-ndjson", batch_of(LIMIT_BATCH_EVENTS + 1));
    expect_refused(413, "a batch may have at most 10000 events");
}

Test(ingest_refusals, allows_a_body_as_its_form_and_path_may_have)
{
    make("POST", EVENTS_PATH, "");
    add_field("Content-Type", "application/json");
    shard.memory.arena_size = 6 * (size_t)BATCH_MAX;
    cr_expect(eq(sz, ingest_body_max(&shard, &head), BATCH_MAX), "it may be an array");
    shard.memory.arena_size = 4 * (size_t)BATCH_MAX;
    cr_expect(lt(sz, ingest_body_max(&shard, &head), BATCH_MAX), "and has to find room");
    shard.memory.arena_size = EVENT_MAX;
    cr_expect(eq(sz, ingest_body_max(&shard, &head), EVENT_MAX), "or one event");
    head.headers[0].value = SLICE("application/cloudevents+json");
    cr_expect(eq(sz, ingest_body_max(&shard, &head), EVENT_MAX));
    head.target = SLICE(EVENTS_PATH "?x");
    cr_expect(eq(sz, ingest_body_max(&shard, &head), EVENT_MAX));
    head.target = SLICE("/webhook/receive");
    cr_expect(eq(sz, ingest_body_max(&shard, &head), ASK_BODY_MAX));
}

static void expect_full(const char *detail)
{
    expect_refused(503, detail);
    cr_expect_str_eq(answer.headers, "Retry-After: 1\r\n");
}

Test(ingest_refusals, keeps_nothing_of_a_batch_when_memory_is_used_up)
{
    kept.room = 1;
    publish(JSON, "[" EVENT "," EVENT "]");
    expect_full("too much is waiting: memory for events is exhausted");
}

Test(ingest_refusals, refuses_one_event_of_each_form_when_memory_is_used_up)
{
    kept.room = 0;
    publish(JSON, EVENT);
    expect_full("too much is waiting: memory for events is exhausted");
    publish("application/x-ndjson", EVENT);
    publish("application/cloudevents+json", CLOUDEVENT);
    add_binary_fields();
    publish("text/plain", "x");
    cr_expect(eq(u64, shard.metrics.events_shed, 4));
    cr_expect(eq(u32, kept.cancelled, 4));
    cr_expect(zero(u64, shard.metrics.events_refused));
}

Test(ingest_refusals, refuses_when_there_is_no_receipt_left)
{
    kept.has_no_receipt = true;
    publish(JSON, EVENT);
    cr_expect(eq(int, answer.status, 503));
    cr_expect_str_eq(answer.detail, "too many requests are waiting");
    cr_expect(zero(u32, kept.cancelled), "the commit has done that");
}

Test(ingest_refusals, refuses_while_the_disk_is_nearly_full)
{
    shard.ingest.storage_low = true;
    publish(JSON, EVENT);
    expect_full("the disk is nearly full");
}

Test(ingest_refusals, refuses_while_it_stops)
{
    static struct mail_stop stop;
    shard.stopping = &stop;
    publish(JSON, EVENT);
    expect_full("stopping");
}

/* ---- what a tenant may send ---- */

static void limit(enum lease_result result)
{
    quota.is_limited = true;
    quota.result = result;
}

Test(ingest_refusals, takes_as_many_from_the_allowance_as_there_are_events)
{
    limit(LEASE_TAKEN);
    publish(JSON, "[" EVENT "," EVENT "]");
    cr_expect(eq(u32, quota.taken, 2));
    publish("application/x-ndjson", "\r\n \n{\"type\":\"a\",\"payload\":1}\r\n\n");
    cr_expect(eq(u32, quota.taken, 1));
    cr_expect(eq(u32, kept.count, 3));
    cr_expect(zero(u32, quota.given));
}

Test(ingest_refusals, gives_back_what_it_takes_for_events_that_it_refuses)
{
    limit(LEASE_TAKEN);
    publish(JSON, "[{\"type\":\"a\",\"payload\":1},{\"type\":\"a\"}]");
    cr_expect(eq(int, answer.status, 422));
    cr_expect(eq(u32, quota.given, 2));
}

Test(ingest_refusals, refuses_a_batch_that_no_waiting_helps)
{
    limit(LEASE_TAKEN);
    publish("application/x-ndjson", batch_of(BURST + 1));
    expect_refused(413, "a batch of this tenant may have at most 10 events, which is its burst");
    cr_expect(zero(u32, quota.taken));
}

Test(ingest_refusals, lets_the_allowance_refuse)
{
    limit(LEASE_REFUSED);
    publish(JSON, EVENT);
    cr_expect(eq(u32, quota.refused, 1));
    cr_expect(zero(u32, kept.begun));
}

Test(ingest_refusals, waits_once_for_an_allowance_that_is_short)
{
    limit(LEASE_SHORT);
    publish(JSON, EVENT);
    cr_assert(eq(u32, quota.waiting, 1));
    cr_expect(zero(u32, answer.count));
    add_field("Authorization", "Bearer abc");
    add_field("Content-Type", "application/json");
    ingest_resume(&shard, &(struct requester){.ticket = ticket}, &made);
    cr_expect(eq(u32, quota.waiting, 1));
    cr_expect(eq(u32, quota.refused, 1));
}

Test(ingest_refusals, refuses_what_cannot_wait)
{
    limit(LEASE_SHORT);
    quota.has_no_memory = true;
    publish(JSON, EVENT);
    expect_full("too much is waiting: memory for requests is exhausted");
}

/* ---- the port ---- */

Test(ingest_refusals, publishes_with_post_alone)
{
    request("GET", EVENTS_PATH);
    cr_expect(eq(int, answer.status, 405));
    cr_expect_str_eq(answer.headers, "Allow: POST\r\n");
}

Test(ingest_refusals, has_nothing_at_other_paths)
{
    request("POST", EVENTS_PATH "/");
    cr_expect(eq(int, answer.status, 404));
    request("GET", "/webhook/history");
    cr_expect(eq(int, answer.status, 404));
    cr_expect(zero(u32, answer.asked), "there is no sandbox");
}

Test(ingest_refusals, asks_control_about_the_sandbox)
{
    config.sandbox = true;
    request("GET", "/webhook/history");
    cr_expect(eq(u32, answer.asked, 1));
    request("GET", "/webhooks");
    cr_expect(eq(u32, answer.asked, 1));
    cr_expect(eq(int, answer.status, 404));
}

Test(ingest_refusals, is_healthy_though_it_is_not_ready)
{
    request("GET", "/readyz");
    cr_expect(eq(int, answer.status, 200));
    shard.ingest.storage_low = true;
    request("HEAD", "/healthz");
    cr_expect(eq(int, answer.status, 200));
    request("GET", "/readyz");
    cr_expect(eq(int, answer.status, 503));
    cr_expect_str_eq(answer.headers, "Retry-After: 1\r\n");
    request("POST", "/healthz");
    cr_expect(eq(int, answer.status, 405));
    cr_expect_str_eq(answer.headers, "Allow: GET, HEAD\r\n");
}

Test(ingest_refusals, takes_what_comes_by_the_admin_port)
{
    static struct mail_publish mail;
    make("POST", EVENTS_PATH, EVENT);
    add_field("Authorization", "Bearer abc");
    add_field("Content-Type", "application/json");
    mail.request = made;
    ingest_publish(&shard, &mail);
    expect_kept(1);
    cr_expect(kept.requester.mail == &mail);
}

/* Control has let it in. */
Test(ingest_refusals, takes_what_is_for_one_subscription_without_a_key)
{
    static struct mail_publish mail;
    make("POST", EVENTS_PATH, EVENT);
    add_field("Content-Type", "application/json");
    mail.request = made;
    mail.subscription = subscriptions[1].id;
    mail.tenant = tenants[1].id;
    matching = 2;
    ingest_publish(&shard, &mail);
    expect_kept(1);
    cr_assert(eq(u32, kept.events[0].subscription_count, 1));
    cr_expect(id_equal(&kept.events[0].subscriptions[0], &subscriptions[1].id));
    cr_expect(id_equal(&kept.events[0].tenant, &tenants[1].id));
}
