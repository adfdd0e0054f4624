/* ingest.c - see ingest.h. From the request to what intake keeps, and back to the answer. */
#include "alert.h"
#include "allowance.h"
#include "ask.h"
#include "budget.h"
#include "conformity.h"
#include "credential.h"
#include "event_form.h"
#include "shard.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>

#define EVENTS_PATH "/api/v1/webhooks/events"

enum {
    JSON_RESERVE = 64 * 1024,
    DETAIL_SIZE = 320,
};

/* One request being taken in. */
struct visit {
    struct shard *shard;
    struct requester requester;
    const struct http_request *request;
    struct credential credential;
    struct intake_request intake;
    struct slice header_key; /* of Idempotency-Key, without quotes; or empty */
    char header_key_text[LIMIT_NAME_SIZE];
    uint64_t wall_ms;
    enum enforcement enforcement;
    uint32_t index;     /* of the event at hand in its batch */
    const char *member; /* where the payload is in an event's JSON */
    bool is_batch, is_cloudevent;
    bool is_full;                /* memory or a pool had run out */
    bool is_answered;            /* with a refusal */
    bool is_resumed;             /* it has waited for the tenant's allowance */
    bool is_own;                 /* an alert: the engine itself publishes it */
    bool is_unwanted;            /* nobody subscribes to it, so it is not stored */
    struct allowance *allowance; /* that `allowed` events were taken from; NULL: no limit */
    unsigned allowed;
};

int ingest_open(struct ingest *ingest)
{
    *ingest = (struct ingest){0};
    int rc = json_open(&ingest->json);
    if (rc == 0)
        rc = json_open(&ingest->inner);
    if (rc == 0)
        rc = screen_open(&ingest->screen);
    if (rc == 0)
        rc = json_reserve(ingest->json, JSON_RESERVE);
    if (rc == 0)
        rc = json_reserve(ingest->inner, JSON_RESERVE);
    if (rc == 0) {
        ingest->matches = calloc(RECORD_SUBSCRIPTIONS_MAX, sizeof(struct subscription *));
        ingest->matched = calloc(RECORD_SUBSCRIPTIONS_MAX, sizeof *ingest->matched);
        rc = ingest->matches && ingest->matched ? 0 : -ENOMEM;
    }
    if (rc)
        ingest_close(ingest);
    return rc;
}

void ingest_close(struct ingest *ingest)
{
    json_close(ingest->json);
    json_close(ingest->inner);
    screen_close(&ingest->screen);
    free((void *)ingest->matches);
    free(ingest->matched);
    *ingest = (struct ingest){0};
}

/* ---- refusals ---- */

static void count_refusal(struct visit *visit, int status)
{
    struct shard_metrics *metrics = &visit->shard->metrics;
    visit->is_answered = true;
    metrics->events_shed += status >= 500;
    metrics->events_refused += status < 500 && !visit->is_own;
    metrics->refusals[metrics_refusal_of(status)]++;
}

static void refuse(struct visit *visit, int status, const char *detail, struct slice headers)
{
    struct shard *shard = visit->shard;
    count_refusal(visit, status);
    requester_problem(shard, &visit->requester, status, detail, headers);
}

static void refuse_full(struct visit *visit, const char *what)
{
    refuse(visit, 503, what, SLICE("Retry-After: 1\r\n"));
}

static void refuse_event(struct visit *visit, const struct envelope *envelope)
{
    char body[1024];
    struct text text;
    text_init(&text, body, sizeof body);
    envelope_print_refusal(envelope, visit->is_batch ? &visit->index : NULL, &text);
    count_refusal(visit, envelope->status);
    requester_reply(visit->shard, &visit->requester,
                    &(struct http_response){.status = envelope->status,
                                            .content_type = SLICE("application/problem+json"),
                                            .body = text_slice(&text)});
}

/* ---- who and what ---- */

/* Whether it is for one subscription, by control's word. */
static bool has_target(const struct visit *visit)
{
    const struct mail_publish *mail = visit->requester.mail;
    return mail && !id_is_zero(&mail->subscription);
}

static bool authenticate(struct visit *visit)
{
    if (has_target(visit)) {
        visit->credential.tenant = visit->requester.mail->tenant;
        return true;
    }
    char why[CREDENTIAL_WHY_SIZE];
    int status = credential_check(&visit->credential, &visit->shard->directory, visit->request,
                                  visit->wall_ms, why);
    if (status)
        refuse(visit, status, why,
               status == 401 ? SLICE("WWW-Authenticate: Bearer\r\n") : SLICE(""));
    else
        uses_note(visit->shard, visit->credential.known, visit->wall_ms);
    return status == 0;
}

