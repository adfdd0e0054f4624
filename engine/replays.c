/* replays.c - see replays.h.
 *
 * A step selects a page and sends it; while it is out job->next belongs to the shard, which counts
 * what it takes, a chunk at a time, and prints the document. When the page is back, `now` becomes
 * `next`. What was not taken is selected anew: that is cheaper than to keep others from the
 * subscription meanwhile, and sees what they have done.
 */
#include "replays.h"

#include "base/clock.h"
#include "base/log.h"
#include "store/documents.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    STEP_PAUSE_MS = 4,    /* control does other things, and shards have the core, meanwhile */
    AGAIN_MIN_MS = 10,    /* after a page that had to wait: */
    AGAIN_MAX_MS = 500,   /* twice as long each time */
    LOOK_AGAIN_MS = 1000, /* for a subscription that is paused */
    STORED_TEXT_MAX = REDELIVERY_DOCUMENT_MAX,
};

static const char kind[] = "replay";

static struct replay_job *job_at(const struct replays *replays, size_t i)
{
    return replays->jobs.items[i];
}

/* ---- their shelf ---- */

static int shelve(struct replays *replays, struct replay_job *job)
{
    struct shelf *jobs = &replays->jobs;
    if (jobs->count == jobs->room) {
        size_t room = jobs->room ? 2 * jobs->room : 16;
        void **items = realloc(jobs->items, room * sizeof *items);
        if (!items)
            return -ENOMEM;
        jobs->items = items;
        jobs->room = room;
    }
    size_t at = shelf_before(jobs, &job->now.id);
    memmove(jobs->items + at + 1, jobs->items + at, (jobs->count - at) * sizeof *jobs->items);
    jobs->items[at] = job;
    jobs->count++;
    replays->running += job->now.status == REPLAY_RUNNING;
    return 0;
}

static void unshelve(struct replays *replays, size_t at)
{
    struct shelf *jobs = &replays->jobs;
    replay_job_free(jobs->items[at]);
    jobs->count--;
    memmove(jobs->items + at, jobs->items + at + 1, (jobs->count - at) * sizeof *jobs->items);
}

/* ---- the disk ---- */

static void print_stored(const struct replay *replay, char document[static STORED_TEXT_MAX],
                         struct text *text)
{
    text_init(text, document, STORED_TEXT_MAX);
    replay_print_stored(replay, text);
    must(text_ok(text));
}

/* What the engine does by itself is in no audit log. */
static int store(struct replays *replays, const struct replay *replay)
{
    char document[STORED_TEXT_MAX], name[ID_TEXT_SIZE];
    struct text text;
    print_stored(replay, document, &text);
    return documents_put(replays->db, kind, id_print(&replay->id, "rpl", name), text_slice(&text));
}

/* What somebody wants: `before` NULL: it is made; `after` NULL: it is forgotten. The document is
 * left as it is if its page is out. */
static int store_by(struct replays *replays, const struct mutation *by, const struct replay *before,
                    const struct replay *after, bool is_out)
{
    char texts[2][REPLAY_TEXT_MAX], document[STORED_TEXT_MAX], digits[ID_TEXT_SIZE];
    const struct replay *shown[2] = {before, after};
    struct slice name = id_print(before ? &before->id : &after->id, "rpl", digits);
    struct text text[2], stored;
    struct batch *batch;
    int error = batch_open(&batch);
    if (error)
        return error;
    for (int i = 0; i < 2; i++) {
        text_init(&text[i], texts[i], sizeof texts[i]);
        if (shown[i])
            replay_print(shown[i], &text[i]);
        must(text_ok(&text[i]));
    }
    if (!after) {
        documents_batch_drop(replays->db, batch, kind, name);
    } else if (!is_out) {
        print_stored(after, document, &stored);
        documents_batch_put(replays->db, batch, kind, name, text_slice(&stored));
    }
    const struct subject subject = {before ? &before->tenant : &after->tenant, name,
                                    text_slice(&text[0]), text_slice(&text[1])};
    error = changes_write(replays->changes, by, &subject, batch);
    batch_close(batch);
    return error;
}

