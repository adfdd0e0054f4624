/* shard.c - see shard.h: opening, the mail, one tick, and the orderly end.
 *
 * A tick does things in the order in which an event meets them: mail (durable blocks, changes),
 * deliveries that wait for a place, pages from disk, attempts, and at last what has gathered for
 * the disk. Requests and answers of the network come between ticks, in the loop's turn.
 */
#include "shard.h"

#include "allowance.h"
#include "ask.h"
#include "attempt.h"
#include "base/clock.h"
#include "base/log.h"
#include "budget.h"
#include "stats.h"
#include "store/recovery.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    RING_ENTRIES = 1024,
    RECEIVE_BUFFERS = 512,
    RECEIVE_BUFFER_BYTES = 8192,
    CLIENT_IDLE_PER_ORIGIN = 128,
    CLIENT_IDLE_MS = 30000,
    SWEEP_EVERY_MS = 250,
    STARVED_AGAIN_MS = 10,
    BODY_TIMEOUT_MS = 30000,
};

/* ---- opening and closing ---- */

static bool egress_check(void *context, const struct address *address)
{
    const struct shard *shard = context;
    return egress_allows(&shard->egress, address);
}

static int open_net(struct shard *shard, const struct budget *budget,
                    char why[static SHARD_WHY_SIZE])
{
    const struct config *config = shard->config;
    const struct loop_options loop_options = {RING_ENTRIES, RECEIVE_BUFFERS, RECEIVE_BUFFER_BYTES};
    int rc = loop_open(&shard->loop, &loop_options, why);
    if (rc)
        return rc;
    loop_set_wheel(shard->loop, &shard->wheel);
    shard->crew->members[shard->number].loop = shard->loop;

    rc = tls_client_open(&shard->tls_client, config->ca_file[0] ? config->ca_file : NULL, why);
    if (rc == 0 && config->tls_cert[0])
        rc = tls_server_open(&shard->tls_server, config->tls_cert, config->tls_key, why);
    if (rc == 0)
        rc = resolver_open(&shard->resolver, shard->loop, &shard->wheel,
                           config->dns_servers[0] ? config->dns_servers : NULL, why);
    if (rc)
        return rc;

    const struct http_client_options client_options = {
        .connections_max = budget->connections,
        .idle_per_origin_max = CLIENT_IDLE_PER_ORIGIN,
        .idle_timeout_ms = CLIENT_IDLE_MS,
        .tls = shard->tls_client,
        .context = shard,
        .allowed = egress_check,
        .proxy = config->egress_proxy.host_size ? &config->egress_proxy : NULL,
    };
    const struct http_server_options server_options = {
        .connections_max = config->connections_max,
        .head_timeout_ms = config->head_timeout_ms,
        .idle_timeout_ms = config->idle_timeout_ms,
        .body_timeout_ms = BODY_TIMEOUT_MS,
        .context = shard,
        .body_max = ingest_body_max,
        .on_request = ingest_request,
    };
    snprintf(why, SHARD_WHY_SIZE, "out of memory");
    rc = http_client_open(&shard->client, shard->loop, &shard->wheel, shard->resolver,
                          &client_options);
    if (rc == 0)
        rc = http_server_open(&shard->server, shard->loop, &shard->wheel, &shard->memory,
                              &server_options);
    return rc;
}

static int open_state(struct shard *shard, const struct budget *budget, uint64_t first_event_block,
                      uint64_t first_attempt_block)
{
    int rc = buddy_open(&shard->memory, budget->arena_bytes);
    if (rc == 0)
        rc = directory_open(&shard->directory);
    if (rc == 0)
        rc = allowances_open(shard);
    if (rc == 0)
        rc = ingest_open(&shard->ingest);
    if (rc == 0)
        rc = intake_open(&shard->intake, shard, first_event_block, budget->claims);
    if (rc == 0)
        rc = deliveries_open(&shard->deliveries, budget->deliveries);
    if (rc == 0)
        rc = endpoints_open(&shard->endpoints);
    if (rc == 0)
        rc = lanes_open(&shard->lanes, budget->deliveries);
    if (rc == 0)
        rc = payloads_open(&shard->payloads);
    if (rc == 0)
        rc = pool_open(&shard->attempts, sizeof(struct attempt), budget->attempts);
    if (rc == 0)
        rc = gzip_open(&shard->gzip);
    if (rc == 0)
        rc = outcomes_open(&shard->outcomes, first_attempt_block, budget->attempts);
    if (rc == 0)
        rc = paging_open(&shard->paging);
    return rc;
}