static bool take_header_key(struct visit *visit)
{
    const struct http_header *field = http_find(visit->request->head, "idempotency-key");
    size_t size = 0;
    if (!field)
        return true;
    if (envelope_key_from_field(field->value, visit->header_key_text, sizeof visit->header_key_text,
                                &size)) {
        refuse(visit, 400, "Idempotency-Key must be 1 to 256 bytes, bare or a quoted string",
               SLICE(""));
        return false;
    }
    visit->header_key = slice_of(visit->header_key_text, size);
    return true;
}

/* ---- events ---- */

/* What makes an event unique within its tenant: SHA-256 over tenant, kind of key, key, and for a
 * key of the whole request the event's index. */
static void hash_key(const struct visit *visit, struct slice key, char kind,
                     uint8_t hash[static CLAIM_KEY_SIZE])
{
    SHA256_CTX context;
    SHA256_Init(&context);
    SHA256_Update(&context, visit->credential.tenant.bytes, sizeof visit->credential.tenant.bytes);
    SHA256_Update(&context, &kind, 1);
    SHA256_Update(&context, key.at, key.size);
    if (kind == 'b')
        SHA256_Update(&context, &visit->index, sizeof visit->index);
    SHA256_Final(hash, &context);
}

static bool find_key(const struct visit *visit, const struct envelope *envelope,
                     uint8_t hash[static CLAIM_KEY_SIZE])
{
    if (envelope->key.size > 0)
        hash_key(visit, envelope->key, visit->is_cloudevent ? 'c' : 'k', hash);
    else if (visit->header_key.size > 0)
        hash_key(visit, visit->header_key, visit->is_batch ? 'b' : 'k', hash);
    else
        return false;
    return true;
}

/* The subscriptions that the event is for, into ingest->matches. 0, or -ENOMEM. */
static int match(const struct visit *visit, const struct envelope *envelope, unsigned *count)
{
    const struct directory *directory = &visit->shard->directory;
    struct ingest *ingest = &visit->shard->ingest;
    if (has_target(visit)) { /* whatever it asks for */
        ingest->matches[0] =
            directory_subscription(directory, &visit->requester.mail->subscription);
        *count = ingest->matches[0] ? 1 : 0;
        return 0;
    }
    *count = directory_match(directory, &visit->credential.tenant, envelope->type,
                             envelope->channels, ingest->matches, RECORD_SUBSCRIPTIONS_MAX);
    if (*count > RECORD_SUBSCRIPTIONS_MAX)
        *count = RECORD_SUBSCRIPTIONS_MAX; /* control makes no more than this for a tenant */
    int rc = screen_apply(&ingest->screen, envelope, ingest->matches, count);
    visit->shard->metrics.filters_undecided = ingest->screen.undecided;
    return rc;
}

/* Whether the event may come in, as far as the tenant's catalogue is concerned; answers if not. */
static bool conforms(struct visit *visit, const struct envelope *envelope)
{
    struct shard *shard = visit->shard;
    struct faults faults;
    char base[16] = "";
    if (visit->enforcement == ENFORCEMENT_OFF || has_target(visit) || visit->is_own)
        return true;
    if (visit->is_batch)
        snprintf(base, sizeof base, "/%u", visit->index);
    const struct conformity_wish wish = {&visit->credential.tenant, envelope, base, visit->member};
    enum conformity found =
        conformity_check(&shard->directory, shard->ingest.inner, &wish, &faults);
    shard->metrics.events_invalid += found == CONFORMITY_NONE;
    shard->metrics.events_deprecated += found == CONFORMITY_DEPRECATED;
    if (found != CONFORMITY_NONE || visit->enforcement == ENFORCEMENT_WARN)
        return true;
    count_refusal(visit, 422);
    requester_faults(shard, &visit->requester, &faults);
    return false;
}

/* Types that are the engine's are its alone. */
static int check_type(const struct visit *visit, struct envelope *envelope)
{
    if (visit->is_own || !alert_is_type(envelope->type))
        return 0;
    return envelope_refuse(envelope, 422, "/type", "is a type of the engine's own events");
}

