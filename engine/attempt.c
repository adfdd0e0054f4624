/* attempt.c - see attempt.h. */
#include "attempt.h"

#include "authenticator.h"
#include "base/clock.h"
#include "bundle.h"
#include "shard.h"

#include <stdlib.h>

enum { RETRY_AFTER_MAX_S = 24 * 3600 };

/* `headers`: fields as sent, each with its end of line. */
static bool names_agent(const char *headers)
{
    return strncasecmp(headers, "User-Agent:", 11) == 0 || strcasestr(headers, "\r\nUser-Agent:");
}

char *attempt_fixed_head(const struct subscription *subscription, size_t *size)
{
    char *memory = malloc(LIMIT_REQUEST_HEAD_SIZE);
    struct text head;
    if (!memory)
        return NULL;

    text_init(&head, memory, LIMIT_REQUEST_HEAD_SIZE);
    text_printf(&head, "%s ", subscription->method);
    if (subscription->url.target.size == 0 || subscription->url.target.at[0] != '/')
        text_char(&head, '/');
    text_put(&head, subscription->url.target);
    text_put(&head, SLICE(" HTTP/1.1\r\nHost: "));
    text_put(&head, subscription->url.authority);
    text_put(&head, SLICE("\r\n"));
    if (!names_agent(subscription->headers))
        text_put(&head, SLICE("User-Agent: grapnel/" GRAPNEL_VERSION "\r\n"));
    text_put(&head, slice_str(subscription->headers));
    auth_put_fixed(subscription->auth, &head);
    /* The target is at most URL_SIZE_MAX, the custom fields LIMIT_SUBSCRIPTION_HEADERS_SIZE, and
     * the authentication LIMIT_AUTH_FIELD_SIZE, which leaves room for the rest. */
    must(text_ok(&head));
    *size = head.size;
    char *fit = realloc(memory, head.size); /* there is one for each endpoint */
    if (!fit)
        return memory;
    return fit;
}

static void put_field(struct text *head, struct slice name, struct slice value)
{
    if (value.size == 0)
        return;
    text_put(head, name);
    text_put(head, value);
    text_put(head, SLICE("\r\n"));
}

/* CONTRACT section 4. */
static void put_fields(struct text *head, const struct delivery *delivery,
                       const struct event_record *event, struct attempt *attempt)
{
    const struct endpoint *endpoint = delivery->endpoint;
    bool is_batch = endpoint->subscription->batch.events > 0;
    char id_text[ID_TEXT_SIZE], seconds[24];
    struct slice id = is_batch ? id_print(&attempt->batch, "bat", id_text)
                               : id_print(&event->event, "evt", id_text);
    struct text timestamp;
    text_init(&timestamp, seconds, sizeof seconds);
    text_u64(&timestamp, attempt->at_ms / 1000);
    const struct message message = {.id = id,
                                    .timestamp = text_slice(&timestamp),
                                    .body = attempt->body.content,
                                    .at_ms = attempt->at_ms,
                                    .scratch = &attempt->shard->scratch};

    put_field(head, SLICE("webhook-id: "), id);
    put_field(head, SLICE("webhook-timestamp: "), message.timestamp);
    signature_put(endpoint->subscription, endpoint->signers, &message, head);
    if (!is_batch) {
        put_field(head, SLICE("X-Webhook-Event: "), event->type);
        put_field(head, SLICE("X-Webhook-Version: "), event->version);
        put_field(head, SLICE("X-Correlation-Id: "), event->correlation_id);
    }
    if (attempt->is_traced) {
        put_field(head, SLICE("traceparent: "), event->trace_parent);
        put_field(head, SLICE("tracestate: "), event->trace_state);
    }
    text_put(head, SLICE("X-Webhook-Attempt: "));
    text_u64(head, delivery->attempt_count + 1);
    if (!delivery->endpoint->subscription->sets_content_type) {
        text_put(head, SLICE("\r\nContent-Type: "));
        text_put(head, is_batch ? SLICE("application/json") : event->content_type);
    }
    if (attempt->body.is_gzip)
        text_put(head, SLICE("\r\nContent-Encoding: gzip"));
    text_put(head, SLICE("\r\nContent-Length: "));
    text_u64(head, attempt->body.bytes.size);
    text_put(head, SLICE("\r\n\r\n"));
}

/* What may not be on record goes, while it is in memory. */
static void strike(struct attempt *attempt)
{
    const struct redaction *all = &attempt->shard->redaction;
    const struct redaction *own = attempt->delivery->endpoint->redaction;
    struct http_call *call = &attempt->call;
    auth_strike(attempt->secret, attempt->response_headers.at, attempt->response_headers.size);
    auth_strike(attempt->secret, attempt->capture, call->captured);
    bool has_rules = redaction_has_rules(all) || redaction_has_rules(own);
    if (attempt->is_coded && has_rules && call->captured > 0) {
        call->captured = 0;
        call->truncated = true;
    }
    call->captured = redaction_strike(all, attempt->capture, call->captured, &call->truncated);
    call->captured = redaction_strike(own, attempt->capture, call->captured, &call->truncated);
}