static int forget(struct replays *replays, size_t at)
{
    char name[ID_TEXT_SIZE];
    int error =
        documents_drop(replays->db, kind, id_print(&job_at(replays, at)->now.id, "rpl", name));
    if (!error)
        unshelve(replays, at);
    return error;
}

static bool is_orphan(const struct replay_job *job)
{
    return !registry_tenant(job->replays->changes->registry, &job->now.tenant);
}

/* Those whose tenant is gone. The document of one whose page is out may still be written. */
void replays_erase(struct replays *replays)
{
    char name[ID_TEXT_SIZE];
    struct batch *batch;
    int error = batch_open(&batch);
    for (size_t i = 0; !error && i < replays->jobs.count;) {
        struct replay_job *job = job_at(replays, i);
        job->is_erased = is_orphan(job);
        if (!job->is_erased || job->page) {
            i++;
            continue;
        }
        documents_batch_drop(replays->db, batch, kind, id_print(&job->now.id, "rpl", name));
        replays->running -= job->now.status == REPLAY_RUNNING;
        unshelve(replays, i);
    }
    if (!error)
        error = db_write(replays->db, batch, true);
    if (error)
        LOG(LOG_ERROR, "replays of a deleted tenant are dropped at the next start");
    batch_close(batch);
}

/* Of those that are over, the oldest. */
static void trim(struct replays *replays)
{
    size_t over = replays->jobs.count - replays->running;
    for (size_t i = 0; i < replays->jobs.count && over > REPLAYS_KEPT_MAX;) {
        if (job_at(replays, i)->now.status == REPLAY_RUNNING)
            i++;
        else if (forget(replays, i))
            return;
        else
            over--;
    }
}

struct loading {
    struct replays *replays;
    struct json *json;
};

static int load_one(void *context, struct slice name, struct slice document)
{
    struct loading *loading = context;
    struct replay_job *job = replay_job_make(loading->replays);
    struct json_value root;
    char why[JSON_WHY_SIZE];
    (void)name;
    if (!job)
        return -ENOMEM;
    int error = json_read(loading->json, document, &root, why);
    if (!error)
        error = replay_parse_stored(root, &job->now, db_shards(loading->replays->db));
    if (!error)
        error = shelve(loading->replays, job);
    if (error)
        replay_job_free(job);
    return error;
}

int replays_open(struct replays *replays, struct changes *changes, const struct config *config,
                 char why[static REPLAYS_WHY_SIZE])
{
    *replays = (struct replays){
        .crew = changes->crew, .db = changes->db, .changes = changes, .config = config};
    struct loading loading = {.replays = replays};
    replays->selection = malloc(sizeof *replays->selection);
    int error = replays->selection ? json_open(&loading.json) : -ENOMEM;
    if (!error)
        error = redeliveries_open(&replays->redeliveries, replays->crew, replays->db);
    if (!error)
        error = documents_each(replays->db, kind, load_one, &loading);
    if (loading.json)
        json_close(loading.json);
    if (!error)
        replays_erase(replays);
    if (error)
        snprintf(why, REPLAYS_WHY_SIZE, "the replays cannot be read: %s", strerror(-error));
    return error;
}

void replays_close(struct replays *replays)
{
    for (size_t i = 0; i < replays->jobs.count; i++)
        replay_job_free(job_at(replays, i));
    free(replays->jobs.items);
    free(replays->selection);
    redeliveries_close(&replays->redeliveries);
    replays->jobs = (struct shelf){0};
    replays->selection = NULL;
}

/* ---- beginning and ending ---- */

static unsigned running_of(const struct replays *replays, const struct id *tenant)
{
    unsigned count = 0;
    for (size_t i = 0; i < replays->jobs.count; i++) {
        const struct replay *replay = &job_at(replays, i)->now;
        count += replay->status == REPLAY_RUNNING && id_equal(&replay->tenant, tenant);
    }
    return count;
}

