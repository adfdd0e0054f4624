/* http_link.c - a connection at work for a call: from a name to an address, to a response.
 *
 *   CLOSED --open--> RESOLVING --> CONNECTING --on_open--> CALLING <---> IDLE
 *     ^                              |    ^                   |           |
 *     |                              v    | next address      v           |
 *     +---------------------------- CLOSING <-----------------+-----------+
 *                                      | resend: to RESOLVING again
 *
 * A call ends by complete() or http_link_fail(), and nothing else. Its owner hears of it when the
 * kernel does not read the request any more: at once, or if a send is busy, when the stream has
 * closed, and until then the link keeps the call.
 *
 * Inside a callback of the stream a link that is being closed stays where it is until the callback
 * returns; in all other places it may be gone when stream_close() returns.
 */
#include "net/http_link.h"

#include "base/clock.h"
#include "net/http_tunnel.h"

#include <errno.h>
#include <stdio.h>

enum { INFORMATIONAL_MAX = 8 };

static const struct stream_events events;

static struct http_link *link_of(struct stream *stream)
{
    return container_of(stream, struct http_link, stream);
}

struct http_link *http_link_take(struct http_origin *origin)
{
    struct http_client *client = origin->client;
    struct http_link *link = pool_take(&client->links);
    if (!link)
        return NULL;
    memset(link, 0, offsetof(struct http_link, head));
    link->client = client;
    link->origin = origin;
    list_init(&link->origin_link);
    list_init(&link->client_link);
    origin->link_count++;
    client->counters.open++;
    return link;
}

static void give(struct http_link *link)
{
    struct http_origin *origin = link->origin;
    link->client->counters.open--;
    pool_give(&link->client->links, link);
    origin->link_count--;
    http_origin_free_unused(origin);
}

static void close_stream(struct http_link *link, enum http_link_after after)
{
    link->state = LINK_CLOSING;
    link->after = (uint8_t)after;
    stream_close(&link->stream);
}

void http_link_close(struct http_link *link)
{
    must(link->state == LINK_IDLE);
    http_origin_forget_idle(link);
    close_stream(link, AFTER_END);
}

/* ---- how calls end ---- */

static void report(struct http_call *call)
{
    call->via = NULL;
    call->on_done(call);
}

static void end_call(struct http_call *call, enum http_outcome outcome, const char *why)
{
    timer_disarm(&call->deadline);
    call->outcome = outcome;
    call->end_ns = clock_monotonic_ns();
    snprintf(call->why, sizeof call->why, "%s", why);
}

/* Ends the link, and reports its call as soon as the request's memory is not read any more. */
static void end_link(struct http_link *link)
{
    struct http_call *call = link->call;
    if (link->state == LINK_CLOSING) {
        link->after = AFTER_END; /* was to go on */
        return;
    }
    if (link->state == LINK_RESOLVING)
        resolver_cancel(&link->query);
    if (link->state == LINK_RESOLVING || link->state == LINK_CLOSED) {
        give(link);
        report(call);
        return;
    }
    if (stream_is_sending(&link->stream)) {
        close_stream(link, AFTER_END);
        return;
    }
    link->call = NULL;
    close_stream(link, AFTER_END);
    report(call);
}

void http_link_fail(struct http_link *link, enum http_outcome outcome, const char *why)
{
    if (link->state == LINK_CLOSING && link->after == AFTER_END)
        return; /* it has ended, and will be reported */
    link->client->counters.tls_failures += outcome == HTTP_TLS_FAILED;
    end_call(link->call, outcome, why);
    end_link(link);
}

/* The response is whole. */
static void complete(struct http_link *link)
{
    struct http_call *call = link->call;
    end_call(call, HTTP_RESPONSE, "");
    if (!link->keep_alive || !link->is_sent || !http_origin_keep(link)) {
        end_link(link);
        return;
    }
    link->call = NULL;
    link->state = LINK_IDLE;
    report(call);
}

/* ---- connecting ---- */

bool http_link_allows(const struct http_link *link, const struct address *address)
{
    const struct http_client_options *options = &link->client->options;
    const struct http_origin_key *own = &link->origin->key;
    if (own->allowed)
        return own->allowed(own->context, address);
    return !options->allowed || options->allowed(options->context, address);
}

