/* What is asked of the reader, and what becomes of its answers; what random order does to them is
 * in paging_model_test.c. The files around paging.c are replaced by ones that take down what they
 * are told; the reader is a mailbox that the test empties. */
#include "arrival.h"
#include "shard.h"

#include "base/clock.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>

enum { LOOK_EVERY_MS = 500, PAGES_AT_A_TIME = 16, ENDPOINTS = 20 };

static struct crew crew;
static struct shard shard;
static struct endpoint endpoints[ENDPOINTS];
static const struct subscription unordered;
static struct fetched_event event;

/* ---- in place of clock.c, outcomes.c, redelivery.c, endpoint.c and delivery.c ---- */

static struct {
    unsigned drops, loaded, load_failed, retries, parked, given_back, freed;
    struct key dropped;
    struct fetched_event *event;
} seen;
static bool is_out_of_room, has_no_window;
static enum load_result result = LOAD_TAKEN;
static unsigned known_endpoints = ENDPOINTS;

uint64_t clock_wall_ms(void)
{
    return 1000000;
}

uint64_t clock_monotonic_ns(void)
{
    return shard.now_ms * 1000000;
}

bool outcomes_have_room(const struct shard *asker)
{
    (void)asker;
    return !is_out_of_room;
}

void outcomes_begin(struct shard *writer)
{
    (void)writer;
}

void redelivery_hurried(struct shard *taker, struct mail_redeliver *mail, bool is_here)
{
    (void)taker, (void)mail, (void)is_here;
    cr_assert(false, "nobody hurries");
}

void outcomes_flush(struct shard *writer, bool now)
{
    (void)writer;
    (void)now;
}

void outcomes_drop(struct shard *writer, const struct key *key)
{
    (void)writer;
    seen.drops++;
    seen.dropped = *key;
}

bool lane_ends_page(const struct shard *asker, const struct endpoint *endpoint)
{
    (void)asker;
    (void)endpoint;
    return false;
}

struct endpoint *endpoint_find(const struct shard *asker, const struct id *subscription)
{
    (void)asker;
    unsigned number = subscription->bytes[0];
    return number < known_endpoints ? &endpoints[number] : NULL;
}

bool endpoint_has_window(const struct shard *asker, const struct endpoint *endpoint)
{
    (void)asker;
    (void)endpoint;
    return !has_no_window;
}

bool endpoint_is_shut(const struct shard *asker, const struct endpoint *endpoint)
{
    (void)asker;
    return endpoint->deleted;
}

bool endpoint_free_if_over(struct shard *owner, struct endpoint *endpoint)
{
    (void)owner;
    (void)endpoint;
    seen.freed++;
    return true;
}

void endpoint_update_turn(struct shard *owner, struct endpoint *endpoint)
{
    if (endpoint->has_parked && !endpoint->fetching && !list_is_linked(&endpoint->hungry))
        list_push_back(&owner->endpoints.hungry, &endpoint->hungry);
}

void outage_restore(struct shard *of, struct endpoint *endpoint, const struct outage_row *row)
{
    cr_assert(of == &shard);
    endpoint->outage = (struct outage){.since_ms = row->since_ms};
}

void delivery_lay(struct shard *owner, struct delivery *ghost)
{
    (void)owner;
    (void)ghost;
}

enum load_result arrival_load_retry(struct shard *owner, struct endpoint *endpoint,
                                    const struct backlog_row *row)
{
    (void)owner;
    (void)endpoint;
    (void)row;
    seen.retries++;
    return result;
}

bool arrival_open_event(const struct shard *owner, struct fetched_event *opened)
{
    cr_assert(owner == &shard);
    return !opened->event.duplicate; /* here: that it does not open */
}

enum load_result arrival_load_parked(struct shard *owner, struct endpoint *endpoint,
                                     const struct backlog_row *row, struct fetched_event *taken)
{
    (void)owner;
    (void)endpoint;
    (void)row;
    (void)taken;
    seen.parked++;
    return result;
}

void delivery_loaded(struct shard *owner, struct delivery *delivery, struct fetched_event *loaded)
{
    (void)owner;
    (void)delivery;
    seen.loaded++;
    seen.event = loaded;
}