int replays_begin(struct replays *replays, const struct mutation *by, const struct replay *wish)
{
    if (replays->running >= REPLAYS_RUNNING_MAX ||
        running_of(replays, &wish->tenant) >= REPLAYS_OF_TENANT_MAX)
        return -EBUSY;
    struct replay_job *job = replay_job_make(replays);
    if (!job)
        return -ENOMEM;
    struct id *reached = job->now.place.reached;
    job->now = *wish;
    job->now.place = (struct selection_place){.reached = reached};
    job->now.reached_count = db_shards(replays->db);
    int error = shelve(replays, job);
    if (error) {
        replay_job_free(job);
        return error;
    }
    error = store_by(replays, by, NULL, &job->now, false);
    if (error) {
        replays->running--;
        unshelve(replays, shelf_before(&replays->jobs, &wish->id));
        return error;
    }
    replays->next_ms = 0;
    trim(replays);
    return 0;
}

static struct replay_job *find(const struct replays *replays, const struct id *id)
{
    size_t at = shelf_before(&replays->jobs, id);
    bool is_there = at < replays->jobs.count && id_equal(shelf_id(&replays->jobs, at), id);
    return is_there ? job_at(replays, at) : NULL;
}

const struct replay *replays_find(const struct replays *replays, const struct id *id)
{
    const struct replay_job *job = find(replays, id);
    return job ? &job->now : NULL;
}

static void set_end(struct replay *replay, enum replay_status status, const char *why)
{
    replay->status = status;
    replay->finished_ms = replay->updated_ms = clock_wall_ms();
    snprintf(replay->why, sizeof replay->why, "%s", why);
}

static void note_end(struct replay_job *job, int error)
{
    const struct replay *replay = &job->now;
    job->replays->running--;
    LOG(error ? LOG_ERROR : LOG_INFO,
        error ? "a replay's end cannot be stored" : "a replay is over",
        log_id("replay", "rpl", &replay->id), log_u64("handed", replay->handed),
        log_u64("skipped", replay->skipped), log_str("why", replay->why));
}

static void finish(struct replay_job *job, enum replay_status status, const char *why)
{
    set_end(&job->now, status, why);
    note_end(job, store(job->replays, &job->now));
}

/* When its page is out, the document is the shard's: it is stored when that is back. */
static int cancel(struct replay_job *job, const struct mutation *by)
{
    struct replay after = job->now;
    set_end(&after, REPLAY_CANCELLED, "");
    int error = store_by(job->replays, by, &job->now, &after, job->page);
    if (error || job->page)
        return error;
    job->now = after; /* with what it points to */
    note_end(job, 0);
    return 0;
}

int replays_end(struct replays *replays, const struct mutation *by, const struct id *id,
                void (*on_done)(void *context), void *context)
{
    struct replay_job *job = find(replays, id);
    must(job);
    if (job->is_cancelled)
        return -EALREADY;
    bool is_running = job->now.status == REPLAY_RUNNING;
    int error = is_running ? cancel(job, by) : store_by(replays, by, &job->now, NULL, false);
    if (!error && !is_running)
        unshelve(replays, shelf_before(&replays->jobs, id));
    if (error || !is_running || !job->page)
        return error;
    job->is_cancelled = true;
    job->on_cancelled = on_done;
    job->waiter = context;
    return -EINPROGRESS;
}

/* ---- steps ---- */

static void hold_off(struct replay_job *job, uint64_t now_ms, uint64_t pause_ms)
{
    job->pause_ms = pause_ms;
    job->again_ms = now_ms + pause_ms;
}

/* A page had to wait. */
static void wait_longer(struct replay_job *job, uint64_t now_ms)
{
    uint64_t pause_ms = 2 * job->pause_ms;
    if (pause_ms < AGAIN_MIN_MS)
        pause_ms = AGAIN_MIN_MS;
    hold_off(job, now_ms, pause_ms < AGAIN_MAX_MS ? pause_ms : AGAIN_MAX_MS);
}

static bool is_of_many(const struct replay *replay)
{
    return id_is_zero(&replay->subscription);
}

