/* server.c - see server.h. */
#include "tools/ctl/server.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "net/http_client.h"
#include "net/tls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    HEAD_SIZE = 16 * 1024,
    RING_ENTRIES = 16,
    RECEIVE_BUFFERS = 16,
    BUFFER_BYTES = 16 * 1024,
    IDLE_MS = 30 * 1000
};

struct server {
    struct server_options options;
    struct url url;
    struct wheel wheel;
    struct loop *loop;
    struct resolver *resolver;
    struct tls_context *tls;
    struct http_client *http;
    struct http_origin *origin;
    char *answer;
    struct http_call call;
    bool is_done;
};

static uint64_t now_ms(void)
{
    return clock_monotonic_ns() / 1000000;
}

static void turn(struct server *server)
{
    loop_turn(server->loop, UINT64_MAX);
    wheel_advance(&server->wheel, now_ms());
}

/* What goes into a head must not end it. */
static bool is_field_value(struct slice value)
{
    for (size_t i = 0; i < value.size; i++)
        if (value.at[i] < ' ' || value.at[i] > '~')
            return false;
    return true;
}

static int check(struct server *server, char *why)
{
    char what[URL_WHY_SIZE];
    int error = url_parse(slice_str(server->options.url), &server->url, what);
    if (error)
        snprintf(why, SERVER_WHY_SIZE, "'%s' is not a URL to ask: %s", server->options.url, what);
    else if (!is_field_value(server->options.key))
        snprintf(why, SERVER_WHY_SIZE, "the key has characters that no key has");
    else if (!is_field_value(server->options.tenant))
        snprintf(why, SERVER_WHY_SIZE, "the tenant has characters that no name has");
    else
        return 0;
    return -EINVAL;
}

static int open_net(struct server *server, char *why)
{
    const struct loop_options sizes = {RING_ENTRIES, RECEIVE_BUFFERS, BUFFER_BYTES};
    wheel_init(&server->wheel, now_ms());
    int error = loop_open(&server->loop, &sizes, why);
    if (error)
        return error;
    loop_set_wheel(server->loop, &server->wheel);
    if (server->url.https)
        error = tls_client_open(&server->tls, server->options.ca_file, why);
    if (!error)
        error = resolver_open(&server->resolver, server->loop, &server->wheel, NULL, why);
    if (error)
        return error;
    const struct http_client_options options = {.connections_max = 2,
                                                .idle_per_origin_max = 1,
                                                .idle_timeout_ms = IDLE_MS,
                                                .response_max = SERVER_ANSWER_MAX,
                                                .tls = server->tls};
    error =
        http_client_open(&server->http, server->loop, &server->wheel, server->resolver, &options);
    if (!error)
        server->origin = http_origin_take(server->http, &server->url, NULL);
    server->answer = malloc(SERVER_ANSWER_MAX + JSON_PADDING);
    if (error || !server->origin || !server->answer) {
        snprintf(why, SERVER_WHY_SIZE, "out of memory");
        return -ENOMEM;
    }
    return 0;
}

int server_open(struct server **server, const struct server_options *options,
                char why[static SERVER_WHY_SIZE])
{
    struct server *opened = calloc(1, sizeof *opened);
    must(opened);
    opened->options = *options;
    int error = check(opened, why);
    if (!error)
        error = open_net(opened, why);
    if (error) {
        server_close(opened);
        return error;
    }
    *server = opened;
    return 0;
}

void server_close(struct server *server)
{
    if (!server)
        return;
    if (server->origin)
        http_origin_give(server->http, server->origin);
    if (server->http) {
        http_client_stop(server->http);
        while (!http_client_idle(server->http))
            turn(server);
        http_client_close(server->http);
    }
    if (server->resolver)
        resolver_close(server->resolver);
    tls_context_close(server->tls);
    if (server->loop)
        loop_close(server->loop);
    free(server->answer);
    free(server);
}

/* ---- a call ---- */

static void on_done(struct http_call *call)
{
    container_of(call, struct server, call)->is_done = true;
}

/* The URL's own path, if it has one, stands before the target. */
static void put_head(const struct server *server, const struct server_call *call, struct text *head)
{
    struct slice base = slice_of(server->url.target.at, slice_find(server->url.target, '?'));
    while (base.size > 0 && base.at[base.size - 1] == '/')
        base.size--;
    text_printf(head, "%s %.*s%.*s HTTP/1.1\r\nHost: %.*s\r\nAccept: application/json\r\n",
                call->method, SLICE_ARGS(base), SLICE_ARGS(call->target),
                SLICE_ARGS(server->url.authority));
    text_put(head, SLICE("User-Agent: grapnelctl/" GRAPNEL_VERSION "\r\n"));
    if (server->options.key.size)
        text_printf(head, "Authorization: Bearer %.*s\r\n", SLICE_ARGS(server->options.key));
    if (server->options.tenant.size)
        text_printf(head, "Grapnel-Tenant: %.*s\r\n", SLICE_ARGS(server->options.tenant));
    if (call->body.size)
        text_printf(head, "Content-Type: %.*s\r\n", SLICE_ARGS(call->content_type));
    if (call->body.size || !slice_equal(slice_str(call->method), SLICE("GET")))
        text_printf(head, "Content-Length: %zu\r\n", call->body.size);
    text_put(head, SLICE("\r\n"));
}

static int judge(const struct server *server, char *why)
{
    const struct http_call *call = &server->call;
    const char *url = server->options.url;
    if (call->outcome != HTTP_RESPONSE) {
        snprintf(why, SERVER_WHY_SIZE, "%s cannot be reached: %s", url, call->why);
        return -EHOSTUNREACH;
    }
    if (call->truncated) {
        snprintf(why, SERVER_WHY_SIZE, "the answer is longer than %d MiB: ask for less",
                 SERVER_ANSWER_MAX / 1024 / 1024);
        return -EMSGSIZE;
    }
    return 0;
}

int server_ask(struct server *server, struct server_call *call, char why[static SERVER_WHY_SIZE])
{
    char buffer[HEAD_SIZE];
    struct text head;
    text_init(&head, buffer, sizeof buffer);
    put_head(server, call, &head);
    if (!text_ok(&head)) {
        snprintf(why, SERVER_WHY_SIZE, "what is asked is too long");
        return -ENOBUFS;
    }
    wheel_advance(&server->wheel, now_ms());
    server->is_done = false;
    server->call = (struct http_call){
        .parts = {{buffer, head.size}, {(void *)(uintptr_t)call->body.at, call->body.size}},
        .part_count = call->body.size ? 2 : 1,
        .deadline_ms = now_ms() + server->options.timeout_ms,
        .capture = server->answer,
        .capture_room = SERVER_ANSWER_MAX,
        .on_done = on_done,
    };
    http_client_call(server->http, server->origin, &server->call);
    while (!server->is_done)
        turn(server);
    int error = judge(server, why);
    if (error)
        return error;
    memset(server->answer + server->call.captured, 0, JSON_PADDING);
    call->status = server->call.status;
    call->answer = slice_of(server->answer, server->call.captured);
    return 0;
}
