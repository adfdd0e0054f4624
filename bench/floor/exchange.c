/* exchange.c - two threads: one serves, the other (the caller's) asks. Each one's CPU time is read
 * from the kernel, which charges the work that a loopback send causes to who sends.
 */
#include "bench/floor/exchange.h"

#include "base/buddy.h"
#include "base/clock.h"
#include "base/semaphore.h"
#include "net/http_client.h"
#include "net/http_server.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    NS_PER_MS = 1000000,
    CALLS = 64,
    CONNECTIONS_MAX = 128,
    WARM_UP = 5000, /* exchanges before the measurement */
    HEAD_SIZE = 512,
    PATIENCE_MS = 10000,
    IDLE_MS = 60000,
    TURN_NS = 50 * NS_PER_MS,
    ARENA_BYTES = 32 << 20,
};

/* What the engine's own threads open. */
static const struct loop_options loop_sizes = {
    .entries = 1024, .buffers = 1024, .buffer_bytes = 16384};

static uint64_t now_ms(void)
{
    return clock_monotonic_ns() / NS_PER_MS;
}

/* Turns the loop once and fires what is due. */
static void turn(struct loop *loop, struct wheel *wheel)
{
    uint64_t until_ns = clock_monotonic_ns() + TURN_NS;
    uint64_t next_ms = wheel_next_ms(wheel);
    if (next_ms != WHEEL_NEVER && next_ms * NS_PER_MS < until_ns)
        until_ns = next_ms * NS_PER_MS;
    loop_turn(loop, until_ns);
    wheel_advance(wheel, now_ms());
}

/* ---- the serving side ---- */

struct server {
    pthread_t thread;
    sem_t started;
    atomic_bool stopping;
    int fd, error;
    size_t payload_bytes;
    struct loop *loop;
    struct wheel wheel;
    struct buddy buddy;
    struct http_server *http;
    char why[LOOP_WHY_SIZE];
};

static size_t body_max(void *context, const struct http_head *head)
{
    const struct server *server = context;
    (void)head;
    return server->payload_bytes;
}

static void on_request(void *context, struct http_ticket ticket, const struct http_request *request)
{
    struct server *server = context;
    (void)request;
    static const struct http_response response = {
        .status = 202,
        .content_type = {"application/json", 16},
        .body = {"{\"id\":\"evt_00000000000000000000000000\",\"deliveries\":1,\"duplicate\":false}",
                 72},
    };
    http_server_reply(server->http, ticket, &response);
}

static void end_server(struct server *server)
{
    http_server_stop(server->http);
    while (http_server_connections(server->http) > 0 || !http_server_idle(server->http))
        turn(server->loop, &server->wheel);
    http_server_close(server->http);
}

static int serve(struct server *server)
{
    const struct http_server_options options = {
        .connections_max = CONNECTIONS_MAX,
        .head_timeout_ms = PATIENCE_MS,
        .idle_timeout_ms = IDLE_MS,
        .body_timeout_ms = PATIENCE_MS,
        .context = server,
        .body_max = body_max,
        .on_request = on_request,
    };
    int error =
        http_server_open(&server->http, server->loop, &server->wheel, &server->buddy, &options);
    if (error)
        return error;
    error = http_server_listen(server->http, server->fd, NULL);
    if (!error) {
        sem_post(&server->started);
        while (!atomic_load_explicit(&server->stopping, memory_order_relaxed))
            turn(server->loop, &server->wheel);
    }
    end_server(server);
    return error;
}

static void *serve_main(void *context)
{
    struct server *server = context;
    wheel_init(&server->wheel, now_ms());
    server->error = loop_open(&server->loop, &loop_sizes, server->why);
    if (!server->error) {
        server->error = buddy_open(&server->buddy, ARENA_BYTES);
        if (!server->error) {
            server->error = serve(server);
            buddy_close(&server->buddy);
        }
        loop_close(server->loop);
    }
    sem_post(&server->started);
    return NULL;
}

static int start_server(struct server *server, size_t payload_bytes, struct address *bound)
{
    *server = (struct server){.payload_bytes = payload_bytes};
    struct address any;
    int error = address_parse(SLICE("127.0.0.1:0"), &any);
    if (error)
        return error;
    server->fd = loop_listen(&any, false, bound);
    if (server->fd < 0)
        return server->fd;
    sem_init(&server->started, 0, 0);
    error = pthread_create(&server->thread, NULL, serve_main, server);
    if (error)
        return -error;
    semaphore_await(&server->started);
    if (server->error)
        pthread_join(server->thread, NULL);
    return server->error;
}

static void stop_server(struct server *server)
{
    atomic_store_explicit(&server->stopping, true, memory_order_relaxed);
    pthread_join(server->thread, NULL);
    sem_destroy(&server->started);
}

/* ---- the requesting side ---- */

struct caller {
    struct http_call call;
    struct client *client;
};

struct client {
    struct loop *loop;
    struct wheel wheel;
    struct resolver *resolver;
    struct http_client *http;
    struct http_origin *origin;
    struct slice head, body;
    uint64_t left, busy, done, failed;
    struct caller callers[CALLS];
};

static void call_again(struct caller *caller);

static void on_done(struct http_call *call)
{
    struct caller *caller = container_of(call, struct caller, call);
    struct client *client = caller->client;
    client->busy--;
    client->done++;
    if (call->outcome != HTTP_RESPONSE || call->status != 202) {
        client->failed++;
        client->left = 0;
    }
    call_again(caller);
}

