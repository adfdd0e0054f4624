/* receiver.c - see receiver.h. What a receiver does with a request is drawn when the request is
 * whole; what it does with a connection, when it comes.
 */
#include "receiver.h"

#include "ledger.h"
#include "letter.h"
#include "names.h"
#include "network.h"
#include "signature_check.h"
#include "speech.h"
#include "trace_name.h"
#include "world.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum mood {
    MOOD_WELL,
    MOOD_FAILING,
    MOOD_BUSY,
    MOOD_MIXED,
    MOOD_DEAF,
    MOOD_DOWN,
    MOOD_UNKNOWN,
    MOODS
};

struct receiver {
    struct host host;
    struct address second; /* an address at which nobody is */
    unsigned index;
    enum mood mood;
};

/* The peer's end of one connection. */
struct visit {
    struct receiver *receiver;
    struct speech heard;
    unsigned requests;
    size_t taken;                 /* bytes of whole requests */
    struct attempt_seen *attempt; /* NULL: none is open */
    size_t consumed_then;         /* by the engine, when the request was taken */
    size_t answer_end;            /* in bytes of the wire; 0: no whole answer will come */
    int status;                   /* 0: the answer is none */
    uint64_t retry_after_ms;
    bool ends_with_end; /* the answer is whole when the connection ends */
};

static struct receiver receivers[RECEIVERS_MAX];
static unsigned receiver_count;
static bool all_is_well;

/* ---- moods ---- */

static void change_mood(void *context)
{
    struct receiver *receiver = context;
    if (all_is_well)
        return;
    receiver->mood = world_one_in(2) ? MOOD_WELL : (enum mood)world_below(MOODS);
    uint64_t most_ms = world_one_in(4) ? 20 * 60000 : 60000;
    world_at(world_now_ns() + world_between(100, most_ms) * WORLD_MS, change_mood, receiver);
}

void receivers_heal(void)
{
    all_is_well = true;
    for (unsigned i = 0; i < receiver_count; i++)
        receivers[i].mood = MOOD_WELL;
}

/* ---- answers ---- */

static void answer(struct wire *wire, int status, const char *fields, const char *body)
{
    char text[512];
    struct visit *visit = wire->owner;
    int size = snprintf(text, sizeof text, "HTTP/1.1 %d What\r\n%sContent-Length: %zu\r\n\r\n%s",
                        status, fields, strlen(body), body);
    visit->status = status;
    if (!all_is_well && world_one_in(20))
        wire_drip(wire, text, (size_t)size, 1 + (size_t)world_below(20),
                  world_below(400 * WORLD_MS));
    else
        wire_send(wire, text, (size_t)size);
    visit->answer_end = wire->written;
}