static int connect_to(struct http_link *link, const struct address *address)
{
    struct http_origin *origin = link->origin;
    link->is_tunnelled = false;
    link->remote = http_tunnel_is_wanted(link) ? link->targets[link->target_at] : *address;
    link->call->remote = link->remote;
    int error = stream_connect(&link->stream, link->client->loop, &events, address);
    if (error)
        return error;
    link->state = LINK_CONNECTING;
    if (!origin->key.https || http_tunnel_is_wanted(link))
        return 0;
    struct slice host = slice_of(origin->host, origin->host_size);
    error = stream_use_tls_client(&link->stream, origin->tls, host, origin->host_is_ip,
                                  !origin->key.is_unverified);
    if (error)
        http_link_fail(link, HTTP_TLS_FAILED, "no TLS session could be opened");
    return 0;
}

/* In their order, until a connection is on its way. */
void http_link_connect(struct http_link *link)
{
    struct http_call *call = link->call;
    bool is_proxy = link->client->options.proxy != NULL;
    link->state = LINK_CLOSED;
    while (link->address_at < link->address_count) {
        const struct address *address = &link->addresses[link->address_at++];
        if (!is_proxy && !http_link_allows(link, address)) {
            link->client->counters.blocked++;
            continue;
        }
        int error = connect_to(link, address);
        if (!error)
            return;
        call->outcome = HTTP_CONNECT_FAILED;
        snprintf(call->why, sizeof call->why, "%s", strerrordesc_np(-error));
    }
    char why[HTTP_CALL_WHY_SIZE];
    memcpy(why, call->why, sizeof why);
    http_link_fail(link, call->outcome, why);
}

/* The receiver's addresses are known. */
static void go(struct http_link *link)
{
    if (link->client->options.proxy)
        http_tunnel_open(link);
    else
        http_link_connect(link);
}

static void on_found(struct resolver_query *query, const struct resolver_result *result)
{
    struct http_link *link = container_of(query, struct http_link, query);
    link->state = LINK_CLOSED;
    if (result->error) {
        http_link_fail(link, HTTP_DNS_FAILED, result->why ? result->why : "no address was found");
        return;
    }
    link->call->dns_ns = clock_monotonic_ns();
    link->address_count = result->count;
    for (unsigned i = 0; i < result->count; i++) {
        link->addresses[i] = result->addresses[i];
        address_set_port(&link->addresses[i], link->origin->key.port);
    }
    go(link);
}

void http_link_open(struct http_link *link)
{
    struct http_origin *origin = link->origin;
    struct http_call *call = link->call;
    if (origin->key.https && !origin->tls) {
        http_link_fail(link, HTTP_TLS_FAILED, "the TLS settings cannot be used");
        return;
    }
    /* What it comes to if no address is even tried. */
    call->outcome = HTTP_BLOCKED_ADDRESS;
    snprintf(call->why, sizeof call->why, "connections to this address are not allowed");
    link->address_at = 0;
    if (origin->host_is_ip) {
        link->addresses[0] = origin->ip;
        link->address_count = 1;
        go(link);
        return;
    }
    link->state = LINK_RESOLVING;
    link->query.on_done = on_found;
    resolver_find(link->client->resolver, slice_of(origin->host, origin->host_size), &link->query);
}

static void fail_to_open(struct http_link *link, int error)
{
    struct http_call *call = link->call;
    bool is_proxy = link->client->options.proxy && !link->is_tunnelled;
    char why[HTTP_CALL_WHY_SIZE];
    snprintf(why, sizeof why, "%s%.64s", is_proxy ? "the proxy cannot be reached: " : "",
             stream_why(&link->stream));
    call->connect_ns = link->stream.connected_ns;
    if (error == -EPROTO) {
        http_link_fail(link, HTTP_TLS_FAILED, stream_why(&link->stream));
        return;
    }
    enum http_outcome outcome =
        error == -ECONNREFUSED && !is_proxy ? HTTP_CONNECT_REFUSED : HTTP_CONNECT_FAILED;
    if (link->address_at == link->address_count) {
        http_link_fail(link, outcome, why);
        return;
    }
    call->outcome = outcome;
    snprintf(call->why, sizeof call->why, "%s", why);
    close_stream(link, AFTER_NEXT_ADDRESS);
}

void http_link_close_for_next(struct http_link *link)
{
    close_stream(link, AFTER_NEXT_ADDRESS);
}

static void opened(struct http_link *link)
{
    const struct stream *stream = &link->stream;
    struct http_client_counters *counters = &link->client->counters;
    counters->connects++;
    link->call->connect_ns = stream->connected_ns;
    if (stream->tls) {
        link->call->tls_ns = clock_monotonic_ns();
        counters->tls_handshakes++;
        counters->tls_resumed += tls_resumed(stream->tls);
        histogram_add(&link->client->handshakes,
                      (link->call->tls_ns - link->call->connect_ns) / 1000);
    }
    http_link_send(link);
}

