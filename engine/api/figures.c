/* figures.c - see figures.h. Names follow Prometheus' conventions: base units, _total for counters,
 * no label whose values are not fixed in this program. One table says what is shown.
 */
#include "figures.h"

#include "base/clock.h"
#include "call.h"
#include "router.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { FIGURES_TEXT_SIZE = 64 * 1024 };

int figures_open(struct figures *figures, unsigned shards)
{
    *figures = (struct figures){.started_ms = clock_wall_ms()};
    figures->of_shards = calloc(shards, sizeof *figures->of_shards);
    figures->mails = calloc(shards, sizeof *figures->mails);
    figures->sum = malloc(sizeof *figures->sum);
    return figures->of_shards && figures->mails && figures->sum ? 0 : -ENOMEM;
}

void figures_close(struct figures *figures)
{
    free(figures->of_shards);
    free(figures->mails);
    free(figures->sum);
}

/* ---- asking ---- */

void figures_get(struct call *call)
{
    struct figures *figures = &call->api->figures;
    struct crew *crew = call->api->parts.crew;

    if (figures->waiter_count == FIGURES_WAITERS_MAX) {
        call_busy(call);
        return;
    }
    figures->waiters[figures->waiter_count++] = call->ticket;
    if (figures->left)
        return;
    figures->left = crew->shards;
    for (unsigned shard = 0; shard < crew->shards; shard++) {
        struct mail_figures *mail = &figures->mails[shard];
        mail->mail.kind = MAIL_FIGURES;
        mail->into = &figures->of_shards[shard];
        crew_post(crew, crew_control(crew), shard, &mail->mail);
    }
}

/* ---- printing ---- */

enum type { COUNTER, GAUGE };

struct row {
    const char *name, *help;
    enum type type;
    size_t offset; /* of a uint64_t in struct shard_figures */
};

#define OF(field) offsetof(struct shard_figures, field)

