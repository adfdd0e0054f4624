/* paging.c - see paging.h.
 *
 * Why nothing is missed. A question is asked only when all outcomes written before it was decided
 * on are on disk (wait_sequence, ask_sequence), so the answer has every row older than the
 * decision. Younger rows: a retry due before the border is held in memory, or spoils the move (the
 * window then ends at it); a parked row at or before the place an endpoint has read up to
 * (parked_low) takes it back there.
 *
 * Why nothing comes twice. A row that is read is looked up among the deliveries in memory that have
 * rows. One that has ended meanwhile stays there as a ghost until its row's end is on disk and
 * every question asked before that is answered.
 */
#include "shard.h"

#include "arrival.h"
#include "base/clock.h"

#include <errno.h>

enum {
    LOOK_EVERY_MS = 500,
    ERASE_ROWS = 1000,
    PAGE_ROWS = 32,
    PARKED_OUT_MAX = 16, /* with what a page may weigh, this bounds what is read back at a time */
};

int paging_open(struct paging *paging)
{
    *paging = (struct paging){.spoiled_ms = UINT64_MAX};
    list_init(&paging->asked);
    list_init(&paging->ghosts);
    return pool_open(&paging->fetches, sizeof(struct mail_fetch), LIMIT_FETCHES);
}

void paging_close(struct paging *paging)
{
    pool_close(&paging->fetches);
}

/* ---- questions ---- */

static struct mail_fetch *begin(struct shard *shard, enum fetch_kind kind, int max)
{
    struct mail_fetch *fetch = pool_take(&shard->paging.fetches);
    if (!fetch)
        return NULL;
    fetch->mail.kind = MAIL_FETCH;
    fetch->kind = kind;
    fetch->shard = shard->number;
    fetch->max = max;
    fetch->has_after = fetch->has_last = false;
    fetch->endpoint = fetch->delivery = NULL;
    fetch->hurried = NULL;
    fetch->error = fetch->count = 0;
    fetch->committed = shard->outcomes.committed;
    list_init(&fetch->link);
    return fetch;
}

static void ask(struct shard *shard, struct mail_fetch *fetch)
{
    if (fetch->kind == FETCH_RETRIES || fetch->kind == FETCH_PARKED)
        list_push_back(&shard->paging.asked, &fetch->link);
    crew_post(shard->crew, shard->number, crew_reader(shard->crew), &fetch->mail);
}

static void end(struct shard *shard, struct mail_fetch *fetch)
{
    list_remove(&fetch->link);
    pool_give(&shard->paging.fetches, fetch);
    paging_lay_ghosts(shard);
}

void paging_give_back(struct shard *shard, struct fetched_event *event)
{
    event->mail.kind = MAIL_GIVE_BACK;
    crew_post(shard->crew, shard->number, crew_reader(shard->crew), &event->mail);
}

bool paging_load(struct shard *shard, struct delivery *delivery)
{
    struct mail_fetch *fetch = begin(shard, FETCH_EVENT, 1);
    if (!fetch)
        return false;
    fetch->delivery = delivery;
    fetch->rows[0].event = delivery->event;
    fetch->rows[0].subscription = delivery->subscription;
    fetch->rows[0].attempt_count = delivery->attempt_count;
    ask(shard, fetch);
    return true;
}

void paging_erase(struct shard *shard, const struct id *subscription)
{
    struct mail_fetch *fetch = begin(shard, FETCH_ERASE, ERASE_ROWS);
    if (!fetch)
        return;
    fetch->subscription = *subscription;
    ask(shard, fetch);
}

/* ---- ghosts ---- */

void paging_haunt(struct shard *shard, struct delivery *delivery)
{
    delivery->written_sequence = shard->outcomes.sequence;
    list_push_back(&shard->paging.ghosts, &delivery->link);
}

void paging_lay_ghosts(struct shard *shard)
{
    struct paging *paging = &shard->paging;
    uint64_t seen = shard->outcomes.committed; /* what every answer still to come has seen */
    if (list_is_linked(&paging->asked))
        seen = container_of(paging->asked.next, struct mail_fetch, link)->committed;

    while (list_is_linked(&paging->ghosts)) {
        struct delivery *ghost = container_of(paging->ghosts.next, struct delivery, link);
        if (ghost->written_sequence > seen)
            return;
        list_remove(&ghost->link);
        delivery_lay(shard, ghost);
    }
}

/* ---- retries ---- */