static void call_again(struct caller *caller)
{
    struct client *client = caller->client;
    if (client->left == 0)
        return;
    client->left--;
    client->busy++;
    caller->call = (struct http_call){
        .parts = {{(void *)(uintptr_t)client->head.at, client->head.size},
                  {(void *)(uintptr_t)client->body.at, client->body.size}},
        .part_count = 2,
        .deadline_ms = client->wheel.now_ms + PATIENCE_MS,
        .on_done = on_done,
    };
    http_client_call(client->http, client->origin, &caller->call);
}

static void exchange(struct client *client, uint64_t count)
{
    client->left = count;
    for (unsigned i = 0; i < CALLS; i++) {
        client->callers[i].client = client;
        call_again(&client->callers[i]);
    }
    while (client->busy > 0)
        turn(client->loop, &client->wheel);
}

static int open_client(struct client *client, const char *url_text, char *why)
{
    const struct http_client_options options = {.connections_max = CONNECTIONS_MAX,
                                                .idle_per_origin_max = CALLS,
                                                .idle_timeout_ms = IDLE_MS};
    struct url url;
    wheel_init(&client->wheel, now_ms());
    int error = url_parse(slice_str(url_text), &url, why);
    if (!error)
        error = loop_open(&client->loop, &loop_sizes, why);
    if (!error)
        error = resolver_open(&client->resolver, client->loop, &client->wheel, NULL, why);
    if (!error)
        error = http_client_open(&client->http, client->loop, &client->wheel, client->resolver,
                                 &options);
    if (!error)
        client->origin = http_origin_take(client->http, &url, NULL);
    return error ? error : client->origin ? 0 : -ENOMEM;
}

static void close_client(struct client *client)
{
    if (client->origin)
        http_origin_give(client->http, client->origin);
    if (client->http) {
        http_client_stop(client->http);
        while (!http_client_idle(client->http))
            turn(client->loop, &client->wheel);
        http_client_close(client->http);
    }
    if (client->resolver)
        resolver_close(client->resolver);
    if (client->loop)
        loop_close(client->loop);
}

/* ---- both ---- */

static uint64_t thread_cpu_ns(pthread_t thread)
{
    clockid_t clock;
    struct timespec time;
    if (pthread_getcpuclockid(thread, &clock) != 0 || clock_gettime(clock, &time) != 0)
        return 0;
    return (uint64_t)time.tv_sec * UINT64_C(1000000000) + (uint64_t)time.tv_nsec;
}

static void measure(struct client *client, const struct server *server, uint64_t count,
                    struct exchange_cost *cost)
{
    exchange(client, WARM_UP);
    uint64_t served_ns = thread_cpu_ns(server->thread);
    uint64_t requested_ns = thread_cpu_ns(pthread_self());
    uint64_t start_ns = clock_monotonic_ns();
    exchange(client, count);
    uint64_t took_ns = clock_monotonic_ns() - start_ns;
    served_ns = thread_cpu_ns(server->thread) - served_ns;
    requested_ns = thread_cpu_ns(pthread_self()) - requested_ns;

    cost->serve_us = (double)served_ns / 1e3 / (double)count;
    cost->request_us = (double)requested_ns / 1e3 / (double)count;
    cost->per_second = (double)count * 1e9 / (double)took_ns;
}

static void lay_out(struct client *client, size_t payload_bytes, char head[static HEAD_SIZE],
                    char *body)
{
    /* As long as the head of a signed delivery. */
    int size = snprintf(head, HEAD_SIZE,
                        "POST /hook HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                        "webhook-id: evt_00000000000000000000000000\r\n"
                        "webhook-timestamp: 1700000000\r\n"
                        "webhook-signature: v1,0000000000000000000000000000000000000000000=\r\n"
                        "X-Webhook-Event: load.event.000000\r\nX-Webhook-Attempt: 1\r\n"
                        "Content-Type: application/json\r\nUser-Agent: grapnel/" GRAPNEL_VERSION
                        "\r\nContent-Length: %zu\r\n\r\n",
                        payload_bytes);
    memset(body, 'x', payload_bytes);
    client->head = slice_of(head, (size_t)size);
    client->body = slice_of(body, payload_bytes);
}

static int run(struct server *server, const char *url, uint64_t count, struct exchange_cost *cost,
               char *why)
{
    char head[HEAD_SIZE];
    struct client *client = calloc(1, sizeof *client);
    char *body = malloc(server->payload_bytes);
    int error = client && body ? 0 : -ENOMEM;
    if (!error) {
        lay_out(client, server->payload_bytes, head, body);
        error = open_client(client, url, why);
        if (!error)
            measure(client, server, count, cost);
        if (client->failed > 0) {
            snprintf(why, EXCHANGE_WHY_SIZE, "an exchange failed");
            error = -EIO;
        }
        close_client(client);
    }
    free(body);
    free(client);
    return error;
}

int exchange_measure(uint64_t count, size_t payload_bytes, struct exchange_cost *cost,
                     char why[static EXCHANGE_WHY_SIZE])
{
    static struct server server;
    struct address bound;
    int error = start_server(&server, payload_bytes, &bound);
    if (error) {
        snprintf(why, EXCHANGE_WHY_SIZE, "server: %s",
                 server.why[0] ? server.why : strerror(-error));
        return error;
    }
    char place[ADDRESS_TEXT_SIZE], url[ADDRESS_TEXT_SIZE + 8];
    address_print(&bound, place);
    snprintf(url, sizeof url, "http://%s", place);
    snprintf(why, EXCHANGE_WHY_SIZE, "out of memory");
    error = run(&server, url, count, cost, why);
    stop_server(&server);
    return error;
}
