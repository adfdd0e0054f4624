/* redelivery.c - see redelivery.h.
 *
 * Control hands over one page of a subscription at a time and chooses it after the last was done,
 * so what a page says of a delivery is still true. But the shard may have it in memory:
 *   - a ghost: it has ended, and answers still to come may hold its old row, which are told from
 * the new one by nothing. The chunk waits until the ghost is laid, which is soon;
 *   - alive: it is on its way, and is left alone.
 */
#include "redelivery.h"

#include "delivery_states.h"
#include "shard.h"
#include "trace.h"

enum {
    READY_MAX = 16,     /* the endpoint has enough to do; then for each delivery of a page: */
    FIRSTS = 4,         /* so many first attempts, or */
    TRICKLE_MS = 100,   /* so much time */
    CHUNKS_PER_S = 125, /* and more of them, of a page that is fast */
    PAUSES = 4,         /* as long as a chunk took to be written: others have the disk then */
    US_PER_MS = 1000,
    US_PER_S = 1000 * 1000,
};

_Static_assert(REDELIVERY_CHUNK * 4 <= OUTCOMES_PAGE_ROWS, "a chunk must fit a batch");

void redelivery_init(struct redelivery *redelivery)
{
    list_init(&redelivery->pages);
}

static unsigned least(uint64_t a, unsigned b)
{
    return a < b ? (unsigned)a : b;
}

/* ---- whether, and how many ---- */

static bool has_ghost(const struct shard *shard, const struct endpoint *endpoint,
                      const struct mail_redeliver *mail, unsigned count)
{
    for (unsigned i = mail->done; i < mail->done + count; i++) {
        const struct delivery *delivery =
            delivery_find(shard, endpoint, &mail->deliveries[i].event);
        if (delivery && delivery->state == STATE_GHOST)
            return true;
    }
    return false;
}

/* What is on disk alone may not be before what is in memory and was not begun (lane.h). */
static bool makes_way(struct shard *shard, struct endpoint *endpoint)
{
    if (endpoint->subscription->ordering == ORDERING_NONE)
        return true;
    delivery_park_all(shard, endpoint);
    return endpoint->ready_count == 0 && endpoint->behind_count == 0 && outcomes_have_room(shard);
}

/* How many have their turn: all, while the endpoint has little to do. */
static unsigned turn_of(const struct shard *shard, const struct endpoint *endpoint,
                        const struct mail_redeliver *mail)
{
    if (shard->now_ms * US_PER_MS < mail->after_us)
        return 0;
    if (!endpoint->has_parked && endpoint->ready_count <= READY_MAX)
        return REDELIVERY_CHUNK;
    uint64_t paid =
        (endpoint->firsts - mail->firsts) / FIRSTS + (shard->now_ms - mail->chunk_ms) / TRICKLE_MS;
    return least(paid, REDELIVERY_CHUNK);
}

/* How many can be taken now. */
static unsigned chunk_of(struct shard *shard, struct endpoint *endpoint,
                         const struct mail_redeliver *mail)
{
    unsigned count = least(mail->count - mail->done, REDELIVERY_CHUNK);
    if (mail->per_second > 0)
        count = least(1 + mail->per_second / CHUNKS_PER_S, count);
    if (!outcomes_have_room(shard))
        return 0;
    if (mail->discards)
        return count;
    if (mail->may_wait)
        count = least(turn_of(shard, endpoint, mail), count);
    if (count == 0 || has_ghost(shard, endpoint, mail, count) || !makes_way(shard, endpoint))
        return 0;
    return count;
}

/* Whether the page can go on at all: DONE: yes. */
static enum redelivery_result judge(const struct shard *shard, const struct endpoint *endpoint,
                                    const struct mail_redeliver *mail)
{
    if (!endpoint)
        return REDELIVERY_NOBODY;
    if (!mail->discards && endpoint->subscription->status != SUBSCRIPTION_ACTIVE)
        return REDELIVERY_HELD;
    bool is_over = shard->now_ms - mail->since_ms >= REDELIVERY_STAY_MS;
    bool has_to_wait = mail->may_wait && (is_over || endpoint_is_shut(shard, endpoint));
    return shard->stopping || has_to_wait ? REDELIVERY_BUSY : REDELIVERY_DONE;
}

/* ---- a chunk ---- */

/* Each is noted as parked, not the first alone: where the clock was set back, that is not the one
 * with the lowest id, and an idle endpoint would not look for what lies before it. */
static unsigned put_all(struct shard *shard, struct endpoint *endpoint, struct mail_redeliver *mail)
{
    unsigned handed = 0;
    for (unsigned i = mail->done; i < mail->end; i++) {
        const struct ended_delivery *ended = &mail->deliveries[i];
        if (delivery_find(shard, endpoint, &ended->event))
            continue;
        handed++;
        if (mail->discards) {
            trace_put_given_up(shard, endpoint, &ended->event, &ended->row);
            continue;
        }
        trace_put_again(shard, endpoint, &ended->event, &ended->row);
        shard->metrics.deliveries_redelivered++;
        endpoint_parked(shard, endpoint, &ended->event);
    }
    return handed;
}

static const struct journal_document *print_document(struct mail_redeliver *mail, unsigned handed)
{
    struct text text;
    if (!mail->print)
        return NULL;
    text_init(&text, mail->document_text, sizeof mail->document_text);
    mail->print(mail->context, mail->done, mail->end, handed, &text);
    must(text_ok(&text));
    mail->document.value = text_slice(&text);
    return &mail->document;
}