bool paging_wants(struct shard *shard, uint64_t due_ms)
{
    struct paging *paging = &shard->paging;
    if (due_ms >= (paging->moving ? paging->border_ms : paging->window_ms))
        return false;
    if (shard->deliveries.waiting < shard->deliveries.waiting_max)
        return true;
    if (due_ms < paging->spoiled_ms)
        paging->spoiled_ms = due_ms;
    if (due_ms < paging->window_ms)
        paging->window_ms = due_ms;
    return false;
}

static void move_window(struct shard *shard)
{
    struct paging *paging = &shard->paging;
    outcomes_flush(shard, true);
    paging->moving = true;
    paging->asking = false;
    paging->has_after = false;
    paging->border_ms = clock_wall_ms() + LIMIT_RETRY_WINDOW_MS;
    paging->reached_ms = paging->window_ms;
    paging->spoiled_ms = UINT64_MAX;
    paging->wait_sequence = shard->outcomes.sequence;
}

static void end_move(struct paging *paging, uint64_t reached_ms)
{
    paging->moving = false;
    paging->window_ms = reached_ms < paging->spoiled_ms ? reached_ms : paging->spoiled_ms;
}

static void ask_retries(struct shard *shard)
{
    struct paging *paging = &shard->paging;
    if (paging->asking || shard->outcomes.committed < paging->wait_sequence)
        return;
    struct mail_fetch *fetch = begin(shard, FETCH_RETRIES, FETCH_ROWS_MAX);
    if (!fetch)
        return;
    fetch->from_ms = paging->reached_ms;
    fetch->below_ms = paging->border_ms;
    fetch->has_after = paging->has_after;
    fetch->after_subscription = paging->after_subscription;
    fetch->after_event = paging->after_event;
    paging->asking = true;
    ask(shard, fetch);
}

/* A retry whose subscription is not here any more. */
static void drop_orphan(struct shard *shard, const struct backlog_row *row)
{
    struct key key = key_retry(row->due_ms, &row->subscription, &row->event);
    if (!outcomes_have_room(shard))
        return; /* it is read again at the next start */
    outcomes_begin(shard);
    outcomes_drop(shard, &key);
}

static void retries_fetched(struct shard *shard, const struct mail_fetch *fetch)
{
    struct paging *paging = &shard->paging;
    paging->asking = false;
    for (int i = 0; i < fetch->count; i++) {
        const struct backlog_row *row = &fetch->rows[i];
        struct endpoint *endpoint = endpoint_find(shard, &row->subscription);
        bool is_full = shard->deliveries.waiting >= shard->deliveries.waiting_max;
        if (!endpoint) {
            drop_orphan(shard, row);
        } else if (is_full || arrival_load_retry(shard, endpoint, row) == LOAD_NO_ROOM) {
            end_move(paging, row->due_ms);
            return;
        }
        paging->reached_ms = row->due_ms;
        paging->after_subscription = row->subscription;
        paging->after_event = row->event;
        paging->has_after = true;
    }
    if (fetch->error || fetch->count < fetch->max)
        end_move(paging, fetch->error ? paging->reached_ms : paging->border_ms);
    else
        ask_retries(shard);
}

/* The greatest id before `id`. */
static struct id id_before(struct id id)
{
    for (size_t i = sizeof id.bytes; i-- > 0;)
        if (id.bytes[i]-- != 0)
            break;
    return id;
}

bool paging_hurry(struct shard *shard, struct mail_redeliver *mail)
{
    const struct ended_delivery *waiting = &mail->deliveries[0];
    struct mail_fetch *fetch = begin(shard, FETCH_RETRIES, 1);
    if (!fetch)
        return false;
    fetch->hurried = mail;
    fetch->from_ms = waiting->row.next_attempt_ms;
    fetch->below_ms = fetch->from_ms + 1;
    fetch->has_after = true;
    fetch->after_subscription = mail->subscription;
    fetch->after_event = id_before(waiting->event);
    ask(shard, fetch);
    return true;
}

static void hurried_fetched(struct shard *shard, const struct mail_fetch *fetch)
{
    const struct mail_redeliver *mail = fetch->hurried;
    const struct backlog_row *row = &fetch->rows[0];
    struct endpoint *endpoint = endpoint_find(shard, &mail->subscription);
    bool is_it = endpoint && fetch->count == 1 && !fetch->error &&
                 id_equal(&row->subscription, &mail->subscription) &&
                 id_equal(&row->event, &mail->deliveries[0].event) && !shard->stopping;
    bool is_here = is_it && shard->deliveries.waiting < shard->deliveries.waiting_max &&
                   arrival_load_retry(shard, endpoint, row) != LOAD_NO_ROOM;
    redelivery_hurried(shard, fetch->hurried, is_here);
}

/* ---- parked ---- */

