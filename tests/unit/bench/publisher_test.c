/* The publisher against a receiver on the same loop that answers as each test wants: what it tells
 * the ledger must be what happened. */
#include "bench/load/publisher.h"

#include "bench/load/receiver.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

enum { EVENTS_MAX = 1000, PAYLOAD = 200 };

static struct loop *loop;
static struct receiver *receiver;
static struct publisher *publisher;
static struct ledger ledger;
static struct publisher_options options;
static struct audit audit;

/* What the receiver has seen, and what it is to do with which request (the first is 1). */
static unsigned requests, odd_request;
static struct receiver_reply odd_reply;
static unsigned seen[EVENTS_MAX];

/* Reads the stamps of all events in a request. */
static void see(struct slice body)
{
    static const char start[] = "{\"n\":\"";
    for (;;) {
        const char *found = memmem(body.at, body.size, start, sizeof start - 1);
        if (!found)
            return;
        struct stamp stamp;
        body = slice_skip(body, (size_t)(found - body.at));
        cr_assert(stamp_read(body, &stamp));
        cr_assert(lt(u64, stamp.number, EVENTS_MAX));
        seen[stamp.number]++;
        body = slice_skip(body, 1);
    }
}

static struct receiver_reply on_request(void *context, const struct receiver_request *request)
{
    (void)context;
    const struct http_header *key = http_find(request->head, "authorization");
    cr_assert(key != NULL);
    cr_assert(slice_equal(key->value, SLICE("Bearer gk_test")));
    see(request->body);
    return ++requests == odd_request ? odd_reply : (struct receiver_reply){.status = 202};
}

static bool go_on(void *context, uint64_t now_ns)
{
    (void)context;
    (void)now_ns;
    return true;
}

static void start(void)
{
    const struct loop_options sizes = {.entries = 64, .buffers = 64, .buffer_bytes = 4096};
    const struct receiver_options serve = {
        .connections_max = 64, .body_max = 1 << 20, .on_request = on_request};
    char why[LOOP_WHY_SIZE];
    struct address any, bound;
    cr_assert(eq(int, loop_open(&loop, &sizes, why), 0), "%s", why);
    cr_assert(eq(int, address_parse(SLICE("127.0.0.1:0"), &any), 0));
    int fd = loop_listen(&any, false, &bound);
    cr_assert(ge(int, fd, 0));
    cr_assert(eq(int, receiver_open(&receiver, loop, fd, &serve), 0));
    cr_assert(eq(int, ledger_open(&ledger, EVENTS_MAX, 1, 1), 0));
    options = (struct publisher_options){.target = {.loop = loop, .address = bound},
                                         .authority = SLICE("localhost"),
                                         .path = SLICE("/events"),
                                         .key = SLICE("gk_test"),
                                         .events = 100,
                                         .stride = 1,
                                         .payload_bytes = PAYLOAD,
                                         .batch = 1,
                                         .connections = 4,
                                         .ledger = &ledger,
                                         .patience_ms = 30000,
                                         .on_tick = go_on};
}

static void end(void)
{
    publisher_close(publisher);
    receiver_close(receiver);
    ledger_close(&ledger);
    loop_close(loop);
}

TestSuite(publisher, .init = start, .fini = end);

static const struct publisher_counters *publish(void)
{
    cr_assert(eq(int, publisher_open(&publisher, &options), 0));
    publisher_run(publisher);
    ledger_audit(&ledger, &audit);
    cr_assert(not(publisher_counters(publisher)->gave_up));
    return publisher_counters(publisher);
}

/* How often events [0, count) were received, all together; none of them never. */
static unsigned times_seen(unsigned count)
{
    unsigned sum = 0;
    for (unsigned i = 0; i < EVENTS_MAX; i++) {
        cr_assert(i < count ? seen[i] > 0 : seen[i] == 0, "event %u came %u times", i, seen[i]);
        sum += seen[i];
    }
    return sum;
}

Test(publisher, sends_every_event_once)
{
    const struct publisher_counters *counters = publish();
    cr_assert(eq(uint, times_seen(100), 100));
    cr_assert(eq(u64, counters->accepted, 100));
    cr_assert(eq(u64, audit.accepted, 100));
    cr_assert(eq(u64, counters->accept_us.count, 100));
}

Test(publisher, sends_batches)
{
    options.batch = 25;
    const struct publisher_counters *counters = publish();
    cr_assert(eq(uint, times_seen(100), 100));
    cr_assert(eq(u64, counters->accepted, 100));
    cr_assert(eq(u64, counters->answers[202], 4));
}

Test(publisher, numbers_its_events_as_it_is_told)
{
    options.first = 1;
    options.stride = 2;
    options.events = 50;
    options.batch = 5;
    publish();
    for (unsigned i = 0; i < EVENTS_MAX; i++)
        cr_assert(eq(uint, seen[i], i < 100 && i % 2 == 1), "event %u", i);
    cr_assert(eq(u64, audit.accepted, 50));
}

Test(publisher, keeps_to_its_rate)
{
    options.rate = 1000;
    const struct publisher_counters *counters = publish();
    cr_assert(eq(uint, times_seen(100), 100));
    cr_assert(ge(u64, counters->last_ns - counters->first_ns, 99 * UINT64_C(1000000)));
}

Test(publisher, sends_the_same_events_again_after_503)
{
    odd_request = 7;
    odd_reply = (struct receiver_reply){.status = 503};
    const struct publisher_counters *counters = publish();
    cr_assert(eq(uint, times_seen(100), 101));
    cr_assert(eq(u64, counters->accepted, 100));
    cr_assert(eq(u64, counters->retries, 1));
    cr_assert(eq(u64, counters->accept_us.count, 100));
    cr_assert(ge(u64, counters->accept_us.max, 900000), "the wait belongs to the latency");
}

Test(publisher, does_not_know_what_became_of_events_whose_connection_was_lost)
{
    odd_request = 7;
    odd_reply = (struct receiver_reply){.fate = RECEIVER_RESET};
    const struct publisher_counters *counters = publish();
    cr_assert(eq(uint, times_seen(100), 100), "and does not send them again");
    cr_assert(eq(u64, counters->accepted, 99));
    cr_assert(eq(u64, counters->unknown, 1));
    cr_assert(eq(u64, audit.unknown, 1));
}

Test(publisher, does_not_repeat_what_was_refused)
{
    odd_request = 7;
    odd_reply = (struct receiver_reply){.status = 422};
    const struct publisher_counters *counters = publish();
    cr_assert(eq(uint, times_seen(100), 100));
    cr_assert(eq(u64, counters->refused, 1));
    cr_assert(eq(u64, counters->answers[422], 1));
    cr_assert(eq(u64, audit.refused, 1));
}
