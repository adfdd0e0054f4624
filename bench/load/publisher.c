/* publisher.c - a few requests, each laid out once for its own connection, and a schedule.
 *
 * A request is on one of two lists or on none:
 *   idle      its connection is open and it has nothing to send
 *   waiting   until wake_ns: to connect anew, or to send the same bytes again
 *   (none)    connecting, or on its way
 */
#include "bench/load/publisher.h"

#include "base/clock.h"
#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    NS_PER_MS = 1000000,
    TICK_NS = 20 * NS_PER_MS,
    RECONNECT_MS = 100,
    RETRY_DEFAULT_MS = 1000,
    WARM_UP_MS = 2000, /* the longest wait for all connections before the first event */
    HEAD_ROOM = 4096,
};

struct request {
    struct lane lane;
    struct list_node link;
    struct publisher *publisher;
    char *bytes;
    uint64_t wake_ns;
    uint64_t due_ns; /* latency counts from here */
    uint64_t first;  /* its first event, counted from 0 */
    unsigned count;  /* of its events; 0: it carries none */
    bool is_open;
};

struct publisher {
    struct publisher_options options;
    struct publisher_counters counters;
    struct stamp_ink ink;
    struct list_node idle, waiting;
    size_t head_size, size; /* of a request */
    uint64_t next;          /* the next event, counted from 0 */
    uint64_t start_ns, end_ns, progress_ns;
    unsigned open, busy; /* connections that are open; requests that carry events */
    bool started;
    struct request *requests;
};

/* ---- laying out ---- */

static size_t body_size(const struct publisher_options *options)
{
    size_t event = stamp_event_size(options->payload_bytes);
    return options->batch == 1 ? event : options->batch * (event + 1) + 1;
}

/* Returns the head's size, or -ENOBUFS. */
static long print_head(const struct publisher_options *options, char out[static HEAD_ROOM])
{
    struct text text;
    text_init(&text, out, HEAD_ROOM);
    text_printf(&text,
                "POST %.*s HTTP/1.1\r\nHost: %.*s\r\nAuthorization: Bearer %.*s\r\n"
                "User-Agent: grapnel-load/" GRAPNEL_VERSION "\r\n"
                "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
                SLICE_ARGS(options->path), SLICE_ARGS(options->authority), SLICE_ARGS(options->key),
                body_size(options));
    return text_ok(&text) ? (long)text.size : -ENOBUFS;
}

/* Where event `i` of a request begins. */
static char *event_at(const struct publisher *publisher, const struct request *request, unsigned i)
{
    size_t event = stamp_event_size(publisher->options.payload_bytes);
    size_t bracket = publisher->options.batch > 1;
    return request->bytes + publisher->head_size + bracket + i * (event + 1);
}

static int lay_out(struct publisher *publisher, struct request *request, const char *head)
{
    const struct publisher_options *options = &publisher->options;
    request->bytes = malloc(publisher->size);
    if (!request->bytes)
        return -ENOMEM;
    memcpy(request->bytes, head, publisher->head_size);
    size_t event = stamp_event_size(options->payload_bytes);
    for (unsigned i = 0; i < options->batch; i++) {
        char *at = event_at(publisher, request, i);
        stamp_event_init(at, options->payload_bytes);
        if (options->batch > 1) {
            at[-1] = i == 0 ? '[' : ',';
            at[event] = ']';
        }
    }
    return 0;
}

/* The number of the event that is the `index`th of this load. */
static uint64_t number_of(const struct publisher *publisher, uint64_t index)
{
    return publisher->options.first + index * publisher->options.stride;
}

/* ---- one request ---- */

static void wait_until(struct request *request, uint64_t wake_ns)
{
    request->wake_ns = wake_ns;
    list_push_back(&request->publisher->waiting, &request->link);
}

static void note(struct request *request, enum event_fate fate)
{
    struct publisher *publisher = request->publisher;
    for (unsigned i = 0; i < request->count; i++)
        ledger_note(publisher->options.ledger, number_of(publisher, request->first + i), fate);
    if (fate == EVENT_ACCEPTED)
        publisher->counters.accepted += request->count;
    else if (fate == EVENT_REFUSED)
        publisher->counters.refused += request->count;
    else
        publisher->counters.unknown += request->count;
    request->count = 0;
    publisher->busy--;
}

static void on_open(struct lane *lane)
{
    struct request *request = container_of(lane, struct request, lane);
    struct publisher *publisher = request->publisher;
    publisher->open++;
    request->is_open = true;
    if (request->count > 0)
        lane_send(lane, request->bytes, publisher->size); /* it was waiting to go again */
    else
        list_push_back(&publisher->idle, &request->link);
}

