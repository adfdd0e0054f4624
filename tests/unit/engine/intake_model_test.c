/* Random requests, some of which are taken back, and chains that come to disk late: what the chains
 * hold are the events of the requests that were committed, in their order, each with its key. */
#include "intake_stage.h"

#include <stdio.h>
#include <stdlib.h>

enum { STEPS = 4000, COMMITTED_MAX = 40000 };

static struct {
    uint32_t numbers[COMMITTED_MAX];
    bool has_key[COMMITTED_MAX];
    unsigned end, read;
} model;

static char filler[70 * 1024];

/* An event whose payload begins with its number; some large, some with keys. */
static int append_numbered(struct intake_request *request, uint32_t number, bool has_key)
{
    uint8_t key[CLAIM_KEY_SIZE] = {0};
    size_t size = random() % 20 ? 16 : (size_t)(random() % (long)sizeof filler);
    snprintf(filler, sizeof filler, "%010u", number);
    memcpy(key, &number, sizeof number);
    const struct id *wants[] = {NULL, &mine, &theirs};
    struct event_record event =
        event_of(slice_of(filler, size < 10 ? 10 : size), wants[random() % 3]);
    return intake_append(&shard, request, &event, WALL, has_key ? key : NULL);
}

static void make_request(void)
{
    static uint32_t number;
    struct intake_request request;
    unsigned end = model.end;
    long count = 1 + random() % 8;
    intake_begin(&shard, &tenant, &request);
    for (long i = 0; i < count; i++) {
        model.numbers[end] = ++number;
        model.has_key[end] = random() % 2;
        if (append_numbered(&request, number, model.has_key[end])) {
            intake_cancel(&shard, &request);
            return;
        }
        end++;
    }
    if (random() % 3 == 0)
        intake_cancel(&shard, &request);
    else if (commit(&request) == 0)
        model.end = end;
}

static uint32_t number_of(const struct event_record *event)
{
    static char room[sizeof filler];
    struct event_record open = *event;
    cr_assert(zero(int, event_record_open_payload(&open, tenant.log_key, room)));
    return (uint32_t)strtoul(room, NULL, 10);
}

static void check_claim(const struct claim *claim, uint32_t number, const char *record)
{
    uint32_t of_key;
    cr_assert(claim != NULL);
    memcpy(&of_key, claim->key, sizeof of_key);
    cr_assert(eq(u32, of_key, number));
    cr_assert(claim->record == record);
}

/* The plain records are the sealed ones, opened. */
static void check_plain(const struct event_block *block)
{
    struct slice sealed = slice_of(block->journal.block.at + BLOCK_HEAD_SIZE,
                                   block->journal.block.size - BLOCK_HEAD_SIZE);
    struct slice plain =
        slice_of(block->plain.at + BLOCK_HEAD_SIZE, block->plain.size - BLOCK_HEAD_SIZE);
    struct slice record, twin;
    while (block_next(&sealed, &record)) {
        struct event_record event, same;
        cr_assert(block_next(&plain, &twin));
        cr_assert(zero(int, event_record_decode(record, &event)));
        cr_assert(zero(int, event_record_decode(twin, &same)));
        cr_assert(id_equal(&event.event, &same.event));
        cr_assert(same.sealed.nonce == NULL);
        cr_assert(eq(u32, (uint32_t)strtoul(same.payload.at, NULL, 10), number_of(&event)));
        cr_assert(memmem(record.at, record.size, same.payload.at, 10) == NULL, "it is to be read");
    }
    cr_assert(not(block_next(&plain, &twin)));
}

/* The records and claims of one block are the next ones of the model. */
static void check_block(struct journal_events *events)
{
    check_plain(container_of(events, struct event_block, journal));
    struct slice rest =
        slice_of(events->block.at + BLOCK_HEAD_SIZE, events->block.size - BLOCK_HEAD_SIZE);
    const struct claim *claim = events->claims;
    struct slice record;
    uint32_t deliveries = 0;
    for (unsigned index = 0; block_next(&rest, &record); index++) {
        struct event_record event;
        cr_assert(zero(int, event_record_decode(record, &event)));
        cr_assert(lt(u32, model.read, model.end));
        uint32_t number = model.numbers[model.read];
        cr_assert(eq(u32, number_of(&event), number));
        cr_assert(eq(u64, place_of(&event.event).block, events->block.number));
        cr_assert(eq(u32, place_of(&event.event).index, index));
        cr_assert(eq(u32, event.first_delivery, deliveries));
        deliveries += event.subscription_count;
        if (model.has_key[model.read]) {
            check_claim(claim, number, record.at);
            claim = claim->next;
        }
        model.read++;
    }
    cr_assert(claim == NULL, "a claim of what was cancelled");
}

static void give_one_back(void)
{
    unsigned i = (unsigned)random() % held.count;
    struct block_share *share = held.at[i];
    held.at[i] = held.at[--held.count];
    if (random() % 2) {
        intake_released(&shard, share);
        intake_settled(&shard, share);
    } else {
        intake_settled(&shard, share);
        intake_released(&shard, share);
    }
}

static void write_chain(struct event_block *chain)
{
    for (struct journal_events *each = &chain->journal; each; each = each->next)
        check_block(each);
    intake_durable(&shard, chain);
    for (struct mail *mail = mail_for(1); mail; mail = mail_for(1))
        held.at[held.count++] = container_of(mail, struct block_share, mail);
}

static void turn(void)
{
    intake_flush(&shard);
    struct event_block *chain = take_chain();
    if (chain)
        write_chain(chain);
    while (held.count > 0 && random() % 8)
        give_one_back();
}

Test(intake, agrees_with_a_list_of_what_was_committed, .init = open_intake, .fini = close_intake)
{
    srandom(29);
    for (unsigned step = 0; step < STEPS; step++) {
        make_request();
        if (random() % 4 == 0)
            turn();
    }
    while (model.read < model.end || held.count > 0)
        turn();
    cr_assert(eq(u32, seen.events, model.end));
    cr_assert(lt(u32, STEPS / 2, model.end));
    expect_nothing_held();
}