static void on_open(struct stream *stream, int result)
{
    struct http_link *link = link_of(stream);
    if (result < 0)
        fail_to_open(link, result);
    else if (http_tunnel_is_wanted(link))
        http_tunnel_ask(link);
    else
        opened(link);
}

void http_link_enter_tunnel(struct http_link *link)
{
    const struct http_origin *origin = link->origin;
    struct slice host = slice_of(origin->host, origin->host_size);
    link->state = LINK_CONNECTING;
    if (!origin->key.https)
        opened(link);
    else if (stream_start_tls(&link->stream, origin->tls, host, origin->host_is_ip,
                              !origin->key.is_unverified))
        http_link_fail(link, HTTP_TLS_FAILED, "no TLS session could be opened");
}

/* ---- the request ---- */

void http_link_send(struct http_link *link)
{
    link->state = LINK_CALLING;
    link->reading = READING_HEAD;
    link->keep_alive = false;
    link->is_sent = false;
    link->has_byte = false;
    link->informational = 0;
    link->body_read = 0;
    link->head_size = 0;
    struct iovec parts[STREAM_PARTS_MAX];
    if (http_tunnel_forwards(link))
        stream_send(&link->stream, parts, http_tunnel_parts(link, parts));
    else
        stream_send(&link->stream, link->call->parts, link->call->part_count);
}

static void on_sent(struct stream *stream, int result)
{
    struct http_link *link = link_of(stream);
    if (link->state == LINK_TUNNELLING && result == 0) {
        http_tunnel_sent(link);
        return;
    }
    if (link->state != LINK_CALLING)
        return;
    if (result == -EPIPE || result == -ECONNRESET)
        return; /* what the peer said before may still be there to be read; then on_end comes */
    if (result < 0) {
        http_link_fail(link, HTTP_RESPONSE_INVALID, "the request could not be sent");
        return;
    }
    link->is_sent = true;
    if (link->call->on_sent)
        link->call->on_sent(link->call);
}

/* ---- the response ---- */

/* Takes what belongs to the body: keeps its beginning, counts the rest. False: that is enough. */
static bool take_body(struct http_link *link, struct slice data)
{
    struct http_call *call = link->call;
    size_t kept = call->capture_room - call->captured;
    if (data.size < kept)
        kept = data.size;
    if (kept > 0)
        memcpy(call->capture + call->captured, data.at, kept);
    call->captured += kept;
    if (kept < data.size)
        call->truncated = true;
    link->body_read += data.size;
    return link->body_read <= link->client->options.response_max;
}

/* Finds out how the body will end. False: the call is over. */
static bool begin_body(struct http_link *link, const struct http_head *head)
{
    struct http_call *call = link->call;
    if (head->status == 407 && http_tunnel_forwards(link)) {
        http_link_fail(link, HTTP_CONNECT_FAILED, HTTP_TUNNEL_407);
        return false;
    }
    call->status = head->status;
    link->keep_alive = head->keep_alive;
    link->body_left = head->length;
    link->reading = READING_UNTIL_END;
    if (head->chunked)
        link->reading = READING_CHUNKS;
    else if (head->has_length)
        link->reading = READING_LENGTH;
    http_chunks_init(&link->chunks);
    if (call->on_head)
        call->on_head(call, head);
    return link->state == LINK_CALLING; /* it may have cancelled the call */
}

/* Each of the read_ functions takes bytes off the front of `bytes`, and returns false if the call
 * is over. */
static bool end_response(struct http_link *link, struct slice rest)
{
    if (rest.size > 0)
        link->keep_alive = false; /* nobody asked for more */
    complete(link);
    return false;
}

static bool skip_informational(struct http_link *link, int status)
{
    bool is_known = status == 100 || status == 102 || status == 103;
    if (is_known && ++link->informational <= INFORMATIONAL_MAX)
        return true;
    http_link_fail(link, HTTP_RESPONSE_INVALID,
                   is_known ? "too many interim responses" : "an interim response not asked for");
    return false;
}