void delivery_load_failed(struct shard *owner, struct delivery *delivery)
{
    (void)owner;
    (void)delivery;
    seen.load_failed++;
}

/* ---- the stage ---- */

static void open_shard(void)
{
    crew_init(&crew, 1);
    shard.crew = &crew;
    shard.now_ms = 5000;
    shard.memory.arena_size = 1 << 20;
    shard.deliveries.waiting_max = 1;
    list_init(&shard.endpoints.hungry);
    for (uint8_t i = 0; i < ENDPOINTS; i++) {
        endpoints[i].id.bytes[0] = i;
        endpoints[i].subscription = &unordered;
        list_init(&endpoints[i].hungry);
    }
    cr_assert(zero(int, paging_open(&shard.paging)));
    shard.paging.window_ms = UINT64_MAX; /* there is nothing to be done about retries */
}

static void close_shard(void)
{
    paging_close(&shard.paging);
}

TestSuite(paging, .init = open_shard, .fini = close_shard);

/* The next question that the reader gets; what is given back on the way is counted. */
static struct mail_fetch *question(void)
{
    struct mail *mail = mailbox_take(&crew.members[crew_reader(&crew)].mailbox);
    for (; mail; mail = mailbox_take(&crew.members[crew_reader(&crew)].mailbox)) {
        if (mail->kind == MAIL_FETCH)
            return container_of(mail, struct mail_fetch, mail);
        cr_assert(eq(u32, mail->kind, MAIL_GIVE_BACK));
        seen.given_back++;
    }
    return NULL;
}

static struct mail_fetch *question_of(enum fetch_kind kind)
{
    struct mail_fetch *fetch = question();
    cr_assert(fetch != NULL);
    cr_assert(eq(int, (int)fetch->kind, (int)kind));
    return fetch;
}

/* The list of backlogs has been asked for. */
static struct mail_fetch *start(void)
{
    paging_start(&shard);
    paging_tick(&shard);
    struct mail_fetch *backlogs = question_of(FETCH_BACKLOGS);
    struct mail_fetch *outages = question_of(FETCH_OUTAGES);
    outages->rows[0] = (struct backlog_row){.subscription = {{3}}, .outage = {.since_ms = 1234}};
    outages->count = 1;
    paging_fetched(&shard, outages);
    return backlogs;
}

/* It is over, and there are none. */
static void start_without_backlogs(void)
{
    struct mail_fetch *fetch = start();
    fetch->count = 0;
    paging_fetched(&shard, fetch);
}

/* An answer that lists subscriptions first, first + 1, ... */
static void list(struct mail_fetch *fetch, uint8_t first, int count)
{
    for (int i = 0; i < count; i++)
        fetch->rows[i] = (struct backlog_row){.subscription = {{(uint8_t)(first + i)}}};
    fetch->count = count;
}

/* The question for parked rows of endpoint 1, which a page answers with `count` events. */
static struct mail_fetch *page(int count)
{
    static struct fetched_event events[FETCH_ROWS_MAX];
    endpoints[1].has_parked = true;
    endpoint_update_turn(&shard, &endpoints[1]);
    paging_tick(&shard);
    struct mail_fetch *fetch = question_of(FETCH_PARKED);
    list(fetch, 1, count);
    for (int i = 0; i < count; i++) {
        fetch->rows[i].event = (struct id){{(uint8_t)(i + 1)}};
        fetch->events[i] = &events[i];
    }
    fetch->more = false;
    return fetch;
}

/* ---- at start ---- */

Test(paging, asks_nothing_before_it_is_started)
{
    cr_assert(eq(u64, paging_tick(&shard), UINT64_MAX));
    cr_assert(question() == NULL);
}

Test(paging, asks_first_which_subscriptions_have_parked_rows)
{
    struct mail_fetch *fetch = start();
    cr_assert(not(fetch->has_after));
    list(fetch, 1, 2);
    paging_fetched(&shard, fetch);
    cr_expect(endpoints[1].has_parked);
    cr_expect(endpoints[2].has_parked);
    cr_expect(not(endpoints[3].has_parked));
}