static void call_done(struct http_call *call)
{
    struct attempt *attempt = container_of(call, struct attempt, call);
    struct shard *shard = attempt->shard;
    strike(attempt);
    attempt->is_outdated = authenticator_is_outdated(attempt->delivery->endpoint->authenticator,
                                                     attempt->token, call->status);
    delivery_answered(shard, attempt->delivery, call);
    body_drop(shard, &attempt->body);
    pool_give(&shard->attempts, attempt);
}

static void note_sent(struct attempt *attempt, bool is_sent)
{
    delivery_sent(attempt->delivery, is_sent);
    for (struct list_node *node = attempt->others.next; node != &attempt->others; node = node->next)
        delivery_sent(container_of(node, struct delivery, together), is_sent);
}

static void call_sent(struct http_call *call)
{
    note_sent(container_of(call, struct attempt, call), true);
}

/* RFC 9110 section 10.2.3: seconds or a date. Beyond a day nobody means it. */
static void read_retry_after(struct attempt *attempt, const struct http_head *head)
{
    const struct http_header *field = http_find(head, "retry-after");
    uint64_t now_s = clock_wall_ms() / 1000;
    uint64_t seconds;
    unsigned long number;

    if (!field)
        return;
    if (slice_to_u64(field->value, &number))
        seconds = number;
    else if (http_parse_date(field->value, &seconds) == 0)
        seconds = seconds > now_s ? seconds - now_s : 0;
    else
        return;
    attempt->retry_after_ms = 1000 * (seconds < RETRY_AFTER_MAX_S ? seconds : RETRY_AFTER_MAX_S);
}

static void put_header(const struct attempt *attempt, struct slice name, struct slice value,
                       struct text *out)
{
    redaction_put_header(&attempt->shard->redaction, attempt->delivery->endpoint->redaction, name,
                         value, out);
}

static void call_head(struct http_call *call, const struct http_head *head)
{
    struct attempt *attempt = container_of(call, struct attempt, call);
    read_retry_after(attempt, head);
    attempt->is_coded = http_find(head, "content-encoding") != NULL;
    for (unsigned i = 0; i < head->header_count; i++)
        put_header(attempt, head->headers[i].name, head->headers[i].value,
                   &attempt->response_headers);
}

/* What was made for the attempt is kept until its end; so are the event's bytes, unless it lasts so
 * long that they had to be let go. */
static bool call_resend(struct http_call *call)
{
    struct attempt *attempt = container_of(call, struct attempt, call);
    note_sent(attempt, false);
    return attempt->body.made || attempt->delivery->share || attempt->delivery->fetched;
}

/* Nothing is sent and nobody is asked. */
static bool is_refused(const struct endpoint *endpoint, struct http_call *call)
{
    if (!endpoint->refusal)
        return false;
    call->outcome = HTTP_BLOCKED_ADDRESS;
    call->start_ns = call->end_ns = clock_monotonic_ns();
    snprintf(call->why, sizeof call->why, "%s", endpoint->refusal);
    return true;
}

struct attempt *attempt_make(struct shard *shard, struct delivery *delivery)
{
    struct attempt *attempt = pool_take(&shard->attempts);
    const struct subscription *subscription = delivery->endpoint->subscription;
    struct event_record event;
    must(attempt);
    delivery_event(delivery, &event);
    attempt->shard = shard;
    attempt->delivery = delivery;
    attempt->due_ms = 0;
    attempt->count = bundle_count(shard, delivery);
    list_init(&attempt->others);
    bool is_batch = subscription->batch.events > 0;
    if (is_batch)
        attempt->batch = bundle_id(delivery, attempt->count);
    attempt->is_traced = !is_batch || bundle_has_one_trace(delivery, attempt->count);
    if (is_batch ? bundle_write(shard, delivery, attempt->count, &attempt->body)
                 : body_make(shard, subscription, event.payload, &attempt->body))
        return attempt;
    pool_give(&shard->attempts, attempt);
    return NULL;
}

void attempt_start(struct attempt *attempt)
{
    struct shard *shard = attempt->shard;
    const struct endpoint *endpoint = attempt->delivery->endpoint;
    const struct slice *body = &attempt->body.bytes;
    struct event_record event;
    struct text head;

    delivery_event(attempt->delivery, &event);
    attempt->at_ms = clock_wall_ms();
    text_init(&head, attempt->head, sizeof attempt->head);
    text_put(&head, slice_of(endpoint->head, endpoint->head_size));
    attempt->token = authenticator_put(endpoint->authenticator, attempt->at_ms, &head);
    attempt->secret = auth_sent(endpoint->subscription->auth, text_slice(&head));
    put_fields(&head, attempt->delivery, &event, attempt);
    must(text_ok(&head));
    body_signed(shard, &attempt->body);

    memset(&attempt->call, 0, sizeof attempt->call);
    attempt->call.parts[0] = (struct iovec){attempt->head, head.size};
    attempt->call.parts[1] = (struct iovec){(void *)(uintptr_t)body->at, body->size};
    attempt->call.part_count = body->size > 0 ? 2 : 1;
    attempt->call.capture = attempt->capture;
    attempt->call.capture_room = sizeof attempt->capture;
    attempt->retry_after_ms = 0;
    attempt->is_coded = false;
    text_init(&attempt->response_headers, attempt->response_headers_memory,
              sizeof attempt->response_headers_memory);
    attempt->call.on_head = call_head;
    attempt->call.on_sent = call_sent;
    attempt->call.on_done = call_done;
    attempt->call.resend = call_resend;
    /* From this moment, not from the turn's, and rounded up: the receiver has all of its time. */
    attempt->call.deadline_ms =
        clock_monotonic_ns() / 1000000 + 1 + endpoint->subscription->timeout_ms;
    if (is_refused(endpoint, &attempt->call) ||
        authenticator_fails(endpoint->authenticator, &attempt->call))
        call_done(&attempt->call);
    else
        http_client_call(shard->client, endpoint->origin, &attempt->call);
}