static int add_event(struct visit *visit, const struct envelope *envelope)
{
    if (!conforms(visit, envelope))
        return -EINVAL;
    struct shard *shard = visit->shard;
    struct ingest *ingest = &shard->ingest;
    uint8_t hash[CLAIM_KEY_SIZE];

    unsigned count;
    if (match(visit, envelope, &count))
        return -ENOMEM;
    if (visit->is_own && count == 0) {
        visit->is_unwanted = true;
        return 0;
    }
    bool is_ordered = false;
    for (unsigned i = 0; i < count; i++) {
        ingest->matched[i] = ingest->matches[i]->id;
        is_ordered |= ingest->matches[i]->ordering != ORDERING_NONE;
    }

    const struct trace_context *trace =
        envelope->trace.parent.size > 0 ? &envelope->trace : &ingest->trace;
    struct event_record event = {
        .tenant = visit->credential.tenant,
        .type = envelope->type,
        .version = envelope->version,
        .correlation_id = envelope->correlation_id,
        .content_type = envelope->content_type,
        .channels = envelope->channels,
        .payload = envelope->payload,
        .trace_parent = trace->parent,
        .trace_state = trace->state,
        .time_ms = envelope->time_ms,
        .subscriptions = ingest->matched,
        .subscription_count = count,
    };
    bool has_key = find_key(visit, envelope, hash);
    int rc = intake_append(shard, &visit->intake, &event, visit->wall_ms, has_key ? hash : NULL);
    if (rc == 0 && is_ordered)
        intake_order(shard, visit->wall_ms);
    shard->metrics.event_bytes += envelope->payload.size;
    visit->index++;
    return rc;
}

/* One event of JSON text: alone, an element of an array, or a line. */
static int add_text(void *context, struct slice text)
{
    struct visit *visit = context;
    struct ingest *ingest = &visit->shard->ingest;
    struct envelope *envelope = &ingest->envelope;

    if (visit->index == LIMIT_BATCH_EVENTS) {
        refuse(visit, 413, "a batch may have at most 10000 events", SLICE(""));
        return -E2BIG;
    }
    if (visit->is_batch && text.size > visit->shard->config->event_bytes_max) {
        int refused = envelope_refuse(envelope, 413, "", "is longer than event_bytes_max, %llu",
                                      (unsigned long long)visit->shard->config->event_bytes_max);
        refuse_event(visit, envelope);
        return refused;
    }
    int rc = visit->is_cloudevent ? envelope_parse_cloudevent(envelope, ingest->inner, text)
                                  : envelope_parse(envelope, ingest->inner, text);
    if (!rc)
        rc = check_type(visit, envelope);
    if (rc) {
        refuse_event(visit, envelope);
        return rc;
    }
    rc = add_event(visit, envelope);
    visit->is_full |= rc != 0 && !visit->is_answered;
    return rc;
}

static void add_array(struct visit *visit)
{
    char why[JSON_WHY_SIZE];
    int rc = json_each(visit->shard->ingest.json, visit->request->body, add_text, visit, why);
    if (rc >= 0 || visit->is_answered || visit->is_full)
        return;
    if (rc == -ENOMEM)
        refuse_full(visit, "out of memory");
    else
        refuse(visit, rc == -EPROTOTYPE ? 422 : 400,
               rc == -EPROTOTYPE ? "a batch must be a JSON array" : why, SLICE(""));
}

static void add_lines(struct visit *visit)
{
    struct slice rest = visit->request->body;
    while (rest.size > 0) {
        size_t end = slice_find(rest, '\n');
        struct slice line = slice_of(rest.at, end);
        rest = slice_skip(rest, end + 1);
        if (line.size > 0 && line.at[line.size - 1] == '\r')
            line.size--;
        if (slice_trim(line).size > 0 && add_text(visit, line))
            return;
    }
}

static void add_binary(struct visit *visit)
{
    struct envelope *envelope = &visit->shard->ingest.envelope;
    if (envelope_from_headers(envelope, visit->request->head, visit->request->body) ||
        check_type(visit, envelope))
        refuse_event(visit, envelope);
    else
        visit->is_full |= add_event(visit, envelope) != 0 && !visit->is_answered;
}

static bool begins_array(struct slice body)
{
    size_t i = 0;
    while (i < body.size &&
           (body.at[i] == ' ' || body.at[i] == '\t' || body.at[i] == '\r' || body.at[i] == '\n'))
        i++;
    return i < body.size && body.at[i] == '[';
}

