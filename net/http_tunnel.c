/* http_tunnel.c - see http_tunnel.h.
 *
 *     the receiver's name --> targets --> the proxy's name --> a connection to it
 *         --> CONNECT target --> 2xx: the connection is the receiver's
 *                                502, 503, 504: the next target, over a new connection
 *                                anything else: the end
 */
#include "net/http_tunnel.h"

#include <stdio.h>

static const struct proxy *proxy_of(const struct http_link *link)
{
    return link->client->options.proxy;
}

bool http_tunnel_forwards(const struct http_link *link)
{
    return proxy_of(link) && proxy_of(link)->forwards && !link->origin->key.https;
}

bool http_tunnel_is_wanted(const struct http_link *link)
{
    return proxy_of(link) && !http_tunnel_forwards(link) && !link->is_tunnelled;
}

/* ---- to the proxy ---- */

static void on_proxy_found(struct resolver_query *query, const struct resolver_result *result)
{
    struct http_link *link = container_of(query, struct http_link, query);
    link->state = LINK_CLOSED;
    if (result->error) {
        char why[HTTP_CALL_WHY_SIZE];
        snprintf(why, sizeof why, "the proxy's name: %.60s",
                 result->why ? result->why : "no address was found");
        http_link_fail(link, HTTP_DNS_FAILED, why);
        return;
    }
    link->address_at = 0;
    link->address_count = result->count;
    for (unsigned i = 0; i < result->count; i++) {
        link->addresses[i] = result->addresses[i];
        address_set_port(&link->addresses[i], proxy_of(link)->port);
    }
    http_link_connect(link);
}

/* Keeps the addresses that are allowed. False: there are not enough of them. */
static bool choose_targets(struct http_link *link)
{
    link->target_count = link->target_at = 0;
    for (unsigned i = 0; i < link->address_count; i++)
        if (http_link_allows(link, &link->addresses[i]))
            link->targets[link->target_count++] = link->addresses[i];
    unsigned wanted = http_tunnel_forwards(link) ? link->address_count : 1;
    return link->target_count > 0 && link->target_count >= wanted;
}

void http_tunnel_open(struct http_link *link)
{
    const struct proxy *proxy = proxy_of(link);
    struct http_call *call = link->call;
    if (!choose_targets(link)) {
        char why[HTTP_CALL_WHY_SIZE];
        memcpy(why, call->why, sizeof why);
        link->client->counters.blocked++;
        http_link_fail(link, HTTP_BLOCKED_ADDRESS, why);
        return;
    }
    call->outcome = HTTP_CONNECT_FAILED;
    snprintf(call->why, sizeof call->why, "the proxy cannot be reached");
    if (proxy->host_is_ip) {
        link->addresses[0] = proxy->ip;
        link->address_at = 0;
        link->address_count = 1;
        http_link_connect(link);
        return;
    }
    link->state = LINK_RESOLVING;
    link->query.on_done = on_proxy_found;
    resolver_find(link->client->resolver, slice_of(proxy->host, proxy->host_size), &link->query);
}

/* ---- CONNECT (RFC 9110 section 9.3.6) ---- */

void http_tunnel_ask(struct http_link *link)
{
    const struct proxy *proxy = proxy_of(link);
    char target[ADDRESS_TEXT_SIZE];
    address_print(&link->targets[link->target_at], target);
    int size = snprintf(link->request, sizeof link->request, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n",
                        target, target);
    must(size > 0 && (size_t)size < sizeof link->request);
    const struct iovec parts[] = {
        {link->request, (size_t)size},
        {(void *)(uintptr_t)proxy->field, proxy->field_size},
        {(void *)(uintptr_t) "\r\n", 2},
    };
    link->state = LINK_TUNNELLING;
    link->is_sent = false;
    link->is_tunnelled = false;
    link->head_size = 0;
    stream_send(&link->stream, parts, sizeof parts / sizeof parts[0]);
}

void http_tunnel_sent(struct http_link *link)
{
    link->is_sent = true;
    if (link->is_tunnelled)
        http_link_enter_tunnel(link);
}

static void fail(struct http_link *link, const char *why)
{
    http_link_fail(link, HTTP_CONNECT_FAILED, why);
}

static void refuse(struct http_link *link, int status)
{
    char why[HTTP_CALL_WHY_SIZE];
    bool may_be_this_address = status == 502 || status == 503 || status == 504;
    if (may_be_this_address && link->target_at + 1 < link->target_count) {
        link->target_at++;
        link->address_at = 0;
        http_link_close_for_next(link);
        return;
    }
    snprintf(why, sizeof why, "the proxy answered %d", status);
    fail(link, status == 407 ? HTTP_TUNNEL_407 : why);
}

void http_tunnel_hear(struct http_link *link, struct slice bytes)
{
    struct http_head *head = &link->client->head;
    size_t before = link->head_size;
    const char *why = "";
    if (link->is_tunnelled || bytes.size > sizeof link->head - before) {
        fail(link, "the proxy said more than its answer");
        return;
    }
    memcpy(link->head + before, bytes.at, bytes.size);
    link->head_size += bytes.size;
    long size = http_parse_response(head, link->head, link->head_size, true, &why);
    if (size < 0) {
        char text[HTTP_CALL_WHY_SIZE];
        snprintf(text, sizeof text, "the proxy's answer: %.70s", why);
        fail(link, text);
    } else if (size > 0 && (head->status < 200 || head->status > 299)) {
        refuse(link, head->status);
    } else if (size > 0 && (size_t)size < link->head_size) {
        fail(link, "the proxy said more than its answer");
    } else if (size > 0) {
        link->is_tunnelled = true;
        link->head_size = 0;
        if (link->is_sent)
            http_link_enter_tunnel(link);
    }
}

/* ---- forwarding ---- */

/* The call's own parts, with the target in absolute form and the proxy's credentials put in. */
unsigned http_tunnel_parts(struct http_link *link, struct iovec parts[static STREAM_PARTS_MAX])
{
    const struct proxy *proxy = proxy_of(link);
    const struct http_origin *origin = link->origin;
    const struct http_call *call = link->call;
    struct slice head = slice_of(call->parts[0].iov_base, call->parts[0].iov_len);
    size_t method = slice_find(head, ' ') + 1, line = slice_find(head, '\n') + 1;
    must(method < line && line < head.size);
    bool is_ip6 = memchr(origin->host, ':', origin->host_size);
    int size =
        snprintf(link->request, sizeof link->request, "http://%s%.*s%s:%u", is_ip6 ? "[" : "",
                 (int)origin->host_size, origin->host, is_ip6 ? "]" : "", origin->key.port);
    must(size > 0 && (size_t)size < sizeof link->request);

    char *at = call->parts[0].iov_base;
    unsigned count = 0;
    parts[count++] = (struct iovec){at, method};
    parts[count++] = (struct iovec){link->request, (size_t)size};
    parts[count++] = (struct iovec){at + method, line - method};
    if (proxy->field_size > 0)
        parts[count++] = (struct iovec){(void *)(uintptr_t)proxy->field, proxy->field_size};
    parts[count++] = (struct iovec){at + line, head.size - line};
    for (unsigned i = 1; i < call->part_count; i++)
        parts[count++] = call->parts[i];
    return count;
}