Test(paging, asks_at_start_who_has_brought_only_failures_and_since_when)
{
    start();
    cr_assert(eq(u64, endpoints[3].outage.since_ms, 1234));
    cr_assert(zero(u64, endpoints[2].outage.since_ms));
}

Test(paging, asks_for_the_next_after_a_full_list)
{
    struct mail_fetch *fetch = start();
    known_endpoints = 0; /* what is erased takes up questions, too */
    list(fetch, 100, fetch->max);
    paging_fetched(&shard, fetch);
    for (int i = 0; i < FETCH_ROWS_MAX; i++)
        question_of(FETCH_ERASE);
    paging_tick(&shard);
    fetch = question_of(FETCH_BACKLOGS);
    cr_assert(fetch->has_after);
    cr_assert(eq(u8, fetch->after_subscription.bytes[0], 100 + FETCH_ROWS_MAX - 1));
    fetch->count = 0;
    paging_fetched(&shard, fetch);
    paging_tick(&shard);
    cr_assert(question() == NULL, "that was the last");
}

/* As when many retries fell due while the engine was down: each takes a question. */
Test(paging, goes_on_with_the_list_when_a_question_is_free_again)
{
    static struct delivery delivery = {.endpoint = &endpoints[1]};
    struct mail_fetch *list_fetch = start();
    while (paging_load(&shard, &delivery))
        continue;
    list(list_fetch, 1, list_fetch->max);
    paging_fetched(&shard, list_fetch);
    while (paging_load(&shard, &delivery))
        continue;
    paging_tick(&shard);

    struct mail_fetch *loading = question_of(FETCH_EVENT);
    paging_fetched(&shard, loading);
    paging_tick(&shard);
    struct mail_fetch *fetch = question();
    while (fetch && fetch->kind == FETCH_EVENT)
        fetch = question();
    cr_assert(fetch != NULL);
    cr_assert(eq(int, (int)fetch->kind, FETCH_BACKLOGS));
}

/* Else the rows of those that come after would wait for another start. */
Test(paging, goes_on_later_with_a_list_that_broke_off)
{
    struct mail_fetch *fetch = start();
    list(fetch, 1, 2);
    fetch->error = -EIO;
    paging_fetched(&shard, fetch);
    cr_expect(endpoints[1].has_parked);
    endpoints[1].has_parked = endpoints[2].has_parked = false;
    paging_tick(&shard);
    cr_assert(question() == NULL, "not at once: the disk has to come to itself");

    shard.now_ms += LOOK_EVERY_MS;
    paging_tick(&shard);
    fetch = question_of(FETCH_BACKLOGS);
    cr_assert(fetch->has_after);
    cr_assert(eq(u8, fetch->after_subscription.bytes[0], 2));
    cr_assert(zero(int, fetch->error));
}

Test(paging, erases_rows_of_subscriptions_that_are_gone)
{
    struct mail_fetch *fetch = start();
    list(fetch, ENDPOINTS, 1);
    paging_fetched(&shard, fetch);
    fetch = question_of(FETCH_ERASE);
    cr_assert(eq(u8, fetch->subscription.bytes[0], ENDPOINTS));
}

Test(paging, erases_until_there_is_no_more)
{
    struct id id = {{3}};
    paging_erase(&shard, &id);
    struct mail_fetch *fetch = question_of(FETCH_ERASE);
    for (unsigned i = 0; i < 3; i++) {
        fetch->count = fetch->max;
        paging_fetched(&shard, fetch);
        cr_assert(question_of(FETCH_ERASE) == fetch);
    }
    fetch->count = fetch->max - 1;
    paging_fetched(&shard, fetch);
    cr_assert(question() == NULL);
    cr_assert(zero(sz, shard.paging.fetches.used));
}

/* ---- retries ---- */

/* The question for retries, with an answer of one row of `number`. */
static void answer_retry(uint8_t number)
{
    start_without_backlogs();
    shard.paging.window_ms = 0;
    shard.now_ms += LOOK_EVERY_MS;
    paging_tick(&shard);
    struct mail_fetch *fetch = question_of(FETCH_RETRIES);
    cr_assert(zero(u64, fetch->from_ms));
    cr_assert(eq(u64, fetch->below_ms, clock_wall_ms() + LIMIT_RETRY_WINDOW_MS));
    list(fetch, number, 1);
    fetch->rows[0].event = (struct id){{9}};
    fetch->rows[0].due_ms = 77;
    paging_fetched(&shard, fetch);
}

