/* ingest_stage.h - the ingest port with everything around it in the test's hands: replaced are who
 * finds keys, tenants and subscriptions (directory.c), who keeps the events (intake.c), who tells a
 * tenant's allowance, the clock, and who answers (requester.c, http_server.c, ask.c).
 */
#ifndef TESTS_UNIT_ENGINE_INGEST_STAGE_H
#define TESTS_UNIT_ENGINE_INGEST_STAGE_H

#include "ingest.h"

#include "allowance.h"
#include "ask.h"
#include "base/clock.h"
#include "shard.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>

enum { KEPT_MAX = 8, EVENT_MAX = 1024, BATCH_MAX = 1 << 20, NO_LIMIT = 1 << 20, BURST = 10 };

#define EVENTS_PATH  "/api/v1/webhooks/events"
#define OWN_TENANT   "ten_00000000000000000000000001"
#define OTHER_TENANT "ten_00000000000000000000000002"

#define JSON  "application/json"
#define EVENT "{\"type\":\"a\",\"payload\":1}"
#define CLOUDEVENT \
    "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"a\",\"data\":[ ]}"

static struct config config = {.event_bytes_max = EVENT_MAX, .batch_bytes_max = BATCH_MAX};
static struct shard shard;
static struct http_head head;
static struct http_request made = {.head = &head};
static const struct http_ticket ticket = {.serial = 7};

/* ---- in place of clock.c ---- */

static uint64_t wall_ms = 1000;

uint64_t clock_wall_ms(void)
{
    return wall_ms;
}

uint64_t clock_monotonic_ns(void)
{
    return 55;
}

uint64_t clock_process_cpu_ns(void)
{
    return 0;
}

/* ---- in place of directory.c ---- */

static struct access_key key = {.scopes = SCOPE_INGEST};
static struct tenant tenants[2];
static struct subscription subscriptions[2] = {{.id = {{21}}}, {.id = {{22}}}};
static unsigned matching; /* of the subscriptions */

/* Of "abc", the standard's own example. */
static const uint8_t hash_of_abc[32] = {
    0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
    0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};

static struct known_key known = {.key = &key};

struct known_key *directory_key(const struct directory *directory, const uint8_t hash[static 32])
{
    cr_assert(directory == &shard.directory);
    return memcmp(hash, hash_of_abc, sizeof hash_of_abc) == 0 ? &known : NULL;
}

void uses_note(struct shard *of, struct known_key *used, uint64_t at_ms)
{
    cr_assert(of == &shard);
    cr_assert(used == &known);
    used->used_ms = at_ms;
}

const struct tenant *directory_tenant(const struct directory *directory, const struct id *id)
{
    cr_assert(directory == &shard.directory);
    for (unsigned i = 0; i < 2; i++)
        if (id_equal(&tenants[i].id, id))
            return &tenants[i];
    return NULL;
}

const struct subscription *directory_subscription(const struct directory *directory,
                                                  const struct id *id)
{
    cr_assert(directory == &shard.directory);
    for (unsigned i = 0; i < 2; i++)
        if (id_equal(&subscriptions[i].id, id))
            return &subscriptions[i];
    return NULL;
}

const struct tenant *directory_find_tenant(const struct directory *directory, struct slice text)
{
    struct id id;
    return id_parse(text, "ten", &id) == 0 ? directory_tenant(directory, &id) : NULL;
}

static const struct event_type *in_catalogue; /* NULL: nothing is */

const struct event_type *directory_event_type(const struct directory *directory,
                                              const struct id *tenant, struct slice name)
{
    (void)tenant, (void)name;
    cr_assert(directory == &shard.directory);
    return in_catalogue;
}

unsigned directory_match(const struct directory *directory, const struct id *tenant,
                         struct slice type, struct slice channels,
                         const struct subscription **matches, unsigned max)
{
    (void)tenant, (void)type, (void)channels;
    cr_assert(directory == &shard.directory);
    cr_assert(le(u32, matching, max));
    for (unsigned i = 0; i < matching; i++)
        matches[i] = &subscriptions[i];
    return matching;
}

/* ---- in place of intake.c ---- */

static struct {
    unsigned begun, committed, cancelled, ordered;
    unsigned room; /* for so many events is there memory */
    bool has_no_receipt;
    unsigned count;
    struct {
        char type[32], version[32], correlation[32], content_type[64], channels[64], payload[2048];
        char parent[64], state[64];
        struct id tenant, subscriptions[2];
        unsigned subscription_count;
        uint64_t time_ms, wall_ms;
        bool has_key;
        uint8_t key[CLAIM_KEY_SIZE];
    } events[KEPT_MAX];
    struct requester requester;
    uint64_t received_ns;
    bool is_batch;
} kept = {.room = NO_LIMIT};

