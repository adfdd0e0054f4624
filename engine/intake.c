/* intake.c - see intake.h.
 *
 * Invariants:
 *   1. `unsettled` holds every block that has a delivery without a durable trace, or may get one,
 *      in order of number.
 *   2. A block's plain bytes stay while shares_reading > 0, the block while shares_unsettled > 0 or
 *      its chain is out, the sealed bytes until its chain is durable.
 *   3. The chain being gathered is first -> ... -> open, linked by journal.next.
 */
#include "shard.h"

#include "base/clock.h"
#include "tenant.h"

#include <errno.h>

enum {
    CHAIN_BYTES_EAGER = 256 * 1024, /* a chain this long goes off although another is out */
    CHAINS_OUT_MAX = 4,
    HELD_MAX_MS = 3,  /* longer than that only if the clock was set back, which has no answer */
    ANSWERS_PART = 4, /* one part in this of the memory */
};

static size_t block_struct_size(const struct shard *shard)
{
    return sizeof(struct event_block) + shard->crew->shards * sizeof(struct block_share);
}

int intake_open(struct intake *intake, struct shard *shard, uint64_t first_number, unsigned claims)
{
    *intake = (struct intake){.next_number = first_number};
    list_init(&intake->unsettled);
    list_init(&intake->durable);
    int rc = pool_open(&intake->blocks, block_struct_size(shard), LIMIT_EVENT_BLOCKS);
    if (rc == 0)
        rc = pool_open(&intake->claims, sizeof(struct claim), claims);
    if (rc == 0)
        rc = pool_open(&intake->receipts, sizeof(struct receipt), shard->config->connections_max);
    if (rc)
        intake_close(intake);
    return rc;
}

void intake_close(struct intake *intake)
{
    pool_close(&intake->blocks);
    pool_close(&intake->claims);
    pool_close(&intake->receipts);
}

/* ---- blocks ---- */

static struct event_block *open_block(struct shard *shard, size_t record_size)
{
    struct intake *intake = &shard->intake;
    size_t room = LIMIT_EVENT_BLOCK_SIZE;
    size_t needed = BLOCK_HEAD_SIZE + BLOCK_RECORD_HEAD + record_size + SEALED_OVERHEAD;
    if (needed > room)
        room = needed;

    /* The last part is for requests and answers: what was accepted has to be told, else it would be
     * sent again. */
    if (shard->memory.used > shard->memory.arena_size / ANSWERS_PART * (ANSWERS_PART - 1))
        return NULL;
    struct event_block *block = pool_take(&intake->blocks);
    if (!block)
        return NULL;
    char *plain = buddy_take(&shard->memory, room);
    char *sealed = plain ? buddy_take(&shard->memory, room) : NULL;
    if (!sealed) {
        if (plain)
            buddy_give(&shard->memory, plain);
        pool_give(&intake->blocks, block);
        return NULL;
    }
    memset(block, 0, block_struct_size(shard));
    block->mail.kind = MAIL_EVENTS;
    list_init(&block->receipts);
    list_init(&block->held);
    list_push_back(&intake->unsettled, &block->link);
    uint64_t number = intake->next_number++;
    block_init(&block->journal.block, BLOCK_EVENTS, shard->number, number, sealed, room);
    block_init(&block->plain, BLOCK_EVENTS, shard->number, number, plain, room);
    return block;
}

static void free_sealed(struct shard *shard, struct event_block *block)
{
    buddy_give(&shard->memory, block->journal.block.at);
    block->journal.block.at = NULL;
}

static void free_plain(struct shard *shard, struct event_block *block)
{
    buddy_give(&shard->memory, block->plain.at);
    block->plain.at = NULL;
}

static void free_block(struct shard *shard, struct event_block *block)
{
    must(!block->journal.block.at && !block->plain.at && block->shares_unsettled == 0);
    list_remove(&block->link);
    pool_give(&shard->intake.blocks, block);
}

/* Makes the chain one block longer. */
static struct event_block *extend(struct shard *shard, size_t record_size)
{
    struct intake *intake = &shard->intake;
    struct event_block *block = open_block(shard, record_size);
    if (!block)
        return NULL;
    if (intake->open)
        intake->open->journal.next = &block->journal;
    else
        intake->first = block;
    intake->open = block;
    return block;
}

/* ---- requests ---- */

void intake_begin(struct shard *shard, const struct tenant *tenant, struct intake_request *request)
{
    struct intake *intake = &shard->intake;
    *request = (struct intake_request){
        .log_key = tenant->log_key, .block = intake->open, .bytes = intake->bytes};
    if (!intake->open)
        return;
    request->block_then = intake->open->journal.block;
    request->plain_then = intake->open->plain;
    request->claims_then = intake->open->claims_tail;
    request->deliveries_then = intake->open->deliveries;
}

