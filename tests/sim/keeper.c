/* keeper.c - see keeper.h. At most one request about a subscription is under way. What a request
 * that got no answer did is not known: then the ledger expects nothing of it. */
#include "keeper.h"

#include "caller.h"
#include "gate_model.h"
#include "ledger.h"
#include "machine.h"
#include "outage_check.h"
#include "receiver.h"
#include "speech.h"
#include "terms.h"
#include "world.h"

#include <stdio.h>
#include <stdlib.h>

enum deed { DEED_MAKE, DEED_PAUSE, DEED_RESUME, DEED_MOVE, DEED_DELETE, DEED_REPLAY };

static const char path[] = "/api/v1/webhooks/subscriptions";
static const char replays_path[] = "/api/v1/webhooks/replays";
static const char requeue_path[] = "/api/v1/webhooks/dead-letters/requeue";

static struct {
    unsigned first, out;
    uint64_t long_ms;
    bool is_healing, is_listing;
    unsigned healed; /* rounds in which all was made active */
    unsigned to_resume, failures;
    bool is_busy[LEDGER_SUBSCRIPTIONS];
    enum deed deeds[LEDGER_SUBSCRIPTIONS];
} keeper;

/* ---- requests ---- */

static void ask_at(const char *base, const char *method, const char *where, const char *body,
                   void (*on_answer)(void *context, const struct caller_answer *answer),
                   void *context)
{
    char request[4096];
    struct machine_addresses addresses;
    machine_addresses(&addresses);
    int size = snprintf(request, sizeof request,
                        "%s %s%s HTTP/1.1\r\nHost: grapnel\r\nAuthorization: Bearer %s\r\n"
                        "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                        method, base, where, machine_key(), strlen(body), body);
    must(size > 0 && (size_t)size < sizeof request);
    keeper.out++;
    caller_ask(&addresses.admin, slice_of(request, (size_t)size), on_answer, context);
}

static void ask(const char *method, const char *where, const char *body,
                void (*on_answer)(void *context, const struct caller_answer *answer), void *context)
{
    ask_at(path, method, where, body, on_answer, context);
}

/* ---- making ---- */

static void make(void *context);

static void made(void *context, const struct caller_answer *answer)
{
    struct subscription_told *told = context;
    keeper.out--;
    keeper.is_busy[told->index] = false;
    if (answer->end == CALLER_UNHEARD || answer->status == 503) {
        told->state = STATE_ABSENT;
        keeper.is_busy[told->index] = true;
        world_at(world_now_ns() + world_below(5 * WORLD_SECOND), make, told);
    } else if (answer->end == CALLER_ANSWERED) {
        struct slice body = answer->body;
        struct slice id = json_text_after(&body, "id");
        if (answer->status != 201 || id.size == 0 || id.size >= LEDGER_ID)
            world_fail("a subscription was answered with %d: %.*s", answer->status,
                       SLICE_ARGS(answer->body));
        snprintf(told->id, sizeof told->id, "%.*s", SLICE_ARGS(id));
        told->state = STATE_ALIVE;
        told->made_ns = world_now_ns();
        world_say("subscription %u is %s for %s", told->index, told->id, told->pattern);
    }
}

static void make(void *context)
{
    struct subscription_told *told = context;
    char body[2048];
    terms_print(told, body, sizeof body);
    told->state = STATE_UNSURE;
    told->asked_ns = world_now_ns();
    keeper.is_busy[told->index] = true;
    ask("POST", "", body, made, told);
}

static void make_another(void)
{
    if (ledger_subscription_count == LEDGER_SUBSCRIPTIONS)
        return;
    unsigned index = ledger_subscription_count++;
    struct subscription_told *told = &ledger_subscriptions[index];
    *told = (struct subscription_told){.index = index};
    terms_draw(told, keeper.long_ms);
    make(told);
}

bool keeper_has_begun(void)
{
    for (unsigned i = 0; i < keeper.first; i++)
        if (ledger_subscriptions[i].state == STATE_ABSENT || keeper.is_busy[i])
            return false;
    return true;
}

/* ---- changing ---- */

/* It is being changed, or has just been: what is known of its receiver may be forgotten. */
static void disturb(const struct subscription_told *told)
{
    gate_model_disturb(told);
    outage_check_disturb(told);
}

static void done(void *context, const struct caller_answer *answer)
{
    struct subscription_told *told = context;
    enum deed deed = keeper.deeds[told->index];
    keeper.out--;
    keeper.is_busy[told->index] = false;
    disturb(told);
    if (answer->end != CALLER_ANSWERED || answer->status == 503)
        return;
    int expected = deed == DEED_DELETE ? 204 : 200;
    if (answer->status != expected)
        world_fail("a change of subscription %u was answered with %d: %.*s", told->index,
                   answer->status, SLICE_ARGS(answer->body));
    if (deed == DEED_PAUSE && !keeper.is_healing) {
        told->is_paused = true;
        told->paused_ns = world_now_ns();
    }
}

static void change(struct subscription_told *told, enum deed deed)
{
    char where[64], body[256] = "", url[64];
    const char *method = "PATCH";
    snprintf(where, sizeof where, "/%s", told->id);
    switch (deed) {
    case DEED_PAUSE:
        snprintf(body, sizeof body, "{\"status\":\"paused\"}");
        break;
    case DEED_RESUME:
        snprintf(body, sizeof body, "{\"status\":\"active\"}");
        told->is_paused = false;
        break;
    case DEED_MOVE:
        told->moves++;
        told->host = (unsigned)world_below(receivers_count());
        receiver_url(told->host, told->by_name, told->index, url);
        snprintf(body, sizeof body, "{\"url\":\"%s\"}", url);
        break;
    case DEED_DELETE:
        told->state = STATE_DELETED;
        method = "DELETE";
        break;
    case DEED_MAKE:
    case DEED_REPLAY:
        return;
    }
    world_say("subscription %u: %s %s", told->index, method, body);
    disturb(told);
    keeper.is_busy[told->index] = true;
    keeper.deeds[told->index] = deed;
    ask(method, where, body, done, told);
}

/* ---- replays ---- */

static void replay_begun(void *context, const struct caller_answer *answer)
{
    struct subscription_told *told = context;
    keeper.out--;
    keeper.is_busy[told->index] = false;
    if (answer->end != CALLER_ANSWERED)
        return;
    int status = answer->status;
    if (status != 202 && status != 404 && status != 409 && status != 429 && status != 503)
        world_fail("a replay of subscription %u was answered with %d: %.*s", told->index, status,
                   SLICE_ARGS(answer->body));
    told->is_replay_sure[told->replays - 1] = status == 202;
    world_say("replay %u of subscription %u: %d", told->replays - 1, told->index, status);
}

/* Of all that has ended, or of the dead. */
static void begin_replay(struct subscription_told *told)
{
    char body[256];
    bool is_of_all = !world_one_in(3);
    ledger_replay(told, is_of_all);
    keeper.is_busy[told->index] = true;
    keeper.deeds[told->index] = DEED_REPLAY;
    if (is_of_all || world_one_in(2)) {
        snprintf(body, sizeof body,
                 "{\"subscription\":\"%s\",\"since\":\"1970-01-01T00:00:00Z\",\"status\":\"%s\"}",
                 told->id, is_of_all ? "all" : "failed");
        ask_at(replays_path, "POST", "", body, replay_begun, told);
    } else {
        snprintf(body, sizeof body, "{\"subscription\":\"%s\"}", told->id);
        ask_at(requeue_path, "POST", "", body, replay_begun, told);
    }
}

/* ---- one delivery ---- */

static void one_listed(void *context, const struct caller_answer *answer)
{
    static const char deliveries[] = "/api/v1/webhooks/deliveries/";
    struct subscription_told *told = context;
    struct slice body = answer->body, delivery, event;
    char where[128];
    keeper.out--;
    keeper.is_busy[told->index] = false;
    if (answer->end != CALLER_ANSWERED || answer->status != 200 || keeper.is_healing ||
        told->state != STATE_ALIVE || told->replays == LEDGER_REPLAYS)
        return;
    delivery = json_text_after(&body, "id");
    event = json_text_after(&body, "event_id");
    if (delivery.size == 0)
        return; /* none */
    bool has_ended = slice_equal(json_text_after(&body, "status"), SLICE("delivered"));
    world_say("redelivery %u of subscription %u: %.*s", told->replays, told->index,
              SLICE_ARGS(event));
    ledger_redeliver(told, event, has_ended);
    disturb(told);
    keeper.is_busy[told->index] = true;
    keeper.deeds[told->index] = DEED_REPLAY;
    snprintf(where, sizeof where, "%s%.*s/redeliver", deliveries, SLICE_ARGS(delivery));
    ask_at(where, "POST", "", "", replay_begun, told);
}

static void redeliver_one(struct subscription_told *told)
{
    static const char *const statuses[] = {"delivered", "dead", "retrying"};
    char query[128];
    snprintf(query, sizeof query, "?limit=1&subscription=%s&status=%s", told->id,
             statuses[world_below(sizeof statuses / sizeof statuses[0])]);
    keeper.is_busy[told->index] = true;
    ask_at("/api/v1/webhooks/deliveries", "GET", query, "", one_listed, told);
}

static void act(void *context)
{
    (void)context;
    if (keeper.is_healing)
        return;
    unsigned drawn = (unsigned)world_below(ledger_subscription_count);
    struct subscription_told *told = &ledger_subscriptions[drawn];
    if (world_one_in(6))
        make_another();
    else if (world_one_in(3) && told->state == STATE_ALIVE && !keeper.is_busy[drawn] &&
             told->replays < LEDGER_REPLAYS) {
        if (world_one_in(2))
            redeliver_one(told);
        else
            begin_replay(told);
    } else if (told->state == STATE_ALIVE && !keeper.is_busy[drawn])
        change(told, told->is_paused   ? DEED_RESUME
                     : world_one_in(8) ? DEED_DELETE
                     : world_one_in(3) ? DEED_MOVE
                     : world_one_in(4) ? DEED_RESUME
                                       : DEED_PAUSE);
}

void keeper_open(unsigned first, unsigned count, uint64_t until_ns, uint64_t long_ms)
{
    keeper.first = first;
    keeper.long_ms = long_ms;
    for (unsigned i = 0; i < first; i++)
        make_another();
    for (unsigned i = 0; i < count; i++)
        world_at(world_now_ns() + world_below(until_ns - world_now_ns()), act, NULL);
}

/* ---- healing ---- */

static void list(void *context);

static void end_round(void)
{
    keeper.is_listing = false;
    keeper.healed += keeper.failures == 0;
    world_at(world_now_ns() + (keeper.failures ? 10 : 600) * WORLD_SECOND, list, NULL);
}

static void disturb_all(void)
{
    for (unsigned i = 0; i < ledger_subscription_count; i++)
        disturb(&ledger_subscriptions[i]);
}

static void resumed(void *context, const struct caller_answer *answer)
{
    (void)context;
    keeper.out--;
    disturb_all();
    keeper.failures += answer->end != CALLER_ANSWERED || answer->status != 200;
    if (--keeper.to_resume == 0)
        end_round();
}

/* Jobs that are running have not handed over all yet. */
static void replays_listed(void *context, const struct caller_answer *answer)
{
    static const char running[] = "\"status\":\"running\"";
    (void)context;
    keeper.out--;
    keeper.failures += answer->end != CALLER_ANSWERED || answer->status != 200 ||
                       memmem(answer->body.at, answer->body.size, running, sizeof running - 1);
    if (--keeper.to_resume == 0)
        end_round();
}

static void resume_others(struct slice json)
{
    struct slice id;
    char where[64];
    keeper.failures = 0;
    keeper.to_resume = 2;
    disturb_all();
    ask_at(replays_path, "GET", "?limit=250", "", replays_listed, NULL);
    while ((id = json_text_after(&json, "id")).size > 0) {
        if (slice_equal(json_text_after(&json, "status"), SLICE("active")))
            continue; /* a change would wake what nobody else has woken */
        snprintf(where, sizeof where, "/%.*s", SLICE_ARGS(id));
        keeper.to_resume++;
        ask("PATCH", where, "{\"status\":\"active\"}", resumed, NULL);
    }
    if (--keeper.to_resume == 0)
        end_round();
}

static void listed(void *context, const struct caller_answer *answer)
{
    (void)context;
    keeper.out--;
    if (answer->end == CALLER_ANSWERED && answer->status == 200) {
        resume_others(answer->body);
        return;
    }
    keeper.failures = 1;
    end_round();
}

static void list(void *context)
{
    (void)context;
    keeper.is_listing = true;
    ask("GET", "?limit=250", "", listed, NULL);
}

void keeper_heal(void)
{
    keeper.is_healing = true;
    for (unsigned i = 0; i < ledger_subscription_count; i++)
        ledger_subscriptions[i].is_paused = false;
    list(NULL);
}

bool keeper_is_done(void)
{
    return keeper.healed >= 2 && keeper.out == 0;
}
