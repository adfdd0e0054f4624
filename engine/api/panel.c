/* panel.c - see panel.h. Names follow Prometheus' conventions: base units, _total for counters, and
 * no label whose values are not fixed in this program. */
#include "panel.h"

#include "base/clock.h"
#include "call.h"
#include "disk_space.h"
#include "exposition.h"
#include "observer.h"
#include "router.h"
#include "store/families.h"
#include "watchdog.h"

#include <stdio.h>
#include <unistd.h>

/* ---- what the process and control have to tell, besides what threads count ---- */

enum reading_thread { BY_WRITER, BY_READER, BY_CONTROL, READING_THREADS };

struct process_figures {
    uint64_t cpu_ns, resident_bytes, started_s, uptime_s;
    uint64_t subscriptions, tenants, keys, shards, silent_threads;
    uint64_t watchdog_age_ms;
    uint64_t storage_low, storage_free_bytes, storage_live_bytes;
    uint64_t retention_ms, retention_bytes;
    uint64_t cache_hits[READING_THREADS], blocks_read[READING_THREADS];
    uint64_t bytes_read[READING_THREADS];
    uint64_t rollup_lag_ms, alerts, alerts_dropped, losses_untold;
    struct rollups_figures rollups;
    uint64_t admin_connections;
    struct http_server_counters admin;
    struct loop_counters loop;
};

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

static void look_at_reads(const struct figures *figures, const struct crew *crew,
                          struct process_figures *process)
{
    struct db_reads reads[READING_THREADS] = {
        [BY_WRITER] = figures->mails[crew_writer(crew)].known.writer->reads,
        [BY_READER] = figures->mails[crew_reader(crew)].known.reader->reads,
    };
    db_reads(&reads[BY_CONTROL]);
    for (unsigned i = 0; i < READING_THREADS; i++) {
        process->cache_hits[i] = reads[i].cache_hits;
        process->blocks_read[i] = reads[i].blocks;
        process->bytes_read[i] = reads[i].bytes;
    }
}

static void look_at_process(const struct api *api, const struct db_figures *store,
                            struct process_figures *process)
{
    const struct api_parts *parts = &api->parts;
    const struct registry *registry = parts->registry;
    uint64_t started_ms = api->figures.started_ms, now_ms = clock_wall_ms();
    *process = (struct process_figures){
        .cpu_ns = clock_process_cpu_ns(),
        .resident_bytes = resident_bytes(),
        .started_s = started_ms / 1000,
        .uptime_s = now_ms > started_ms ? (now_ms - started_ms) / 1000 : 0,
        .subscriptions = registry->subscriptions.count,
        .tenants = registry->tenants.count,
        .keys = registry->keys.count,
        .shards = parts->crew->shards,
        .silent_threads = api->figures.left,
        .watchdog_age_ms = watchdog_age_ms(parts->watchdog, parts->wheel->now_ms),
        .storage_low = parts->health->storage_low,
        .storage_free_bytes = disk_space_free(parts->config->data),
        .retention_ms = parts->config->retention_ms,
        .retention_bytes = parts->config->retention_bytes,
        .rollups = rollups_figures(parts->observer->rollups),
        .alerts = parts->observer->alerts.raised,
        .alerts_dropped = parts->observer->alerts.dropped,
        .losses_untold = parts->observer->losses.untold,
        .admin_connections = http_server_connections(api->server),
        .admin = http_server_counters(api->server),
        .loop = loop_counters(parts->crew->members[crew_control(parts->crew)].loop),
    };
    for (unsigned kind = 0; kind < FAMILY_KINDS; kind++)
        process->storage_live_bytes += store->live_bytes[kind];
    uint64_t as_of_ms = process->rollups.as_of_ms;
    process->rollup_lag_ms = as_of_ms && now_ms > as_of_ms ? now_ms - as_of_ms : 0;
    look_at_reads(&api->figures, parts->crew, process);
}

/* ---- labels ---- */

static const char *outcome_value(unsigned number)
{
    return attempt_outcome_name((enum attempt_outcome)number);
}

static const char *breaker_value(unsigned number)
{
    return breaker_state_name((enum breaker_state)number);
}

static const char *family_value(unsigned number)
{
    return families_kind_name((enum family_kind)number);
}