/* Adds every event of the body to the open blocks, or answers why not. */
static void add_all(struct visit *visit, enum event_form form)
{
    struct slice body = visit->request->body;
    bool is_array = form == FORM_CLOUDEVENTS || (form == FORM_JSON && begins_array(body));
    visit->is_batch = is_array || form == FORM_LINES;
    visit->is_cloudevent =
        form == FORM_CLOUDEVENT || form == FORM_CLOUDEVENTS || form == FORM_BINARY;
    visit->member = form == FORM_BINARY ? "" : visit->is_cloudevent ? "/data" : "/payload";

    if (!visit->is_batch && body.size > visit->shard->config->event_bytes_max) {
        refuse(visit, 413, "the event is longer than event_bytes_max", SLICE(""));
        return;
    }
    if (is_array)
        add_array(visit);
    else if (form == FORM_LINES)
        add_lines(visit);
    else if (form == FORM_BINARY)
        add_binary(visit);
    else
        (void)!add_text(visit, body);
}

/* ---- the tenant's limit ---- */

static int count_one(void *context, struct slice raw)
{
    (void)raw;
    ++*(unsigned *)context;
    return 0;
}

static unsigned count_lines(struct slice rest)
{
    unsigned count = 0;
    while (rest.size > 0) {
        size_t end = slice_find(rest, '\n');
        struct slice line = slice_trim(slice_of(rest.at, end));
        count += line.size > 0 && !slice_equal(line, SLICE("\r"));
        rest = slice_skip(rest, end + 1);
    }
    return count;
}

/* How many events the body has; 0 if it will be refused for what it is. */
static unsigned count_events(struct visit *visit, enum event_form form)
{
    struct slice body = visit->request->body;
    char why[JSON_WHY_SIZE];
    unsigned count = 0;
    if (form == FORM_LINES)
        count = count_lines(body);
    else if (form != FORM_CLOUDEVENTS && !(form == FORM_JSON && begins_array(body)))
        count = 1;
    else if (json_each(visit->shard->ingest.json, body, count_one, &count, why) < 0)
        count = 0;
    return count <= LIMIT_BATCH_EVENTS ? count : 0;
}

/* What no waiting helps. */
static void refuse_burst(struct visit *visit, unsigned burst)
{
    char detail[DETAIL_SIZE];
    snprintf(detail, sizeof detail,
             "a batch of this tenant may have at most %u events, which is its burst", burst);
    refuse(visit, 413, detail, SLICE(""));
}

/* Takes the events from what the tenant may send. False: it was refused, or it waits. */
static bool admit(struct visit *visit, enum event_form form)
{
    struct shard *shard = visit->shard;
    struct allowance *allowance = allowance_find(shard, &visit->credential.tenant);
    unsigned count = allowance ? count_events(visit, form) : 0;
    uint64_t wait_ns;
    if (count == 0)
        return true;
    if (count > allowance->rate.burst) {
        refuse_burst(visit, allowance->rate.burst);
        return false;
    }
    enum lease_result result = allowance_take(allowance, count, &wait_ns);
    if (result == LEASE_TAKEN) {
        visit->allowance = allowance;
        visit->allowed = count;
        return true;
    }
    if (result == LEASE_REFUSED || visit->is_resumed)
        allowance_refuse(allowance, &visit->requester, wait_ns);
    else if (!allowance_wait(allowance, &visit->requester, visit->request, count))
        refuse_full(visit, "too much is waiting: memory for requests is exhausted");
    return false;
}

/* ---- taking in ---- */

static void take_in(struct visit *visit, enum event_form form, uint64_t received_ns)
{
    struct shard *shard = visit->shard;
    const struct tenant *tenant = directory_tenant(&shard->directory, &visit->credential.tenant);
    if (!tenant) {
        refuse(visit, 404, "the tenant does not exist any more", SLICE(""));
        return;
    }
    visit->enforcement = tenant->enforcement;
    trace_context_read(&shard->ingest.trace, visit->request->head);
    intake_begin(shard, tenant, &visit->intake);
    add_all(visit, form);
    if (visit->is_full && !visit->is_answered)
        refuse_full(visit, "too much is waiting: memory for events is exhausted");
    if (!visit->is_answered && visit->is_unwanted)
        refuse(visit, 404, "nobody subscribes to it", SLICE(""));
    if (!visit->is_answered && visit->intake.count == 0)
        refuse(visit, 422, "the batch is empty", SLICE(""));
    if (visit->is_answered)
        intake_cancel(shard, &visit->intake);
    else if (intake_commit(shard, &visit->intake, &visit->requester, received_ns, visit->is_batch))
        refuse_full(visit, "too many requests are waiting");
}

