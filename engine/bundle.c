/* bundle.c - see bundle.h. */
#include "bundle.h"

#include "body.h"
#include "payload.h"
#include "shard.h"

#include <openssl/base64.h>
#include <openssl/sha.h>

enum {
    MEMBER_SIZE = 128, /* of a member without its type and payload, or of its parts */
    MEMORY_SHARE = 8,  /* a body is at most one part in this of a shard's memory */
    ID_TIME_BYTES = 6,
};

/* ---- what goes together ---- */

static size_t base64_size(size_t size)
{
    return (size + 2) / 3 * 4;
}

/* Exact but for escapes in a content type, each of whose bytes may become six. */
static size_t member_size(const struct event_record *event)
{
    size_t size = MEMBER_SIZE + event->type.size;
    return payload_says_json(event->content_type)
               ? size + event->payload.size
               : size + 6 * event->content_type.size + base64_size(event->payload.size);
}

uint32_t bundle_weight(const struct subscription *subscription, const struct event_record *event)
{
    return subscription->batch.events > 0 ? (uint32_t)member_size(event) : 0;
}

uint64_t bundle_opens_ms(const struct shard *shard, const struct endpoint *endpoint)
{
    const struct batch_settings *batch = &endpoint->subscription->batch;
    if (batch->events == 0 || endpoint->ready_count == 0)
        return 0;
    if (list_is_linked(&endpoint->again)) /* others may still be on their way from disk */
        return endpoint->loading_count > 0 ? UINT64_MAX : 0;
    if (endpoint->ready_count >= batch->events || endpoint->ready_bytes >= batch->bytes ||
        shard->stopping)
        return 0;
    const struct delivery *oldest = container_of(endpoint->ready.next, struct delivery, link);
    return oldest->taken_ms + batch->wait_ms;
}

static bool goes_with(const struct delivery *first, const struct delivery *other)
{
    return !other->lane && other->attempt_count == first->attempt_count &&
           (first->attempt_count == 0 || other->row_due_ms == first->row_due_ms);
}

static unsigned count_max(const struct shard *shard, const struct batch_settings *batch)
{
    size_t sending = shard->deliveries.sending;
    size_t most = shard->attempts.capacity;
    size_t free = sending < most ? most - sending : 0;
    size_t share = free / 4 > 1 ? free / 4 : 1;
    return batch->events < share ? batch->events : (unsigned)share;
}

unsigned bundle_count(const struct shard *shard, const struct delivery *first)
{
    const struct endpoint *endpoint = first->endpoint;
    const struct batch_settings *batch = &endpoint->subscription->batch;
    const struct list_node *list = first->attempt_count > 0 ? &endpoint->again : &endpoint->ready;
    size_t bytes = 0, room = shard->memory.arena_size / MEMORY_SHARE;
    unsigned count = 0;
    if (batch->events == 0 || first->lane)
        return 1;
    if (room > batch->bytes)
        room = batch->bytes;
    for (const struct list_node *node = &first->link; node != list; node = node->next) {
        const struct delivery *each = container_of(node, const struct delivery, link);
        struct event_record event;
        delivery_event(each, &event);
        bytes += member_size(&event);
        if (count > 0 && (!goes_with(first, each) || bytes > room))
            break;
        if (++count == count_max(shard, batch))
            break;
    }
    return count;
}

static const struct delivery *after(const struct delivery *delivery)
{
    return container_of(delivery->link.next, const struct delivery, link);
}

bool bundle_has_one_trace(const struct delivery *first, unsigned count)
{
    struct event_record event, other;
    delivery_event(first, &event);
    if (event.trace_parent.size == 0)
        return false;
    for (const struct delivery *each = first; count > 0; count--, each = after(each)) {
        delivery_event(each, &other);
        if (!slice_equal(other.trace_parent, event.trace_parent) ||
            !slice_equal(other.trace_state, event.trace_state))
            return false;
    }
    return true;
}

struct id bundle_id(const struct delivery *first, unsigned count)
{
    uint8_t hash[SHA256_DIGEST_LENGTH];
    struct id id = first->event;
    SHA256_CTX context;
    SHA256_Init(&context);
    SHA256_Update(&context, &first->subscription, sizeof first->subscription);
    for (const struct delivery *each = first; count > 0; count--, each = after(each))
        SHA256_Update(&context, &each->event, sizeof each->event);
    SHA256_Final(hash, &context);
    memcpy(id.bytes + ID_TIME_BYTES, hash, sizeof id.bytes - ID_TIME_BYTES);
    id.bytes[6] = (uint8_t)((id.bytes[6] & 0x0f) | 0x70); /* RFC 9562: version 7, its variant */
    id.bytes[8] = (uint8_t)((id.bytes[8] & 0x3f) | 0x80);
    return id;
}

/* ---- the body ---- */

static void put_base64(struct text *text, struct slice bytes)
{
    size_t needs = base64_size(bytes.size) + 1; /* and a NUL */
    if (needs > text->room - text->size) {
        text->cut = true;
        return;
    }
    text->size +=
        EVP_EncodeBlock((uint8_t *)text->at + text->size, (const uint8_t *)bytes.at, bytes.size);
}

static void put_payload(struct shard *shard, struct text *text, const struct event_record *event)
{
    struct json_value root;
    if (event->payload.size == 0) {
        text_put(text, SLICE("\"payload\":null}"));
    } else if (payload_says_json(event->content_type) &&
               payload_read(&shard->payloads, event->payload, &root)) {
        text_put(text, SLICE("\"payload\":"));
        text_put(text, event->payload);
        text_char(text, '}');
    } else {
        text_put(text, SLICE("\"content_type\":"));
        text_json(text, event->content_type);
        text_put(text, SLICE(",\"payload_base64\":\""));
        put_base64(text, event->payload);
        text_put(text, SLICE("\"}"));
    }
}

static void put_member(struct shard *shard, struct text *text, const struct event_record *event)
{
    char digits[ID_TEXT_SIZE];
    text_put(text, SLICE("{\"id\":\""));
    text_put(text, id_print(&event->event, "evt", digits));
    text_put(text, SLICE("\",\"type\":"));
    text_json(text, event->type);
    text_put(text, SLICE(",\"timestamp\":\""));
    text_time(text, event->time_ms ? event->time_ms : id_time_ms(&event->event));
    text_put(text, SLICE("\","));
    put_payload(shard, text, event);
}

/* As much as it could take: what says that it is JSON may be none. */
static size_t room_for(const struct delivery *first, unsigned count)
{
    size_t room = 2;
    for (const struct delivery *each = first; count > 0; count--, each = after(each)) {
        struct event_record event;
        delivery_event(each, &event);
        room += 2 * (size_t)MEMBER_SIZE + event.type.size + 6 * event.content_type.size +
                base64_size(event.payload.size);
    }
    return room;
}

bool bundle_write(struct shard *shard, const struct delivery *first, unsigned count,
                  struct body *body)
{
    size_t room = room_for(first, count);
    char *memory = buddy_take(&shard->memory, room);
    struct text text;
    if (!memory)
        return false;
    text_init(&text, memory, room);
    text_char(&text, '[');
    for (const struct delivery *each = first; count > 0; count--, each = after(each)) {
        struct event_record event;
        delivery_event(each, &event);
        if (each != first)
            text_char(&text, ',');
        put_member(shard, &text, &event);
    }
    text_char(&text, ']');
    must(text_ok(&text));
    return body_take(shard, first->endpoint->subscription, text_slice(&text), body);
}