/* The tenant's next subscription after `at`; NULL: there is none. */
static const struct subscription *subscription_after(const struct replays *replays,
                                                     const struct replay *replay)
{
    const struct shelf *shelf = &replays->changes->registry->subscriptions;
    size_t at = id_is_zero(&replay->at) ? 0 : shelf_before(shelf, &replay->at);
    for (; at < shelf->count; at++) {
        const struct subscription *subscription = shelf->items[at];
        if (id_equal(&subscription->tenant, &replay->tenant) &&
            !id_equal(&subscription->id, &replay->at))
            return subscription;
    }
    return NULL;
}

/* To the next subscription, or to the end. */
static void go_on(struct replay_job *job)
{
    struct replay *replay = &job->now;
    const struct subscription *next =
        is_of_many(replay) ? subscription_after(job->replays, replay) : NULL;
    if (!next) {
        finish(job, REPLAY_DONE, "");
        return;
    }
    replay->at = next->id;
    memset(&replay->place.after, 0, sizeof replay->place.after);
    memset(replay->place.reached, 0, replay->reached_count * sizeof *replay->place.reached);
}

static bool needs_receiver(const struct replay *replay)
{
    return !replay->is_dry && replay->kind != REPLAY_DISCARD;
}

/* The subscription whose turn it is. NULL: not now; the job has been told what to do. */
static const struct subscription *current(struct replay_job *job, uint64_t now_ms)
{
    const struct replay *replay = &job->now;
    if (is_of_many(replay) && id_is_zero(&replay->at)) {
        go_on(job);
        return NULL;
    }
    const struct id *id = is_of_many(replay) ? &replay->at : &replay->subscription;
    const struct subscription *found = registry_subscription(job->replays->changes->registry, id);
    bool is_still = found && found->status != SUBSCRIPTION_ACTIVE && needs_receiver(replay);
    if (found && !is_still)
        return found;
    if (is_of_many(replay))
        go_on(job);
    else if (!found)
        finish(job, REPLAY_FAILED, "its subscription was deleted");
    else if (clock_wall_ms() > replay->updated_ms + job->replays->config->retention_ms)
        finish(job, REPLAY_FAILED, "its subscription was not active for too long");
    else
        hold_off(job, now_ms, LOOK_AGAIN_MS);
    return NULL;
}

/* In the shard: it takes these, all but those that are on their way. */
static void print_next(void *context, unsigned from, unsigned to, unsigned handed,
                       struct text *text)
{
    struct replay_job *job = context;
    struct replay *next = &job->next;
    replay_job_pass(job, from, to);
    next->handed += handed;
    next->skipped += to - from - handed;
    next->updated_ms = clock_wall_ms();
    replay_print_stored(next, text);
}

/* Without a page, or with all of it. */
static void step_is_done(struct replay_job *job)
{
    replay_copy(&job->next, &job->now);
    if (job->is_ended)
        go_on(job);
}

/* It may have come to its end with that page. */
static void end_cancelled(struct replay_job *job)
{
    if (job->now.status == REPLAY_RUNNING)
        finish(job, REPLAY_CANCELLED, "");
    job->on_cancelled(job->waiter);
    job->waiter = NULL;
    job->is_cancelled = false;
}

static void page_answered(void *context, struct mail_redeliver *mail)
{
    struct replay_job *job = context;
    uint64_t now_ms = clock_monotonic_ns() / 1000000;
    enum redelivery_result result = mail->result;
    unsigned done = mail->done;
    job->after_us = mail->after_us;
    redeliveries_give(&job->replays->redeliveries, job->page);
    job->page = NULL;
    job->replays->next_ms = 0;
    if (done > 0)
        job->pause_ms = 0;
    if (result == REDELIVERY_DONE) {
        step_is_done(job);
    } else if (done > 0) {
        replay_copy(&job->next, &job->now);
    } else {
        wait_longer(job, now_ms); /* what became of the subscription is seen in the registry */
    }
    if (job->is_cancelled)
        end_cancelled(job);
    if (job->is_erased)
        replays_erase(job->replays);
}