/* `wanted`: the rest is filled in. */
static int put_claim(struct shard *shard, struct event_block *block, const struct claim *wanted,
                     const uint8_t *key)
{
    struct claim *claim = pool_take(&shard->intake.claims);
    if (!claim)
        return -ENOBUFS;
    *claim = *wanted;
    memcpy(claim->key, key, sizeof claim->key);
    if (block->claims_tail)
        block->claims_tail->next = claim;
    else
        block->journal.claims = claim;
    block->claims_tail = claim;
    return 0;
}

static void note_homes(struct shard *shard, struct event_block *block,
                       const struct event_record *event)
{
    unsigned shards = shard->crew->shards;
    for (uint32_t i = 0; i < event->subscription_count; i++)
        block->shares[keys_home(&event->subscriptions[i], shards)].wanted = true;
    block->deliveries += event->subscription_count;
}

int intake_append(struct shard *shard, struct intake_request *request, struct event_record *event,
                  uint64_t wall_ms, const uint8_t *key)
{
    const struct sealing by = {request->log_key, &shard->nonces};
    struct event_block *block = shard->intake.open;
    size_t size = event_record_size(event), sealed_size = size + SEALED_OVERHEAD;
    char *record = block ? block_append(&block->journal.block, sealed_size, wall_ms) : NULL;
    if (!record) {
        block = extend(shard, size);
        record = block ? block_append(&block->journal.block, sealed_size, wall_ms) : NULL;
    }
    if (!record)
        return -ENOMEM;
    char *plain = block_append(&block->plain, size, wall_ms);
    must(plain); /* the sealed one is larger */

    struct block *bytes = &block->journal.block;
    event->event =
        place_id(wall_ms, (struct place){shard->number, bytes->number, bytes->count - 1});
    event->first_delivery = block->deliveries;
    event_record_encode(event, plain);
    memcpy(record, plain, size);
    event_record_seal(record, size, &by);
    const struct claim claim = {
        .event = event->event, .accepted_ms = wall_ms, .record = record, .copy = plain};
    if (key && put_claim(shard, block, &claim, key))
        return -ENOBUFS;
    note_homes(shard, block, event);

    if (request->count++ == 0) {
        request->first = block;
        request->record_at = (size_t)(record - bytes->at) - BLOCK_RECORD_HEAD;
    }
    shard->intake.bytes += size;
    return 0;
}

void intake_order(struct shard *shard, uint64_t wall_ms)
{
    shard->intake.open->ordered_ms = wall_ms;
}

int intake_commit(struct shard *shard, struct intake_request *request,
                  const struct requester *requester, uint64_t received_ns, bool is_batch)
{
    struct receipt *receipt = pool_take(&shard->intake.receipts);
    if (!receipt) {
        intake_cancel(shard, request);
        return -ENOBUFS;
    }
    *receipt = (struct receipt){.requester = *requester,
                                .received_ns = received_ns,
                                .block = request->first,
                                .record_at = request->record_at,
                                .count = request->count,
                                .is_batch = is_batch};
    if (!receipt_reserve(shard, receipt)) {
        pool_give(&shard->intake.receipts, receipt);
        intake_cancel(shard, request);
        return -ENOBUFS;
    }
    list_push_back(&shard->intake.first->receipts, &receipt->link);
    return 0;
}

static void give_claims(struct shard *shard, struct claim *claim)
{
    while (claim) {
        struct claim *next = claim->next;
        pool_give(&shard->intake.claims, claim);
        claim = next;
    }
}

/* A block that was opened for the request alone: its number is not used, which is no harm. */
static void drop_blocks_after(struct shard *shard, struct event_block *kept)
{
    struct journal_events *next = kept                  ? kept->journal.next
                                  : shard->intake.first ? &shard->intake.first->journal
                                                        : NULL;
    while (next) {
        struct event_block *block = container_of(next, struct event_block, journal);
        next = next->next;
        give_claims(shard, block->journal.claims);
        free_sealed(shard, block);
        free_plain(shard, block);
        free_block(shard, block);
    }
    if (kept)
        kept->journal.next = NULL;
    else
        shard->intake.first = NULL;
    shard->intake.open = kept;
}

void intake_cancel(struct shard *shard, struct intake_request *request)
{
    struct event_block *block = request->block;
    drop_blocks_after(shard, block);
    shard->intake.bytes = request->bytes;
    if (!block)
        return;
    block_rewind(&block->journal.block, &request->block_then);
    block_rewind(&block->plain, &request->plain_then);
    give_claims(shard, request->claims_then ? request->claims_then->next : block->journal.claims);
    if (request->claims_then)
        request->claims_then->next = NULL;
    else
        block->journal.claims = NULL;
    block->claims_tail = request->claims_then;
    block->deliveries = request->deliveries_then;
    /* shares[].wanted may now say too much: a shard is then asked for nothing, which it answers. */
}

