/* lane.c - see lane.h. */
#include "lane.h"

#include "base/json_pointer.h"
#include "payload.h"
#include "shard.h"

enum {
    LANE_MAX = 32,  /* deliveries of a key that are read back while others of its endpoint wait */
    HELD_MAX = 256, /* lanes of an endpoint that wait for retries: then it sends nothing else */
    IDLE_MAX = 64,  /* read rows back when fewer deliveries than this are ready or behind */
    SCALAR_SIZE = 64,
};

int lanes_open(struct lanes *lanes, unsigned count)
{
    *lanes = (struct lanes){0};
    int rc = pool_open(&lanes->pool, sizeof(struct lane), count);
    if (rc == 0)
        rc = table_open(&lanes->table, count);
    if (rc)
        lanes_close(lanes);
    return rc;
}

void lanes_close(struct lanes *lanes)
{
    pool_close(&lanes->pool);
    if (lanes->table.buckets)
        table_close(&lanes->table);
    *lanes = (struct lanes){0};
}

/* ---- keys ---- */

/* Only strings, numbers and booleans are keys. The string "1" is another than the number 1. */
static uint64_t hash_scalar(struct json_value value)
{
    char text[SCALAR_SIZE];
    struct slice string;
    enum json_kind kind = json_kind(value);
    if (json_string(value, &string))
        return table_hash(string.at, string.size);
    if (kind != JSON_NUMBER && kind != JSON_BOOL)
        return 0;
    long size = json_print(value, text, sizeof text);
    return size > 0 ? ~table_hash(text, (size_t)size) : 0;
}

uint64_t lane_key(struct shard *shard, const struct subscription *subscription,
                  struct slice payload)
{
    struct json_value root, value;
    if (subscription->ordering != ORDERING_KEY || !payload_read(&shard->payloads, payload, &root) ||
        !json_pointer_find(root, slice_str(subscription->ordering_key), &value))
        return 0;
    return hash_scalar(value);
}

/* ---- finding ---- */

static uint64_t lane_hash(const struct endpoint *endpoint, uint64_t key)
{
    return id_hash(&endpoint->id) ^ (key * UINT64_C(0x9e3779b97f4a7c15));
}

struct lane *lane_find(const struct shard *shard, const struct endpoint *endpoint, uint64_t key)
{
    struct table_node *node = table_first(&shard->lanes.table, lane_hash(endpoint, key));
    for (; node; node = table_next(node)) {
        struct lane *lane = container_of(node, struct lane, node);
        if (lane->endpoint == endpoint && lane->key == key)
            return lane;
    }
    return NULL;
}

static struct delivery *member(struct list_node *node)
{
    return container_of(node, struct delivery, beside);
}

static bool is_before(const struct id *a, const struct id *b)
{
    return memcmp(a, b, sizeof *a) < 0;
}

static bool is_idle(const struct delivery *delivery)
{
    return delivery->state == STATE_READY || delivery->state == STATE_BEHIND;
}

struct delivery *lane_first(const struct lane *lane)
{
    return member(lane->members.next);
}

struct delivery *lane_last(struct delivery *delivery)
{
    return delivery->lane ? member(delivery->lane->members.prev) : delivery;
}

struct delivery *lane_after(const struct delivery *delivery)
{
    const struct lane *lane = delivery->lane;
    return lane && delivery->beside.next != &lane->members ? member(delivery->beside.next) : NULL;
}

struct delivery *lane_idle(const struct lane *lane, const struct id *event)
{
    struct delivery *found = NULL;
    const struct list_node *node = lane->members.prev;
    for (; node != &lane->members; node = node->prev) {
        struct delivery *delivery = member((struct list_node *)node);
        if (!is_idle(delivery) || !is_before(event, &delivery->event))
            return found;
        found = delivery;
    }
    return found;
}

/* ---- the rest ---- */

static void note_rest(struct lane *lane, const struct id *event)
{
    if (id_is_zero(&lane->rest) || is_before(event, &lane->rest))
        lane->rest = *event;
}

bool lane_has_rest(struct shard *shard, const struct endpoint *endpoint, uint64_t key,
                   const struct id *event)
{
    struct lane *lane = lane_find(shard, endpoint, key);
    if (!lane || endpoint->subscription->ordering == ORDERING_STRICT)
        return false;
    note_rest(lane, event);
    return true;
}

