/* producer.c - see producer.h. An offer is a request with one or more bodies; it is sent until it
 * has a definite answer, unless it would then be another event. */
#include "producer.h"

#include "caller.h"
#include "ledger.h"
#include "machine.h"
#include "speech.h"
#include "trace_name.h"
#include "world.h"

#include <stdio.h>
#include <stdlib.h>

enum form { FORM_OBJECT, FORM_HEADER, FORM_ARRAY, FORM_LINES, FORM_CLOUD, FORMS };

enum { OFFER_BODIES = 6, TRIES_MAX = 6, KEYED_MAX = 32 };

/* A key is offered again no later than this: well within the 24 hours of its window. */
#define KEY_LIFE_NS (20 * 3600 * WORLD_SECOND)

struct offer {
    enum form form;
    struct body *bodies[OFFER_BODIES];
    unsigned count, tries;
    int key; /* its event's, -1: none */
    char *request;
    size_t request_size;
};

/* One sending of an offer. */
struct sending {
    struct offer *offer;
    uint64_t sent_ns;
};

static struct {
    struct event *event;
    enum form form;
    int key;
} keyed[KEYED_MAX];

static unsigned keyed_count, keys, batches, left, out;
static bool are_heavy;

bool producers_are_done(void)
{
    return left == 0 && out == 0;
}

/* ---- events ---- */

static struct slice draw_payload(unsigned number, unsigned key)
{
    size_t most = world_one_in(30) ? 60000 : world_one_in(4) ? 3000 : 60;
    size_t fill = (size_t)world_below(are_heavy ? 120000 : most);
    char *payload = malloc(fill + 64), key_field[24] = "";
    must(payload);
    if (key)
        snprintf(key_field, sizeof key_field, " \"k\": \"%u\",", key);
    size_t size = (size_t)snprintf(payload, 64, "{ \"n\":%u,%s \"fill\": \"", number, key_field);
    memset(payload + size, 'x', fill);
    memcpy(payload + size + fill, "\" }", 4);
    return slice_of(payload, size + fill + 3);
}

static struct body *draw_body(struct event *event, enum form form)
{
    const char *content_type =
        form == FORM_CLOUD && world_one_in(2) ? "text/plain" : "application/json";
    struct body *body = ledger_add_body(event, slice_of(NULL, 0), content_type);
    body->payload = draw_payload(body->number, event->key);
    return body;
}

static struct event *draw_event(unsigned batch, enum form form)
{
    static const char *const types[] = {"a.x", "a.y", "b.x", "c"};
    struct event *event = ledger_add_event(types[world_below(4)], batch);
    event->key = (unsigned)world_below(4);
    event->is_cloud = form == FORM_CLOUD;
    if (!event->is_cloud) /* which has none */
        event->channels = condition_draw_channels();
    return event;
}

/* ---- requests ---- */

static void print_channels(FILE *out_file, unsigned channels)
{
    char list[64];
    struct text text;
    if (channels == 0)
        return;
    text_init(&text, list, sizeof list);
    condition_print_channels(channels, &text);
    fprintf(out_file, ",\"channels\":%.*s", SLICE_ARGS(text_slice(&text)));
}

static void print_event(FILE *out_file, const struct body *body, const struct offer *offer)
{
    fprintf(out_file, "{\"type\":\"%s\",\"payload\":%.*s", body->event->type,
            SLICE_ARGS(body->payload));
    if (offer->key >= 0 && offer->form != FORM_HEADER)
        fprintf(out_file, ",\"id\":\"key-%d\"", offer->key);
    print_channels(out_file, body->event->channels);
    fputs("}", out_file);
}

static void print_body(FILE *out_file, const struct offer *offer)
{
    if (offer->form == FORM_CLOUD) {
        fwrite(offer->bodies[0]->payload.at, 1, offer->bodies[0]->payload.size, out_file);
        return;
    }
    if (offer->form == FORM_ARRAY)
        fputc('[', out_file);
    for (unsigned i = 0; i < offer->count; i++) {
        if (i > 0)
            fputc(offer->form == FORM_ARRAY ? ',' : '\n', out_file);
        print_event(out_file, offer->bodies[i], offer);
    }
    if (offer->form == FORM_ARRAY)
        fputc(']', out_file);
}

/* Most requests are part of a trace, and with them their events. */
static void print_trace(FILE *out_file, const struct offer *offer)
{
    const char *prefix = offer->form == FORM_CLOUD ? "ce-" : "";
    unsigned number = offer->bodies[0]->number;
    unsigned trace = number % 4 ? number : 0;
    char room[TRACE_NAME_SIZE];
    for (unsigned i = 0; i < offer->count; i++)
        offer->bodies[i]->trace = trace;
    if (trace)
        fprintf(out_file, "%straceparent: %s\r\n", prefix, trace_name(trace, room).at);
    if (trace_name_state(trace, room).size)
        fprintf(out_file, "%stracestate: %s\r\n", prefix, room);
}

static void print_request(struct offer *offer)
{
    static const char *const types[FORMS] = {"application/json", "application/json",
                                             "application/json", "application/x-ndjson", NULL};
    char *body;
    size_t body_size;
    FILE *file = open_memstream(&body, &body_size);
    must(file);
    print_body(file, offer);
    must(fclose(file) == 0);

    file = open_memstream(&offer->request, &offer->request_size);
    must(file);
    fprintf(file,
            "POST /api/v1/webhooks/events HTTP/1.1\r\nHost: grapnel\r\n"
            "Authorization: Bearer %s\r\nContent-Length: %zu\r\n",
            machine_key(), body_size);
    if (offer->form == FORM_CLOUD)
        fprintf(file, "ce-specversion: 1.0\r\nce-id: %d\r\nce-source: /sim\r\nce-type: %s\r\n",
                offer->key, offer->bodies[0]->event->type);
    if (offer->form == FORM_HEADER && offer->key >= 0)
        fprintf(file, "Idempotency-Key: head-%d\r\n", offer->key);
    print_trace(file, offer);
    fprintf(file, "Content-Type: %s\r\n\r\n",
            offer->form == FORM_CLOUD ? offer->bodies[0]->content_type : types[offer->form]);
    fwrite(body, 1, body_size, file);
    must(fclose(file) == 0);
    free(body);
}