static int select_page(struct replay_job *job, const struct subscription *subscription)
{
    struct replays *replays = job->replays;
    struct replay *next = &job->next;
    replay_copy(&job->now, next);
    replay_place_copy(&next->place, &job->end, next->reached_count);
    const struct selection_filter filter = {
        .subscription = subscription->id,
        .statuses = replay_statuses(next->filter),
        .since_ms = next->since_ms,
        .until_ms = next->until_ms,
        .now_ms = clock_wall_ms(),
        .event = id_is_zero(&next->event) ? NULL : &next->event,
        .wants = replay_wants,
        .context = next,
    };
    struct selection *page = replays->selection;
    int error = selection_step(page, replays->db, replays->crew->shards, &filter, &job->end);
    job->is_ended = page->ended;
    job->passed = page->passed;
    return error;
}

/* Nothing of it is handed over. */
static void count_page(struct replay_job *job)
{
    const struct selection *page = job->replays->selection;
    struct replay *next = &job->next;
    next->matched += page->count;
    next->skipped += page->live + page->gone;
    if (page->count > 0)
        next->seen_ms = id_time_ms(&page->list[page->count - 1].event);
    replay_place_copy(&job->end, &next->place, next->reached_count);
}

/* What is set, shared by those that are at work. */
static unsigned pace(const struct replays *replays)
{
    uint64_t rate = replays->config->replay_rate;
    unsigned at_work = 1;
    for (size_t i = 0; i < replays->jobs.count; i++)
        at_work += job_at(replays, i)->page != NULL;
    return (unsigned)((rate + at_work - 1) / at_work);
}

static void send_page(struct replay_job *job, struct redelivery_page *page)
{
    struct replays *replays = job->replays;
    struct mail_redeliver *mail = &page->mail;
    char name[ID_TEXT_SIZE];
    mail->count = replays->selection->count;
    memcpy(mail->deliveries, replays->selection->list, mail->count * sizeof mail->deliveries[0]);
    mail->discards = job->now.kind == REPLAY_DISCARD;
    mail->may_wait = !mail->discards;
    mail->per_second = pace(replays);
    mail->after_us = job->after_us;
    mail->print = print_next;
    mail->context = job;
    mail->document.key = key_meta(kind, id_print(&job->now.id, "rpl", name));
    page->on_done = page_answered;
    page->context = job;
    job->page = page;
    redeliveries_send(&replays->redeliveries, page);
}

static void step(struct replay_job *job, uint64_t now_ms)
{
    struct redeliveries *redeliveries = &job->replays->redeliveries;
    const struct subscription *subscription = current(job, now_ms);
    if (!subscription)
        return;
    struct redelivery_page *page = NULL;
    if (!job->now.is_dry && !(page = redeliveries_take(redeliveries, &subscription->id))) {
        hold_off(job, now_ms, AGAIN_MIN_MS);
        return;
    }
    int error = select_page(job, subscription);
    if (!error && page && job->replays->selection->count > 0) {
        send_page(job, page);
        return;
    }
    if (page)
        redeliveries_give(redeliveries, page);
    if (error) {
        finish(job, REPLAY_FAILED, "the deliveries could not be read");
        return;
    }
    count_page(job);
    step_is_done(job);
}

/* One step of the job whose turn it is. When to be called again. */
static uint64_t step_one(struct replays *replays, uint64_t now_ms)
{
    uint64_t next_ms = UINT64_MAX;
    for (size_t i = 0; i < replays->jobs.count; i++) {
        size_t at = (replays->turn + i) % replays->jobs.count;
        struct replay_job *job = job_at(replays, at);
        if (job->now.status != REPLAY_RUNNING || job->page)
            continue;
        if (now_ms >= job->again_ms) {
            replays->turn = at + 1;
            step(job, now_ms);
            return now_ms + STEP_PAUSE_MS;
        }
        if (job->again_ms < next_ms)
            next_ms = job->again_ms;
    }
    return next_ms;
}

uint64_t replays_turn(struct replays *replays, uint64_t now_ms, bool is_stopping)
{
    uint64_t wishes_ms = redeliveries_turn(&replays->redeliveries, now_ms); /* people wait */
    if (!is_stopping && now_ms >= replays->next_ms)
        replays->next_ms = step_one(replays, now_ms);
    uint64_t jobs_ms = is_stopping ? UINT64_MAX : replays->next_ms;
    return jobs_ms < wishes_ms ? jobs_ms : wishes_ms;
}
