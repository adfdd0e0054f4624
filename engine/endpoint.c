/* endpoint.c - see endpoint.h. */
#include "shard.h"

#include "attempt.h"
#include "auth.h"
#include "authenticator.h"
#include "base/log.h"
#include "base/text.h"
#include "bundle.h"
#include "reach.h"

#include <stdlib.h>

enum {
    WINDOW_MIN = 64,  /* deliveries that an endpoint may always hold */
    WINDOW_SHARE = 4, /* one part in this of what is free */
    PAGE_BELOW = 32,  /* read parked rows when fewer than this are ready */
};

/* ---- where it may send ---- */

static struct reach reach_of(const struct endpoint *endpoint)
{
    const struct shard *shard = endpoint->shard;
    return (struct reach){.config = shard->config,
                          .tenant = directory_tenant(&shard->directory, &endpoint->tenant),
                          .subscription = endpoint->subscription};
}

/* For connections on its behalf, whenever one is made. */
static bool allows(void *context, const struct address *address)
{
    const struct endpoint *endpoint = context;
    struct reach reach = reach_of(endpoint);
    return reach.subscription && !reach_refusal(&reach) && reach_allows(&reach, address);
}

static void give_origin(struct shard *shard, struct endpoint *endpoint)
{
    if (endpoint->origin && endpoint->has_rules)
        http_origin_retire(shard->client, endpoint->origin);
    else if (endpoint->origin)
        http_origin_give(shard->client, endpoint->origin);
    endpoint->origin = NULL;
}

/* What is asked of connections to the receiver, and shown to it. */
static void take_origin(struct shard *shard, struct endpoint *endpoint)
{
    const struct subscription *subscription = endpoint->subscription;
    const struct reach reach = reach_of(endpoint);
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
    endpoint->reach_version = shard->reach_version;
    endpoint->has_rules = reach_has_rules(&reach);
    endpoint->refusal = reach_refusal(&reach);
    if (endpoint->has_rules) {
        options.allowed = allows;
        options.context = endpoint;
    }
    endpoint->origin = http_origin_take(shard->client, &subscription->url, &options);
    must(endpoint->origin);
}

void endpoint_look_at_reach(struct shard *shard, struct endpoint *endpoint)
{
    if (endpoint->reach_version == shard->reach_version)
        return;
    give_origin(shard, endpoint);
    take_origin(shard, endpoint);
}

/* ---- what depends on the subscription ---- */

static void auth_changed(void *context)
{
    struct endpoint *endpoint = context;
    endpoint_update_turn(endpoint->shard, endpoint);
}

/* Time has opened the gate. */
static void on_open(struct timer *timer)
{
    struct endpoint *endpoint = container_of(timer, struct endpoint, opens);
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
    list_init(&endpoints->hungry);
    return table_open(&endpoints->table, 1024);
}

static struct authenticator *open_authenticator(struct shard *shard, struct endpoint *endpoint)
{
    const struct oauth_parts parts = {.client = shard->client,
                                      .wheel = &shard->wheel,
                                      .random = &shard->random,
                                      .subscription = endpoint->subscription,
                                      .allowed = allows,
                                      .on_change = auth_changed,
                                      .context = endpoint};
    return authenticator_open(&parts);
}

static struct redaction *make_redaction(const struct subscription *subscription)
{
    const char *patterns = subscription->redact_patterns, *pointers = subscription->redact_pointers;
    if (!patterns && !pointers)
        return NULL;
    struct redaction *made = malloc(sizeof *made);
    must(made);
    redaction_init(made, "", patterns ? patterns : "", pointers ? pointers : "");
    return made;
}

