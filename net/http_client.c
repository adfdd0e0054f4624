/* http_client.c - calls: who carries them, how long they may take. The connections themselves are
 * in http_link.c, the origins in http_origin.c.
 *
 * Ownership: the client owns links (a pool) and origins; calls are the callers'. A call that is
 * open has a link, `via`, from http_client_call() to on_done, so a client without links has no
 * calls. Memory: nothing is allocated for a call in the clear.
 */
#include "base/clock.h"
#include "net/http_link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { ORIGINS_AT_FIRST = 1024, RESPONSE_MAX = 64 * 1024 };

int http_client_open(struct http_client **client, struct loop *loop, struct wheel *wheel,
                     struct resolver *resolver, const struct http_client_options *options)
{
    struct http_client *opened = calloc(1, sizeof *opened);
    if (!opened)
        return -ENOMEM;
    opened->options = *options;
    if (!opened->options.response_max)
        opened->options.response_max = RESPONSE_MAX;
    opened->loop = loop;
    opened->wheel = wheel;
    opened->resolver = resolver;
    http_origin_init_idle(opened);
    int error = pool_open(&opened->links, sizeof(struct http_link), options->connections_max);
    if (!error)
        error = table_open(&opened->origins, ORIGINS_AT_FIRST);
    if (error) {
        http_client_close(opened);
        return error;
    }
    *client = opened;
    return 0;
}

void http_client_stop(struct http_client *client)
{
    client->is_stopping = true;
    timer_disarm(&client->idle_timer);
    while (list_is_linked(&client->idle))
        http_link_close(container_of(client->idle.next, struct http_link, client_link));
}

bool http_client_idle(const struct http_client *client)
{
    return client->links.used == 0;
}

void http_client_close(struct http_client *client)
{
    if (!client)
        return;
    must(http_client_idle(client));
    must(client->origins.count == 0);
    timer_disarm(&client->idle_timer);
    table_close(&client->origins);
    pool_close(&client->links);
    free(client);
}

/* ---- calls ---- */

static const char *why_late(const struct http_link *link)
{
    switch (link->state) {
    case LINK_RESOLVING:
        return "timed out resolving the host's name";
    case LINK_TUNNELLING:
        return "timed out awaiting the proxy's answer";
    case LINK_CALLING:
        if (!link->is_sent)
            return "timed out sending the request";
        return link->has_byte ? "timed out within the response" : "timed out awaiting a response";
    default:
        return "timed out connecting";
    }
}

static void on_deadline(struct timer *timer)
{
    struct http_call *call = container_of(timer, struct http_call, deadline);
    http_link_fail(call->via, HTTP_TIMEOUT, why_late(call->via));
}

/* A link for one more call: idle at this origin, new, or soon there: when the pool is empty, the
 * link that has been idle for the longest makes room, though perhaps not at once. */
static struct http_link *find_link(struct http_client *client, struct http_origin *origin)
{
    struct http_link *link = http_origin_take_idle(origin);
    if (!link)
        link = http_link_take(origin);
    if (!link && list_is_linked(&client->idle)) {
        http_link_close(container_of(client->idle.next, struct http_link, client_link));
        link = http_link_take(origin);
    }
    return link;
}

void http_client_call(struct http_client *client, struct http_origin *origin,
                      struct http_call *call)
{
    must(origin->client == client && origin->holders > 0 && !client->is_stopping);
    must(call->on_done && call->part_count >= 1 && call->part_count <= HTTP_CALL_PARTS);
    call->status = 0;
    call->captured = 0;
    call->reused = call->truncated = false;
    memset(&call->remote, 0, sizeof call->remote);
    call->dns_ns = call->connect_ns = call->tls_ns = call->first_byte_ns = call->end_ns = 0;
    call->start_ns = clock_monotonic_ns();
    call->why[0] = '\0';

    struct http_link *link = find_link(client, origin);
    call->via = link;
    if (!link) {
        call->outcome = HTTP_NO_CONNECTION;
        call->end_ns = call->start_ns;
        snprintf(call->why, sizeof call->why, "all connections are in use");
        call->on_done(call);
        return;
    }
    timer_init(&call->deadline, on_deadline);
    wheel_arm(client->wheel, &call->deadline, call->deadline_ms);
    link->call = call;
    if (link->state == LINK_IDLE) {
        client->counters.reuses++;
        call->reused = true;
        call->remote = link->remote;
        http_link_send(link);
    } else {
        http_link_open(link);
    }
}

void http_client_cancel(struct http_client *client, struct http_call *call)
{
    must(call->via && call->via->client == client);
    http_link_fail(call->via, HTTP_CANCELLED, "cancelled");
}

struct http_client_counters http_client_counters(const struct http_client *client)
{
    return client->counters;
}

const struct histogram *http_client_handshakes(const struct http_client *client)
{
    return &client->handshakes;
}