static void read_clocks(struct shard *shard)
{
    shard->now_ms = clock_monotonic_ns() / 1000000;
    shard->wall_ms = clock_wall_ms();
}

int shard_open(struct shard *shard, unsigned number, struct crew *crew, const struct config *config,
               const struct recovery_report *recovery, char why[static SHARD_WHY_SIZE])
{
    uint64_t seed;
    random_secret(&seed, sizeof seed);
    *shard = (struct shard){.number = number, .crew = crew, .config = config};
    read_clocks(shard);
    shard->egress = (struct egress){config->allowed.list, config->allowed.count};
    redaction_init(&shard->redaction, config->record_headers, config->redact_patterns,
                   config->redact_pointers);
    reports_init(&shard->reports);
    uses_init(&shard->uses);
    random_init(&shard->random, seed);
    aead_nonces_init(&shard->nonces);
    wheel_init(&shard->wheel, shard->now_ms);
    turns_init(&shard->turns);
    redelivery_init(&shard->redelivery);

    snprintf(why, SHARD_WHY_SIZE, "out of memory");
    const struct budget budget = budget_of(config->memory_bytes, crew->shards);
    int rc = open_state(shard, &budget, recovery->next_event_block[number],
                        recovery->next_attempt_block[number]);
    if (rc == 0)
        rc = open_net(shard, &budget, why);
    if (rc)
        shard_close(shard);
    return rc;
}

void shard_close(struct shard *shard)
{
    if (shard->server)
        http_server_close(shard->server);
    endpoints_close(shard);
    if (shard->client)
        http_client_close(shard->client);
    paging_close(&shard->paging);
    outcomes_close(&shard->outcomes);
    pool_close(&shard->attempts);
    gzip_close(&shard->gzip);
    signer_scratch_close(&shard->scratch);
    lanes_close(&shard->lanes);
    payloads_close(&shard->payloads);
    deliveries_close(&shard->deliveries);
    intake_close(&shard->intake);
    ingest_close(&shard->ingest);
    allowances_close(shard);
    directory_close(&shard->directory);
    tls_context_close(shard->tls_client);
    tls_context_close(shard->tls_server);
    if (shard->loop)
        loop_close(shard->loop);
    buddy_close(&shard->memory);
    shard->loop = NULL;
}

/* ---- mail ---- */

static void serve(struct shard *shard, struct mail_serve *order)
{
    order->error = http_server_listen(shard->server, order->listener, shard->tls_server);
    paging_start(shard);
    crew_post(shard->crew, shard->number, order->mail.from, &order->mail);
}

/* Before the directory forgets what was there before. */
static void change_endpoint(struct shard *shard, const struct mail_directory *change)
{
    const struct subscription *before = change->before;
    const struct subscription *after = change->after;
    const struct id *id = after ? &after->id : &before->id;
    if (keys_home(id, shard->crew->shards) != shard->number)
        return;
    struct endpoint *endpoint = endpoint_find(shard, id);
    if (!endpoint && after)
        endpoint_put(shard, after);
    else if (endpoint && after)
        endpoint_change(shard, endpoint, after);
    else if (endpoint)
        endpoint_delete(shard, endpoint);
}

/* Connections that are open keep the certificate they began with. */
static void change_settings(struct shard *shard, const struct config *config)
{
    struct tls_context *fresh = NULL;
    char why[TLS_WHY_SIZE];
    shard->config = config;
    if (!shard->tls_server)
        return;
    if (tls_server_open(&fresh, config->tls_cert, config->tls_key, why)) {
        LOG(LOG_ERROR, "the certificate is kept as it was", log_str("why", why));
        return;
    }
    http_server_set_tls(shard->server, fresh);
    tls_context_close(shard->tls_server);
    shard->tls_server = fresh;
}

/* Endpoints look again before their next attempt. */
static void change_reach(struct shard *shard, const struct tenant *before,
                         const struct tenant *after)
{
    bool is_same = before && after && before->https_only == after->https_only &&
                   egress_rules_equal(before->egress, after->egress);
    shard->reach_version += !is_same;
}

