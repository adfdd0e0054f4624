/* turns.c - see turns.h. */
#include "turns.h"

#include "shard.h"

enum {
    QUANTUM = 4,       /* of credit, for a turn */
    SHARE_MIN = 4,     /* attempts that an endpoint may always have */
    SHARE_PART = 4,    /* one part in this of what is free */
    DOUBTFUL_PART = 2, /* one part in this of all */
};

void turns_init(struct turns *turns)
{
    *turns = (struct turns){0};
    list_init(&turns->ring);
    list_init(&turns->held);
    list_init(&turns->starved);
}

unsigned turns_share(const struct shard *shard)
{
    size_t share = (shard->attempts.capacity - shard->attempts.used) / SHARE_PART;
    return share > SHARE_MIN ? (unsigned)share : SHARE_MIN;
}

static bool has_to_be_held(const struct shard *shard, const struct endpoint *endpoint)
{
    return !endpoint->gate.is_proven &&
           shard->turns.doubtful >= shard->attempts.capacity / DOUBTFUL_PART;
}

void turns_join(struct shard *shard, struct endpoint *endpoint)
{
    if (list_is_linked(&endpoint->turn))
        return;
    endpoint->credit = QUANTUM;
    if (has_to_be_held(shard, endpoint))
        list_push_back(&shard->turns.held, &endpoint->turn);
    else
        list_push_back(&shard->turns.ring, &endpoint->turn);
}

void turns_leave(struct endpoint *endpoint)
{
    list_remove(&endpoint->turn);
    endpoint->credit = 0;
}

void turns_doubt(struct shard *shard, bool has_begun)
{
    struct turns *turns = &shard->turns;
    if (has_begun) {
        turns->doubtful++;
        return;
    }
    turns->doubtful--;
    if (!list_is_linked(&turns->held))
        return;
    struct list_node *first = turns->held.next;
    list_remove(first);
    list_push_back(&turns->ring, first);
}

static bool may_begin(const struct shard *shard)
{
    return outcomes_have_room(shard) && shard->now_ms >= shard->dispatch_after_ms &&
           shard->attempts.used < shard->attempts.capacity;
}

static void move(struct endpoint *endpoint, struct list_node *list)
{
    list_remove(&endpoint->turn);
    list_push_back(list, &endpoint->turn);
}

/* One attempt of the endpoint whose turn it is, or the end of its turn. */
static void step(struct shard *shard, struct endpoint *endpoint)
{
    struct turns *turns = &shard->turns;
    if (!endpoint_may_send(shard, endpoint)) {
        turns_leave(endpoint);
        endpoint_update_turn(shard, endpoint);
        return;
    }
    struct delivery *next = endpoint_next(shard, endpoint);
    if (has_to_be_held(shard, endpoint)) {
        move(endpoint, &turns->held);
    } else if (endpoint->credit < next->cost) {
        endpoint->credit += QUANTUM;
        move(endpoint, &turns->ring);
    } else {
        uint32_t cost = next->cost;
        if (delivery_start(shard, next))
            endpoint->credit -= cost;
        else
            move(endpoint, &turns->starved);
    }
}

/* Each is tried again once a tick. */
static void feed_starved(struct turns *turns)
{
    while (list_is_linked(&turns->starved)) {
        struct list_node *turn = turns->starved.next;
        list_remove(turn);
        list_push_back(&turns->ring, turn);
    }
}

void turns_dispatch(struct shard *shard)
{
    struct list_node *ring = &shard->turns.ring;
    feed_starved(&shard->turns);
    while (list_is_linked(ring) && may_begin(shard))
        step(shard, container_of(ring->next, struct endpoint, turn));
}