static void answer_chunked(struct wire *wire)
{
    static const char text[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                               "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n";
    struct visit *visit = wire->owner;
    visit->status = 200;
    wire_send(wire, text, sizeof text - 1);
    visit->answer_end = wire->written;
}

static void answer_until_end(struct wire *wire)
{
    static const char text[] = "HTTP/1.1 200 OK\r\n\r\nuntil the end";
    struct visit *visit = wire->owner;
    visit->status = 200;
    visit->ends_with_end = true;
    wire_send(wire, text, sizeof text - 1);
    wire_finish(wire);
}

static void answer_well(struct wire *wire)
{
    switch (world_below(12)) {
    case 0:
        answer_chunked(wire);
        break;
    case 1:
        answer_until_end(wire);
        break;
    case 2:
        answer(wire, 204, "Connection: close\r\n", "");
        break;
    case 3:
        answer(wire, 202, "", "thanks");
        wire_finish(wire); /* though it did not say so */
        break;
    default:
        answer(wire, 200, "", "ok");
    }
}

static void answer_busy(struct wire *wire)
{
    static const int statuses[] = {429, 503, 502, 504};
    struct visit *visit = wire->owner;
    char fields[64] = "";
    uint64_t seconds = world_one_in(3) ? 0 : world_between(1, world_one_in(4) ? 600 : 20);
    if (seconds)
        snprintf(fields, sizeof fields, "Retry-After: %lu\r\n", seconds);
    visit->retry_after_ms = seconds * 1000;
    answer(wire, statuses[world_below(4)], fields, "later");
}

static void answer_badly(struct wire *wire)
{
    static const int statuses[] = {500, 500, 404, 400, 302, 501};
    answer(wire, statuses[world_below(6)], "", "no");
}

static void answer_garbage(struct wire *wire)
{
    static const char *const texts[] = {"SSH-2.0-OpenSSH_9.2\r\n\r\n", "HTTP/1.1 2OO OK\r\n\r\n",
                                        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: "
                                        "4\r\n\r\nabc"};
    const char *text = texts[world_below(3)];
    struct visit *visit = wire->owner;
    visit->status = 0;
    wire_send(wire, text, strlen(text));
    /* Whether at the first bytes or the last: the engine gives up, which on_cut tells. */
    visit->answer_end = SIZE_MAX;
}

static void break_off(struct wire *wire)
{
    static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf";
    if (world_one_in(2))
        wire_send(wire, text, sizeof text - 1);
    if (world_one_in(2))
        wire_finish(wire);
    else
        wire_reset(wire);
}

static void react_oddly(struct wire *wire)
{
    switch (world_below(9)) {
    case 0:
        answer_badly(wire);
        break;
    case 1:
        answer_busy(wire);
        break;
    case 2:
        answer_garbage(wire);
        break;
    case 3:
        break_off(wire);
        break;
    case 4:
        break; /* nothing */
    case 5:
        if (world_one_in(4))
            answer(wire, 410, "", "gone");
        else
            answer_badly(wire);
        break;
    default:
        answer_well(wire);
    }
}

struct pause {
    struct wire *wire;
    unsigned requests;
};

static void react(void *context)
{
    struct pause *pause = context;
    struct wire *wire = pause->wire;
    struct visit *visit = wire->owner;
    bool is_past = visit->requests != pause->requests || wire->peer_closed || !visit->attempt;
    free(pause);
    if (is_past)
        return;
    switch (visit->receiver->mood) {
    case MOOD_FAILING:
        answer_badly(wire);
        break;
    case MOOD_BUSY:
        answer_busy(wire);
        break;
    case MOOD_MIXED:
        react_oddly(wire);
        break;
    case MOOD_DEAF:
        break;
    default:
        answer_well(wire);
    }
}

/* ---- requests ---- */

static unsigned number_in(struct slice text, const char *before)
{
    char digits[16] = "";
    size_t size = strlen(before);
    const char *at = text.size ? memmem(text.at, text.size, before, size) : NULL;
    if (!at)
        return UINT32_MAX;
    size_t left = text.size - (size_t)(at + size - text.at);
    memcpy(digits, at + size, left < 15 ? left : 15);
    return (unsigned)strtoul(digits, NULL, 10);
}

static void check_item(const struct letter_item *item, const struct body *body)
{
    struct event *event = body->event;
    if (!slice_equal(item->payload, body->payload))
        world_fail("body %u has changed on its way", body->number);
    if (event->id[0] && !slice_equal(slice_str(event->id), item->id))
        world_fail("%s came as %.*s", event->id, SLICE_ARGS(item->id));
    if (item->id.size >= LEDGER_ID)
        world_fail("an event's id is too long");
    snprintf(event->id, sizeof event->id, "%.*s", SLICE_ARGS(item->id));
    if (!slice_equal(item->type, slice_str(event->type)))
        world_fail("%s came with another type", event->id);
    const char *content_type = item->content_type.size ? body->content_type : "application/json";
    if (strcmp(content_type, body->content_type) != 0 ||
        (item->content_type.size && !slice_equal(item->content_type, slice_str(content_type))))
        world_fail("%s came with another content type", event->id);
}

static const struct body *body_of(const struct letter_item *item)
{
    return ledger_body(number_in(item->payload, "\"n\":"));
}

/* A batch has the trace of its members if it is the same for all of them. */
static void check_trace(const struct said *said, const struct letter *letter)
{
    char room[TRACE_NAME_SIZE];
    unsigned trace = body_of(&letter->items[0])->trace;
    for (unsigned i = 1; i < letter->count; i++)
        if (body_of(&letter->items[i])->trace != trace)
            trace = 0;
    if (!slice_equal(said_field(said, "traceparent"), trace_name(trace, room)) ||
        !slice_equal(said_field(said, "tracestate"), trace_name_state(trace, room)))
        world_fail("%.*s is not part of trace %u", SLICE_ARGS(letter->items[0].id), trace);
}

static void check_letter(const struct said *said, const struct letter *letter,
                         const struct subscription_told *told)
{
    struct said opened = *said;
    for (unsigned i = 0; i < letter->count; i++) {
        const struct body *body = body_of(&letter->items[i]);
        if (!body)
            world_fail("a receiver got an event that nobody sent");
        check_item(&letter->items[i], body);
    }
    check_trace(said, letter);
    opened.body = letter->body;
    signature_check(&opened, told->secret);
    if (told->batch_events > 0 && letter->count > told->batch_events)
        world_fail("subscription %u got %u events at once, and may get %u", told->index,
                   letter->count, told->batch_events);
    if (letter->count > 1 && letter->body.size > told->batch_bytes)
        world_fail("subscription %u got a batch of %zu bytes, and may get %lu", told->index,
                   letter->body.size, told->batch_bytes);
}

/* An attempt for each event; the first leads the others. */
static struct attempt_seen *read_attempts(struct wire *wire, const struct said *said,
                                          const struct letter *letter,
                                          struct subscription_told *subscription)
{
    struct visit *visit = wire->owner;
    struct attempt_seen *first = NULL, **end = &first;
    unsigned long number;
    if (!slice_to_u64(said_field(said, "x-webhook-attempt"), &number))
        world_fail("a request does not say which attempt it is");
    for (unsigned i = 0; i < letter->count; i++) {
        struct attempt_seen *attempt = malloc(sizeof *attempt);
        must(attempt);
        *attempt = (struct attempt_seen){
            .body = body_of(&letter->items[i]),
            .subscription = subscription,
            .number = (unsigned)number,
            .on_used_wire = visit->requests > 0,
            .began_ns = wire->began_ns,
            .sent_ns = wire->send_began_ns,
            .missed = network_missed(),
            .missed_ns = visit->receiver->host.missed_ns,
        };
        *end = attempt;
        end = &attempt->companion;
    }
    return first;
}

static void let_react(struct wire *wire)
{
    struct visit *visit = wire->owner;
    struct pause *pause = malloc(sizeof *pause);
    must(pause);
    *pause = (struct pause){wire, visit->requests};
    uint64_t most_ns = !all_is_well && world_one_in(10) ? 3 * WORLD_SECOND : 5 * WORLD_MS;
    world_at(world_now_ns() + world_below(most_ns), react, pause);
}

/* The request in full. */
static void take_request(struct wire *wire, const struct said *said)
{
    static struct letter letter;
    struct visit *visit = wire->owner;
    unsigned index = number_in(said->first_line, "POST /s");
    if (index >= ledger_subscription_count)
        world_fail("a receiver got a request that nobody sent: %.*s", SLICE_ARGS(said->first_line));
    struct subscription_told *subscription = &ledger_subscriptions[index];
    letter_open(said, subscription->batch_events > 0, &letter);
    check_letter(said, &letter, subscription);
    if (wire->is_cut)
        return; /* it comes too late: the engine has given it up, or is not the same any more */

    struct attempt_seen *attempt = read_attempts(wire, said, &letter, subscription);
    for (const struct attempt_seen *each = attempt; each; each = each->companion)
        world_say("%s to subscription %u, attempt %u, request %u of connection %d, sent at %.3f s",
                  each->body->event->id, index, each->number, visit->requests + 1, wire->fd,
                  (double)wire->send_began_ns / (double)WORLD_SECOND);
    visit->requests++;
    visit->consumed_then = wire->consumed;
    visit->answer_end = 0;
    visit->status = 0;
    visit->retry_after_ms = 0;
    visit->attempt = attempt;
    guarantees_attempt(attempt);
    let_react(wire);
}

static void on_bytes(struct wire *wire, const char *at, size_t size)
{
    struct visit *visit = wire->owner;
    struct said said;
    speech_add(&visit->heard, at, size);
    while (speech_find(&visit->heard, &said)) {
        take_request(wire, &said);
        speech_drop(&visit->heard, said.size);
        visit->taken += said.size;
    }
}

static void on_end(struct wire *wire)
{
    struct visit *visit = wire->owner;
    speech_clear(&visit->heard);
    wire->peer_closed = true;
}

/* ---- what the engine makes of the answer ---- */

static struct attempt_seen *take_attempt(struct visit *visit)
{
    struct attempt_seen *attempt = visit->attempt;
    visit->attempt = NULL;
    return attempt;
}

static void on_consumed(struct wire *wire)
{
    struct visit *visit = wire->owner;
    bool is_whole = visit->answer_end > 0 && wire->consumed >= visit->answer_end;
    if (visit->attempt && is_whole)
        guarantees_answered(take_attempt(visit), visit->status, visit->retry_after_ms);
}

static void on_saw_end(struct wire *wire)
{
    struct visit *visit = wire->owner;
    if (!visit->attempt)
        return;
    if (visit->ends_with_end && !wire->is_reset && wire->consumed == wire->written) {
        guarantees_answered(take_attempt(visit), visit->status, 0);
        return;
    }
    /* On a connection that was used before, and on which nothing came back, it may send the request
     * again. */
    bool is_known = visit->requests == 1 || wire->consumed > visit->consumed_then;
    guarantees_ended(take_attempt(visit), is_known ? END_BROKEN : END_UNKNOWN);
}

static void on_cut(struct wire *wire)
{
    struct visit *visit = wire->owner;
    if (visit->attempt)
        guarantees_ended(take_attempt(visit),
                         wire->consumed > visit->consumed_then ? END_ANSWERED : END_LATE);
    else if (wire->sending || wire->pushed > visit->taken || visit->requests == 0)
        network_note_missed_by(wire); /* an attempt that did not arrive, or not in full */
}

static const struct wire_events events = {
    .on_bytes = on_bytes,
    .on_end = on_end,
    .on_consumed = on_consumed,
    .on_saw_end = on_saw_end,
    .on_cut = on_cut,
};

/* ---- connections ---- */

static enum greeting greet(struct host *host, struct wire *wire)
{
    struct receiver *receiver = container_of(host, struct receiver, host);
    if (receiver->mood == MOOD_DOWN)
        return world_one_in(4) ? GREETING_SILENCE : GREETING_REFUSE;
    struct visit *visit = calloc(1, sizeof *visit);
    must(visit);
    visit->receiver = receiver;
    wire->events = &events;
    wire->owner = visit;
    if (receiver->mood == MOOD_DEAF && world_one_in(2))
        wire_stop_reading(wire);
    return GREETING_ACCEPT;
}

uint64_t names_find(struct slice host, struct resolver_result *result)
{
    unsigned index = number_in(host, "r");
    must(index < receiver_count);
    struct receiver *receiver = &receivers[index];
    bool is_unknown = receiver->mood == MOOD_UNKNOWN;
    *result = (struct resolver_result){0};
    if (is_unknown && world_one_in(2)) {
        network_note_missed(&receiver->host);
        *result = (struct resolver_result){.error = -ETIMEDOUT, .why = "Timeout"};
        return 10000;
    }
    if (is_unknown) {
        network_note_missed(&receiver->host);
        *result = (struct resolver_result){.error = -ENOENT, .why = "Domain name not found"};
        return world_below(200);
    }
    if (world_one_in(3))
        result->addresses[result->count++] = receiver->second;
    result->addresses[result->count++] = receiver->host.address;
    uint64_t delay_ms = !all_is_well && world_one_in(20) ? world_below(2000) : world_below(20);
    /* The attempt may be over by then; or by the time that nobody has refused it, if the shard
     * stands still meanwhile. */
    if (delay_ms > 500 || result->count > 1)
        network_note_missed(&receiver->host);
    return delay_ms;
}

static enum greeting greet_nobody(struct host *host, struct wire *wire)
{
    (void)host, (void)wire;
    return GREETING_REFUSE;
}

void receivers_open(unsigned count, bool has_doomed)
{
    static struct host nobody = {.greet = greet_nobody};
    must(count <= RECEIVERS_MAX);
    must(address_parse(SLICE("10.9.1.1:80"), &nobody.address) == 0);
    network_put_host(&nobody);
    receiver_count = count;
    for (unsigned i = 0; i < count; i++) {
        struct receiver *receiver = &receivers[i];
        char text[32];
        snprintf(text, sizeof text, "10.9.0.%u:80", i);
        *receiver = (struct receiver){.host.greet = greet, .index = i, .second = nobody.address};
        must(address_parse(slice_str(text), &receiver->host.address) == 0);
        network_put_host(&receiver->host);
        if (i == 0 && has_doomed)
            receiver->mood = MOOD_FAILING;
        else if (!world_one_in(4))
            world_at(world_now_ns() + world_below(60 * WORLD_SECOND), change_mood, receiver);
    }
}

unsigned receivers_count(void)
{
    return receiver_count;
}

void receiver_url(unsigned receiver, bool by_name, unsigned subscription, char url[64])
{
    if (by_name)
        snprintf(url, 64, "http://r%u.test/s%u", receiver, subscription);
    else
        snprintf(url, 64, "http://10.9.0.%u/s%u", receiver, subscription);
}
