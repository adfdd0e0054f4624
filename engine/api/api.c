/* api.c - the admin port's HTTP server and how a request gets to its route; and the two routes that
 * have no resource, /healthz and /readyz.
 */
#include "api.h"

#include "base/clock.h"
#include "call.h"
#include "panel.h"
#include "repeat.h"
#include "requester.h"
#include "router.h"

#include <errno.h>
#include <stdlib.h>

enum {
    BODY_TIMEOUT_MS = 10000,
    ARENA_MIN = 16 * 1024 * 1024, /* bodies and answers under way */
    EVENTS_PER_ARENA = 8,         /* the largest, in base64, and twice */
    PUBLISHING_MAX = 64,          /* events on their way through a shard */
};

static size_t body_max(void *context, const struct http_head *head)
{
    const struct api *api = context;
    struct slice path = slice_of(head->target.at, slice_find(head->target, '?'));
    if (slice_equal(path, SLICE("/api/v1/webhooks/events")))
        return api->parts.config->batch_bytes_max;
    return slice_equal(path, SLICE("/api/v1/webhooks/event-types/import")) ? CALL_IMPORT_MAX
                                                                           : CALL_BODY_MAX;
}

static void answer(struct api *api, struct http_ticket ticket, const struct http_request *request)
{
    struct call call = {.api = api, .ticket = ticket, .request = request};
    struct http_server *server = call.api->server;
    const struct api_route *route;
    char allow[ROUTER_ALLOW_SIZE];

    switch (router_find(request->head->method, request->path, &route, &call.id, allow)) {
    case ROUTER_NO_PATH:
        call_problem(&call, 404, "there is nothing at this path");
        return;
    case ROUTER_NO_METHOD:
        http_server_problem(server, ticket, 405, "this path does not have this method",
                            slice_str(allow));
        return;
    case ROUTER_FOUND:
        break;
    }
    http_server_label(server, ticket, panel_label(route));
    if (route->scopes && !call_let_in(&call, route->scopes))
        return;
    bool may_repeat = slice_equal(slice_str(route->method), SLICE("POST")) &&
                      route->answer != events_publish; /* which looks at the key itself */
    if (may_repeat && route->scopes && !repeat_begin(&call))
        return;
    route->answer(&call);
}

static void on_request(void *context, struct http_ticket ticket, const struct http_request *request)
{
    struct api *api = context;
    uint64_t since_ns = clock_monotonic_ns();
    answer(api, ticket, request);
    histogram_add(&api->parts.metrics->answer_us, (clock_monotonic_ns() - since_ns) / 1000);
}

static int open_server(struct api *api)
{
    const struct api_parts *parts = &api->parts;
    struct http_server_options options = {
        .connections_max = parts->config->connections_max,
        .head_timeout_ms = parts->config->head_timeout_ms,
        .idle_timeout_ms = parts->config->idle_timeout_ms,
        .body_timeout_ms = BODY_TIMEOUT_MS,
        .context = api,
        .body_max = body_max,
        .on_request = on_request,
    };
    struct loop *loop = parts->crew->members[crew_control(parts->crew)].loop;
    return http_server_open(&api->server, loop, parts->wheel, &api->buddy, &options);
}

int api_open(struct api **made, const struct api_parts *parts)
{
    struct api *api = calloc(1, sizeof *api);
    if (!api)
        return -ENOMEM;
    api->parts = *parts;
    random_init(&api->random, clock_wall_ms() ^ clock_monotonic_ns());

    uint64_t wanted =
        EVENTS_PER_ARENA * parts->config->event_bytes_max + 2 * parts->config->batch_bytes_max;
    int error = buddy_open(&api->buddy, wanted < ARENA_MIN ? ARENA_MIN : (size_t)wanted);
    if (!error)
        error = json_open(&api->json);
    if (!error)
        error = json_open(&api->other);
    if (!error)
        error = event_reader_open(&api->events, parts->db);
    if (!error)
        error = figures_open(&api->figures, parts->crew);
    backups_init(&api->backups, api);
    if (!error)
        error = open_server(api);
    if (error) {
        api_close(api);
        return error;
    }
    *made = api;
    return 0;
}

void api_close(struct api *api)
{
    if (!api)
        return;
    backups_close(&api->backups);
    if (api->server)
        http_server_close(api->server);
    figures_close(&api->figures);
    if (api->events)
        event_reader_close(api->events);
    if (api->other)
        json_close(api->other);
    if (api->json)
        json_close(api->json);
    if (api->buddy.arena)
        buddy_close(&api->buddy);
    free(api->answer.at);
    free(api);
}

struct http_server *api_server(struct api *api)
{
    return api->server;
}

void call_publish(struct call *call, const struct http_request *request,
                  const struct id *subscription)
{
    struct api *api = call->api;
    struct mail_publish *mail = NULL;
    if (api->publishing < PUBLISHING_MAX)
        mail = requester_copy(call->ticket, request);
    if (!mail) {
        call_busy(call);
        return;
    }
    if (subscription) {
        mail->subscription = *subscription;
        mail->tenant = call->tenant;
    }
    unsigned shard = (unsigned)(api->published++ % api->parts.crew->shards);
    api->publishing++;
    crew_post(api->parts.crew, crew_control(api->parts.crew), shard, &mail->mail);
}

void events_publish(struct call *call)
{
    call_publish(call, call->request, NULL);
}

void api_published(struct api *api, struct mail_publish *mail)
{
    api->publishing--;
    if (mail->answer)
        http_server_reply(api->server, mail->ticket, &mail->response);
    else
        http_server_problem(api->server, mail->ticket, 503, "there was no memory for the answer",
                            SLICE("Retry-After: 1\r\n"));
    free(mail->answer);
    free(mail);
}

/* ---- health ---- */

void health_live(struct call *call)
{
    text_put(call_text(call, 64), SLICE("{\"status\":\"ok\"}"));
    call_reply(call, 200, SLICE(""));
}

void health_ready(struct call *call)
{
    const struct health *health = call->api->parts.health;
    const char *why = !health->loaded       ? "starting"
                      : health->stopping    ? "stopping"
                      : health->storage_low ? "the disk has too little free space"
                                            : NULL;
    if (why) {
        call_problem(call, 503, why);
        return;
    }
    text_put(call_text(call, 64), SLICE("{\"status\":\"ready\"}"));
    call_reply(call, 200, SLICE(""));
}