static const struct row rows[] = {
    {"grapnel_events_accepted_total", "Events answered 202, duplicates not counted.", COUNTER,
     OF(metrics.events_accepted)},
    {"grapnel_events_duplicate_total", "Events that repeated an idempotency key.", COUNTER,
     OF(metrics.events_duplicate)},
    {"grapnel_events_refused_total", "Requests with events refused as wrong (4xx).", COUNTER,
     OF(metrics.events_refused)},
    {"grapnel_events_shed_total", "Requests with events refused for want of room (503).", COUNTER,
     OF(metrics.events_shed)},
    {"grapnel_events_limited_total", "Requests with events beyond a tenant's limit (429).", COUNTER,
     OF(metrics.events_limited)},
    {"grapnel_limit_asks_total", "Words between shards about tenants' limits.", COUNTER,
     OF(metrics.lease_asks)},
    {"grapnel_limit_waits_total", "Requests that waited for such a word.", COUNTER,
     OF(metrics.lease_waits)},
    {"grapnel_event_bytes_total", "Payload bytes of accepted events.", COUNTER,
     OF(metrics.event_bytes)},
    {"grapnel_batches_sealed_total", "Groups of events handed to the journal.", COUNTER,
     OF(metrics.batches_sealed)},
    {"grapnel_deliveries_created_total", "Deliveries that accepted events have asked for.", COUNTER,
     OF(metrics.deliveries_created)},
    {"grapnel_deliveries_delivered_total", "Deliveries that a receiver has taken.", COUNTER,
     OF(metrics.deliveries_delivered)},
    {"grapnel_deliveries_dead_total", "Deliveries given up.", COUNTER, OF(metrics.deliveries_dead)},
    {"grapnel_deliveries_cancelled_total", "Deliveries whose subscription was deleted.", COUNTER,
     OF(metrics.deliveries_cancelled)},
    {"grapnel_deliveries_parked_total", "Times a delivery left memory for the disk.", COUNTER,
     OF(metrics.deliveries_parked)},
    {"grapnel_deliveries_retried_total", "Failures that were given another attempt.", COUNTER,
     OF(metrics.deliveries_retried)},
    {"grapnel_deliveries_redelivered_total", "Deliveries that had ended and were begun anew.",
     COUNTER, OF(metrics.deliveries_redelivered)},
    {"grapnel_deliveries_loaded_total", "Times a delivery came back from the disk.", COUNTER,
     OF(metrics.deliveries_loaded)},
    {"grapnel_breakers_opened_total", "Times a receiver was found failing, probes included.",
     COUNTER, OF(metrics.breakers_opened)},
    {"grapnel_breakers_closed_total", "Times a receiver was found well again.", COUNTER,
     OF(metrics.breakers_closed)},
    {"grapnel_deliveries_ready", "Deliveries that wait for a place to be sent.", GAUGE, OF(ready)},
    {"grapnel_deliveries_in_flight", "Attempts on their way.", GAUGE, OF(in_flight)},
    {"grapnel_deliveries_waiting", "Retries in memory that wait for their time.", GAUGE,
     OF(waiting)},
    {"grapnel_deliveries_in_memory", "Deliveries in memory.", GAUGE, OF(deliveries_used)},
    {"grapnel_deliveries_in_memory_max", "Deliveries that may be in memory.", GAUGE,
     OF(deliveries_max)},
    {"grapnel_endpoints", "Subscriptions with deliveries in memory or on disk.", GAUGE,
     OF(endpoints)},
    {"grapnel_buffer_bytes", "Bytes of events and bodies held in memory.", GAUGE, OF(memory_used)},
    {"grapnel_buffer_bytes_max", "Bytes of events and bodies that may be held.", GAUGE,
     OF(memory_max)},
    {"grapnel_event_blocks_open", "Blocks with deliveries that are not settled.", GAUGE,
     OF(blocks_open)},
    {"grapnel_ingest_connections", "Connections open on the ingest port.", GAUGE,
     OF(server_connections)},
    {"grapnel_ingest_connections_total", "Connections accepted on the ingest port.", COUNTER,
     OF(server.accepted)},
    {"grapnel_ingest_connections_refused_total", "Connections beyond the limit.", COUNTER,
     OF(server.refused)},
    {"grapnel_ingest_requests_total", "Requests on the ingest port.", COUNTER, OF(server.requests)},
    {"grapnel_ingest_bad_requests_total", "What came in on the ingest port and was not HTTP.",
     COUNTER, OF(server.bad_requests)},
    {"grapnel_ingest_timeouts_total", "Requests that did not arrive in time.", COUNTER,
     OF(server.timeouts)},
    {"grapnel_connects_total", "Connections made to receivers.", COUNTER, OF(client.connects)},
    {"grapnel_connection_reuses_total", "Attempts over a connection that was kept.", COUNTER,
     OF(client.reuses)},
    {"grapnel_resends_total", "Requests sent again when a kept connection had died.", COUNTER,
     OF(client.resends)},
    {"grapnel_blocked_addresses_total", "Connections refused by the egress rules.", COUNTER,
     OF(client.blocked)},
    {"grapnel_tls_handshakes_total", "TLS handshakes with receivers.", COUNTER,
     OF(client.tls_handshakes)},
    {"grapnel_tls_resumptions_total", "Of these, resumed sessions.", COUNTER,
     OF(client.tls_resumed)},
    {"grapnel_dns_lookups_total", "Names asked for.", COUNTER, OF(dns.lookups)},
    {"grapnel_dns_hits_total", "Of these, answered from the cache.", COUNTER, OF(dns.hits)},
    {"grapnel_dns_failures_total", "Of these, failed.", COUNTER, OF(dns.failures)},
    {"grapnel_loop_turns_total", "Times the kernel was entered.", COUNTER, OF(loop.turns)},
    {"grapnel_loop_completions_total", "Completions of operations.", COUNTER, OF(loop.completions)},
    {"grapnel_loop_overflows_total", "Overflows of the completion queue.", COUNTER,
     OF(loop.overflows)},
    {"grapnel_loop_buffer_shortages_total", "Times no receive buffer was free.", COUNTER,
     OF(loop.buffer_shortages)},
    {"grapnel_loop_accept_failures_total", "Accepts that failed.", COUNTER,
     OF(loop.accept_failures)},
};

