/* Deliveries against a model that counts: random events, receivers, pauses and failures of what is
 * around, while the disk comes late. What must hold:
 *
 *   1. A delivery is sent by one attempt at a time, numbered 1, 2, ...; never before its wait is
 *      over; and never again when it has ended.
 *   2. What is on disk is what the model says: one row of one that waits, with its attempts; none
 * of one that was delivered; a dead letter of one that is dead.
 *   3. In the end each is delivered, or dead after all its tries.
 */
#include "base/random.h"
#include "shard_stage.h"

enum { SEED = 3, STEPS = 6000, SUBSCRIPTIONS = 3, TRIES = 4, EVENTS = 500, CHECK_EVERY = 20 };

/* Waits of 1, 20 and 90 seconds: within, and beyond, what is held in memory. */
#define SUBSCRIPTION                                                                      \
    "{\"url\":\"https://example.com/\",\"retry\":{\"schedule\":[\"1s\",\"20s\",\"90s\"]," \
    "\"jitter\":0.5},\"concurrency\":{\"max\":4}}"
static const uint64_t waits_ms[TRIES] = {1000, 20000, 90000, 0};

static struct item {
    struct id event;
    unsigned subscription;
    struct http_call *call; /* NULL: it is not being sent */
    uint32_t tries;
    uint64_t not_before_ms; /* wall */
    enum { IS_OPEN, IS_DELIVERED, IS_DEAD } end;
} items[EVENTS];

static struct random dice;
static struct subscription *variants[SUBSCRIPTIONS][2]; /* active and paused */
static bool is_paused[SUBSCRIPTIONS];

static bool chance(unsigned one_in)
{
    return random_below(&dice, one_in) == 0;
}

static struct item *item_of(const struct id *event)
{
    unsigned number = (unsigned)event->bytes[1] << 8 | event->bytes[2];
    cr_assert(lt(u32, number, event_count));
    return &items[number];
}

/* ---- what is sent ---- */

static struct slice field(const struct http_call *call, const char *name)
{
    const char *at = memmem(call->parts[0].iov_base, call->parts[0].iov_len, name, strlen(name));
    cr_assert(at != NULL);
    at += strlen(name);
    return slice_of(at, strcspn(at, "\r"));
}

static struct item *item_of_call(const struct http_call *call)
{
    struct id event;
    cr_assert(zero(int, id_parse(field(call, "\r\nwebhook-id: "), "evt", &event)));
    return item_of(&event);
}

/* Looks at the calls that have begun. */
static void look(void)
{
    for (unsigned i = 0; i < client.count; i++) {
        struct item *item = item_of_call(client.open[i]);
        if (item->call == client.open[i])
            continue;
        unsigned long number;
        cr_assert(item->call == NULL, "one attempt at a time");
        cr_assert(eq(int, (int)item->end, IS_OPEN));
        cr_assert(ge(u64, clock_wall_ms(), item->not_before_ms));
        cr_assert(slice_to_u64(field(client.open[i], "\r\nX-Webhook-Attempt: "), &number));
        cr_assert(eq(u64, number, item->tries + 1));
        item->call = client.open[i];
    }
}

static void end_one(bool well)
{
    static const int bad[] = {400, 404, 500};
    if (client.count == 0)
        return;
    unsigned i = (unsigned)random_below(&dice, client.count);
    struct item *item = item_of_call(client.open[i]);
    item->call = NULL;
    item->tries++;
    item->end = well ? IS_DELIVERED : item->tries == TRIES ? IS_DEAD : IS_OPEN;
    item->not_before_ms = clock_wall_ms() + waits_ms[item->tries - 1];
    if (well || chance(2))
        end_call(i, HTTP_RESPONSE, well ? 200 : bad[random_below(&dice, 3)]);
    else
        end_call(i, chance(2) ? HTTP_TIMEOUT : HTTP_CONNECT_FAILED, 0);
}

/* ---- what is on disk ---- */

struct found {
    unsigned waiting, dead, states;
    uint32_t waiting_tries;
    struct delivery_row state;
};

static void find_row(struct found *found, unsigned at)
{
    struct slice value = slice_of(rows[at].value, rows[at].size);
    struct wait_row wait = {0};
    if (rows[at].key.bytes[0] == ROW_DELIVERY) {
        found->states++;
        cr_assert(zero(int, delivery_row_decode(value, &found->state)));
        return;
    }
    cr_assert(zero(int, wait_row_decode(value, &wait)));
    if (rows[at].key.bytes[0] == ROW_DEAD) {
        found->dead++;
        return;
    }
    found->waiting++;
    found->waiting_tries = wait.attempt_count;
}