static const char *refusal_value(unsigned number)
{
    return metrics_refusal_name(number);
}

static const char *thread_value(unsigned number)
{
    static const char *const names[] = {"writer", "reader", "control"};
    return names[number];
}

static const char *class_value(unsigned number)
{
    static const char *const names[HTTP_CLASSES] = {"2xx", "3xx", "4xx", "5xx"};
    return names[number];
}

static const struct metric_label outcomes = {"outcome", ATTEMPT_DELIVERED, METRICS_OUTCOMES,
                                             outcome_value};
static const struct metric_label states = {"state", 0, BREAKER_STATES, breaker_value};
static const struct metric_label family_kinds = {"family", 0, FAMILY_KINDS, family_value};
static const struct metric_label refusals = {"status", 0, METRICS_REFUSALS, refusal_value};
static const struct metric_label threads = {"thread", 0, READING_THREADS, thread_value};
static const struct metric_label classes = {"class", 0, HTTP_CLASSES, class_value};

/* ---- the table ---- */

enum source { SHARDS, WRITER, READER, STORE, CONTROL, PROCESS, SOURCES };

#define OF_SHARDS(field)  SHARDS, offsetof(struct shard_figures, field)
#define OF_WRITER(field)  WRITER, offsetof(struct writer_figures, field)
#define OF_READER(field)  READER, offsetof(struct reader_figures, field)
#define OF_STORE(field)   STORE, offsetof(struct db_figures, field)
#define OF_CONTROL(field) CONTROL, offsetof(struct control_metrics, field)
#define OF_PROCESS(field) PROCESS, offsetof(struct process_figures, field)