/* What was parked since the last question, the next one has to begin before. */
static void rewind_parked(struct endpoint *endpoint)
{
    if (!id_is_zero(&endpoint->parked_low) &&
        memcmp(&endpoint->parked_low, &endpoint->parked_after, sizeof(struct id)) <= 0)
        endpoint->parked_after = id_before(endpoint->parked_low);
    memset(&endpoint->parked_low, 0, sizeof endpoint->parked_low);
}

/* True when the endpoint's question is out, or there is none to ask. */
static bool ask_parked(struct shard *shard, struct endpoint *endpoint)
{
    if (!endpoint->has_parked || endpoint->fetching || endpoint_is_shut(shard, endpoint))
        return true;
    if (shard->now_ms < endpoint->ask_after_ms)
        return false;
    /* Nothing was parked since the last question: what it waited for is on disk. */
    bool is_stale = endpoint->ask_epoch != endpoint->parked_epoch;
    if (endpoint->ask_sequence == 0 && is_stale) {
        outcomes_flush(shard, true);
        endpoint->ask_sequence = shard->outcomes.sequence;
        rewind_parked(endpoint);
        endpoint->ask_epoch = endpoint->parked_epoch;
    }
    if (shard->outcomes.committed < endpoint->ask_sequence)
        return false;
    bool is_full = shard->paging.parked_out == PARKED_OUT_MAX ||
                   !endpoint_has_window(shard, endpoint) ||
                   shard->deliveries.fetched_bytes > shard->memory.arena_size / 4;
    struct mail_fetch *fetch = is_full ? NULL : begin(shard, FETCH_PARKED, PAGE_ROWS);
    if (!fetch)
        return false;
    shard->paging.parked_out++;
    fetch->endpoint = endpoint;
    fetch->subscription = endpoint->id;
    fetch->has_after = !id_is_zero(&endpoint->parked_after);
    fetch->after_event = endpoint->parked_after;
    fetch->has_last = !id_is_zero(&endpoint->parked_high);
    fetch->last_event = endpoint->parked_high;
    endpoint->fetching = true;
    ask(shard, fetch);
    return true;
}

static void ask_hungry(struct shard *shard)
{
    struct list_node *node = shard->endpoints.hungry.next;
    while (node != &shard->endpoints.hungry) {
        struct endpoint *endpoint = container_of(node, struct endpoint, hungry);
        node = node->next;
        if (ask_parked(shard, endpoint))
            list_remove(&endpoint->hungry);
    }
}

static void give_back_all(struct shard *shard, struct mail_fetch *fetch, int from)
{
    for (int i = from; i < fetch->count; i++)
        if (fetch->events[i])
            paging_give_back(shard, fetch->events[i]);
}

/* The rest of a page of an ordered endpoint has to be read again if something before it was parked
 * meanwhile, or is not wanted now. */
static bool is_over(const struct shard *shard, const struct endpoint *endpoint,
                    const struct id *event)
{
    bool has_gap = !id_is_zero(&endpoint->parked_low) &&
                   memcmp(&endpoint->parked_low, event, sizeof *event) < 0;
    return endpoint->subscription->ordering != ORDERING_NONE &&
           (has_gap || lane_ends_page(shard, endpoint));
}

/* Takes rows in until there is no room; returns how many were dealt with. */
static int take_parked(struct shard *shard, struct endpoint *endpoint, struct mail_fetch *fetch)
{
    for (int i = 0; i < fetch->count; i++) {
        if (!outcomes_have_room(shard) || !endpoint_has_window(shard, endpoint) ||
            is_over(shard, endpoint, &fetch->rows[i].event))
            return i;
        enum load_result result =
            arrival_load_parked(shard, endpoint, &fetch->rows[i], fetch->events[i]);
        if (result == LOAD_NO_ROOM)
            return i;
        if (result == LOAD_KNOWN && fetch->events[i])
            paging_give_back(shard, fetch->events[i]);
        endpoint->parked_after = fetch->rows[i].event;
    }
    return fetch->count;
}

static void parked_fetched(struct shard *shard, struct mail_fetch *fetch)
{
    struct endpoint *endpoint = fetch->endpoint;
    shard->paging.parked_out--;
    endpoint->fetching = false;
    endpoint->ask_sequence = 0;
    if (endpoint->deleted || shard->stopping) {
        give_back_all(shard, fetch, 0);
        endpoint_free_if_over(shard, endpoint);
        return;
    }
    int taken = take_parked(shard, endpoint, fetch);
    give_back_all(shard, fetch, taken);
    if (fetch->error)
        endpoint->ask_after_ms = shard->paging.next_look_ms;

    bool at_end = fetch->error == 0 && taken == fetch->count && !fetch->more;
    if (at_end && endpoint->parked_epoch == endpoint->ask_epoch)
        endpoint->has_parked = false;
    endpoint_update_turn(shard, endpoint);
}

