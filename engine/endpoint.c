/* endpoint.c - see endpoint.h. */
#include "shard.h"

#include "attempt.h"
#include "auth.h"
#include "authenticator.h"
#include "base/log.h"

#include <stdlib.h>

enum {
    WINDOW_MIN = 64,  /* deliveries that an endpoint may always hold */
    WINDOW_SHARE = 4, /* one part in this of what is free */
    PAGE_BELOW = 32,  /* read parked rows when fewer than this are ready */
};

static void auth_changed(void *context)
{
    struct endpoint *endpoint = context;
    endpoint_update_turn(endpoint->shard, endpoint);
}

void endpoint_close_auth(struct shard *shard, struct endpoint *endpoint)
{
    (void)shard;
    authenticator_close(endpoint->authenticator);
    endpoint->authenticator = NULL;
}

int endpoints_open(struct endpoints *endpoints)
{
    *endpoints = (struct endpoints){0};
    list_init(&endpoints->turns);
    list_init(&endpoints->starved);
    list_init(&endpoints->hungry);
    return table_open(&endpoints->table, 1024);
}

static struct authenticator *open_authenticator(struct shard *shard, struct endpoint *endpoint)
{
    const struct oauth_parts parts = {.client = shard->client,
                                      .wheel = &shard->wheel,
                                      .random = &shard->random,
                                      .subscription = endpoint->subscription,
                                      .on_change = auth_changed,
                                      .context = endpoint};
    endpoint->shard = shard;
    return authenticator_open(&parts);
}

/* What is asked of connections to the receiver, and shown to it. */
static struct http_origin *take_origin(struct shard *shard, const struct subscription *subscription)
{
    const struct auth *auth = subscription->auth;
    struct http_origin_options options = {.is_unverified = !subscription->tls_verify};
    options.trust = (struct trust){.roots = subscription->tls_roots,
                                   .pins = subscription->tls_pins,
                                   .pin_count = subscription->tls_pin_count,
                                   .version_min = subscription->tls_version_min};
    if (auth && auth->type == AUTH_MTLS) {
        options.trust.certificate = auth->texts[AUTH_CERTIFICATE];
        options.trust.key = auth->texts[AUTH_KEY];
    }
    return http_origin_take(shard->client, &subscription->url, &options);
}

/* What depends on the subscription's settings. */
static void configure(struct shard *shard, struct endpoint *endpoint,
                      const struct subscription *subscription)
{
    endpoint->subscription = subscription;
    endpoint->origin = take_origin(shard, subscription);
    endpoint->head = attempt_fixed_head(subscription, &endpoint->head_size);
    endpoint->signers = calloc(subscription->secret_count, sizeof *endpoint->signers);
    must(endpoint->origin && endpoint->head && endpoint->signers);
    signature_make_signers(subscription, endpoint->signers);
    endpoint->authenticator = open_authenticator(shard, endpoint);
}

static void unconfigure(struct shard *shard, struct endpoint *endpoint)
{
    if (endpoint->origin)
        http_origin_give(shard->client, endpoint->origin);
    free(endpoint->head);
    free(endpoint->signers);
    endpoint_close_auth(shard, endpoint);
    endpoint->origin = NULL;
    endpoint->head = NULL;
    endpoint->signers = NULL;
}

static void destroy(struct shard *shard, struct endpoint *endpoint)
{
    list_remove(&endpoint->turn);
    list_remove(&endpoint->hungry);
    table_drop(&shard->endpoints.table, &endpoint->node);
    unconfigure(shard, endpoint);
    free(endpoint);
    shard->endpoints.count--;
}

void endpoints_close(struct shard *shard)
{
    struct table_node *node;
    if (!shard->endpoints.table.buckets)
        return;
    while ((node = table_walk(&shard->endpoints.table, NULL)))
        destroy(shard, container_of(node, struct endpoint, node));
    table_close(&shard->endpoints.table);
}

struct endpoint *endpoint_find(const struct shard *shard, const struct id *subscription)
{
    struct table_node *node = table_first(&shard->endpoints.table, id_hash(subscription));
    for (; node; node = table_next(node)) {
        struct endpoint *endpoint = container_of(node, struct endpoint, node);
        if (!endpoint->deleted && id_equal(&endpoint->id, subscription))
            return endpoint;
    }
    return NULL;
}