/* What depends on the subscription's settings. */
static void configure(struct shard *shard, struct endpoint *endpoint,
                      const struct subscription *subscription)
{
    endpoint->shard = shard;
    endpoint->subscription = subscription;
    take_origin(shard, endpoint);
    endpoint->head = attempt_fixed_head(subscription, &endpoint->head_size);
    endpoint->signers = calloc(subscription->secret_count, sizeof *endpoint->signers);
    must(endpoint->head && endpoint->signers);
    signature_make_signers(subscription, endpoint->signers);
    endpoint->redaction = make_redaction(subscription);
    endpoint->authenticator = open_authenticator(shard, endpoint);
}

static void unconfigure(struct shard *shard, struct endpoint *endpoint)
{
    give_origin(shard, endpoint);
    free(endpoint->head);
    free(endpoint->signers);
    free(endpoint->redaction);
    endpoint_close_auth(shard, endpoint);
    endpoint->head = NULL;
    endpoint->signers = NULL;
    endpoint->redaction = NULL;
}

static void destroy(struct shard *shard, struct endpoint *endpoint)
{
    timer_disarm(&endpoint->opens);
    turns_leave(endpoint);
    list_remove(&endpoint->hungry);
    list_remove(&endpoint->report);
    table_drop(&shard->endpoints.table, &endpoint->node);
    unconfigure(shard, endpoint);
    shard->endpoints.count--;
    shard->endpoints.breakers[endpoint->gate.breaker.state]--;
    free(endpoint);
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
    list_init(&endpoint->report);
    list_init(&endpoint->ready);
    list_init(&endpoint->again);
    list_init(&endpoint->sending);
    list_init(&endpoint->waiting);
    list_init(&endpoint->lanes);
    timer_init(&endpoint->opens, on_open);
    endpoint->shard = shard;
    endpoint->id = subscription->id;
    endpoint->tenant = subscription->tenant;
    configure(shard, endpoint, subscription);
    gate_init(&endpoint->gate, subscription, shard->now_ms);
    /* Another shard may have taken an event for it before this one knew it (trace_park_unknown()).
     * At start, paging_start() asks for all at once; but one that is ordered has to know before it
     * holds what comes. */
    endpoint->has_parked = shard->paging.is_started || subscription->ordering != ORDERING_NONE;
    endpoint->parked_epoch = 1;
    table_put(&shard->endpoints.table, &endpoint->node, id_hash(&subscription->id));
    shard->endpoints.count++;
    shard->endpoints.breakers[endpoint->gate.breaker.state]++;
    endpoint_update_turn(shard, endpoint);
}

/* The breaker, which was in state `was`, may have changed: counts it, and says so where it is news.
 */
static void note(struct shard *shard, struct endpoint *endpoint, enum breaker_state was,
                 enum breaker_change change)
{
    const struct breaker *breaker = &endpoint->gate.breaker;
    shard->endpoints.breakers[was]--;
    shard->endpoints.breakers[breaker->state]++;
    char why[128];
    struct text text;
    switch (change) {
    case BREAKER_SAME:
    case BREAKER_HALF_OPENED:
        return;
    case BREAKER_OPENED:
        shard->metrics.breakers_opened++;
        if (breaker->reason == BREAKER_BY_PROBE)
            return;
        report_failing(shard, endpoint);
        text_init(&text, why, sizeof why);
        breaker_explain(breaker, &text);
        LOG(LOG_WARN, "breaker opened", log_id("subscription", "sub", &endpoint->id),
            log_text("why", text_slice(&text)));
        return;
    case BREAKER_CLOSED_AGAIN:
        shard->metrics.breakers_closed++;
        report_recovered(shard, endpoint);
        LOG(LOG_INFO, "breaker closed", log_id("subscription", "sub", &endpoint->id));
    }
}

static void reset(struct shard *shard, struct endpoint *endpoint)
{
    enum breaker_state was = endpoint->gate.breaker.state;
    endpoint->is_failing = false; /* a person says so: that is no news to anybody */
    note(shard, endpoint, was, gate_reset(&endpoint->gate, shard->now_ms));
}