Test(paging, takes_in_retries_that_are_due_soon)
{
    answer_retry(1);
    cr_assert(eq(u32, seen.retries, 1));
    cr_assert(eq(u64, shard.paging.window_ms, clock_wall_ms() + LIMIT_RETRY_WINDOW_MS));
}

Test(paging, drops_a_retry_whose_subscription_is_gone)
{
    struct id id = {{ENDPOINTS}}, nine = {{9}};
    struct key key = key_retry(77, &id, &nine);
    answer_retry(ENDPOINTS);
    cr_assert(zero(u32, seen.retries));
    cr_assert(eq(u32, seen.drops, 1));
    cr_assert(slice_equal(key_slice(&seen.dropped), key_slice(&key)));
}

Test(paging, leaves_it_when_outcomes_have_no_room)
{
    is_out_of_room = true;
    answer_retry(ENDPOINTS);
    cr_assert(zero(u32, seen.drops));
    cr_assert(eq(u64, shard.paging.window_ms, clock_wall_ms() + LIMIT_RETRY_WINDOW_MS));
}

/* ---- one event ---- */

static void answer_event(struct delivery *delivery, int error, struct fetched_event *answer)
{
    cr_assert(paging_load(&shard, delivery));
    struct mail_fetch *fetch = question_of(FETCH_EVENT);
    cr_assert(eq(u8, fetch->rows[0].event.bytes[0], 9));
    cr_assert(eq(u8, fetch->rows[0].subscription.bytes[0], 1));
    fetch->error = error;
    fetch->events[0] = answer;
    paging_fetched(&shard, fetch);
    cr_assert(zero(sz, shard.paging.fetches.used));
}

static struct delivery loading = {
    .endpoint = &endpoints[1], .event = {{9}}, .subscription = {{1}}, .state = STATE_LOADING};

Test(paging, hands_an_event_to_the_delivery_that_waits_for_it)
{
    answer_event(&loading, 0, &event);
    cr_assert(eq(u32, seen.loaded, 1));
    cr_assert(seen.event == &event);
    answer_event(&loading, 0, NULL);
    cr_assert(eq(u32, seen.loaded, 2));
    cr_assert(seen.event == NULL, "it is gone");
}

Test(paging, takes_an_event_that_does_not_open_for_gone_and_gives_it_back)
{
    static struct fetched_event closed = {.event.duplicate = true};
    answer_event(&loading, 0, &closed);
    cr_assert(eq(u32, seen.loaded, 1));
    cr_assert(seen.event == NULL);
    struct mail *mail = mailbox_take(&crew.members[crew_reader(&crew)].mailbox);
    cr_assert(mail == &closed.mail);
    cr_assert(eq(int, mail->kind, MAIL_GIVE_BACK));
}

Test(paging, says_when_an_event_cannot_be_read_for_now)
{
    answer_event(&loading, -EIO, NULL);
    cr_assert(eq(u32, seen.load_failed, 1));
    cr_assert(zero(u32, seen.loaded));
}

Test(paging, does_not_try_again_for_a_deleted_subscription)
{
    endpoints[1].deleted = true;
    answer_event(&loading, -EIO, NULL);
    cr_assert(zero(u32, seen.load_failed));
    cr_assert(eq(u32, seen.loaded, 1));
}

Test(paging, says_when_no_question_is_free)
{
    for (unsigned i = 0; i < LIMIT_FETCHES; i++)
        cr_assert(paging_load(&shard, &loading));
    cr_assert(not(paging_load(&shard, &loading)));
}

/* ---- parked ---- */

Test(paging, takes_in_a_page_and_is_done_when_it_was_the_last)
{
    start_without_backlogs();
    struct mail_fetch *fetch = page(3);
    cr_assert(not(fetch->has_after));
    paging_fetched(&shard, fetch);
    cr_assert(eq(u32, seen.parked, 3));
    cr_assert(not(endpoints[1].has_parked));
    cr_assert(not(list_is_linked(&endpoints[1].hungry)));
}