static void on_answer(struct lane *lane, const struct lane_answer *answer)
{
    struct request *request = container_of(lane, struct request, lane);
    struct publisher *publisher = request->publisher;
    uint64_t now_ns = clock_monotonic_ns();
    publisher->counters.last_ns = publisher->progress_ns = now_ns;
    publisher->counters.answers[answer->status % PUBLISHER_STATUSES]++;

    if (answer->status == 429 || answer->status == 503) {
        uint64_t wait_ms = answer->retry_after_ms ? answer->retry_after_ms : RETRY_DEFAULT_MS;
        publisher->counters.retries++;
        if (lane->state == LANE_IDLE)
            wait_until(request, now_ns + wait_ms * NS_PER_MS);
        else
            request->wake_ns = now_ns + wait_ms * NS_PER_MS; /* on_down puts it on the list */
        return;
    }
    if (answer->status == 202)
        histogram_add(&publisher->counters.accept_us, (now_ns - request->due_ns) / 1000);
    note(request, answer->status == 202 ? EVENT_ACCEPTED : EVENT_REFUSED);
    if (lane->state == LANE_IDLE)
        list_push_back(&publisher->idle, &request->link);
}

static void on_down(struct lane *lane, bool was_busy, int error)
{
    struct request *request = container_of(lane, struct request, lane);
    struct publisher *publisher = request->publisher;
    uint64_t now_ns = clock_monotonic_ns();
    list_remove(&request->link);
    if (request->is_open)
        publisher->open--;
    request->is_open = false;
    if (error)
        publisher->counters.last_error = error;
    if (was_busy)
        note(request, EVENT_UNKNOWN);

    uint64_t wake_ns = now_ns;
    if (error && !was_busy) {
        publisher->counters.connect_failures++;
        wake_ns += (uint64_t)RECONNECT_MS * NS_PER_MS;
    }
    wait_until(request, request->wake_ns > wake_ns ? request->wake_ns : wake_ns);
}

static void go_on(struct request *request, uint64_t now_ns)
{
    struct publisher *publisher = request->publisher;
    list_remove(&request->link);
    if (request->lane.state == LANE_IDLE) {
        lane_send(&request->lane, request->bytes, publisher->size);
        return;
    }
    int error = lane_open(&request->lane);
    if (error) {
        publisher->counters.last_error = error;
        publisher->counters.connect_failures++;
        wait_until(request, now_ns + (uint64_t)RECONNECT_MS * NS_PER_MS);
    }
}

/* ---- the schedule ---- */

static uint64_t due_ns(const struct publisher *publisher, uint64_t now_ns)
{
    uint64_t rate = publisher->options.rate;
    if (rate == 0)
        return now_ns;
    uint64_t next = publisher->next;
    return publisher->start_ns + next / rate * UINT64_C(1000000000) +
           next % rate * UINT64_C(1000000000) / rate;
}

static bool is_over(const struct publisher *publisher, uint64_t due)
{
    const struct publisher_options *options = &publisher->options;
    return publisher->next + options->batch > options->events ||
           (options->duration_ms && due >= publisher->end_ns);
}

static void send_next(struct publisher *publisher, struct request *request, uint64_t due)
{
    const struct publisher_options *options = &publisher->options;
    list_remove(&request->link);
    request->due_ns = due;
    request->wake_ns = 0;
    request->first = publisher->next;
    request->count = options->batch;
    for (unsigned i = 0; i < options->batch; i++, publisher->next++) {
        struct stamp stamp = {.number = number_of(publisher, publisher->next), .sent_ns = due};
        stamp_event_set(event_at(publisher, request, i), options->payload_bytes,
                        ledger_group(options->ledger, stamp.number), stamp, &publisher->ink);
    }
    publisher->busy++;
    lane_send(&request->lane, request->bytes, publisher->size);
}

/* Sends all that is due as far as there are free connections. Returns when it wants to be called
 * next; UINT64_MAX: when something has happened. */
static uint64_t send_due(struct publisher *publisher, uint64_t now_ns)
{
    while (list_is_linked(&publisher->idle)) {
        uint64_t due = due_ns(publisher, now_ns);
        if (is_over(publisher, due))
            return UINT64_MAX;
        if (due > now_ns)
            return due;
        struct list_node *first = publisher->idle.next;
        send_next(publisher, container_of(first, struct request, link), due);
        if (publisher->options.rate == 0)
            now_ns = clock_monotonic_ns();
    }
    return UINT64_MAX;
}

/* Goes on with those whose wait is over. Returns when the next one's is. */
static uint64_t wake_due(struct publisher *publisher, uint64_t now_ns)
{
    uint64_t next_ns = UINT64_MAX;
    struct list_node all;
    list_take_all(&all, &publisher->waiting);
    while (list_is_linked(&all)) {
        struct request *request = container_of(all.next, struct request, link);
        if (request->wake_ns <= now_ns) {
            go_on(request, now_ns);
            continue;
        }
        list_remove(&request->link);
        list_push_back(&publisher->waiting, &request->link);
        if (request->wake_ns < next_ns)
            next_ns = request->wake_ns;
    }
    return next_ns;
}

