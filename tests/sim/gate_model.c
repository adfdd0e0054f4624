/* gate_model.c - see gate_model.h.
 *
 *   UNSURE -> CLOSED                  the process starts; or successes, and a window without
 * failure CLOSED -> OPEN                    however its window is cut, too many have failed OPEN ->
 * PROBING                   an attempt after the shortest cool-down PROBING -> OPEN | CLOSED the
 * probe failed; three succeeded
 *
 * The engine's window moves on in tenths, so what is between nine and ten of them old may be in it
 * or not: the model opens only if all cuts say so, and is unsure if but some do.
 */
#include "gate_model.h"

#include "base/must.h"
#include "machine.h"
#include "world.h"

enum {
    OUTCOMES = 1024, /* kept */
    PROBES = 3,
    SILENT_MAX = 5, /* attempts in a row without an answer open it */
};

#define SLACK_NS (10 * WORLD_SECOND)

enum model_state { MODEL_UNSURE, MODEL_CLOSED, MODEL_OPEN, MODEL_PROBING };

struct outcome {
    uint64_t at_ns;
    bool has_failed;
};

struct model {
    enum model_state state;
    unsigned starts; /* of the machine, when it was last looked at */
    unsigned period; /* of this state */
    uint64_t since_ns;
    uint64_t missed_ns; /* the last one that is accounted for */
    /* UNSURE. */
    uint64_t calm_from_ns; /* successes that begin later tell something */
    unsigned calm_count;   /* of them, in a row */
    uint64_t calm_ns;      /* since when it has to be closed; 0: not known */
    /* CLOSED. */
    struct outcome outcomes[OUTCOMES];
    unsigned count;
    unsigned silent_least, silent_most; /* in a row */
    /* OPEN. */
    uint64_t until_ns; /* at the least */
    unsigned openings; /* in a row, at the least */
    /* PROBING. */
    const struct attempt_seen *probe;
    unsigned successes;
    /* Retry-After. */
    uint64_t slow_since_ns, slow_until_ns;
};

static struct model models[LEDGER_SUBSCRIPTIONS];

/* ---- states ---- */

static void enter(struct model *model, enum model_state state)
{
    static const char *const names[] = {"unsure", "closed", "open", "probing"};
    if (state != model->state)
        world_say("the breaker of subscription %zu should be %s", (size_t)(model - models),
                  names[state]);
    model->state = state;
    model->period++;
    model->since_ns = world_now_ns();
    model->probe = NULL;
    model->successes = model->silent_least = model->silent_most = 0;
    if (state != MODEL_UNSURE)
        model->count = 0;
}

/* What is under way now may end until calm_from_ns. */
static void lose(struct model *model, const struct subscription_told *told)
{
    enter(model, MODEL_UNSURE);
    model->count = model->openings = model->calm_count = 0;
    model->calm_ns = 0;
    model->calm_from_ns = world_now_ns() + told->timeout_ms * WORLD_MS + SLACK_NS;
}

static void trip(struct model *model, const struct breaker_told *told, unsigned openings)
{
    enter(model, MODEL_OPEN);
    model->openings = openings;
    uint64_t cooldown_ms = told->cooldown_ms;
    for (unsigned i = 1; i < openings && cooldown_ms < told->max_cooldown_ms; i++)
        cooldown_ms *= 2;
    if (cooldown_ms > told->max_cooldown_ms)
        cooldown_ms = told->max_cooldown_ms;
    model->until_ns = world_now_ns() + cooldown_ms * WORLD_MS;
}

/* With a process begins what it knows of its receivers. */
static struct model *model_of(const struct subscription_told *subscription)
{
    struct model *model = &models[subscription->index];
    if (model->starts == machine_starts())
        return model;
    *model = (struct model){.starts = machine_starts(), .period = model->period};
    enter(model, MODEL_CLOSED);
    model->since_ns = 0;
    model->missed_ns = machine_started_ns();
    return model;
}

