/* receipt.c - see receipt.h. */
#include "receipt.h"

#include "base/clock.h"
#include "shard.h"

enum { ANSWER_SIZE = 256, ANSWER_PER_EVENT = 96 };

/* Walks the records of a receipt: across the blocks of its chain. */
struct walk {
    struct event_block *block;
    struct slice rest;
    const struct claim *claim;
};

static struct slice records_from(const struct event_block *block, size_t at)
{
    return slice_of(block->journal.block.at + at, block->journal.block.size - at);
}

static void walk_next(struct walk *walk, struct event_record *event, struct id *id)
{
    struct slice record;
    while (!block_next(&walk->rest, &record)) {
        must(walk->block->journal.next);
        walk->block = container_of(walk->block->journal.next, struct event_block, journal);
        walk->rest = records_from(walk->block, BLOCK_HEAD_SIZE);
        walk->claim = walk->block->journal.claims;
    }
    must(event_record_decode(record, event) == 0);
    *id = event->event;
    if (!event->duplicate)
        return;
    while (walk->claim && walk->claim->record != record.at)
        walk->claim = walk->claim->next;
    must(walk->claim && walk->claim->duplicate);
    *id = walk->claim->first;
}

static void put_event(struct text *text, const struct event_record *event, const struct id *id)
{
    char id_text[ID_TEXT_SIZE];
    text_put(text, SLICE("{\"id\":\""));
    text_put(text, id_print(id, "evt", id_text));
    text_put(text, SLICE("\",\"deliveries\":"));
    text_u64(text, event->duplicate ? 0 : event->subscription_count);
    text_put(text,
             event->duplicate ? SLICE(",\"duplicate\":true}") : SLICE(",\"duplicate\":false}"));
}

static void count_event(struct shard *shard, const struct event_record *event)
{
    if (event->duplicate)
        shard->metrics.events_duplicate++;
    else
        shard->metrics.events_accepted++;
}

static void answer_one(struct shard *shard, const struct receipt *receipt, struct walk *walk)
{
    char body[ANSWER_SIZE];
    struct text text;
    struct event_record event;
    struct id id;

    text_init(&text, body, sizeof body);
    walk_next(walk, &event, &id);
    put_event(&text, &event, &id);
    count_event(shard, &event);
    requester_reply(shard, &receipt->requester,
                    &(struct http_response){.status = 202,
                                            .content_type = SLICE("application/json"),
                                            .body = text_slice(&text)});
}

static size_t list_room(const struct receipt *receipt)
{
    return ANSWER_SIZE + (size_t)receipt->count * ANSWER_PER_EVENT;
}

bool receipt_reserve(struct shard *shard, struct receipt *receipt)
{
    if (!receipt->is_batch)
        return true; /* it fits into the connection */
    receipt->list = buddy_take(&shard->memory, list_room(receipt));
    receipt->spare = buddy_take(&shard->memory, list_room(receipt) + HTTP_ANSWER_HEAD_MAX);
    if (receipt->list && receipt->spare)
        return true;
    buddy_give(&shard->memory, receipt->list);
    buddy_give(&shard->memory, receipt->spare);
    return false;
}

static uint32_t count_duplicates(const struct receipt *receipt, struct walk walk)
{
    uint32_t duplicates = 0;
    for (uint32_t i = 0; i < receipt->count; i++) {
        struct event_record event;
        struct id id;
        walk_next(&walk, &event, &id);
        duplicates += event.duplicate;
    }
    return duplicates;
}

static void answer_batch(struct shard *shard, struct receipt *receipt, struct walk *walk)
{
    uint32_t duplicates = count_duplicates(receipt, *walk);
    struct text text;
    text_init(&text, receipt->list, list_room(receipt));
    text_printf(&text, "{\"accepted\":%u,\"duplicates\":%u,\"events\":[",
                receipt->count - duplicates, duplicates);
    for (uint32_t i = 0; i < receipt->count; i++) {
        struct event_record event;
        struct id id;
        walk_next(walk, &event, &id);
        count_event(shard, &event);
        if (i > 0)
            text_char(&text, ',');
        put_event(&text, &event, &id);
    }
    text_put(&text, SLICE("]}"));
    must(text_ok(&text));
    buddy_give(&shard->memory, receipt->spare); /* the server takes as much now */
    requester_reply(shard, &receipt->requester,
                    &(struct http_response){.status = 202,
                                            .content_type = SLICE("application/json"),
                                            .body = text_slice(&text)});
    buddy_give(&shard->memory, receipt->list);
}

void receipt_send(struct shard *shard, struct receipt *receipt)
{
    struct walk walk = {.block = receipt->block,
                        .rest = records_from(receipt->block, receipt->record_at),
                        .claim = receipt->block->journal.claims};
    if (receipt->is_batch)
        answer_batch(shard, receipt, &walk);
    else
        answer_one(shard, receipt, &walk);
    histogram_add(&shard->metrics.accept_us, (clock_monotonic_ns() - receipt->received_ns) / 1000);
}