void intake_begin(struct shard *keeper, const struct tenant *tenant, struct intake_request *request)
{
    cr_assert(keeper == &shard);
    cr_assert_not_null(tenant);
    *request = (struct intake_request){.count = 0};
    kept.begun++;
}

static inline void note(char *out, size_t room, struct slice text)
{
    cr_assert(lt(sz, text.size, room));
    snprintf(out, room, "%.*s", SLICE_ARGS(text));
}

int intake_append(struct shard *keeper, struct intake_request *request, struct event_record *event,
                  uint64_t at_ms, const uint8_t *event_key)
{
    cr_assert(keeper == &shard);
    if (kept.count == kept.room)
        return -ENOMEM;
    request->count++;
    unsigned i = kept.count++;
    if (i >= KEPT_MAX)
        return 0;
    note(kept.events[i].type, sizeof kept.events[i].type, event->type);
    note(kept.events[i].version, sizeof kept.events[i].version, event->version);
    note(kept.events[i].correlation, sizeof kept.events[i].correlation, event->correlation_id);
    note(kept.events[i].content_type, sizeof kept.events[i].content_type, event->content_type);
    note(kept.events[i].channels, sizeof kept.events[i].channels, event->channels);
    note(kept.events[i].payload, sizeof kept.events[i].payload, event->payload);
    note(kept.events[i].parent, sizeof kept.events[i].parent, event->trace_parent);
    note(kept.events[i].state, sizeof kept.events[i].state, event->trace_state);
    kept.events[i].tenant = event->tenant;
    kept.events[i].time_ms = event->time_ms;
    kept.events[i].wall_ms = at_ms;
    kept.events[i].subscription_count = event->subscription_count;
    for (unsigned s = 0; s < event->subscription_count; s++)
        kept.events[i].subscriptions[s] = event->subscriptions[s];
    kept.events[i].has_key = event_key != NULL;
    if (event_key)
        memcpy(kept.events[i].key, event_key, CLAIM_KEY_SIZE);
    return 0;
}

void intake_order(struct shard *keeper, uint64_t at_ms)
{
    cr_assert(keeper == &shard);
    cr_assert(eq(u64, at_ms, wall_ms));
    kept.ordered++;
}

int intake_commit(struct shard *keeper, struct intake_request *request,
                  const struct requester *requester, uint64_t received_ns, bool is_batch)
{
    cr_assert(keeper == &shard);
    cr_assert(lt(u32, 0, request->count));
    if (kept.has_no_receipt)
        return -ENOBUFS;
    kept.committed++;
    kept.requester = *requester;
    kept.received_ns = received_ns;
    kept.is_batch = is_batch;
    return 0;
}

void intake_cancel(struct shard *keeper, struct intake_request *request)
{
    (void)request;
    cr_assert(keeper == &shard);
    kept.cancelled++;
}

/* ---- in place of allowance.c ---- */

static struct allowance allowance = {.rate = {.per_second = 1, .burst = BURST}};
static struct {
    bool is_limited, has_no_memory;
    enum lease_result result;
    unsigned taken, given, waiting, refused;
} quota;

struct allowance *allowance_find(const struct shard *of, const struct id *tenant)
{
    (void)of, (void)tenant;
    return quota.is_limited ? &allowance : NULL;
}

enum lease_result allowance_take(struct allowance *from, unsigned count, uint64_t *wait_ns)
{
    cr_assert(from == &allowance);
    *wait_ns = 99;
    quota.taken = count;
    return quota.result;
}

void allowance_give(struct allowance *to, unsigned count)
{
    cr_assert(to == &allowance);
    quota.given += count;
}

bool allowance_wait(struct allowance *of, const struct requester *requester,
                    const struct http_request *request, unsigned count)
{
    (void)requester;
    cr_assert(of == &allowance);
    cr_assert(request == &made);
    if (quota.has_no_memory)
        return false;
    quota.waiting += count;
    return true;
}

void allowance_refuse(const struct allowance *of, const struct requester *requester,
                      uint64_t wait_ns)
{
    (void)requester;
    cr_assert(of == &allowance);
    cr_assert(eq(u64, wait_ns, 99));
    quota.refused++;
}

/* ---- in place of requester.c, ask.c and http_server.c ---- */

static struct {
    unsigned count, asked;
    int status;
    const char *path;
    char detail[256], headers[64], type[64], body[1024];
} answer;

void requester_reply(struct shard *sender, const struct requester *to,
                     const struct http_response *response)
{
    cr_assert(sender == &shard);
    cr_assert(eq(u64, to->ticket.serial, ticket.serial));
    answer.count++;
    answer.status = response->status;
    note(answer.type, sizeof answer.type, response->content_type);
    note(answer.body, sizeof answer.body, response->body);
}