/* Another receiver, or the word of a person that this one is well. */
static bool is_new_receiver(const struct subscription *before, const struct subscription *after)
{
    return strcmp(before->url_text, after->url_text) != 0 ||
           (before->status != SUBSCRIPTION_ACTIVE && after->status == SUBSCRIPTION_ACTIVE);
}

void endpoint_change(struct shard *shard, struct endpoint *endpoint,
                     const struct subscription *subscription)
{
    bool is_new = is_new_receiver(endpoint->subscription, subscription);
    unconfigure(shard, endpoint);
    configure(shard, endpoint, subscription);
    gate_change(&endpoint->gate, subscription, shard->now_ms);
    memset(&endpoint->parked_high, 0, sizeof endpoint->parked_high); /* its order may be another */
    if (is_new) {
        report_forget(endpoint);
        outage_forget(&endpoint->outage);
        reset(shard, endpoint);
    }
    if (endpoint_is_shut(shard, endpoint))
        delivery_park_all(shard, endpoint);
    endpoint_update_turn(shard, endpoint);
}

void endpoint_delete(struct shard *shard, struct endpoint *endpoint)
{
    endpoint->deleted = true;
    endpoint_close_auth(shard, endpoint);
    endpoint->subscription = NULL; /* control frees it when the shards have answered */
    timer_disarm(&endpoint->opens);
    turns_leave(endpoint);
    list_remove(&endpoint->hungry);
    report_forget(endpoint);
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
    bool is_low_on_memory = shard->memory.used > shard->memory.arena_size / 2;
    if (free == 0 || endpoint_is_shut(shard, endpoint) ||
        (gate_is_probing(&endpoint->gate) && endpoint->ready_count >= PAGE_BELOW))
        return false;
    return endpoint->in_memory < WINDOW_MIN || (endpoint->in_memory < share && !is_low_on_memory);
}

/* ---- whether it may send ---- */

uint64_t endpoint_opens_ms(const struct shard *shard, const struct endpoint *endpoint)
{
    if (endpoint->deleted || endpoint->subscription->status != SUBSCRIPTION_ACTIVE ||
        endpoint->gate.in_flight >= turns_share(shard) || lane_is_held_up(endpoint))
        return GATE_NEVER;
    uint64_t opens_ms = gate_opens_ms(&endpoint->gate, shard->now_ms);
    uint64_t batch_ms = bundle_opens_ms(shard, endpoint);
    if (batch_ms > opens_ms)
        opens_ms = batch_ms;
    if (opens_ms <= shard->now_ms && !authenticator_is_ready(endpoint->authenticator))
        return GATE_NEVER;
    return opens_ms;
}

bool endpoint_may_send(const struct shard *shard, const struct endpoint *endpoint)
{
    return endpoint->ready_count > 0 && endpoint_opens_ms(shard, endpoint) <= shard->now_ms;
}

/* 0: it is not. */
static uint64_t shut_until_ms(const struct shard *shard, const struct endpoint *endpoint)
{
    uint64_t until_ms = gate_shut_until_ms(&endpoint->gate, shard->now_ms);
    bool is_held = endpoint->held_until_ms > shard->now_ms && endpoint->held_until_ms > until_ms;
    return is_held ? endpoint->held_until_ms : until_ms;
}

bool endpoint_is_shut(const struct shard *shard, const struct endpoint *endpoint)
{
    return endpoint->deleted || endpoint->subscription->status != SUBSCRIPTION_ACTIVE ||
           shut_until_ms(shard, endpoint) > 0;
}

void endpoint_hold(struct shard *shard, struct endpoint *endpoint, uint64_t until_ms)
{
    endpoint->held_until_ms = until_ms;
    endpoint_update_turn(shard, endpoint);
}

struct delivery *endpoint_next(const struct shard *shard, const struct endpoint *endpoint)
{
    bool has_first = list_is_linked(&endpoint->ready), has_retry = list_is_linked(&endpoint->again);
    bool is_retry = has_retry && (!has_first || gate_lets_retry(&endpoint->gate, shard->now_ms));
    return container_of(is_retry ? endpoint->again.next : endpoint->ready.next, struct delivery,
                        link);
}

