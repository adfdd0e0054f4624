/* keys.c - building and taking apart the keys of keys.h. Pure functions of their arguments. */
#include "store/keys.h"

#include "store/bytes.h"

#include <errno.h>

enum {
    ID_SIZE = sizeof(struct id),
    BLOCK_KEY_SIZE = 8,
    RETRY_KEY_SIZE = 41,
    ROW_KEY_SIZE = 33,
    ROLLUP_KEY_SIZE = 42,
    INDEX_KEY_SIZE = 21
};

static void key_append(struct key *key, const void *bytes, size_t size)
{
    must(size <= sizeof key->bytes - key->size);
    if (size)
        memcpy(key->bytes + key->size, bytes, size);
    key->size += size;
}

static void key_append_u64(struct key *key, uint64_t value)
{
    char bytes[8];
    bytes_put_u64_big(bytes, value);
    key_append(key, bytes, sizeof bytes);
}

struct key key_block(uint64_t number)
{
    struct key key = {.size = 0};
    key_append_u64(&key, number);
    return key;
}

struct key key_retry(uint64_t due_ms, const struct id *subscription, const struct id *event)
{
    struct key key = {.bytes = {ROW_RETRY}, .size = 1};
    key_append_u64(&key, due_ms);
    key_append(&key, subscription, ID_SIZE);
    key_append(&key, event, ID_SIZE);
    return key;
}

struct key key_row(enum row_kind kind, const struct id *subscription, const struct id *event)
{
    must(kind != ROW_RETRY);
    must(subscription || !event);
    struct key key = {.bytes = {(char)kind}, .size = 1};
    if (subscription)
        key_append(&key, subscription, ID_SIZE);
    if (event)
        key_append(&key, event, ID_SIZE);
    return key;
}

struct key key_outage(const struct id *subscription)
{
    static const struct id none;
    return key_row(ROW_OUTAGE, subscription, &none);
}

struct key key_meta(const char *kind, struct slice name)
{
    size_t size = strlen(kind);
    must(size <= KEY_META_KIND_MAX && name.size <= KEY_META_NAME_MAX);
    struct key key = {.size = 0};
    key_append(&key, kind, size + 1);
    key_append(&key, name.at, name.size);
    return key;
}

struct key key_rollup(const struct rollup_place *place)
{
    struct key key = {.bytes = {'B'}, .size = 1};
    char resolution = (char)place->resolution;
    key_append(&key, &place->tenant, ID_SIZE);
    key_append(&key, &resolution, 1);
    key_append_u64(&key, place->start_ms);
    key_append(&key, &place->subscription, ID_SIZE);
    return key;
}

struct key key_rollup_level(unsigned shard)
{
    struct key key = {.bytes = {'L'}, .size = 1};
    key_append_u64(&key, shard);
    return key;
}

static void key_append_block(struct key *key, unsigned shard, uint64_t number)
{
    must(shard <= UINT16_MAX);
    const char bytes[] = {(char)(shard >> 8), (char)shard};
    key_append(key, bytes, sizeof bytes);
    key_append_u64(key, number);
}

struct key key_index_since(void)
{
    return (struct key){.bytes = {'I'}, .size = 1};
}

struct key key_index(const struct index_place *place)
{
    struct key key = key_index_since();
    key_append_block(&key, place->events_shard, place->events_block);
    key_append_block(&key, place->attempts_shard, place->attempts_block);
    return key;
}

struct key key_after(const struct key *prefix)
{
    struct key after = *prefix;
    while (after.size > 0 && (unsigned char)after.bytes[after.size - 1] == 0xff)
        after.size--;
    if (after.size > 0)
        after.bytes[after.size - 1]++;
    return after;
}

int key_parse_block(struct slice key, uint64_t *number)
{
    if (key.size != BLOCK_KEY_SIZE)
        return -EBADMSG;
    *number = bytes_get_u64_big(key.at);
    return 0;
}

int key_parse_retry(struct slice key, uint64_t *due_ms, struct id *subscription, struct id *event)
{
    if (key.size != RETRY_KEY_SIZE || key.at[0] != ROW_RETRY)
        return -EBADMSG;
    *due_ms = bytes_get_u64_big(key.at + 1);
    memcpy(subscription, key.at + 9, ID_SIZE);
    memcpy(event, key.at + 25, ID_SIZE);
    return 0;
}

int key_parse_row(struct slice key, enum row_kind *kind, struct id *subscription, struct id *event)
{
    if (key.size != ROW_KEY_SIZE)
        return -EBADMSG;
    if (key.at[0] != ROW_PARKED && key.at[0] != ROW_DEAD && key.at[0] != ROW_DELIVERY &&
        key.at[0] != ROW_OUTAGE)
        return -EBADMSG;
    *kind = (enum row_kind)key.at[0];
    memcpy(subscription, key.at + 1, ID_SIZE);
    memcpy(event, key.at + 17, ID_SIZE);
    return 0;
}

int key_parse_rollup(struct slice key, struct rollup_place *place)
{
    if (key.size != ROLLUP_KEY_SIZE || key.at[0] != 'B')
        return -EBADMSG;
    memcpy(&place->tenant, key.at + 1, ID_SIZE);
    place->resolution = (enum resolution)key.at[17];
    place->start_ms = bytes_get_u64_big(key.at + 18);
    memcpy(&place->subscription, key.at + 26, ID_SIZE);
    bool is_known = place->resolution >= RESOLUTION_10S && place->resolution <= RESOLUTION_1H;
    return is_known ? 0 : -EBADMSG;
}

static unsigned get_u16_big(const char *at)
{
    return (unsigned)(unsigned char)at[0] << 8 | (unsigned char)at[1];
}

int key_parse_index(struct slice key, struct index_place *place)
{
    if (key.size != INDEX_KEY_SIZE || key.at[0] != 'I')
        return -EBADMSG;
    *place = (struct index_place){
        .events_shard = get_u16_big(key.at + 1),
        .events_block = bytes_get_u64_big(key.at + 3),
        .attempts_shard = get_u16_big(key.at + 11),
        .attempts_block = bytes_get_u64_big(key.at + 13),
    };
    return 0;
}

/* By the hash's upper bits, so that the lower ones still spread the subscriptions of one shard over
 * the buckets of its tables. */
unsigned keys_home(const struct id *subscription, unsigned shards)
{
    must(shards > 0);
    return (unsigned)((id_hash(subscription) >> 32) * shards >> 32);
}

struct id place_id(uint64_t wall_ms, struct place place)
{
    must(place.shard < 1u << PLACE_SHARD_BITS);
    must(place.block < UINT64_C(1) << PLACE_BLOCK_BITS);
    must(place.index < 1u << PLACE_INDEX_BITS);
    return id_pack(wall_ms, place.shard, place.block << PLACE_INDEX_BITS | place.index);
}

struct place place_of(const struct id *id)
{
    uint64_t low = id_low(id);
    return (struct place){
        .shard = id_high(id),
        .block = low >> PLACE_INDEX_BITS,
        .index = (uint32_t)(low & ((1u << PLACE_INDEX_BITS) - 1)),
    };
}