static void check_one(const struct item *item, const struct found *found)
{
    static const enum delivery_status statuses[] = {
        [IS_DELIVERED] = DELIVERY_DELIVERED, [IS_DEAD] = DELIVERY_DEAD};
    cr_assert(eq(u32, found->dead, item->end == IS_DEAD));
    cr_assert(le(u32, found->states, 1));
    cr_assert(le(u32, found->waiting, item->end == IS_OPEN));
    if (item->end != IS_OPEN && found->states)
        cr_assert(eq(int, (int)found->state.status, (int)statuses[item->end]));
    if (item->tries > 1 || (item->tries == 1 && item->end != IS_DELIVERED)) {
        cr_assert(eq(u32, found->states, 1));
        cr_assert(eq(u32, found->state.attempt_count, item->tries));
        cr_assert(eq(u32, found->waiting, item->end == IS_OPEN));
    }
    if (found->waiting)
        cr_assert(eq(u32, found->waiting_tries, item->tries));
}

static void check(void)
{
    static struct found found[EVENTS];
    memset(found, 0, sizeof found);
    settle();
    look();
    outcomes_flush(&shard, true);
    stage_write();
    for (unsigned i = 0; i < row_count; i++) {
        struct id event;
        if (rows[i].key.bytes[0] == ROW_OUTAGE)
            continue; /* of an endpoint */
        memcpy(&event, rows[i].key.bytes + rows[i].key.size - sizeof event, sizeof event);
        find_row(&found[item_of(&event) - items], i);
    }
    for (unsigned i = 0; i < event_count; i++)
        check_one(&items[i], &found[i]);
}

/* ---- what happens ---- */

static void publish_one(void)
{
    unsigned subscription = (unsigned)random_below(&dice, SUBSCRIPTIONS);
    if (event_count == EVENTS)
        return;
    struct item *item = &items[event_count];
    item->subscription = subscription;
    item->event = publish(variants[subscription][0]);
}

static void set_paused(unsigned which, bool paused)
{
    if (is_paused[which] == paused)
        return;
    change(DIRECTORY_SUBSCRIPTION, variants[which][!paused], variants[which][paused]);
    is_paused[which] = paused;
}

static void happen(void)
{
    switch (random_below(&dice, 12)) {
    case 0:
    case 1:
        publish_one();
        break;
    case 2:
    case 3:
    case 4:
        end_one(chance(2));
        break;
    case 5:
        now_ms += random_below(&dice, 4000);
        break;
    case 6:
        if (chance(8))
            set_paused((unsigned)random_below(&dice, SUBSCRIPTIONS), chance(2));
        break;
    case 7:
        reader_is_asleep = chance(4);
        break;
    case 8:
        client.has_no_connection = chance(8);
        break;
    case 9:
        outcomes_flush(&shard, true);
        break;
    case 10:
        stage_write();
        break;
    default:
        stage_read();
        break;
    }
    tick();
    look();
}

/* Everybody is well, and time passes. */
static void heal(void)
{
    reader_is_asleep = client.has_no_connection = false;
    for (unsigned i = 0; i < SUBSCRIPTIONS; i++)
        set_paused(i, false);
    for (unsigned round = 0; round < 500; round++) {
        now_ms += 5000;
        settle();
        look();
        while (client.count > 0) {
            end_one(true);
            settle();
            look();
        }
    }
}

static void open_stage(void)
{
    const char *given = getenv("SEED");
    uint64_t seed = given ? strtoull(given, NULL, 10) : SEED;
    stage_open();
    random_init(&dice, seed);
    fprintf(stderr, "seed %llu (SEED=N takes another)\n", (unsigned long long)seed);
    for (unsigned i = 0; i < SUBSCRIPTIONS; i++) {
        variants[i][0] = subscribe(SUBSCRIPTION);
        variants[i][1] = subscription_copy(variants[i][0]);
        variants[i][1]->status = SUBSCRIPTION_PAUSED;
        subscriptions[subscription_count++] = variants[i][1];
    }
}

Test(delivery, agrees_with_a_model_that_counts, .init = open_stage, .fini = stage_close)
{
    for (unsigned step = 0; step < STEPS; step++) {
        happen();
        if (step % CHECK_EVERY == 0)
            check();
    }
    heal();
    check();
    unsigned dead = 0, retried = 0;
    for (unsigned i = 0; i < event_count; i++) {
        cr_assert(ne(int, (int)items[i].end, IS_OPEN), "%u was forgotten", i);
        dead += items[i].end == IS_DEAD;
        retried += items[i].tries > 1;
    }
    cr_assert(eq(u32, event_count, EVENTS));
    cr_assert(lt(u32, 0, dead));
    cr_assert(lt(u32, EVENTS / 8, retried)); /* breakers are open much of the time */
    cr_assert(zero(sz, shard.deliveries.pool.used));
}