static inline void problem(int status, const char *detail, struct slice headers)
{
    answer.count++;
    answer.status = status;
    note(answer.detail, sizeof answer.detail, slice_str(detail));
    note(answer.headers, sizeof answer.headers, headers);
}

void requester_problem(struct shard *sender, const struct requester *to, int status,
                       const char *detail, struct slice headers)
{
    cr_assert(sender == &shard);
    cr_assert(to->mail || to->ticket.serial == ticket.serial);
    problem(status, detail, headers);
}

void requester_faults(struct shard *sender, const struct requester *to, const struct faults *faults)
{
    cr_assert(sender == &shard);
    cr_assert(to->mail || to->ticket.serial == ticket.serial);
    problem(422, faults->list[0].pointer, SLICE(""));
}

void http_server_problem(struct http_server *server, struct http_ticket to, int status,
                         const char *detail, struct slice headers)
{
    (void)server;
    cr_assert(eq(u64, to.serial, ticket.serial));
    problem(status, detail, headers);
}

void ask_control(struct shard *asker, struct http_ticket to, const struct http_request *request)
{
    cr_assert(asker == &shard);
    cr_assert(request == &made);
    cr_assert(eq(u64, to.serial, ticket.serial));
    answer.asked++;
}

/* ---- the stage ---- */

static inline void open_shard(void)
{
    shard.config = &config;
    cr_assert(zero(int, ingest_open(&shard.ingest)));
    cr_assert(zero(int, id_parse(SLICE(OWN_TENANT), "ten", &tenants[0].id)));
    cr_assert(zero(int, id_parse(SLICE(OTHER_TENANT), "ten", &tenants[1].id)));
    key.tenant = tenants[0].id;
}

static inline void close_shard(void)
{
    ingest_close(&shard.ingest);
}

static inline void add_field(const char *name, const char *value)
{
    head.headers[head.header_count++] =
        (struct http_header){.name = slice_str(name), .value = slice_str(value)};
}

static inline void make(const char *method, const char *path, const char *body)
{
    static char text[BATCH_MAX + JSON_PADDING];
    cr_assert(lt(sz, strlen(body), (size_t)BATCH_MAX));
    snprintf(text, BATCH_MAX, "%s", body);
    head.method = slice_str(method);
    head.target = made.path = slice_str(path);
    made.body = slice_of(text, strlen(body));
}

static inline void request(const char *method, const char *path)
{
    make(method, path, "");
    ingest_request(&shard, ticket, &made);
}

/* With the fields that were added. */
static inline void publish(const char *content_type, const char *body)
{
    make("POST", EVENTS_PATH, body);
    add_field("Authorization", "Bearer abc");
    if (content_type)
        add_field("Content-Type", content_type);
    ingest_request(&shard, ticket, &made);
    head.header_count = 0;
}

static inline void expect_kept(unsigned count)
{
    cr_assert(zero(u32, answer.count), "%d %s%s", answer.status, answer.detail, answer.body);
    cr_expect(eq(u32, kept.count, count));
    cr_expect(eq(u32, kept.committed, 1));
    cr_expect(zero(u32, kept.cancelled));
}

/* Answered once, and nothing is kept. */
static inline void expect_refused(int status, const char *detail)
{
    cr_assert(eq(u32, answer.count, 1));
    cr_expect(eq(int, answer.status, status));
    cr_expect_str_eq(answer.detail, detail);
    cr_expect(zero(u32, kept.committed));
    cr_expect(eq(u32, kept.cancelled, kept.begun));
    cr_expect(eq(u64, shard.metrics.events_refused, status < 500));
    cr_expect(eq(u64, shard.metrics.events_shed, status >= 500));
}

/* The same for a body that says where it is wrong. */
static inline void expect_pointed(int status, const char *detail, const char *pointer)
{
    char text[256];
    expect_refused(status, "");
    cr_expect_str_eq(answer.type, "application/problem+json");
    snprintf(text, sizeof text, "\"status\":%d,\"detail\":\"%s\"", status, detail);
    cr_expect(strstr(answer.body, text) != NULL, "%s", answer.body);
    snprintf(text, sizeof text, "\"errors\":[{\"pointer\":\"%s\",", pointer);
    cr_expect(strstr(answer.body, text) != NULL, "%s", answer.body);
}

static inline void add_binary_fields(void)
{
    add_field("ce-specversion", "1.0");
    add_field("ce-id", "1");
    add_field("ce-source", "/s");
    add_field("ce-type", "a");
}

#endif