/* What has happened meanwhile. */
static struct model *look(const struct attempt_seen *attempt)
{
    struct model *model = model_of(attempt->subscription);
    if (attempt->missed_ns > model->missed_ns) {
        model->missed_ns = attempt->missed_ns;
        lose(model, attempt->subscription);
    }
    return model;
}

void gate_model_disturb(const struct subscription_told *subscription)
{
    struct model *model = model_of(subscription);
    lose(model, subscription);
    model->slow_until_ns = 0;
}

/* ---- attempts ---- */

/* An attempt that was begun before the state was tells nothing about it; and if that is not sure,
 * nothing is. What begins at the moment of a change begins because of it. */
static bool is_of_this_state(struct model *model, const struct attempt_seen *attempt)
{
    bool is_sure = attempt->start_ns >= model->since_ns;
    if (!is_sure && attempt->start_ns == 0)
        lose(model, attempt->subscription);
    return is_sure;
}

static void begin_open(struct model *model, struct attempt_seen *attempt)
{
    if (!is_of_this_state(model, attempt))
        return;
    if (attempt->sent_ns + WORLD_MS < model->until_ns)
        world_fail("%s was sent to subscription %u %.3f s after its breaker had opened, and %.3f s "
                   "before it could close",
                   attempt->body->event->id, attempt->subscription->index,
                   (double)(attempt->sent_ns - model->since_ns) / 1e9,
                   (double)(model->until_ns - attempt->sent_ns) / 1e9);
    if (attempt->start_ns + WORLD_MS < model->until_ns) {
        lose(model, attempt->subscription); /* begun at its end, or sent late? */
        return;
    }
    uint64_t open_ns = model->since_ns;
    enter(model, MODEL_PROBING);
    model->since_ns = open_ns;
    model->probe = attempt;
}

static void begin_probing(struct model *model, const struct attempt_seen *attempt)
{
    if (!is_of_this_state(model, attempt))
        return;
    if (model->probe)
        world_fail("%s was sent to subscription %u while a probe was under way",
                   attempt->body->event->id, attempt->subscription->index);
    model->probe = attempt;
}

static void check_slow(const struct model *model, const struct attempt_seen *attempt)
{
    bool is_later = attempt->start_ns >= model->slow_since_ns;
    if (is_later && attempt->sent_ns + WORLD_MS < model->slow_until_ns)
        world_fail("%s was sent to subscription %u %.3f s before the time that it had asked for",
                   attempt->body->event->id, attempt->subscription->index,
                   (double)(model->slow_until_ns - attempt->sent_ns) / 1e9);
}

void gate_model_begin(struct attempt_seen *attempt)
{
    struct model *model = look(attempt);
    check_slow(model, attempt);
    if (model->state == MODEL_OPEN)
        begin_open(model, attempt);
    else if (model->state == MODEL_PROBING)
        begin_probing(model, attempt);
    else if (model->state == MODEL_CLOSED && !is_of_this_state(model, attempt)) {
        attempt->period = 0;
        return;
    }
    attempt->period = model->period;
}

/* ---- ends ---- */

static void keep(struct model *model, bool has_failed)
{
    if (model->count == OUTCOMES) {
        model->count--;
        memmove(model->outcomes, model->outcomes + 1, model->count * sizeof *model->outcomes);
    }
    model->outcomes[model->count++] = (struct outcome){world_now_ns(), has_failed};
}