/* ---- sending ---- */

static void send_offer(void *context);

static void end_offer(struct offer *offer)
{
    free(offer->request);
    free(offer);
}

static void try_again(struct offer *offer, uint64_t most_s)
{
    if (++offer->tries == TRIES_MAX) {
        end_offer(offer);
        return;
    }
    out++;
    world_at(world_now_ns() + world_below(most_s * WORLD_SECOND), send_offer, offer);
}

static void take_answer(const struct sending *sending, struct slice json)
{
    const struct offer *offer = sending->offer;
    bool is_batch = offer->form == FORM_ARRAY || offer->form == FORM_LINES;
    if (is_batch && json_number_after(&json, "accepted") == UINT64_MAX)
        world_fail("a batch was answered as none");
    for (unsigned i = 0; i < offer->count; i++) {
        struct slice id = json_text_after(&json, "id");
        uint64_t deliveries = json_number_after(&json, "deliveries");
        struct slice mark = SLICE("\"duplicate\":true");
        size_t end = slice_find(json, '}');
        bool is_duplicate = end < json.size && memmem(json.at, end, mark.at, mark.size);
        ledger_answered(offer->bodies[i]->event, sending->sent_ns, id, deliveries, is_duplicate);
    }
}

static void on_answer(void *context, const struct caller_answer *answer)
{
    struct sending *sending = context;
    struct offer *offer = sending->offer;
    out--;
    if (answer->end == CALLER_UNHEARD) {
        try_again(offer, 20);
    } else if (answer->end == CALLER_LOST) {
        if (offer->key >= 0)
            try_again(offer, 30);
        else
            end_offer(offer); /* sent again, it would be another event */
    } else if (answer->status == 202) {
        take_answer(sending, answer->body);
        end_offer(offer);
    } else if (answer->status == 503) {
        try_again(offer, 60);
    } else {
        world_fail("a good event was answered with %d: %.*s", answer->status,
                   SLICE_ARGS(answer->body));
    }
    free(sending);
}

static void send_offer(void *context)
{
    struct offer *offer = context;
    struct machine_addresses addresses;
    struct sending *sending = malloc(sizeof *sending);
    must(sending);
    *sending = (struct sending){offer, world_now_ns()};
    machine_addresses(&addresses);
    for (unsigned i = 0; i < offer->count; i++)
        ledger_offered(offer->bodies[i]->event);
    /* As an event on the ingest port, or now and then on the admin port. */
    caller_ask(world_one_in(20) ? &addresses.admin : &addresses.ingest,
               slice_of(offer->request, offer->request_size), on_answer, sending);
}

static void offer_event(struct event *event, enum form form, int key)
{
    struct offer *offer = calloc(1, sizeof *offer);
    must(offer);
    offer->form = form;
    offer->key = key;
    offer->count = 1;
    offer->bodies[0] = draw_body(event, form);
    print_request(offer);
    out++;
    send_offer(offer);
}

static void offer_batch(enum form form)
{
    struct offer *offer = calloc(1, sizeof *offer);
    must(offer);
    offer->form = form;
    offer->key = -1;
    offer->count = (unsigned)world_between(1, OFFER_BODIES);
    batches++;
    for (unsigned i = 0; i < offer->count; i++)
        offer->bodies[i] = draw_body(draw_event(batches, form), form);
    print_request(offer);
    out++;
    send_offer(offer);
}

/* False: its key is too old. */
static bool repeat(void)
{
    unsigned drawn = (unsigned)world_below(keyed_count);
    if (world_now_ns() - keyed[drawn].event->offered_ns > KEY_LIFE_NS)
        return false;
    offer_event(keyed[drawn].event, keyed[drawn].form, keyed[drawn].key);
    return true;
}

static void publish(void *context)
{
    (void)context;
    left--;
    if (keyed_count > 0 && world_one_in(6) && repeat())
        return;
    enum form form = (enum form)world_below(FORMS);
    if (form == FORM_ARRAY || form == FORM_LINES) {
        offer_batch(form);
        return;
    }
    bool has_key = form == FORM_CLOUD || world_one_in(2);
    struct event *event = draw_event(0, form);
    int key = has_key ? (int)keys++ : -1;
    if (has_key && keyed_count < KEYED_MAX) {
        keyed[keyed_count].event = event;
        keyed[keyed_count].form = form;
        keyed[keyed_count++].key = key;
    }
    offer_event(event, form, key);
    if (has_key && world_one_in(6))
        offer_event(event, form, key); /* at the same time */
}

void producers_open(unsigned count, bool is_heavy, uint64_t from_ns, uint64_t until_ns)
{
    left = count;
    are_heavy = is_heavy;
    uint64_t burst_ns = from_ns;
    for (unsigned i = 0; i < count; i++) {
        if (i == 0 || world_one_in(8))
            burst_ns = from_ns + world_below(until_ns - from_ns);
        uint64_t at_ns = burst_ns + world_below(world_one_in(2) ? WORLD_SECOND : 5 * WORLD_MS);
        world_at(at_ns, publish, NULL);
    }
}