/* clang-format off */
static const struct metric metrics[] = {
    /* events */
    {"grapnel_events_accepted_total",
     "Events answered 202, duplicates not counted.",
     COUNTER, ONE, NULL, OF_SHARDS(metrics.events_accepted)},
    {"grapnel_events_duplicate_total",
     "Events that repeated an idempotency key.",
     COUNTER, ONE, NULL, OF_SHARDS(metrics.events_duplicate)},
    {"grapnel_events_refused_total",
     "Requests with events refused as wrong (4xx but 429).",
     COUNTER, ONE, NULL, OF_SHARDS(metrics.events_refused)},
    {"grapnel_events_shed_total",
     "Requests with events refused for want of room (503).",
     COUNTER, ONE, NULL, OF_SHARDS(metrics.events_shed)},
    {"grapnel_events_invalid_total",
     "Events that are not as the tenant's event types say, taken in or refused.",
     COUNTER, ONE, NULL, OF_SHARDS(metrics.events_invalid)},
    {"grapnel_events_deprecated_total",
     "Events of types that are deprecated.",
     COUNTER, ONE, NULL, OF_SHARDS(metrics.events_deprecated)},
    {"grapnel_filters_undecided_total",
     "Filters that an event was too much for, so that it passed.",
     COUNTER, ONE, NULL, OF_SHARDS(metrics.filters_undecided)},
    {"grapnel_events_limited_total",
     "Requests with events beyond a tenant's limit (429).",
     COUNTER, ONE, NULL, OF_SHARDS(metrics.events_limited)},
    {"grapnel_events_refusals_total",
     "All of these, by the status of the answer.",
     COUNTER, ONE, &refusals, OF_SHARDS(metrics.refusals)},
    {"grapnel_event_bytes_total",
     "Payload bytes of accepted events.",
     COUNTER, ONE, NULL, OF_SHARDS(metrics.event_bytes)},
    {"grapnel_accept_seconds",
     "From a whole request to its 202.",
     HISTOGRAM, MICROSECONDS, NULL, OF_SHARDS(metrics.accept_us)},
    {"grapnel_limit_asks_total",
     "Words between shards about tenants' limits.",
     COUNTER, ONE, NULL, OF_SHARDS(metrics.lease_asks)},
    {"grapnel_limit_waits_total",
     "Requests that waited for such a word.",
     COUNTER, ONE, NULL, OF_SHARDS(metrics.lease_waits)},
    /* deliveries */
    {"grapnel_deliveries_created_total",
     "Deliveries that accepted events have asked for.",
     COUNTER, ONE, NULL, OF_SHARDS(metrics.deliveries_created)},
    {"grapnel_deliveries_delivered_total",
     "Deliveries that a receiver has taken.",
     COUNTER, ONE, NULL, OF_SHARDS(metrics.deliveries_delivered)},
    {"grapnel_deliveries_dead_total",
     "Deliveries given up.",
     COUNTER, ONE, NULL, OF_SHARDS(metrics.deliveries_dead)},
    {"grapnel_deliveries_cancelled_total",
     "Deliveries whose subscription was deleted.",
     COUNTER, ONE, NULL, OF_SHARDS(metrics.deliveries_cancelled)},
    {"grapnel_deliveries_parked_total",
     "Times a delivery left memory for the disk.",
     COUNTER, ONE, NULL, OF_SHARDS(metrics.deliveries_parked)},
    {"grapnel_deliveries_retried_total",
     "Failures that were given another attempt.",
     COUNTER, ONE, NULL, OF_SHARDS(metrics.deliveries_retried)},
    {"grapnel_deliveries_redelivered_total",
     "Deliveries that had ended and were begun anew.",
     COUNTER, ONE, NULL, OF_SHARDS(metrics.deliveries_redelivered)},
    {"grapnel_deliveries_loaded_total",
     "Times a delivery came back from the disk.",
     COUNTER, ONE, NULL, OF_SHARDS(metrics.deliveries_loaded)},
    {"grapnel_deliveries_ready",
     "Deliveries that wait for a place to be sent.",
     GAUGE, ONE, NULL, OF_SHARDS(ready)},
    {"grapnel_deliveries_in_flight",
     "Attempts on their way.",
     GAUGE, ONE, NULL, OF_SHARDS(in_flight)},
    {"grapnel_deliveries_waiting",
     "Retries in memory that wait for their time.",
     GAUGE, ONE, NULL, OF_SHARDS(waiting)},
    {"grapnel_deliveries_in_memory",
     "Deliveries in memory.",
     GAUGE, ONE, NULL, OF_SHARDS(deliveries_used)},
    {"grapnel_deliveries_in_memory_max",
     "Deliveries that may be in memory.",
     GAUGE, ONE, NULL, OF_SHARDS(deliveries_max)},
    {"grapnel_delivery_seconds",
     "From acceptance to delivery at the first attempt.",
     HISTOGRAM, MICROSECONDS, NULL, OF_SHARDS(metrics.deliver_us)},
    {"grapnel_attempts_total",
     "Attempts by how they ended.",
     COUNTER, ONE, &outcomes, OF_SHARDS(metrics.attempts)},
    {"grapnel_attempt_seconds",
     "Duration of attempts.",
     HISTOGRAM, MICROSECONDS, NULL, OF_SHARDS(metrics.attempt_us)},
    {"grapnel_breakers_opened_total",
     "Times a receiver was found failing, probes included.",
     COUNTER, ONE, NULL, OF_SHARDS(metrics.breakers_opened)},
    {"grapnel_breakers_closed_total",
     "Times a receiver was found well again.",
     COUNTER, ONE, NULL, OF_SHARDS(metrics.breakers_closed)},
    {"grapnel_breakers",
     "Endpoints by the state of their breaker.",
     GAUGE, ONE, &states, OF_SHARDS(breakers)},
    {"grapnel_endpoints",
     "Subscriptions with deliveries in memory or on disk.",
     GAUGE, ONE, NULL, OF_SHARDS(endpoints)},
    /* connections to receivers */
    {"grapnel_receiver_connections",
     "Connections open to receivers.",
     GAUGE, ONE, NULL, OF_SHARDS(receiver_connections)},
    {"grapnel_receiver_connections_idle",
     "Of these, kept without a request.",
     GAUGE, ONE, NULL, OF_SHARDS(receiver_idle)},
    {"grapnel_connects_total",
     "Connections made to receivers.",
     COUNTER, ONE, NULL, OF_SHARDS(client.connects)},
    {"grapnel_connection_reuses_total",
     "Attempts over a connection that was kept.",
     COUNTER, ONE, NULL, OF_SHARDS(client.reuses)},
    {"grapnel_resends_total",
     "Requests sent again when a kept connection had died.",
     COUNTER, ONE, NULL, OF_SHARDS(client.resends)},
    {"grapnel_blocked_addresses_total",
     "Connections refused by the egress rules.",
     COUNTER, ONE, NULL, OF_SHARDS(client.blocked)},
    {"grapnel_tls_handshakes_total",
     "TLS handshakes with receivers that came to their end.",
     COUNTER, ONE, NULL, OF_SHARDS(client.tls_handshakes)},
    {"grapnel_tls_resumptions_total",
     "Of these, resumed sessions.",
     COUNTER, ONE, NULL, OF_SHARDS(client.tls_resumed)},
    {"grapnel_tls_failures_total",
     "Requests to receivers that failed for want of TLS.",
     COUNTER, ONE, NULL, OF_SHARDS(client.tls_failures)},
    {"grapnel_tls_handshake_seconds",
     "Duration of TLS handshakes with receivers.",
     HISTOGRAM, MICROSECONDS, NULL, OF_SHARDS(handshake_us)},
    {"grapnel_dns_lookups_total",
     "Names asked for.",
     COUNTER, ONE, NULL, OF_SHARDS(dns.lookups)},
    {"grapnel_dns_hits_total",
     "Of these, answered from the cache.",
     COUNTER, ONE, NULL, OF_SHARDS(dns.hits)},
    {"grapnel_dns_failures_total",
     "Answers that were none: no such name, no server.",
     COUNTER, ONE, NULL, OF_SHARDS(dns.failures)},
    {"grapnel_dns_seconds",
     "Until a name that was not in the cache had an answer, good or bad.",
     HISTOGRAM, MICROSECONDS, NULL, OF_SHARDS(lookup_us)},
    /* the ingest port */
    {"grapnel_ingest_connections",
     "Connections open on the ingest port.",
     GAUGE, ONE, NULL, OF_SHARDS(server_connections)},
    {"grapnel_ingest_connections_total",
     "Connections accepted on the ingest port.",
     COUNTER, ONE, NULL, OF_SHARDS(server.accepted)},
    {"grapnel_ingest_connections_refused_total",
     "Connections beyond the limit.",
     COUNTER, ONE, NULL, OF_SHARDS(server.refused)},
    {"grapnel_ingest_requests_total",
     "Requests on the ingest port.",
     COUNTER, ONE, NULL, OF_SHARDS(server.requests)},
    {"grapnel_ingest_answers_total",
     "Answers on the ingest port, by the class of their status.",
     COUNTER, ONE, &classes, OF_SHARDS(server.answers)},
    {"grapnel_ingest_bad_requests_total",
     "What came in on the ingest port and was not HTTP.",
     COUNTER, ONE, NULL, OF_SHARDS(server.bad_requests)},
    {"grapnel_ingest_timeouts_total",
     "Requests that did not arrive in time.",
     COUNTER, ONE, NULL, OF_SHARDS(server.timeouts)},
    /* memory and threads */
    {"grapnel_buffer_bytes",
     "Bytes of events and bodies held in memory.",
     GAUGE, BYTES, NULL, OF_SHARDS(memory_used)},
    {"grapnel_buffer_bytes_max",
     "Bytes of events and bodies that may be held.",
     GAUGE, BYTES, NULL, OF_SHARDS(memory_max)},
    {"grapnel_event_blocks_open",
     "Blocks with deliveries that are not settled.",
     GAUGE, ONE, NULL, OF_SHARDS(blocks_open)},
    {"grapnel_loop_turns_total",
     "Times the shards entered the kernel.",
     COUNTER, ONE, NULL, OF_SHARDS(loop.turns)},
    {"grapnel_loop_completions_total",
     "Completions of operations.",
     COUNTER, ONE, NULL, OF_SHARDS(loop.completions)},
    {"grapnel_loop_overflows_total",
     "Overflows of the completion queue.",
     COUNTER, ONE, NULL, OF_SHARDS(loop.overflows)},
    {"grapnel_loop_buffer_shortages_total",
     "Times no receive buffer was free.",
     COUNTER, ONE, NULL, OF_SHARDS(loop.buffer_shortages)},
    {"grapnel_loop_accept_failures_total",
     "Accepts that failed.",
     COUNTER, ONE, NULL, OF_SHARDS(loop.accept_failures)},
    {"grapnel_shards",
     "Threads that take in and deliver.",
     GAUGE, ONE, NULL, OF_PROCESS(shards)},
    {"grapnel_threads_silent",
     "Threads that were late to tell their figures, which are older ones then.",
     GAUGE, ONE, NULL, OF_PROCESS(silent_threads)},
    {"grapnel_watchdog_age_seconds",
     "Since all shards were heard of last: a few seconds when all is well.",
     GAUGE, MILLISECONDS, NULL, OF_PROCESS(watchdog_age_ms)},
    /* the journal */
    {"grapnel_batches_sealed_total",
     "Groups of events handed to the journal.",
     COUNTER, ONE, NULL, OF_SHARDS(metrics.batches_sealed)},
    {"grapnel_journal_commits_total",
     "Writes to the log, each of a group.",
     COUNTER, ONE, NULL, OF_WRITER(journal.commits)},
    {"grapnel_journal_syncs_total",
     "Of these, synced (fdatasync).",
     COUNTER, ONE, NULL, OF_WRITER(journal.syncs)},
    {"grapnel_journal_blocks_total",
     "Blocks of events written.",
     COUNTER, ONE, NULL, OF_WRITER(journal.events_blocks)},
    {"grapnel_journal_bytes_total",
     "Bytes of blocks and rows written.",
     COUNTER, BYTES, NULL, OF_WRITER(journal.bytes)},
    {"grapnel_journal_commit_seconds",
     "Duration of a commit: the write and its sync.",
     HISTOGRAM, MICROSECONDS, NULL, OF_WRITER(commit_us)},
    {"grapnel_journal_group_events",
     "Events in a commit.",
     HISTOGRAM, ONE, NULL, OF_WRITER(group_events)},
    {"grapnel_journal_group_bytes",
     "Bytes in a commit.",
     HISTOGRAM, BYTES, NULL, OF_WRITER(group_bytes)},
    /* storage */
    {"grapnel_storage_low",
     "1 while nothing is accepted for want of disk space.",
     GAUGE, ONE, NULL, OF_PROCESS(storage_low)},
    {"grapnel_storage_free_bytes",
     "Free on the disk of the data directory.",
     GAUGE, BYTES, NULL, OF_PROCESS(storage_free_bytes)},
    {"grapnel_storage_live_bytes",
     "Files of data on disk, all families.",
     GAUGE, BYTES, NULL, OF_PROCESS(storage_live_bytes)},
    {"grapnel_storage_family_bytes",
     "The same, by kind of family.",
     GAUGE, BYTES, &family_kinds, OF_STORE(live_bytes)},
    {"grapnel_storage_family_keys",
     "Keys on disk and in memtables, estimated.",
     GAUGE, ONE, &family_kinds, OF_STORE(keys)},
    {"grapnel_storage_level0_files",
     "Files at level 0.",
     GAUGE, ONE, &family_kinds, OF_STORE(level0_files)},
    {"grapnel_storage_pending_compaction_bytes",
     "Estimated work of compaction.",
     GAUGE, BYTES, &family_kinds, OF_STORE(pending_compaction_bytes)},
    {"grapnel_storage_log_bytes",
     "Files of the write-ahead log.",
     GAUGE, BYTES, NULL, OF_STORE(log_bytes)},
    {"grapnel_storage_memtable_bytes",
     "Written and not yet in files.",
     GAUGE, BYTES, NULL, OF_STORE(memtable_bytes)},
    {"grapnel_storage_cache_bytes",
     "Block cache in use.",
     GAUGE, BYTES, NULL, OF_STORE(cache_bytes)},
    {"grapnel_storage_write_stopped",
     "1 if writing is stopped until a flush or compaction ends.",
     GAUGE, ONE, NULL, OF_STORE(write_stopped)},
    {"grapnel_storage_write_slowed",
     "1 if writing is slowed down for them.",
     GAUGE, ONE, NULL, OF_STORE(write_slowed)},
    {"grapnel_storage_flushes",
     "Flushes that are running.",
     GAUGE, ONE, NULL, OF_STORE(flushes)},
    {"grapnel_storage_compactions",
     "Compactions that are running.",
     GAUGE, ONE, NULL, OF_STORE(compactions)},
    {"grapnel_storage_background_errors_total",
     "Errors of flushes and compactions: the first one ends the process.",
     COUNTER, ONE, NULL, OF_STORE(background_errors)},
    {"grapnel_storage_cache_hits_total",
     "Blocks that reads found in the cache.",
     COUNTER, ONE, &threads, OF_PROCESS(cache_hits)},
    {"grapnel_storage_reads_total",
     "Blocks that reads had to get from files.",
     COUNTER, ONE, &threads, OF_PROCESS(blocks_read)},
    {"grapnel_storage_read_bytes_total",
     "Bytes of these.",
     COUNTER, BYTES, &threads, OF_PROCESS(bytes_read)},
    {"grapnel_storage_fetch_seconds",
     "Duration of what shards ask the reader for.",
     HISTOGRAM, MICROSECONDS, NULL, OF_READER(fetch_us)},
    {"grapnel_retention_seconds",
     "How long events and attempts are kept, as configured.",
     GAUGE, MILLISECONDS, NULL, OF_PROCESS(retention_ms)},
    {"grapnel_retention_bytes",
     "How many bytes of them are kept, as configured; 0: no limit.",
     GAUGE, BYTES, NULL, OF_PROCESS(retention_bytes)},
    /* control and the admin port */
    {"grapnel_tenants",
     "Tenants there are.",
     GAUGE, ONE, NULL, OF_PROCESS(tenants)},
    {"grapnel_keys",
     "Access keys there are.",
     GAUGE, ONE, NULL, OF_PROCESS(keys)},
    {"grapnel_subscriptions",
     "Subscriptions there are.",
     GAUGE, ONE, NULL, OF_PROCESS(subscriptions)},
    {"grapnel_admin_connections",
     "Connections open on the admin port.",
     GAUGE, ONE, NULL, OF_PROCESS(admin_connections)},
    {"grapnel_admin_connections_total",
     "Connections accepted on the admin port.",
     COUNTER, ONE, NULL, OF_PROCESS(admin.accepted)},
    {"grapnel_admin_connections_refused_total",
     "Connections beyond the limit.",
     COUNTER, ONE, NULL, OF_PROCESS(admin.refused)},
    {"grapnel_admin_requests_total",
     "Requests on the admin port.",
     COUNTER, ONE, NULL, OF_PROCESS(admin.requests)},
    {"grapnel_admin_bad_requests_total",
     "What came in on the admin port and was not HTTP.",
     COUNTER, ONE, NULL, OF_PROCESS(admin.bad_requests)},
    {"grapnel_control_answer_seconds",
     "For how long a request to the admin port held the control thread.",
     HISTOGRAM, MICROSECONDS, NULL, OF_CONTROL(answer_us)},
    {"grapnel_control_turn_seconds",
     "Duration of a turn of the control thread: mail, timers, steps of long work.",
     HISTOGRAM, MICROSECONDS, NULL, OF_CONTROL(turn_us)},
    {"grapnel_control_loop_turns_total",
     "Times control entered the kernel.",
     COUNTER, ONE, NULL, OF_PROCESS(loop.turns)},
    {"grapnel_rollup_attempts_total",
     "Attempts that were summed up.",
     COUNTER, ONE, NULL, OF_PROCESS(rollups.attempts)},
    {"grapnel_rollup_blocks_lost_total",
     "Blocks of attempts that retention dropped before they were summed up.",
     COUNTER, ONE, NULL, OF_PROCESS(rollups.blocks_lost)},
    {"grapnel_rollup_rows_damaged_total",
     "Sums that could not be read.",
     COUNTER, ONE, NULL, OF_PROCESS(rollups.rows_damaged)},
    {"grapnel_rollup_lag_seconds",
     "How far the sums are behind.",
     GAUGE, MILLISECONDS, NULL, OF_PROCESS(rollup_lag_ms)},
    {"grapnel_alerts_total",
     "Alerts that were raised.",
     COUNTER, ONE, NULL, OF_PROCESS(alerts)},
    {"grapnel_alerts_dropped_total",
     "Of these, dropped: too many at a time, or not to be stored.",
     COUNTER, ONE, NULL, OF_PROCESS(alerts_dropped)},
    {"grapnel_alerts_untold_deliveries_total",
     "Deliveries given up of which no alert tells: too many subscriptions lost some at a time.",
     COUNTER, ONE, NULL, OF_PROCESS(losses_untold)},
    /* the process */
    {"process_cpu_seconds_total",
     "CPU time of this process.",
     COUNTER, NANOSECONDS, NULL, OF_PROCESS(cpu_ns)},
    {"process_resident_memory_bytes",
     "Memory of this process.",
     GAUGE, BYTES, NULL, OF_PROCESS(resident_bytes)},
    {"process_start_time_seconds",
     "When it was started, since 1970.",
     GAUGE, ONE, NULL, OF_PROCESS(started_s)},
    {"grapnel_uptime_seconds",
     "How long it has been running.",
     GAUGE, ONE, NULL, OF_PROCESS(uptime_s)},
};
/* clang-format on */