/* Never back, whatever the clock does: pages of events rely on ids that ascend. */
static void tell_time(struct visit *visit)
{
    struct ingest *ingest = &visit->shard->ingest;
    uint64_t wall_ms = clock_wall_ms();
    if (wall_ms > ingest->newest_ms)
        ingest->newest_ms = wall_ms;
    visit->wall_ms = ingest->newest_ms;
}

static void publish(struct visit *visit)
{
    struct shard *shard = visit->shard;
    enum event_form form = event_form(visit->request->head);
    uint64_t received_ns = clock_monotonic_ns();

    tell_time(visit);
    if (!visit->is_own && (!authenticate(visit) || !take_header_key(visit)))
        return;
    if (form == FORM_UNKNOWN) {
        refuse(visit, 415,
               "Content-Type must be application/json, application/x-ndjson, "
               "application/cloudevents+json or "
               "application/cloudevents-batch+json, or the ce-* fields must be there",
               SLICE(""));
        return;
    }
    if ((shard->ingest.storage_low && !visit->is_own) || shard->stopping) {
        refuse_full(visit, shard->stopping ? "stopping" : "the disk is nearly full");
        return;
    }
    if (!visit->is_own && !admit(visit, form))
        return;
    take_in(visit, form, received_ns);
    if (visit->is_answered && visit->allowance)
        allowance_give(visit->allowance, visit->allowed);
}

/* ---- the port ---- */

static bool is_under(struct slice path, const char *folder)
{
    struct slice start = slice_str(folder);
    return slice_starts_with(path, start) &&
           (path.size == start.size || path.at[start.size] == '/');
}

size_t ingest_body_max(void *context, const struct http_head *head)
{
    const struct shard *shard = context;
    struct slice path = slice_of(head->target.at, slice_find(head->target, '?'));
    if (!slice_equal(path, SLICE(EVENTS_PATH)))
        return ASK_BODY_MAX;
    enum event_form form = event_form(head);
    size_t single = shard->config->event_bytes_max, batch = shard->config->batch_bytes_max;
    size_t room = budget_batch(shard->memory.arena_size);
    if (form == FORM_CLOUDEVENT || form == FORM_BINARY)
        return single;
    batch = batch < room ? batch : room;
    return batch > single ? batch : single;
}

void ingest_resume(struct shard *shard, const struct requester *requester,
                   const struct http_request *request)
{
    struct visit visit = {
        .shard = shard, .requester = *requester, .request = request, .is_resumed = true};
    publish(&visit);
}

void ingest_publish(struct shard *shard, struct mail_publish *mail)
{
    struct visit visit = {.shard = shard,
                          .requester.mail = mail,
                          .request = &mail->request,
                          .is_own = mail->alert,
                          .credential.tenant = mail->tenant};
    publish(&visit);
}

static void answer_health(struct visit *visit, bool is_ready)
{
    bool ok = !is_ready || (!visit->shard->stopping && !visit->shard->ingest.storage_low);
    if (ok)
        requester_reply(visit->shard, &visit->requester,
                        &(struct http_response){.status = 200,
                                                .content_type = SLICE("application/json"),
                                                .body = SLICE("{\"status\":\"ok\"}")});
    else
        requester_problem(visit->shard, &visit->requester, 503, "not ready",
                          SLICE("Retry-After: 1\r\n"));
}

void ingest_request(void *context, struct http_ticket ticket, const struct http_request *request)
{
    struct visit visit = {.shard = context, .requester.ticket = ticket, .request = request};
    struct slice method = request->head->method;
    bool is_get = slice_equal(method, SLICE("GET")) || slice_equal(method, SLICE("HEAD"));
    bool is_post = slice_equal(method, SLICE("POST"));

    if (slice_equal(request->path, SLICE(EVENTS_PATH))) {
        if (is_post)
            publish(&visit);
        else
            http_server_problem(visit.shard->server, ticket, 405, "events are published with POST",
                                SLICE("Allow: POST\r\n"));
    } else if (slice_equal(request->path, SLICE("/healthz")) ||
               slice_equal(request->path, SLICE("/readyz"))) {
        if (is_get)
            answer_health(&visit, request->path.at[1] == 'r');
        else
            http_server_problem(visit.shard->server, ticket, 405, "use GET",
                                SLICE("Allow: GET, HEAD\r\n"));
    } else if (visit.shard->config->sandbox && is_under(request->path, "/webhook")) {
        ask_control(visit.shard, ticket, request);
    } else {
        http_server_problem(visit.shard->server, ticket, 404, "there is nothing at this path",
                            SLICE(""));
    }
}
