/* A block's deliveries here, and the two answers that are owed for it. Functions of three other
 * files are replaced: who makes deliveries, who has room for their outcomes, and who gets the
 * answers on the block's own shard; another shard is a mailbox that the test empties. */
#include "arrival.h"
#include "shard.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

enum { BLOCK_SIZE = 8192, MADE_MAX = 256 };

static struct crew crew;
static struct shard shard; /* number 0 of two */
static struct id mine, also_mine, theirs;

/* ---- in place of delivery.c, outcomes.c and intake.c ---- */

static struct {
    struct block_share *share;
    uint8_t event;
    struct id subscription;
} made[MADE_MAX];
static unsigned made_count, room;
static bool holding; /* deliveries go on to need the block, and leave no trace yet */

static struct block_share *released, *settled; /* the last ones */
static unsigned released_count, settled_count;

bool arrival_take(struct shard *taker, struct block_share *share, struct slice record,
                  const struct event_record *event, const struct id *subscription)
{
    cr_assert(taker == &shard);
    cr_assert(eq(sz, record.size, event_record_size(event)));
    cr_assert(lt(u32, made_count, MADE_MAX));
    made[made_count].share = share;
    made[made_count].event = event->event.bytes[0];
    made[made_count++].subscription = *subscription;
    room--;
    if (holding) {
        share_hold(share);
        share->unsettled++;
    }
    return true;
}

bool outcomes_have_room(const struct shard *asker)
{
    cr_assert(asker == &shard);
    return room > 0;
}

void intake_released(struct shard *owner, struct block_share *share)
{
    cr_assert(owner == &shard);
    released = share;
    released_count++;
}

void intake_settled(struct shard *owner, struct block_share *share)
{
    cr_assert(owner == &shard);
    settled = share;
    settled_count++;
}

/* ---- the stage ---- */

/* Blocks, each with a share for either shard, and the bytes of its records behind them. */
static _Alignas(16) char arena[2][BLOCK_SIZE];
static unsigned arena_used;

static struct id homed(unsigned home, uint8_t from)
{
    struct id id = {{from}};
    while (keys_home(&id, crew.shards) != home)
        id.bytes[15]++;
    return id;
}

static void open_shard(void)
{
    crew_init(&crew, 2);
    shard.crew = &crew;
    list_init(&shard.deliveries.shares);
    room = 1000;
    mine = homed(0, 1);
    also_mine = homed(0, 2);
    theirs = homed(1, 3);
}

TestSuite(share, .init = open_shard);

/* This shard's share in an empty block of `owner`'s. */
static struct block_share *share_of(unsigned owner)
{
    enum { BYTES_AT = sizeof(struct event_block) + 2 * sizeof(struct block_share) };
    struct event_block *block = (struct event_block *)arena[arena_used++];
    struct block_share *share = &block->shares[0];
    block_init(&block->journal.block, BLOCK_EVENTS, owner, 1, (char *)block + BYTES_AT,
               BLOCK_SIZE - BYTES_AT);
    share->block = block;
    list_init(&share->link);
    return share;
}

static void add(struct block_share *share, uint8_t number, const struct id *subscriptions,
                uint32_t count, bool duplicate)
{
    struct event_record event = {.event = {{number}},
                                 .type = SLICE("a.b"),
                                 .payload = SLICE("{}"),
                                 .duplicate = duplicate,
                                 .subscriptions = subscriptions,
                                 .subscription_count = count};
    struct block *block = &share->block->journal.block;
    char *at = block_append(block, event_record_size(&event), 0);
    cr_assert(at != NULL);
    event_record_encode(&event, at);
    share->rest = slice_of(block->at + BLOCK_HEAD_SIZE, block->size - BLOCK_HEAD_SIZE);
}

/* The same with an event for one delivery here. */
static void add_one(struct block_share *share, uint8_t number)
{
    add(share, number, &mine, 1, false);
}

static void expect_made(unsigned at, uint8_t event, const struct id *subscription)
{
    cr_assert(lt(u32, at, made_count));
    cr_expect(eq(u8, made[at].event, event));
    cr_expect(id_equal(&made[at].subscription, subscription));
}

/* ---- walking ---- */

Test(share, makes_a_delivery_for_each_subscription_whose_home_is_here)
{
    struct block_share *share = share_of(0);
    const struct id all[] = {theirs, mine, also_mine};
    add(share, 1, all, 3, false);
    add(share, 2, all, 1, false);
    add(share, 3, all + 1, 1, false);
    share_take(&shard, share);

    cr_assert(eq(u32, made_count, 3));
    expect_made(0, 1, &mine);
    expect_made(1, 1, &also_mine);
    expect_made(2, 3, &mine);
}