static enum attempt_outcome outcome_of(const struct http_call *call)
{
    switch (call->outcome) {
    case HTTP_RESPONSE:
        return call->status >= 200 && call->status <= 299 ? ATTEMPT_DELIVERED : ATTEMPT_HTTP_ERROR;
    case HTTP_TIMEOUT:
        return ATTEMPT_TIMEOUT;
    case HTTP_CONNECT_REFUSED:
        return ATTEMPT_CONNECT_REFUSED;
    case HTTP_CONNECT_FAILED:
        return ATTEMPT_CONNECT_FAILED;
    case HTTP_DNS_FAILED:
        return ATTEMPT_DNS_FAILED;
    case HTTP_TLS_FAILED:
        return ATTEMPT_TLS_FAILED;
    case HTTP_BLOCKED_ADDRESS:
        return ATTEMPT_BLOCKED_ADDRESS;
    case HTTP_RESPONSE_INVALID:
        return ATTEMPT_RESPONSE_INVALID;
    case HTTP_CANCELLED:
    case HTTP_NO_CONNECTION:
        break;
    }
    return ATTEMPT_CANCELLED;
}

static uint32_t micros(uint64_t from_ns, uint64_t to_ns)
{
    uint64_t us = to_ns > from_ns && from_ns > 0 ? (to_ns - from_ns) / 1000 : 0;
    return us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}

/* The fields of a request, as they may be on record. */
static struct text describe_request(const struct attempt *attempt,
                                    char room[static LIMIT_HEADERS_CAPTURE])
{
    struct slice head = slice_of(attempt->call.parts[0].iov_base, attempt->call.parts[0].iov_len);
    struct text fields;
    text_init(&fields, room, LIMIT_HEADERS_CAPTURE);
    head = slice_skip(head, slice_find(head, '\n') + 1);
    while (head.size > 2) {
        struct slice line = slice_of(head.at, slice_find(head, '\r'));
        struct slice name = slice_of(line.at, slice_find(line, ':'));
        put_header(attempt, name, slice_trim(slice_skip(line, name.size + 1)), &fields);
        head = slice_skip(head, line.size + 2);
    }
    auth_strike(attempt->secret, fields.at, fields.size);
    return fields;
}

static void describe_headers(const struct attempt *attempt, struct attempt_record *record,
                             struct attempt_texts *texts)
{
    const struct http_call *call = &attempt->call;
    record->response_headers = text_slice(&attempt->response_headers);
    record->headers_truncated = !text_ok(&attempt->response_headers);
    if (call->connect_ns == 0 && !call->reused)
        return; /* no request */
    struct text request = describe_request(attempt, texts->request_headers);
    record->request_headers = text_slice(&request);
    record->headers_truncated |= !text_ok(&request);
}

void attempt_describe(const struct attempt *attempt, struct attempt_record *record,
                      struct attempt_texts *texts)
{
    const struct http_call *call = &attempt->call;
    uint64_t found_ns = call->dns_ns > 0 ? call->dns_ns : call->start_ns;
    uint64_t open_ns = call->tls_ns > 0       ? call->tls_ns
                       : call->connect_ns > 0 ? call->connect_ns
                                              : call->start_ns;
    record->outcome = outcome_of(call);
    record->http_status = call->outcome == HTTP_RESPONSE ? (uint16_t)call->status : 0;
    record->at_ms = attempt->at_ms;
    record->duration_ms = micros(call->start_ns, call->end_ns) / 1000;
    record->dns_us = micros(call->start_ns, call->dns_ns);
    record->connect_us = micros(found_ns, call->connect_ns);
    record->tls_us = micros(call->connect_ns, call->tls_ns);
    record->first_byte_us = micros(open_ns, call->first_byte_ns);
    record->reused = call->reused;
    record->response_body = slice_of(attempt->capture, call->captured);
    record->body_truncated = call->truncated;
    record->error = slice_str(call->why);
    if (call->remote.any.sa_family != 0)
        record->address = address_print(&call->remote, texts->address);
    describe_headers(attempt, record, texts);
}
