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

static bool has_doubtful_room(const struct shard *shard)
{
    return shard->turns.doubtful < shard->attempts.capacity / DOUBTFUL_PART;
}

static bool has_to_be_held(const struct shard *shard, const struct endpoint *endpoint)
{
    return !endpoint->gate.is_proven && !has_doubtful_room(shard);
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

/* The one that has been held for the longest goes to the ring, if there is room for it. */
static bool let_go(struct shard *shard)
{
    struct turns *turns = &shard->turns;
    if (!list_is_linked(&turns->held) || !has_doubtful_room(shard))
        return false;
    struct list_node *first = turns->held.next;
    list_remove(first);
    list_push_back(&turns->ring, first);
    return true;
}

void turns_doubt(struct shard *shard, bool has_begun)
{
    if (has_begun) {
        shard->turns.doubtful++;
        return;
    }
    shard->turns.doubtful--;
    (void)let_go(shard);
}

static bool may_begin(const struct shard *shard)
{
    return outcomes_have_room(shard) && shard->now_ms >= shard->dispatch_after_ms &&
           shard->attempts.used < shard->attempts.capacity &&
           shard->deliveries.sending < shard->attempts.capacity; /* whose ends have to find room */
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
        endpoint->credit -= next->cost;
        if (!delivery_start(shard, next)) {
            endpoint->credit += next->cost;
            move(endpoint, &turns->starved);
        }
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
    while (may_begin(shard) && (list_is_linked(ring) || let_go(shard)))
        step(shard, container_of(ring->next, struct endpoint, turn));
}
