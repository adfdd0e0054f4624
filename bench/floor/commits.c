/* commits.c - encodes events into a block, hands it to the journal, commits; the same memory again
 * and again.
 */
#include "bench/floor/commits.h"

#include "base/clock.h"
#include "base/random.h"
#include "bench/load/stamp.h"
#include "store/journal.h"
#include "store/record.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    MEMORY_BYTES = 256 << 20,
    DAY_MS = 86400 * 1000,
    RECORD_SPARE = 512, /* what an event takes beside its payload, at most */
};

struct commits {
    struct db *db;
    struct journal *journal;
    struct stamp_ink ink;
    struct journal_events events;
    struct id tenant, subscription;
    size_t payload_bytes, room;
    unsigned group;
    char *memory;
};

static int append_event(struct commits *commits, uint64_t block, unsigned index, uint64_t wall_ms)
{
    uint64_t number = block * commits->group + index;
    size_t from = (size_t)(number * 40503) % (commits->ink.size - commits->payload_bytes);
    const struct place place = {.shard = 0, .block = block, .index = index};
    const struct event_record event = {
        .event = place_id(wall_ms, place),
        .tenant = commits->tenant,
        .first_delivery = index,
        .type = SLICE("load.event.000000"),
        .content_type = SLICE("application/json"),
        .payload = slice_of(commits->ink.letters + from, commits->payload_bytes),
        .subscriptions = &commits->subscription,
        .subscription_count = 1,
    };
    char *at = block_append(&commits->events.block, event_record_size(&event), wall_ms);
    if (!at)
        return -ENOBUFS;
    event_record_encode(&event, at);
    return 0;
}

static int commit_group(struct commits *commits, uint64_t block)
{
    uint64_t wall_ms = clock_wall_ms();
    block_init(&commits->events.block, BLOCK_EVENTS, 0, block, commits->memory, commits->room);
    commits->events.mark = block;
    for (unsigned i = 0; i < commits->group; i++) {
        int error = append_event(commits, block, i, wall_ms);
        if (error)
            return error;
    }
    int error = journal_add_events(commits->journal, &commits->events);
    return error ? error : journal_commit(commits->journal);
}

static int open_store(struct commits *commits, const char *directory, char *why)
{
    const struct db_options options = {.shards = 1,
                                       .memory_bytes = MEMORY_BYTES,
                                       .retention_ms = UINT64_C(7) * DAY_MS,
                                       .dedup_window_ms = DAY_MS};
    const struct journal_options durable = {.sync = true};
    commits->room = commits->group * (commits->payload_bytes + RECORD_SPARE) + BLOCK_HEAD_SIZE;
    commits->memory = malloc(commits->room);
    if (!commits->memory || stamp_ink_open(&commits->ink, commits->payload_bytes) < 0)
        return -ENOMEM;
    int error = db_open(&commits->db, directory, &options, why);
    return error ? error : journal_open(&commits->journal, commits->db, DAY_MS, &durable);
}

static void close_store(struct commits *commits)
{
    if (commits->journal)
        journal_close(commits->journal);
    db_close(commits->db);
    stamp_ink_close(&commits->ink);
    free(commits->memory);
}

static int measure(struct commits *commits, uint64_t groups, struct commits_cost *cost)
{
    uint64_t warm_up = groups / 20 + 1;
    uint64_t start_ns = 0, cpu_ns = 0;
    for (uint64_t block = 1; block <= warm_up + groups; block++) {
        int error = commit_group(commits, block);
        if (error)
            return error;
        if (block == warm_up) {
            start_ns = clock_monotonic_ns();
            cpu_ns = clock_process_cpu_ns();
        }
    }
    double events = (double)(groups * commits->group);
    cost->cpu_us = (double)(clock_process_cpu_ns() - cpu_ns) / 1e3 / events;
    cost->per_second = events * 1e9 / (double)(clock_monotonic_ns() - start_ns);
    return 0;
}

int commits_measure(const char *directory, uint64_t events, size_t payload_bytes, unsigned group,
                    struct commits_cost *cost, char why[static COMMITS_WHY_SIZE])
{
    struct random random;
    random_init(&random, 1);
    struct commits commits = {.payload_bytes = payload_bytes,
                              .group = group,
                              .tenant = id_new(clock_wall_ms(), &random),
                              .subscription = id_new(clock_wall_ms(), &random)};
    why[0] = '\0';
    int error = open_store(&commits, directory, why);
    if (!error)
        error = measure(&commits, (events + group - 1) / group, cost);
    if (error && !why[0])
        snprintf(why, COMMITS_WHY_SIZE, "%s: %s", strerror(-error), db_why());
    close_store(&commits);
    return error;
}