bool lane_is_held_up(const struct endpoint *endpoint)
{
    switch (endpoint->subscription->ordering) {
    case ORDERING_STRICT:
        return endpoint->waiting_count > 0;
    case ORDERING_KEY:
        return endpoint->waiting_count >= HELD_MAX;
    case ORDERING_NONE:
        break;
    }
    return false;
}

bool lane_ends_page(const struct shard *shard, const struct endpoint *endpoint)
{
    if (endpoint->subscription->ordering == ORDERING_NONE)
        return false;
    bool is_strict = endpoint->subscription->ordering == ORDERING_STRICT;
    const struct lane *only = is_strict ? lane_find(shard, endpoint, 0) : NULL;
    return lane_is_held_up(endpoint) || (only && !id_is_zero(&only->rest)) ||
           endpoint->ready_count + endpoint->behind_count >= IDLE_MAX;
}

bool lane_admits(const struct shard *shard, const struct endpoint *endpoint, uint64_t key)
{
    if (endpoint->subscription->ordering == ORDERING_NONE)
        return true;
    if (endpoint->has_parked)
        return false;
    const struct lane *lane = lane_find(shard, endpoint, key);
    return !lane || id_is_zero(&lane->rest);
}

bool lane_takes(struct shard *shard, struct endpoint *endpoint, uint64_t key,
                const struct id *event, bool is_early)
{
    struct lane *lane = lane_find(shard, endpoint, key);
    if (!lane)
        return true;
    const struct delivery *first = lane_first(lane);
    bool is_strict = endpoint->subscription->ordering == ORDERING_STRICT;
    bool is_held_up = first->state == STATE_WAITING || first->state == STATE_LOADING;
    if (id_is_zero(&lane->rest) && !is_early && !is_held_up &&
        (is_strict || lane->count < LANE_MAX))
        return true;
    note_rest(lane, event);
    return false;
}

/* ---- members ---- */

static struct lane *make_lane(struct shard *shard, struct endpoint *endpoint, uint64_t key)
{
    struct lane *lane = pool_take(&shard->lanes.pool);
    must(lane); /* each has a delivery, and there are as many as of those */
    *lane = (struct lane){.endpoint = endpoint, .key = key};
    list_init(&lane->members);
    list_push_back(&endpoint->lanes, &lane->link);
    table_put(&shard->lanes.table, &lane->node, lane_hash(endpoint, key));
    return lane;
}

/* After the last that comes before it, or has been begun. */
static void insert(struct lane *lane, struct delivery *delivery)
{
    struct list_node *place = lane->members.prev;
    while (place != &lane->members && is_idle(member(place)) &&
           is_before(&delivery->event, &member(place)->event))
        place = place->prev;
    list_push_back(place->next, &delivery->beside);
    delivery->lane = lane;
    lane->count++;
}

bool lane_enter(struct shard *shard, struct delivery *delivery)
{
    struct endpoint *endpoint = delivery->endpoint;
    if (!delivery->lane && endpoint->subscription->ordering == ORDERING_NONE)
        return true;
    if (!delivery->lane) {
        struct lane *lane = lane_find(shard, endpoint, delivery->key);
        insert(lane ? lane : make_lane(shard, endpoint, delivery->key), delivery);
    }
    return delivery->lane->members.next == &delivery->beside;
}

struct delivery *lane_leave(struct shard *shard, struct delivery *delivery)
{
    struct lane *lane = delivery->lane;
    if (!lane)
        return NULL;
    bool was_first = lane->members.next == &delivery->beside;
    list_remove(&delivery->beside);
    delivery->lane = NULL;
    if (--lane->count > 0)
        return was_first ? lane_first(lane) : NULL;

    struct endpoint *endpoint = lane->endpoint;
    struct id rest = lane->rest;
    list_remove(&lane->link);
    table_drop(&shard->lanes.table, &lane->node);
    pool_give(&shard->lanes.pool, lane);
    if (!id_is_zero(&rest))
        endpoint_parked(shard, endpoint, &rest);
    return NULL;
}