static bool is_hungry(const struct shard *shard, const struct endpoint *endpoint)
{
    unsigned batch = endpoint->deleted ? 0 : endpoint->subscription->batch.events;
    unsigned below = gate_is_probing(&endpoint->gate) ? 1 : batch > PAGE_BELOW ? batch : PAGE_BELOW;
    return endpoint->has_parked && !endpoint->fetching && endpoint->ready_count < below &&
           !endpoint_is_shut(shard, endpoint) && !lane_ends_page(shard, endpoint);
}

/* When time alone lets it go on, with what is in memory or what is parked. */
static uint64_t goes_on_ms(const struct shard *shard, const struct endpoint *endpoint)
{
    if (endpoint->ready_count > 0)
        return endpoint_opens_ms(shard, endpoint);
    return endpoint->has_parked && !endpoint->deleted ? shut_until_ms(shard, endpoint) : GATE_NEVER;
}

void endpoint_update_turn(struct shard *shard, struct endpoint *endpoint)
{
    uint64_t at_ms = goes_on_ms(shard, endpoint);
    timer_disarm(&endpoint->opens);
    if (at_ms > shard->now_ms && at_ms != GATE_NEVER)
        wheel_arm(&shard->wheel, &endpoint->opens, at_ms);
    else if (at_ms <= shard->now_ms && endpoint->ready_count > 0)
        turns_join(shard, endpoint);
    if (is_hungry(shard, endpoint) && !list_is_linked(&endpoint->hungry))
        list_push_back(&shard->endpoints.hungry, &endpoint->hungry);
}

/* ---- attempts ---- */

void endpoint_begin(struct shard *shard, struct endpoint *endpoint, bool is_retry,
                    struct gate_pass *pass)
{
    enum breaker_state was = endpoint->gate.breaker.state;
    note(shard, endpoint, was, gate_begin(&endpoint->gate, is_retry, shard->now_ms, pass));
    endpoint->firsts += !is_retry;
    if (pass->is_doubtful)
        turns_doubt(shard, true);
}

void endpoint_end(struct shard *shard, struct endpoint *endpoint, const struct attempt *attempt,
                  const struct attempt_record *record)
{
    const struct gate_pass *pass = &attempt->pass;
    if (pass->is_doubtful)
        turns_doubt(shard, false);
    if (!record) {
        gate_cancel(&endpoint->gate, pass);
        return;
    }
    enum breaker_state was = endpoint->gate.breaker.state;
    bool was_proven = endpoint->gate.is_proven;
    note(shard, endpoint, was,
         gate_end(&endpoint->gate, pass, record, attempt->retry_after_ms, attempt->call.end_ns,
                  &shard->random));
    if (endpoint->gate.is_proven != was_proven)
        turns_leave(endpoint); /* its place may be another now */
    if (endpoint_is_shut(shard, endpoint))
        delivery_park_all(shard, endpoint);
}

/* Of an ordered endpoint, what is behind in a lane is parked without a word. */
static void note_high(struct endpoint *endpoint, const struct id *event)
{
    struct id *high = &endpoint->parked_high;
    if (endpoint->deleted || endpoint->subscription->ordering != ORDERING_NONE)
        memset(high, 0, sizeof *high);
    else if (!endpoint->has_parked || (!id_is_zero(high) && memcmp(event, high, sizeof *event) > 0))
        *high = *event;
}

void endpoint_parked(struct shard *shard, struct endpoint *endpoint, const struct id *event)
{
    note_high(endpoint, event);
    endpoint->has_parked = true;
    endpoint->parked_epoch++;
    if (id_is_zero(&endpoint->parked_low) ||
        memcmp(event, &endpoint->parked_low, sizeof *event) < 0)
        endpoint->parked_low = *event;
    endpoint_update_turn(shard, endpoint);
}