static void put_head(struct text *text, const char *name, const char *help, const char *type)
{
    text_printf(text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_one(struct text *text, const char *name, const char *help, enum type type,
                    uint64_t value)
{
    put_head(text, name, help, type == COUNTER ? "counter" : "gauge");
    text_printf(text, "%s %llu\n", name, (unsigned long long)value);
}

static void put_rows(struct text *text, const struct figures *figures, unsigned shards)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t sum = 0;
        for (unsigned shard = 0; shard < shards; shard++) {
            uint64_t value;
            memcpy(&value, (const char *)&figures->of_shards[shard] + rows[i].offset, sizeof value);
            sum += value;
        }
        put_one(text, rows[i].name, rows[i].help, rows[i].type, sum);
    }
}

static void put_attempts(struct text *text, const struct figures *figures, unsigned shards)
{
    put_head(text, "grapnel_attempts_total", "Attempts by how they ended.", "counter");
    for (int outcome = ATTEMPT_DELIVERED; outcome < METRICS_OUTCOMES; outcome++) {
        uint64_t sum = 0;
        for (unsigned shard = 0; shard < shards; shard++)
            sum += figures->of_shards[shard].metrics.attempts[outcome];
        text_printf(text, "grapnel_attempts_total{outcome=\"%s\"} %llu\n",
                    attempt_outcome_name((enum attempt_outcome)outcome), (unsigned long long)sum);
    }
}

static void put_breakers(struct text *text, const struct figures *figures, unsigned shards)
{
    put_head(text, "grapnel_breakers", "Endpoints by the state of their breaker.", "gauge");
    for (int state = 0; state < BREAKER_STATES; state++) {
        uint64_t sum = 0;
        for (unsigned shard = 0; shard < shards; shard++)
            sum += figures->of_shards[shard].breakers[state];
        text_printf(text, "grapnel_breakers{state=\"%s\"} %llu\n",
                    breaker_state_name((enum breaker_state)state), (unsigned long long)sum);
    }
}

/* A histogram of microseconds, as one of seconds. */
static void put_histogram(struct text *text, const struct figures *figures, unsigned shards,
                          const char *name, const char *help, size_t offset)
{
    static const struct {
        const char *seconds;
        uint64_t us;
    } bounds[] = {{"0.0005", 500},  {"0.001", 1000},  {"0.0025", 2500}, {"0.005", 5000},
                  {"0.01", 10000},  {"0.025", 25000}, {"0.05", 50000},  {"0.1", 100000},
                  {"0.25", 250000}, {"0.5", 500000},  {"1", 1000000},   {"2.5", 2500000},
                  {"5", 5000000},   {"10", 10000000}, {"30", 30000000}, {"60", 60000000}};
    struct histogram *sum = figures->sum;
    histogram_init(sum);
    for (unsigned shard = 0; shard < shards; shard++)
        histogram_merge(sum, (const void *)((const char *)&figures->of_shards[shard] + offset));

    put_head(text, name, help, "histogram");
    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++)
        text_printf(text, "%s_bucket{le=\"%s\"} %llu\n", name, bounds[i].seconds,
                    (unsigned long long)histogram_at_most(sum, bounds[i].us));
    text_printf(text, "%s_bucket{le=\"+Inf\"} %llu\n%s_sum %llu.%06llu\n%s_count %llu\n", name,
                (unsigned long long)sum->count, name, (unsigned long long)(sum->sum / 1000000),
                (unsigned long long)(sum->sum % 1000000), name, (unsigned long long)sum->count);
}

static void put_histograms(struct text *text, const struct figures *figures, unsigned shards)
{
    put_histogram(text, figures, shards, "grapnel_accept_seconds",
                  "From a whole request to its 202.", OF(metrics.accept_us));
    put_histogram(text, figures, shards, "grapnel_delivery_seconds",
                  "From acceptance to delivery at the first attempt.", OF(metrics.deliver_us));
    put_histogram(text, figures, shards, "grapnel_attempt_seconds", "Duration of attempts.",
                  OF(metrics.attempt_us));
}