static void change_directory(struct shard *shard, struct mail_directory *change)
{
    if (change->kind == DIRECTORY_STORAGE)
        shard->ingest.storage_low = ((const struct storage_state *)change->after)->low;
    else if (change->kind == DIRECTORY_SETTINGS)
        change_settings(shard, change->after);
    else if (change->kind == DIRECTORY_SUBSCRIPTION)
        change_endpoint(shard, change);
    else if (change->kind == DIRECTORY_TENANT)
        allowance_change(shard, change->before, change->after);
    directory_apply(&shard->directory, change);
    if (change->kind == DIRECTORY_TENANT)
        change_reach(shard, change->before, change->after);
    crew_post(shard->crew, shard->number, change->mail.from, &change->mail);
}

static void fill_figures(struct shard *shard, struct mail_figures *mail)
{
    const struct pool *deliveries = &shard->deliveries.pool;
    struct shard_figures *into = mail->into.shard;
    *into = (struct shard_figures){
        .metrics = shard->metrics,
        .server = http_server_counters(shard->server),
        .client = http_client_counters(shard->client),
        .dns = resolver_counters(shard->resolver),
        .loop = loop_counters(shard->loop),
        .ready = deliveries->used - shard->deliveries.waiting - shard->attempts.used,
        .in_flight = shard->attempts.used,
        .waiting = shard->deliveries.waiting,
        .deliveries_used = deliveries->used,
        .deliveries_max = deliveries->capacity,
        .memory_used = shard->memory.used,
        .memory_max = shard->memory.arena_size,
        .blocks_open = shard->intake.blocks.used,
        .endpoints = shard->endpoints.count,
        .server_connections = http_server_connections(shard->server),
        .receiver_connections = http_client_counters(shard->client).open,
        .receiver_idle = http_client_counters(shard->client).idle,
    };
    into->lookup_us = *resolver_durations(shard->resolver);
    into->handshake_us = *http_client_handshakes(shard->client);
    memcpy(into->breakers, shard->endpoints.breakers, sizeof into->breakers);
    crew_post(shard->crew, shard->number, mail->mail.from, &mail->mail);
}

static void begin_stop(struct shard *shard, struct mail_stop *order)
{
    if (shard->stopping) { /* told again, to hurry */
        shard->stop_by_ms = shard->now_ms;
        shard->hurrying = order;
        return;
    }
    shard->stopping = order;
    shard->stop_by_ms = shard->now_ms + (order->now ? 0 : shard->config->shutdown_timeout_ms);
    http_server_drain(shard->server);
    allowances_release(shard);
}

static void take_outcomes(struct shard *shard, struct outcome_batch *batch)
{
    outcomes_durable(shard, batch);
    report_durable(shard);
}

/* NOLINTNEXTLINE(readability-function-size): a case for each kind */
static void take_mail(struct shard *shard, struct mail *mail)
{
    switch ((enum mail_kind)mail->kind) {
    case MAIL_EVENTS:
        intake_durable(shard, container_of(mail, struct event_block, mail));
        break;
    case MAIL_LEASE:
        allowance_mail(shard, container_of(mail, struct mail_lease, mail));
        break;
    case MAIL_OUTCOMES:
        take_outcomes(shard, container_of(mail, struct outcome_batch, mail));
        break;
    case MAIL_BLOCK:
        share_take(shard, container_of(mail, struct block_share, mail));
        break;
    case MAIL_RELEASED:
        intake_released(shard, container_of(mail, struct block_share, released));
        break;
    case MAIL_SETTLED:
        intake_settled(shard, container_of(mail, struct block_share, settled));
        break;
    case MAIL_FETCH:
        paging_fetched(shard, container_of(mail, struct mail_fetch, mail));
        break;
    case MAIL_DIRECTORY:
        change_directory(shard, container_of(mail, struct mail_directory, mail));
        break;
    case MAIL_FIGURES:
        fill_figures(shard, container_of(mail, struct mail_figures, mail));
        break;
    case MAIL_PING:
        crew_post(shard->crew, shard->number, mail->from, mail);
        break;
    case MAIL_STATS:
        stats_fill(shard, container_of(mail, struct mail_stats, mail));
        crew_post(shard->crew, shard->number, mail->from, mail);
        break;
    case MAIL_REDELIVER:
        redelivery_take(shard, container_of(mail, struct mail_redeliver, mail));
        break;
    case MAIL_SERVE:
        serve(shard, container_of(mail, struct mail_serve, mail));
        break;
    case MAIL_PUBLISH:
        ingest_publish(shard, container_of(mail, struct mail_publish, mail));
        break;
    case MAIL_ASK:
        ask_answered(shard, container_of(mail, struct mail_ask, mail));
        break;
    case MAIL_REPORT:
        report_taken(shard);
        break;
    case MAIL_USES:
        uses_taken(shard);
        break;
    case MAIL_STOP:
        begin_stop(shard, container_of(mail, struct mail_stop, mail));
        break;
    case MAIL_GIVE_BACK:
    case MAIL_FORGET:
        must(false);
    }
}