static void keep_pace(const struct shard *shard, struct mail_redeliver *mail, unsigned count)
{
    uint64_t now_us = shard->now_ms * US_PER_MS;
    if (mail->after_us < now_us)
        mail->after_us = now_us;
    if (mail->per_second > 0)
        mail->after_us += (uint64_t)count * US_PER_S / mail->per_second;
}

static void take_chunk(struct shard *shard, struct endpoint *endpoint, struct mail_redeliver *mail,
                       unsigned count)
{
    mail->end = mail->done + count;
    mail->chunk_ms = shard->now_ms;
    mail->firsts = endpoint->firsts;
    keep_pace(shard, mail, count);
    outcomes_begin_page(shard);
    unsigned handed = put_all(shard, endpoint, mail);
    mail->handed += handed;
    outcomes_end_page(shard, print_document(mail, handed), mail);
}

/* ---- a page ---- */

static void end(struct shard *shard, struct mail_redeliver *mail, enum redelivery_result result)
{
    list_remove(&mail->link);
    mail->result = result;
    crew_post(shard->crew, shard->number, mail->mail.from, &mail->mail);
}

/* ---- a retry that is not waited for ---- */

static bool is_hurried(const struct mail_redeliver *mail)
{
    return mail->count == 1 && mail->deliveries[0].row.status == DELIVERY_RETRYING;
}

/* What is due already, or has its place in an order, goes when it has its turn. */
static bool can_be_hurried(const struct shard *shard, const struct endpoint *endpoint,
                           const struct mail_redeliver *mail)
{
    return mail->deliveries[0].row.next_attempt_ms > shard->wall_ms &&
           endpoint->subscription->ordering == ORDERING_NONE;
}

/* Busy: its end is being written, or the reader has no time for it now. */
static void hurry(struct shard *shard, struct endpoint *endpoint, struct mail_redeliver *mail)
{
    const struct ended_delivery *waiting = &mail->deliveries[0];
    struct delivery *delivery = delivery_find(shard, endpoint, &waiting->event);
    bool is_ghost = delivery && delivery->state == STATE_GHOST;
    bool waits_on_disk = !delivery && can_be_hurried(shard, endpoint, mail);
    if (delivery && delivery->state == STATE_WAITING && !delivery->lane) {
        timer_disarm(&delivery->due);
        wheel_arm(&shard->wheel, &delivery->due, shard->now_ms);
    }
    if (waits_on_disk && paging_hurry(shard, mail))
        mail->end = 1;
    else
        end(shard, mail, is_ghost || waits_on_disk ? REDELIVERY_BUSY : REDELIVERY_DONE);
}

void redelivery_hurried(struct shard *shard, struct mail_redeliver *mail, bool is_here)
{
    struct endpoint *endpoint = endpoint_find(shard, &mail->subscription);
    mail->end = mail->done;
    if (endpoint && is_here)
        hurry(shard, endpoint, mail);
    else
        end(shard, mail, REDELIVERY_BUSY); /* it has gone on: whoever wants it looks again */
}

static void step(struct shard *shard, struct mail_redeliver *mail)
{
    if (mail->end > mail->done)
        return; /* it is being written, or read */
    struct endpoint *endpoint = endpoint_find(shard, &mail->subscription);
    enum redelivery_result result = judge(shard, endpoint, mail);
    if (result == REDELIVERY_DONE && is_hurried(mail)) {
        hurry(shard, endpoint, mail);
        return;
    }
    unsigned count = result == REDELIVERY_DONE ? chunk_of(shard, endpoint, mail) : 0;
    if (count > 0)
        take_chunk(shard, endpoint, mail, count);
    else if (result != REDELIVERY_DONE || !mail->may_wait)
        end(shard, mail, result == REDELIVERY_DONE ? REDELIVERY_BUSY : result);
}

void redelivery_take(struct shard *shard, struct mail_redeliver *mail)
{
    const struct endpoint *endpoint = endpoint_find(shard, &mail->subscription);
    mail->done = mail->end = mail->handed = 0;
    mail->since_ms = mail->chunk_ms = shard->now_ms;
    mail->firsts = endpoint ? endpoint->firsts : 0;
    list_init(&mail->link);
    list_push_back(&shard->redelivery.pages, &mail->link);
    step(shard, mail);
}

uint64_t redelivery_tick(struct shard *shard)
{
    struct list_node *pages = &shard->redelivery.pages, *next;
    uint64_t next_ms = UINT64_MAX;
    for (struct list_node *node = pages->next; node != pages; node = next) {
        next = node->next;
        step(shard, container_of(node, struct mail_redeliver, link));
    }
    for (struct list_node *node = pages->next; node != pages; node = node->next) {
        const struct mail_redeliver *mail = container_of(node, struct mail_redeliver, link);
        uint64_t after_ms = mail->after_us / US_PER_MS + 1;
        uint64_t again_ms = after_ms > shard->now_ms ? after_ms : shard->now_ms + TRICKLE_MS;
        next_ms = again_ms < next_ms ? again_ms : next_ms;
    }
    return next_ms;
}

void redelivery_durable(struct shard *shard, struct mail_redeliver *mail)
{
    uint64_t took_ms = shard->now_ms - mail->chunk_ms;
    uint64_t rested_us = (shard->now_ms + PAUSES * took_ms) * US_PER_MS;
    if (mail->after_us < rested_us)
        mail->after_us = rested_us;
    mail->done = mail->end;
    if (mail->done == mail->count)
        end(shard, mail, REDELIVERY_DONE);
}