static void put_client(struct text *text, const struct figures *figures, unsigned shards)
{
    uint64_t open = 0, idle = 0;
    for (unsigned shard = 0; shard < shards; shard++) {
        open += figures->of_shards[shard].client.open;
        idle += figures->of_shards[shard].client.idle;
    }
    put_one(text, "grapnel_receiver_connections", "Connections open to receivers.", GAUGE, open);
    put_one(text, "grapnel_receiver_connections_idle", "Of these, kept without a request.", GAUGE,
            idle);
}

static void put_storage(struct text *text, struct db *db)
{
    struct db_figures figures;
    db_figures(db, &figures);
    put_one(text, "grapnel_storage_memtable_bytes", "Written and not yet in files.", GAUGE,
            figures.memtable_bytes);
    put_one(text, "grapnel_storage_cache_bytes", "Block cache in use.", GAUGE, figures.cache_bytes);
    put_one(text, "grapnel_storage_live_bytes", "Estimated size of live data on disk.", GAUGE,
            figures.live_bytes);
    put_one(text, "grapnel_storage_pending_compaction_bytes", "Estimated work of compaction.",
            GAUGE, figures.pending_compaction_bytes);
    put_one(text, "grapnel_storage_level0_files", "Files at level 0.", GAUGE, figures.level0_files);
    put_one(text, "grapnel_storage_write_stopped", "1 if writing is stopped.", GAUGE,
            figures.write_stopped);
}

static uint64_t resident_bytes(void)
{
    unsigned long long total = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file)
        return 0;
    if (fscanf(file, "%llu %llu", &total, &resident) != 2)
        resident = 0;
    fclose(file);
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void put_process(struct text *text, const struct api *api)
{
    uint64_t cpu_ns = clock_process_cpu_ns(), started_ms = api->figures.started_ms;
    uint64_t now_ms = clock_wall_ms();
    const struct registry *registry = api->parts.registry;

    put_head(text, "process_cpu_seconds_total", "CPU time of this process.", "counter");
    text_printf(text, "process_cpu_seconds_total %llu.%09llu\n",
                (unsigned long long)(cpu_ns / 1000000000),
                (unsigned long long)(cpu_ns % 1000000000));
    put_one(text, "process_resident_memory_bytes", "Memory of this process.", GAUGE,
            resident_bytes());
    put_one(text, "process_start_time_seconds", "When it was started, since 1970.", GAUGE,
            started_ms / 1000);
    put_one(text, "grapnel_uptime_seconds", "How long it has been running.", GAUGE,
            now_ms > started_ms ? (now_ms - started_ms) / 1000 : 0);
    put_one(text, "grapnel_subscriptions", "Subscriptions there are.", GAUGE,
            registry->subscriptions.count);
    put_one(text, "grapnel_shards", "Threads that take in and deliver.", GAUGE,
            api->parts.crew->shards);
    put_one(text, "grapnel_storage_low", "1 while nothing is accepted for want of disk space.",
            GAUGE, api->parts.health->storage_low);
    put_head(text, "grapnel_build_info", "What is running.", "gauge");
    text_printf(text, "grapnel_build_info{version=\"%s\"} 1\n", GRAPNEL_VERSION);
}

static void print(struct api *api, struct text *text)
{
    unsigned shards = api->parts.crew->shards;
    put_rows(text, &api->figures, shards);
    put_attempts(text, &api->figures, shards);
    put_breakers(text, &api->figures, shards);
    put_histograms(text, &api->figures, shards);
    put_client(text, &api->figures, shards);
    put_storage(text, api->parts.db);
    put_process(text, api);
}

void api_figures_answered(struct api *api, struct mail_figures *mail)
{
    struct figures *figures = &api->figures;
    must(figures->left > 0 && mail->into);
    if (--figures->left)
        return;

    struct call call = {.api = api};
    struct text *text = call_text(&call, FIGURES_TEXT_SIZE);
    print(api, text);
    for (unsigned i = 0; i < figures->waiter_count; i++) {
        call.ticket = figures->waiters[i];
        if (!text_ok(text)) {
            call_busy(&call);
            continue;
        }
        struct http_response response = {
            .status = 200,
            .content_type = SLICE("text/plain; version=0.0.4; charset=utf-8"),
            .body = text_slice(text),
        };
        http_server_reply(api->server, call.ticket, &response);
    }
    figures->waiter_count = 0;
}