/* ---- printing ---- */

/* The resource of a path: what comes after /api/v1/ and webhooks/, up to the next slash. */
static struct slice resource_of(const struct api_route *route)
{
    static const char *const before[] = {"/api/v1/webhooks/", "/api/v1/", "/"};
    struct slice path = slice_str(route->path);
    for (unsigned i = 0; i < sizeof before / sizeof before[0]; i++)
        if (slice_starts_with(path, slice_str(before[i]))) {
            path = slice_skip(path, strlen(before[i]));
            break;
        }
    return slice_of(path.at, slice_find(path, '/'));
}

/* Label 0 is for requests that have no route; the others are numbered in the table's order. */
static unsigned resources(struct slice names[static HTTP_LABELS_MAX])
{
    size_t count;
    unsigned found = 1;
    const struct api_route *routes = router_routes(&count);
    names[0] = SLICE("none");
    for (size_t i = 0; i < count; i++) {
        unsigned label = 1;
        struct slice name = resource_of(&routes[i]);
        while (label < found && !slice_equal(names[label], name))
            label++;
        must(label < HTTP_LABELS_MAX);
        names[label] = name;
        found += label == found;
    }
    return found;
}

unsigned panel_label(const struct api_route *route)
{
    struct slice names[HTTP_LABELS_MAX], name = resource_of(route);
    unsigned count = resources(names), label = 1;
    while (label < count && !slice_equal(names[label], name))
        label++;
    return label < count ? label : 0;
}