/* Whether some cut of the window says that too many failed, and whether all do. */
static void judge(const struct model *model, const struct breaker_told *told, bool *some, bool *all)
{
    uint64_t tenth_ns = (told->window_ms + 9) / 10 * WORLD_MS, now_ns = world_now_ns();
    unsigned attempts = 0, failures = 0;
    *some = false;
    *all = model->count < OUTCOMES;
    for (unsigned i = model->count; i-- > 0;) {
        const struct outcome *outcome = &model->outcomes[i];
        if (now_ns - outcome->at_ns > 10 * tenth_ns + WORLD_MS)
            break;
        attempts++;
        failures += outcome->has_failed;
        bool is_next_in = i > 0 && now_ns - model->outcomes[i - 1].at_ns + WORLD_MS < 9 * tenth_ns;
        if (is_next_in)
            continue;
        bool opens =
            attempts >= told->min_attempts && failures / (double)attempts >= told->failure_rate;
        *some |= opens;
        *all &= opens;
    }
}

static void end_closed(struct model *model, const struct attempt_seen *attempt,
                       enum attempt_end end)
{
    const struct breaker_told *told = &attempt->subscription->breaker;
    bool some, all;
    if (attempt->start_ns < model->since_ns) {
        lose(model, attempt->subscription); /* did it begin in this state? */
        return;
    }
    keep(model, end != END_DELIVERED);
    if (end != END_LATE && end != END_BROKEN)
        model->silent_least = model->silent_most = 0;
    if (end == END_DELIVERED)
        return;
    model->silent_most += end == END_LATE || end == END_BROKEN;
    model->silent_least = end == END_LATE ? model->silent_least + 1 : 0;
    judge(model, told, &some, &all);
    if (all || model->silent_least >= SILENT_MAX)
        trip(model, told, 1);
    else if (some || model->silent_most >= SILENT_MAX)
        lose(model, attempt->subscription);
}

static void end_probe(struct model *model, const struct breaker_told *told, enum attempt_end end)
{
    model->probe = NULL;
    if (end != END_DELIVERED) {
        trip(model, told, model->openings + 1);
    } else if (++model->successes == PROBES) {
        unsigned openings = model->openings;
        enter(model, MODEL_CLOSED);
        model->openings = openings;
    }
}

/* Three successes in a row, of which the first began when nothing was unclear any more, leave it
 * closed; and a window later all that it has seen was seen here too. */
static void end_unsure(struct model *model, const struct attempt_seen *attempt,
                       enum attempt_end end)
{
    uint64_t window_ns = (attempt->subscription->breaker.window_ms + 19) * WORLD_MS;
    uint64_t now_ns = world_now_ns();
    keep(model, end != END_DELIVERED);
    if (end != END_DELIVERED) {
        model->calm_count = 0;
        model->calm_ns = 0;
        return;
    }
    if (attempt->start_ns < model->calm_from_ns)
        return;
    if (++model->calm_count == PROBES)
        model->calm_ns = now_ns;
    if (model->calm_count < PROBES) {
        model->calm_from_ns = now_ns;
    } else if (now_ns - model->calm_ns > window_ns) {
        model->state = MODEL_CLOSED; /* with what it has seen, and what is under way */
        model->since_ns = model->calm_ns;
    }
}

void gate_model_end(const struct attempt_seen *attempt, enum attempt_end end,
                    uint64_t retry_after_ms)
{
    struct model *model = look(attempt);
    const struct breaker_told *told = &attempt->subscription->breaker;
    uint64_t slow_ms =
        retry_after_ms < told->max_cooldown_ms ? retry_after_ms : told->max_cooldown_ms;
    uint64_t slow_until_ns = world_now_ns() + slow_ms * WORLD_MS;
    if (end == END_ANSWERED && slow_ms > 0 && slow_until_ns > model->slow_until_ns) {
        model->slow_since_ns = world_now_ns();
        model->slow_until_ns = slow_until_ns;
    }
    if (attempt->period != model->period)
        return;
    if (end == END_UNKNOWN)
        lose(model, attempt->subscription);
    else if (model->state == MODEL_CLOSED)
        end_closed(model, attempt, end);
    else if (model->state == MODEL_PROBING && model->probe == attempt)
        end_probe(model, told, end);
    else if (model->state == MODEL_UNSURE)
        end_unsure(model, attempt, end);
}