/* ---- to the writer and back ---- */

bool intake_flush(struct shard *shard)
{
    struct intake *intake = &shard->intake;
    if (!intake->first || !list_is_linked(&intake->first->receipts))
        return false;
    if (intake->chains_out > 0 &&
        (intake->bytes < CHAIN_BYTES_EAGER || intake->chains_out >= CHAINS_OUT_MAX))
        return false;

    struct event_block *oldest = container_of(intake->unsettled.next, struct event_block, link);
    for (struct journal_events *each = &intake->first->journal; each; each = each->next)
        each->mark = oldest->journal.block.number;

    struct event_block *first = intake->first;
    intake->first = intake->open = NULL;
    intake->bytes = 0;
    intake->chains_out++;
    shard->metrics.batches_sealed++;
    crew_post(shard->crew, shard->number, crew_writer(shard->crew), &first->mail);
    return true;
}

static void answer_receipts(struct shard *shard, struct event_block *first)
{
    while (list_is_linked(&first->receipts)) {
        struct receipt *receipt = container_of(first->receipts.next, struct receipt, link);
        list_remove(&receipt->link);
        receipt_send(shard, receipt);
        pool_give(&shard->intake.receipts, receipt);
    }
}

/* Offers a durable block to the shards that own deliveries of it. */
static void share_out(struct shard *shard, struct event_block *block)
{
    unsigned shards = shard->crew->shards;
    for (unsigned i = 0; i < shards; i++)
        block->shares_reading += block->shares[i].wanted;
    block->shares_unsettled = block->shares_reading;
    if (block->shares_reading == 0) {
        free_plain(shard, block);
        free_block(shard, block);
        return;
    }

    /* Counted first, in full: a share that is offered may come back at once. */
    for (unsigned left = block->shares_reading, i = 0; left > 0; i++) {
        struct block_share *share = &block->shares[i];
        if (!share->wanted)
            continue;
        left--;
        share->block = block;
        share->mail.kind = MAIL_BLOCK;
        share->released.kind = MAIL_RELEASED;
        share->settled.kind = MAIL_SETTLED;
        list_init(&share->link);
        share->rest =
            slice_of(block->plain.at + BLOCK_HEAD_SIZE, block->plain.size - BLOCK_HEAD_SIZE);
        if (i == shard->number)
            share_take(shard, share);
        else
            crew_post(shard->crew, shard->number, i, &share->mail);
    }
}

/* What the writer found, for those who go by the plain records. */
static void mark_duplicates(const struct claim *claim)
{
    for (; claim; claim = claim->next)
        if (claim->duplicate)
            event_record_mark_duplicate(claim->copy);
}

static void announce(struct shard *shard, struct event_block *first)
{
    shard->intake.chains_out--;
    answer_receipts(shard, first);

    struct journal_events *next = &first->journal;
    while (next) {
        struct event_block *block = container_of(next, struct event_block, journal);
        next = next->next;
        mark_duplicates(block->journal.claims);
        give_claims(shard, block->journal.claims);
        block->journal.claims = NULL;
        free_sealed(shard, block);
        share_out(shard, block);
    }
}

static bool is_held(const struct shard *shard, const struct event_block *first)
{
    uint64_t ordered_ms = 0;
    for (const struct journal_events *each = &first->journal; each; each = each->next) {
        const struct event_block *block = container_of(each, const struct event_block, journal);
        if (block->ordered_ms > ordered_ms)
            ordered_ms = block->ordered_ms;
    }
    return ordered_ms > 0 && clock_wall_ms() <= ordered_ms &&
           shard->now_ms < first->held_since_ms + HELD_MAX_MS;
}

uint64_t intake_announce(struct shard *shard)
{
    struct list_node *durable = &shard->intake.durable;
    while (list_is_linked(durable)) {
        struct event_block *first = container_of(durable->next, struct event_block, held);
        if (is_held(shard, first))
            return shard->now_ms + 1;
        list_remove(&first->held);
        announce(shard, first);
    }
    return UINT64_MAX;
}

void intake_durable(struct shard *shard, struct event_block *first)
{
    first->held_since_ms = shard->now_ms;
    list_push_back(&shard->intake.durable, &first->held);
    intake_announce(shard);
}

void intake_released(struct shard *shard, struct block_share *share)
{
    struct event_block *block = share->block;
    must(block->shares_reading > 0);
    if (--block->shares_reading > 0)
        return;
    free_plain(shard, block);
    if (block->shares_unsettled == 0)
        free_block(shard, block);
}

void intake_settled(struct shard *shard, struct block_share *share)
{
    struct event_block *block = share->block;
    must(block->shares_unsettled > 0);
    if (--block->shares_unsettled > 0)
        return;
    list_remove(&block->link); /* the mark moves on, even if bytes are still being sent */
    if (block->shares_reading == 0)
        free_block(shard, block);
}