Test(paging, asks_for_the_next_page_after_the_last_row)
{
    start_without_backlogs();
    struct mail_fetch *fetch = page(3);
    fetch->more = true;
    paging_fetched(&shard, fetch);
    paging_tick(&shard);
    fetch = question_of(FETCH_PARKED);
    cr_assert(fetch->has_after);
    cr_assert(eq(u8, fetch->after_event.bytes[0], 3));
}

Test(paging, gives_back_what_finds_no_window_and_begins_there_again)
{
    start_without_backlogs();
    struct mail_fetch *fetch = page(3);
    has_no_window = true;
    paging_fetched(&shard, fetch);
    cr_assert(zero(u32, seen.parked));
    paging_tick(&shard);
    cr_assert(question() == NULL, "it would be for nothing");
    has_no_window = false;
    paging_tick(&shard);
    fetch = question_of(FETCH_PARKED);
    cr_assert(not(fetch->has_after));
    cr_assert(eq(u32, seen.given_back, 3));
}

Test(paging, gives_back_what_is_in_memory_already)
{
    start_without_backlogs();
    result = LOAD_KNOWN;
    paging_fetched(&shard, page(3));
    cr_assert(question() == NULL);
    cr_assert(eq(u32, seen.given_back, 3));
    cr_assert(not(endpoints[1].has_parked));
}

Test(paging, gives_back_the_events_of_a_deleted_subscription)
{
    start_without_backlogs();
    struct mail_fetch *fetch = page(3);
    endpoints[1].deleted = true;
    paging_fetched(&shard, fetch);
    cr_assert(question() == NULL);
    cr_assert(eq(u32, seen.given_back, 3));
    cr_assert(zero(u32, seen.parked));
    cr_assert(eq(u32, seen.freed, 1), "it waited for this");
}

/* A disk that fails is asked again, but not as fast as it fails. */
Test(paging, waits_before_it_asks_for_a_page_again_that_could_not_be_read)
{
    start_without_backlogs();
    struct mail_fetch *fetch = page(2);
    fetch->error = -EIO;
    paging_fetched(&shard, fetch);
    cr_assert(eq(u32, seen.parked, 2), "what was read is taken");
    paging_tick(&shard);
    cr_assert(question() == NULL);

    shard.now_ms += LOOK_EVERY_MS;
    paging_tick(&shard);
    fetch = question_of(FETCH_PARKED);
    cr_assert(eq(u8, fetch->after_event.bytes[0], 2));
}

Test(paging, asks_for_few_pages_at_a_time)
{
    start_without_backlogs();
    for (unsigned i = 0; i < ENDPOINTS; i++) {
        endpoints[i].has_parked = true;
        endpoint_update_turn(&shard, &endpoints[i]);
    }
    paging_tick(&shard);
    struct mail_fetch *first = question_of(FETCH_PARKED);
    for (unsigned i = 1; i < PAGES_AT_A_TIME; i++)
        question_of(FETCH_PARKED);
    cr_assert(question() == NULL);

    first->count = 0;
    first->more = false;
    paging_fetched(&shard, first);
    paging_tick(&shard);
    question_of(FETCH_PARKED);
    cr_assert(question() == NULL);
}

Test(paging, asks_for_no_page_while_too_much_is_held)
{
    start_without_backlogs();
    endpoints[1].has_parked = true;
    endpoint_update_turn(&shard, &endpoints[1]);
    shard.deliveries.fetched_bytes = shard.memory.arena_size / 2;
    paging_tick(&shard);
    cr_assert(question() == NULL);
    shard.deliveries.fetched_bytes = 0;
    paging_tick(&shard);
    question_of(FETCH_PARKED);
}

Test(paging, asks_nothing_more_when_the_shard_stops)
{
    static struct mail_stop stop;
    start_without_backlogs();
    endpoints[1].has_parked = true;
    endpoint_update_turn(&shard, &endpoints[1]);
    shard.stopping = &stop;
    cr_assert(eq(u64, paging_tick(&shard), UINT64_MAX));
    cr_assert(question() == NULL);
}