Test(share, makes_none_of_a_duplicate)
{
    struct block_share *share = share_of(0);
    add(share, 1, &mine, 1, true);
    add_one(share, 2);
    share_take(&shard, share);

    cr_assert(eq(u32, made_count, 1));
    expect_made(0, 2, &mine);
}

Test(share, goes_on_where_it_stopped_for_want_of_room)
{
    struct block_share *share = share_of(0);
    const struct id all[] = {mine, theirs, also_mine};
    for (uint8_t i = 1; i <= 4; i++)
        add(share, i, all, 3, false);

    room = 3; /* up to the middle of the second */
    share_take(&shard, share);
    cr_assert(eq(u32, made_count, 3));
    share_walk_all(&shard);
    cr_assert(eq(u32, made_count, 3), "still none");
    for (unsigned i = 3; i < 8; i++) {
        room = 1;
        share_walk_all(&shard);
        cr_assert(eq(u32, made_count, i + 1));
    }
    for (unsigned i = 0; i < 8; i++)
        expect_made(i, (uint8_t)(i / 2 + 1), i % 2 ? &also_mine : &mine);
}

Test(share, waits_behind_one_that_came_before)
{
    struct block_share *first = share_of(0), *second = share_of(0);
    add_one(first, 1);
    add_one(first, 2);
    add_one(second, 3);

    room = 1;
    share_take(&shard, first);
    room = 1;
    share_take(&shard, second); /* there is room for it, but it is not its turn */
    cr_assert(eq(u32, made_count, 1));
    room = 10;
    share_walk_all(&shard);

    cr_assert(eq(u32, made_count, 3));
    for (unsigned i = 0; i < 3; i++)
        expect_made(i, (uint8_t)(i + 1), &mine);
    cr_assert(not(list_is_linked(&shard.deliveries.shares)));
}

/* ---- answers ---- */

Test(share, is_released_and_settled_at_once_if_nothing_needs_it)
{
    struct block_share *share = share_of(0);
    add(share, 1, &theirs, 1, false);
    share_take(&shard, share);

    cr_assert(eq(u32, released_count, 1));
    cr_assert(eq(u32, settled_count, 1));
    cr_assert(released == share);
    cr_assert(settled == share);
}

Test(share, is_released_when_the_last_delivery_lets_go)
{
    struct block_share *share = share_of(0);
    holding = true;
    add_one(share, 1);
    add_one(share, 2);
    share_take(&shard, share);

    share_release(&shard, share);
    cr_assert(zero(u32, released_count));
    share_release(&shard, share);
    cr_assert(eq(u32, released_count, 1));
    cr_assert(zero(u32, settled_count), "which has nothing to do with traces");
}

Test(share, is_settled_when_the_last_trace_is_durable)
{
    struct block_share *share = share_of(0);
    holding = true;
    for (uint8_t i = 1; i <= 3; i++)
        add_one(share, i);
    share_take(&shard, share);

    share_settled(&shard, share, 2);
    cr_assert(zero(u32, settled_count));
    share_settled(&shard, share, 1);
    cr_assert(eq(u32, settled_count, 1));
    cr_assert(zero(u32, released_count), "which has nothing to do with bytes");
}

/* What has been walked may be over before the rest is. */
Test(share, is_neither_before_it_is_walked_to_its_end)
{
    struct block_share *share = share_of(0);
    holding = true;
    add_one(share, 1);
    add_one(share, 2);
    room = 1;
    share_take(&shard, share);
    share_release(&shard, share);
    share_settled(&shard, share, 1);
    cr_assert(zero(u32, released_count + settled_count));

    holding = false;
    room = 1;
    share_walk_all(&shard);
    cr_assert(eq(u32, released_count, 1));
    cr_assert(eq(u32, settled_count, 1));
}

/* Twice released, the block's memory would be given back twice. */
Test(share, says_each_once_although_it_is_held_again)
{
    struct block_share *share = share_of(0);
    holding = true;
    add_one(share, 1);
    share_take(&shard, share);
    share_release(&shard, share);
    share_hold(share);
    share_release(&shard, share);
    share_settled(&shard, share, 1);

    cr_assert(eq(u32, released_count, 1));
    cr_assert(eq(u32, settled_count, 1));
}

Test(share, answers_another_shard_by_mail)
{
    struct block_share *share = share_of(1);
    struct mailbox *owner = &crew.members[1].mailbox;
    holding = true;
    add_one(share, 1);
    share_take(&shard, share);
    cr_assert(mailbox_take(owner) == NULL);

    share_settled(&shard, share, 1);
    cr_assert(mailbox_take(owner) == &share->settled);
    share_release(&shard, share);
    cr_assert(mailbox_take(owner) == &share->released);
    cr_assert(zero(u32, released_count + settled_count));
    cr_assert(zero(u32, share->released.from));
}