/* ---- the end ---- */

static void each_endpoint(struct shard *shard,
                          void (*act)(struct shard *shard, struct endpoint *endpoint))
{
    struct table_node *node = table_walk(&shard->endpoints.table, NULL);
    while (node) {
        struct endpoint *endpoint = container_of(node, struct endpoint, node);
        node = table_walk(&shard->endpoints.table, node);
        act(shard, endpoint);
    }
}

/* Whether everything that was promised or begun has a durable trace, and everybody has been
 * answered. */
static bool is_finished(const struct shard *shard)
{
    return !shard->intake.first && shard->intake.chains_out == 0 && shard->attempts.used == 0 &&
           shard->outcomes.out == 0 && !shard->outcomes.open && shard->paging.fetches.used == 0 &&
           !list_is_linked(&shard->deliveries.young) &&
           !list_is_linked(&shard->deliveries.shares) && !list_is_linked(&shard->redelivery.pages);
}

static void stop_step(struct shard *shard)
{
    bool is_late = shard->now_ms >= shard->stop_by_ms;
    each_endpoint(shard, delivery_park_all);
    if (is_late && !shard->is_aborting) {
        shard->is_aborting = true;
        each_endpoint(shard, delivery_abort_all);
    }
    outcomes_flush(shard, true);
    if (!is_finished(shard) || (http_server_connections(shard->server) > 0 && !is_late))
        return;

    if (!shard->is_closing) {
        shard->is_closing = true;
        http_server_stop(shard->server);
        each_endpoint(shard, endpoint_close_auth);
        http_client_stop(shard->client);
        resolver_close(shard->resolver);
        shard->resolver = NULL;
    }
    if (http_server_idle(shard->server) && http_client_idle(shard->client) && uses_flush(shard)) {
        shard->is_stopped = true;
        crew_post(shard->crew, shard->number, crew_control(shard->crew), &shard->stopping->mail);
        if (shard->hurrying)
            crew_post(shard->crew, shard->number, crew_control(shard->crew),
                      &shard->hurrying->mail);
    }
}

/* ---- a tick ---- */

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t shard_tick(struct shard *shard)
{
    struct mailbox *mailbox = &shard->crew->members[shard->number].mailbox;
    struct mail *mail;

    read_clocks(shard);
    wheel_advance(&shard->wheel, shard->now_ms);
    while ((mail = mailbox_take(mailbox)))
        take_mail(shard, mail);

    uint64_t announce_ms = intake_announce(shard);
    uint64_t redelivery_ms = redelivery_tick(shard);
    share_walk_all(shard);
    delivery_sweep(shard);
    uint64_t next_ms = earlier(earlier(announce_ms, redelivery_ms), paging_tick(shard));
    turns_dispatch(shard);
    bool has_sent = intake_flush(shard);
    outcomes_flush(shard, has_sent); /* into the same commit, for the same wake-up */
    if (shard->stopping && !shard->is_stopped) {
        stop_step(shard);
        next_ms = earlier(next_ms, shard->now_ms + 1);
    }

    next_ms = earlier(next_ms, outcomes_due_ms(&shard->outcomes));
    if (list_is_linked(&shard->deliveries.young))
        next_ms = earlier(next_ms, shard->now_ms + SWEEP_EVERY_MS);
    if (list_is_linked(&shard->turns.starved))
        next_ms = earlier(next_ms, shard->now_ms + STARVED_AGAIN_MS);
    if (list_is_linked(&shard->turns.ring) && shard->now_ms < shard->dispatch_after_ms)
        next_ms = earlier(next_ms, shard->dispatch_after_ms);
    return next_ms == UINT64_MAX ? UINT64_MAX : next_ms * 1000000;
}
