/* worst.c - see worst.h. */
#include "tools/ctl/worst.h"

#include "tools/ctl/run.h"
#include "tools/ctl/view.h"

#include <stdio.h>
#include <stdlib.h>

static struct worst_endpoint *find(struct worst *worst, struct slice subscription)
{
    for (unsigned i = 0; i < worst->count; i++)
        if (slice_equal(slice_str(worst->list[i].subscription), subscription))
            return &worst->list[i];
    if (worst->count == WORST_LOOKED_AT || subscription.size >= WORST_ID_SIZE)
        return NULL;
    struct worst_endpoint *made = &worst->list[worst->count++];
    *made = (struct worst_endpoint){0};
    snprintf(made->subscription, sizeof made->subscription, "%.*s", SLICE_ARGS(subscription));
    return made;
}

/* The first that is met is the latest. */
static void count(struct worst *worst, struct json_value delivery)
{
    struct json_value value;
    struct slice subscription, outcome;
    if (!json_get(delivery, "subscription_id", &value) || !json_string(value, &subscription))
        return;
    struct worst_endpoint *endpoint = find(worst, subscription);
    if (!endpoint)
        return;
    bool is_known = view_find(delivery, "last_attempt.outcome", &value) &&
                    json_string(value, &outcome) && endpoint->failing == 0;
    if (is_known)
        snprintf(endpoint->outcome, sizeof endpoint->outcome, "%.*s", SLICE_ARGS(outcome));
    endpoint->failing++;
}

static int compare(const void *a, const void *b)
{
    const struct worst_endpoint *left = a, *right = b;
    return left->failing > right->failing ? -1 : left->failing < right->failing;
}

int worst_ask(struct worst *worst, struct session *session)
{
    char buffer[256], moment[SESSION_MOMENT_SIZE], why[SERVER_WHY_SIZE];
    struct text target;
    struct json_value root, data, each;
    uint64_t cursor = 0;
    worst->count = 0;
    text_init(&target, buffer, sizeof buffer);
    text_put(&target, SLICE("/api/v1/webhooks/deliveries"));
    session_parameter(&target, "status", SLICE("failed"));
    session_parameter(&target, "since", session_moment("1h", moment));
    session_parameter(&target, "limit", SLICE("250"));
    struct server_call call = {.method = "GET", .target = text_slice(&target)};
    if (server_ask(session->server, &call, why) < 0) {
        session_complain("%s", why);
        return EXIT_UNREACHABLE;
    }
    if (call.status != 200)
        return EXIT_DONE;
    int status = session_read(session, call.answer, &root);
    if (status || !json_get(root, "data", &data))
        return status;
    while (json_next(data, &cursor, NULL, &each))
        count(worst, each);
    qsort(worst->list, worst->count, sizeof worst->list[0], compare);
    return EXIT_DONE;
}

void worst_print(const struct worst *worst, struct text *text)
{
    text_char(text, '[');
    for (unsigned i = 0; i < worst->count && i < WORST_SHOWN; i++) {
        const struct worst_endpoint *endpoint = &worst->list[i];
        text_put(text, i ? SLICE(",{\"subscription_id\":") : SLICE("{\"subscription_id\":"));
        text_json(text, slice_str(endpoint->subscription));
        text_printf(text, ",\"failing\":%u,\"outcome\":", endpoint->failing);
        text_json(text, slice_str(endpoint->outcome));
        text_char(text, '}');
    }
    text_char(text, ']');
}

void worst_show(const struct worst *worst)
{
    struct grid grid;
    if (worst->count == 0)
        return;
    view_grid(&grid);
    grid_column(&grid, "SUBSCRIPTION", false);
    grid_column(&grid, "FAILING", true);
    grid_column(&grid, "LATEST", false);
    for (unsigned i = 0; i < worst->count && i < WORST_SHOWN; i++) {
        char number[16];
        snprintf(number, sizeof number, "%u", worst->list[i].failing);
        grid_cell(&grid, slice_str(worst->list[i].subscription), GRID_PLAIN);
        grid_cell(&grid, slice_str(number), GRID_PLAIN);
        grid_cell(&grid, slice_str(worst->list[i].outcome), GRID_BAD);
    }
    putchar('\n');
    grid_flush(&grid, stdout);
    grid_close(&grid);
}