static void start(struct publisher *publisher, uint64_t now_ns)
{
    publisher->started = true;
    publisher->start_ns = publisher->progress_ns = publisher->counters.first_ns = now_ns;
    publisher->end_ns = now_ns + publisher->options.duration_ms * NS_PER_MS;
}

static bool is_stuck(const struct publisher *publisher, uint64_t now_ns)
{
    uint64_t patience_ns = publisher->options.patience_ms * NS_PER_MS;
    return now_ns > publisher->progress_ns + patience_ns &&
           (publisher->busy > 0 || publisher->open == 0 || publisher->options.rate == 0);
}

void publisher_run(struct publisher *publisher)
{
    const struct publisher_options *options = &publisher->options;
    uint64_t now_ns = clock_monotonic_ns();
    uint64_t warm_ns = now_ns + (uint64_t)WARM_UP_MS * NS_PER_MS;
    uint64_t tick_ns = now_ns;
    publisher->progress_ns = now_ns;

    for (;; now_ns = clock_monotonic_ns()) {
        uint64_t wake_ns = wake_due(publisher, now_ns);
        if (!publisher->started && (publisher->open == options->connections || now_ns > warm_ns))
            start(publisher, now_ns);
        uint64_t send_ns = publisher->started ? send_due(publisher, now_ns) : UINT64_MAX;
        if (publisher->started && publisher->busy == 0 &&
            is_over(publisher, due_ns(publisher, now_ns)))
            return;
        if (now_ns >= tick_ns) {
            tick_ns = now_ns + TICK_NS;
            if (is_stuck(publisher, now_ns) || !options->on_tick(options->context, now_ns)) {
                publisher->counters.gave_up = true;
                return;
            }
        }
        uint64_t until_ns = tick_ns < wake_ns ? tick_ns : wake_ns;
        loop_turn(options->target.loop, until_ns < send_ns ? until_ns : send_ns);
    }
}

/* ---- life ---- */

static int prepare(struct publisher *publisher)
{
    const struct publisher_options *options = &publisher->options;
    char head[HEAD_ROOM];
    long head_size = print_head(options, head);
    if (head_size < 0)
        return (int)head_size;
    publisher->head_size = (size_t)head_size;
    publisher->size = publisher->head_size + body_size(options);

    publisher->requests = calloc(options->connections, sizeof *publisher->requests);
    if (!publisher->requests)
        return -ENOMEM;
    int error = stamp_ink_open(&publisher->ink, options->payload_bytes);
    for (unsigned i = 0; i < options->connections && !error; i++) {
        struct request *request = &publisher->requests[i];
        request->publisher = publisher;
        request->lane.target = &publisher->options.target;
        request->lane.on_open = on_open;
        request->lane.on_answer = on_answer;
        request->lane.on_down = on_down;
        list_init(&request->link);
        wait_until(request, 0);
        error = lay_out(publisher, request, head);
    }
    return error;
}

int publisher_open(struct publisher **publisher, const struct publisher_options *options)
{
    must(options->events > 0 && options->connections > 0 && options->batch > 0 &&
         options->stride > 0);
    *publisher = calloc(1, sizeof **publisher);
    if (!*publisher)
        return -ENOMEM;
    (*publisher)->options = *options;
    histogram_init(&(*publisher)->counters.accept_us);
    list_init(&(*publisher)->idle);
    list_init(&(*publisher)->waiting);
    int error = prepare(*publisher);
    if (error) {
        publisher_close(*publisher);
        *publisher = NULL;
    }
    return error;
}

const struct publisher_counters *publisher_counters(const struct publisher *publisher)
{
    return &publisher->counters;
}

static bool all_closed(const struct publisher *publisher)
{
    for (unsigned i = 0; i < publisher->options.connections; i++)
        if (publisher->requests[i].lane.state != LANE_CLOSED)
            return false;
    return true;
}

static void close_lanes(struct publisher *publisher)
{
    for (unsigned i = 0; i < publisher->options.connections; i++)
        lane_close(&publisher->requests[i].lane);
    while (!all_closed(publisher))
        loop_turn(publisher->options.target.loop, UINT64_MAX);
}

void publisher_close(struct publisher *publisher)
{
    if (!publisher)
        return;
    if (publisher->requests) {
        close_lanes(publisher);
        for (unsigned i = 0; i < publisher->options.connections; i++)
            free(publisher->requests[i].bytes);
    }
    stamp_ink_close(&publisher->ink);
    free(publisher->requests);
    free(publisher);
}