void endpoint_put(struct shard *shard, const struct subscription *subscription)
{
    struct endpoint *endpoint = calloc(1, sizeof *endpoint);
    must(endpoint);
    list_init(&endpoint->turn);
    list_init(&endpoint->hungry);
    list_init(&endpoint->ready);
    list_init(&endpoint->sending);
    list_init(&endpoint->waiting);
    endpoint->id = subscription->id;
    endpoint->tenant = subscription->tenant;
    configure(shard, endpoint, subscription);
    /* Another shard may have taken an event for it before this one knew it (trace_park_unknown()).
     * At start, paging_start() asks for all at once. */
    endpoint->has_parked = shard->paging.is_started;
    endpoint->parked_epoch = 1;
    table_put(&shard->endpoints.table, &endpoint->node, id_hash(&subscription->id));
    shard->endpoints.count++;
    endpoint_update_turn(shard, endpoint);
}

void endpoint_change(struct shard *shard, struct endpoint *endpoint,
                     const struct subscription *subscription)
{
    unconfigure(shard, endpoint);
    configure(shard, endpoint, subscription);
    if (subscription->status == SUBSCRIPTION_ACTIVE)
        endpoint_update_turn(shard, endpoint);
    else
        delivery_park_all(shard, endpoint);
}

void endpoint_delete(struct shard *shard, struct endpoint *endpoint)
{
    endpoint->deleted = true;
    endpoint_close_auth(shard, endpoint);
    endpoint->subscription = NULL; /* control frees it when the shards have answered */
    list_remove(&endpoint->turn);
    list_remove(&endpoint->hungry);
    paging_erase(shard, &endpoint->id);
    delivery_cancel_all(shard, endpoint);
    endpoint_free_if_over(shard, endpoint);
}

bool endpoint_free_if_over(struct shard *shard, struct endpoint *endpoint)
{
    if (!endpoint->deleted || endpoint->in_memory > 0 ||
        endpoint->fetching) /* a page comes back to it */
        return false;
    destroy(shard, endpoint);
    return true;
}

bool endpoint_has_window(const struct shard *shard, const struct endpoint *endpoint)
{
    const struct pool *pool = &shard->deliveries.pool;
    size_t free = pool->capacity - pool->used;
    size_t share = free / WINDOW_SHARE;
    bool is_low_on_memory = shard->memory.used > shard->memory.arena_size / 4 * 3;
    if (free == 0)
        return false;
    return endpoint->in_memory < WINDOW_MIN || (endpoint->in_memory < share && !is_low_on_memory);
}

static bool may_send(const struct endpoint *endpoint)
{
    return endpoint->ready_count > 0 && !endpoint->deleted &&
           endpoint->subscription->status == SUBSCRIPTION_ACTIVE &&
           endpoint->sending_count < endpoint->subscription->concurrency.max &&
           authenticator_is_ready(endpoint->authenticator);
}

static bool is_hungry(const struct endpoint *endpoint)
{
    return endpoint->has_parked && !endpoint->fetching && !endpoint->deleted &&
           endpoint->ready_count < PAGE_BELOW &&
           endpoint->subscription->status == SUBSCRIPTION_ACTIVE;
}

void endpoint_update_turn(struct shard *shard, struct endpoint *endpoint)
{
    if (may_send(endpoint) && !list_is_linked(&endpoint->turn))
        list_push_back(&shard->endpoints.turns, &endpoint->turn);
    if (is_hungry(endpoint) && !list_is_linked(&endpoint->hungry))
        list_push_back(&shard->endpoints.hungry, &endpoint->hungry);
}

void endpoint_parked(struct shard *shard, struct endpoint *endpoint, const struct id *event)
{
    endpoint->has_parked = true;
    endpoint->parked_epoch++;
    if (id_is_zero(&endpoint->parked_low) ||
        memcmp(event, &endpoint->parked_low, sizeof *event) < 0)
        endpoint->parked_low = *event;
    endpoint_update_turn(shard, endpoint);
}

/* Each is tried again once a tick. */
static void feed_starved(struct shard *shard)
{
    while (list_is_linked(&shard->endpoints.starved)) {
        struct list_node *turn = shard->endpoints.starved.next;
        list_remove(turn);
        list_push_back(&shard->endpoints.turns, turn);
    }
}

void endpoints_dispatch(struct shard *shard)
{
    struct list_node *turns = &shard->endpoints.turns;
    feed_starved(shard);
    while (list_is_linked(turns) && outcomes_have_room(shard)) {
        struct endpoint *endpoint = container_of(turns->next, struct endpoint, turn);
        list_remove(&endpoint->turn);
        if (!may_send(endpoint))
            continue;
        switch (delivery_start(shard, endpoint)) {
        case START_NOTHING:
            list_push_back(turns, &endpoint->turn);
            return;
        case START_NO_MEMORY:
            list_push_back(&shard->endpoints.starved, &endpoint->turn);
            break;
        case START_DONE:
            endpoint_update_turn(shard, endpoint);
        }
    }
}