static bool read_head(struct http_link *link, struct slice *bytes)
{
    struct http_head *head = &link->client->head;
    size_t before = link->head_size, size = bytes->size;
    const char *at = bytes->at, *why = "";
    if (before > 0) {
        if (size > HTTP_HEAD_MAX - before)
            size = HTTP_HEAD_MAX - before;
        memcpy(link->head + before, at, size);
        at = link->head;
        size += before;
    }
    long head_size = http_parse_response(head, at, size, link->call->is_head, &why);
    if (head_size < 0) {
        http_link_fail(link, HTTP_RESPONSE_INVALID, why);
        return false;
    }
    if (head_size == 0) {
        if (before == 0)
            memcpy(link->head, at, size); /* less than HTTP_HEAD_MAX, or it had been refused */
        link->head_size = size;
        *bytes = slice_of(NULL, 0);
        return true;
    }
    *bytes = slice_skip(*bytes, (size_t)head_size - before);
    link->head_size = 0;
    if (head->status < 200)
        return skip_informational(link, head->status);
    if (!begin_body(link, head))
        return false;
    if (link->reading == READING_LENGTH && link->body_left == 0)
        return end_response(link, *bytes);
    return true;
}

static bool read_chunks(struct http_link *link, struct slice *bytes)
{
    size_t taken;
    struct slice data;
    const char *why = "";
    int result = http_chunks_feed(&link->chunks, bytes->at, bytes->size, &taken, &data, &why);
    if (result < 0) {
        http_link_fail(link, HTTP_RESPONSE_INVALID, why);
        return false;
    }
    *bytes = slice_skip(*bytes, taken);
    if (!take_body(link, data)) {
        link->keep_alive = false;
        return end_response(link, *bytes);
    }
    return result == 1 ? end_response(link, *bytes) : true;
}

static bool read_body(struct http_link *link, struct slice *bytes)
{
    if (link->reading == READING_CHUNKS)
        return read_chunks(link, bytes);
    struct slice data = *bytes;
    if (link->reading == READING_LENGTH && data.size > link->body_left)
        data.size = (size_t)link->body_left;
    link->body_left -= data.size;
    *bytes = slice_skip(*bytes, data.size);
    bool is_enough = !take_body(link, data);
    if (is_enough)
        link->keep_alive = false;
    bool is_whole = link->reading == READING_LENGTH && link->body_left == 0;
    return is_enough || is_whole ? end_response(link, *bytes) : true;
}

static void on_data(struct stream *stream, char *at, size_t size)
{
    struct http_link *link = link_of(stream);
    if (link->state == LINK_IDLE) {
        http_link_close(link); /* never to be taken for a response */
        return;
    }
    if (link->state == LINK_TUNNELLING) {
        http_tunnel_hear(link, slice_of(at, size));
        return;
    }
    must(link->state == LINK_CALLING);
    if (!link->has_byte) {
        link->has_byte = true;
        link->call->first_byte_ns = clock_monotonic_ns();
    }
    struct slice bytes = slice_of(at, size);
    bool goes_on = true;
    while (goes_on && bytes.size > 0)
        goes_on = link->reading == READING_HEAD ? read_head(link, &bytes) : read_body(link, &bytes);
}

/* ---- the end ---- */

static void on_end(struct stream *stream, int result)
{
    struct http_link *link = link_of(stream);
    if (link->state == LINK_IDLE) {
        http_link_close(link);
        return;
    }
    if (link->state == LINK_TUNNELLING) {
        http_link_fail(link, HTTP_CONNECT_FAILED, "the proxy ended the connection");
        return;
    }
    must(link->state == LINK_CALLING);
    struct http_call *call = link->call;
    if (link->reading == READING_UNTIL_END && result == 0) {
        link->keep_alive = false;
        complete(link);
    } else if (call->reused && !link->has_byte) {
        call->reused = false;
        link->client->counters.resends++;
        close_stream(link, AFTER_RESEND);
    } else if (!link->has_byte && result == -EPROTO) {
        /* In TLS 1.3 a server judges the client's certificate when the client is already done. */
        http_link_fail(link, HTTP_TLS_FAILED, stream_why(stream));
    } else if (!link->has_byte) {
        http_link_fail(link, HTTP_RESPONSE_INVALID, "the connection ended without a response");
    } else {
        http_link_fail(link, HTTP_RESPONSE_INVALID, "the connection ended within the response");
    }
}

static void on_closed(struct stream *stream)
{
    struct http_link *link = link_of(stream);
    struct http_call *call = link->call;
    link->state = LINK_CLOSED;
    if (link->after == AFTER_NEXT_ADDRESS) {
        http_link_connect(link);
    } else if (link->after == AFTER_RESEND) {
        if (call->resend && !call->resend(call))
            http_link_fail(link, HTTP_RESPONSE_INVALID, "the connection ended without a response");
        else
            http_link_open(link);
    } else {
        give(link);
        if (call)
            report(call);
    }
}

static const struct stream_events events = {
    .on_open = on_open,
    .on_data = on_data,
    .on_sent = on_sent,
    .on_end = on_end,
    .on_closed = on_closed,
};