/* ---- at start ---- */

static void ask_survey(struct shard *shard, struct survey *survey, enum fetch_kind kind)
{
    struct mail_fetch *fetch =
        shard->now_ms >= survey->due_ms ? begin(shard, kind, FETCH_ROWS_MAX) : NULL;
    if (!fetch)
        return;
    fetch->has_after = !id_is_zero(&survey->after);
    fetch->after_subscription = survey->after;
    survey->due_ms = UINT64_MAX;
    ask(shard, fetch);
}

static void survey_fetched(struct shard *shard, struct survey *survey,
                           const struct mail_fetch *fetch)
{
    if (fetch->count > 0)
        survey->after = fetch->rows[fetch->count - 1].subscription;
    if (fetch->error)
        survey->due_ms = shard->paging.next_look_ms;
    else if (fetch->count == fetch->max)
        survey->due_ms = shard->now_ms;
}

static void backlogs_fetched(struct shard *shard, const struct mail_fetch *fetch)
{
    for (int i = 0; i < fetch->count; i++) {
        struct endpoint *endpoint = endpoint_find(shard, &fetch->rows[i].subscription);
        if (!endpoint) {
            paging_erase(shard, &fetch->rows[i].subscription);
            continue;
        }
        endpoint->has_parked = true;
        endpoint->parked_epoch++;
        memset(&endpoint->parked_high, 0, sizeof endpoint->parked_high);
        memset(&endpoint->parked_after, 0, sizeof endpoint->parked_after);
        endpoint_update_turn(shard, endpoint);
    }
    survey_fetched(shard, &shard->paging.backlogs, fetch);
}

static void outages_fetched(struct shard *shard, const struct mail_fetch *fetch)
{
    for (int i = 0; i < fetch->count; i++) {
        struct endpoint *endpoint = endpoint_find(shard, &fetch->rows[i].subscription);
        if (endpoint)
            outage_restore(shard, endpoint, &fetch->rows[i].outage);
    }
    survey_fetched(shard, &shard->paging.outages, fetch);
}

void paging_start(struct shard *shard)
{
    shard->paging.is_started = true;
    shard->paging.backlogs.due_ms = shard->paging.outages.due_ms = shard->now_ms;
}

/* ---- all of it ---- */

uint64_t paging_tick(struct shard *shard)
{
    struct paging *paging = &shard->paging;
    if (shard->stopping || !paging->is_started)
        return UINT64_MAX;
    if (shard->now_ms >= paging->next_look_ms) {
        paging->next_look_ms = shard->now_ms + LOOK_EVERY_MS;
        if (!paging->moving && paging->window_ms < clock_wall_ms() + LIMIT_RETRY_WINDOW_MS / 2)
            move_window(shard);
    }
    ask_survey(shard, &paging->backlogs, FETCH_BACKLOGS);
    ask_survey(shard, &paging->outages, FETCH_OUTAGES);
    if (paging->moving)
        ask_retries(shard);
    ask_hungry(shard);
    return paging->next_look_ms;
}

/* What does not open is as good as gone. */
static void open_events(struct shard *shard, struct mail_fetch *fetch, int count)
{
    for (int i = 0; i < count; i++) {
        struct fetched_event **event = &fetch->events[i];
        if (!*event || arrival_open_event(shard, *event))
            continue;
        paging_give_back(shard, *event);
        *event = NULL;
    }
}

void paging_fetched(struct shard *shard, struct mail_fetch *fetch)
{
    list_remove(&fetch->link);
    switch (fetch->kind) {
    case FETCH_RETRIES:
        if (fetch->hurried)
            hurried_fetched(shard, fetch);
        else
            retries_fetched(shard, fetch);
        break;
    case FETCH_PARKED:
        open_events(shard, fetch, fetch->count);
        parked_fetched(shard, fetch);
        break;
    case FETCH_EVENT:
        if (fetch->error && !((struct delivery *)fetch->delivery)->endpoint->deleted) {
            delivery_load_failed(shard, fetch->delivery);
            break;
        }
        open_events(shard, fetch, 1);
        delivery_loaded(shard, fetch->delivery, fetch->events[0]);
        break;
    case FETCH_BACKLOGS:
        backlogs_fetched(shard, fetch);
        break;
    case FETCH_OUTAGES:
        outages_fetched(shard, fetch);
        break;
    case FETCH_ERASE:
        if (fetch->error == 0 && fetch->count == fetch->max) {
            ask(shard, fetch);
            return;
        }
        break;
    }
    end(shard, fetch);
}