static void put_answers(struct text *text, const struct http_server_counters *admin)
{
    struct slice names[HTTP_LABELS_MAX];
    unsigned count = resources(names);
    exposition_head(text, "grapnel_admin_answers_total",
                    "Answers on the admin port, by resource and by the class of their status.",
                    COUNTER);
    for (unsigned label = 0; label < count; label++)
        for (unsigned class = 0; class < HTTP_CLASSES; class ++)
            text_printf(text, "grapnel_admin_answers_total{resource=\"%.*s\",class=\"%s\"} %llu\n",
                        SLICE_ARGS(names[label]), class_value(class),
                        (unsigned long long)admin->answers[label][class]);
}

void panel_print(struct api *api, struct text *text)
{
    struct figures *figures = &api->figures;
    const struct crew *crew = api->parts.crew;
    struct db_figures store;
    struct process_figures process;
    db_figures(api->parts.db, &store);
    look_at_process(api, &store, &process);
    for (unsigned shard = 0; shard < crew->shards; shard++)
        figures->shards_known[shard] = figures->mails[shard].known.shard;

    const void *const writer = figures->mails[crew_writer(crew)].known.writer;
    const void *const reader = figures->mails[crew_reader(crew)].known.reader;
    const void *const control = api->parts.metrics, *const of_store = &store;
    const void *const of_process = &process;
    const struct metric_source sources[SOURCES] = {
        [SHARDS] = {figures->shards_known, crew->shards},
        [WRITER] = {&writer, 1},
        [READER] = {&reader, 1},
        [STORE] = {&of_store, 1},
        [CONTROL] = {&control, 1},
        [PROCESS] = {&of_process, 1},
    };
    for (size_t i = 0; i < sizeof metrics / sizeof metrics[0]; i++)
        exposition_put(text, &metrics[i], &sources[metrics[i].source], figures->sum);
    put_answers(text, &process.admin);
    exposition_head(text, "grapnel_build_info", "What is running.", GAUGE);
    text_printf(text, "grapnel_build_info{version=\"%s\"} 1\n", GRAPNEL_VERSION);
}
