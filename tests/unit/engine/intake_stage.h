/* intake_stage.h - events on their way to disk, without a disk: the writer and the other shard are
 * mailboxes that the test empties. Replaced are who sends receipts (receipt.c), who walks shares
 * (share.c), and the clock.
 */
#ifndef TESTS_UNIT_ENGINE_INTAKE_STAGE_H
#define TESTS_UNIT_ENGINE_INTAKE_STAGE_H

#include "base/clock.h"
#include "shard.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>

enum { FIRST_NUMBER = 100, WALL = 1769860800, CONNECTIONS = 64, ARENA = 16 << 20, CLAIMS = 65536 };

static struct crew crew;
static struct config config;
static struct shard shard;
static struct id mine, theirs; /* subscriptions: of this shard, number 0, and of number 1 */

/* ---- in place of receipt.c and share.c ---- */

static struct {
    unsigned receipts, events, shares;
    uint64_t last_received_ns;
    struct block_share *share;
    bool has_no_memory; /* for the answer to a batch */
} seen;

/* Shares that were offered and are still read, or not settled. */
static struct {
    struct block_share *at[2 * LIMIT_EVENT_BLOCKS];
    unsigned count;
} held;

bool receipt_reserve(struct shard *sender, struct receipt *receipt)
{
    (void)sender;
    return !receipt->is_batch || !seen.has_no_memory;
}

void receipt_send(struct shard *sender, struct receipt *receipt)
{
    cr_assert(sender == &shard);
    cr_assert(lt(u64, seen.last_received_ns, receipt->received_ns), "in order of receiving");
    seen.last_received_ns = receipt->received_ns;
    seen.receipts++;
    seen.events += receipt->count;
}

void share_take(struct shard *taker, struct block_share *share)
{
    cr_assert(taker == &shard);
    seen.shares++;
    seen.share = share;
    held.at[held.count++] = share;
}

/* ---- in place of base/clock.c ---- */

static uint64_t wall_ms;

uint64_t clock_wall_ms(void)
{
    return wall_ms;
}

uint64_t clock_monotonic_ns(void)
{
    return shard.now_ms * 1000000;
}

uint64_t clock_process_cpu_ns(void)
{
    return 0;
}

/* ---- the stage ---- */

static inline struct id homed(unsigned home)
{
    struct id id = {{0}};
    while (keys_home(&id, crew.shards) != home)
        id.bytes[15]++;
    return id;
}

static inline void open_intake(void)
{
    crew_init(&crew, 2);
    config.connections_max = CONNECTIONS;
    shard.crew = &crew;
    shard.config = &config;
    cr_assert(zero(int, buddy_open(&shard.memory, ARENA)));
    cr_assert(zero(int, intake_open(&shard.intake, &shard, FIRST_NUMBER, CLAIMS)));
    mine = homed(0);
    theirs = homed(1);
}

static inline void close_intake(void)
{
    intake_close(&shard.intake);
    buddy_close(&shard.memory);
}

static const struct tenant tenant = {.log_key = {42}};

static inline struct event_record event_of(struct slice payload, const struct id *wants)
{
    return (struct event_record){.type = SLICE("a.b"),
                                 .content_type = SLICE("application/json"),
                                 .payload = payload,
                                 .subscriptions = wants,
                                 .subscription_count = wants ? 1 : 0};
}

static inline int commit(struct intake_request *request)
{
    static uint64_t now_ns;
    static const struct requester nobody;
    return intake_commit(&shard, request, &nobody, ++now_ns, false);
}

static inline struct mail *mail_for(unsigned member)
{
    return mailbox_take(&crew.members[member].mailbox);
}

/* The chain that has come to the writer, or NULL. */
static inline struct event_block *take_chain(void)
{
    struct mail *mail = mail_for(crew_writer(&crew));
    if (!mail)
        return NULL;
    cr_assert(eq(int, (int)mail->kind, MAIL_EVENTS));
    return container_of(mail, struct event_block, mail);
}

static inline void expect_nothing_held(void)
{
    cr_expect(zero(sz, shard.intake.blocks.used));
    cr_expect(zero(sz, shard.intake.claims.used));
    cr_expect(zero(sz, shard.intake.receipts.used));
    cr_expect(zero(sz, shard.memory.used));
    cr_expect(not(list_is_linked(&shard.intake.unsettled)));
}

#endif
