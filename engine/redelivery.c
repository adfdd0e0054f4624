/* redelivery.c - see redelivery.h.
 *
 * Control hands over one page of a subscription at a time and chooses it after the last was done,
 * so what a page says of a delivery is still true. But the shard may have it in memory:
 *   - a ghost: it has ended, and answers still to come may hold its old row, which are told from
 * the new one by nothing. The page waits until the ghost is laid, which is soon;
 *   - alive: it is on its way, and is left alone.
 */
#include "redelivery.h"

#include "delivery_states.h"
#include "shard.h"
#include "trace.h"

enum { READY_MAX = 16 /* the endpoint has enough to do */ };

_Static_assert(SELECTION_MAX * 4 <= OUTCOMES_PAGE_ROWS, "a page must fit a batch");

static bool has_ghost(const struct shard *shard, const struct endpoint *endpoint,
                      const struct mail_redeliver *mail)
{
    for (unsigned i = 0; i < mail->count; i++) {
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

static enum redelivery_result judge(struct shard *shard, struct endpoint *endpoint,
                                    const struct mail_redeliver *mail)
{
    if (!endpoint)
        return REDELIVERY_NOBODY;
    if (mail->discards)
        return shard->stopping || !outcomes_have_room(shard) ? REDELIVERY_BUSY : REDELIVERY_DONE;
    if (endpoint->subscription->status != SUBSCRIPTION_ACTIVE)
        return REDELIVERY_HELD;
    bool has_enough = endpoint->has_parked || endpoint->ready_count > READY_MAX ||
                      endpoint_is_shut(shard, endpoint);
    if (shard->stopping || !outcomes_have_room(shard) || (mail->may_wait && has_enough) ||
        has_ghost(shard, endpoint, mail) || !makes_way(shard, endpoint))
        return REDELIVERY_BUSY;
    return REDELIVERY_DONE;
}

/* Each is noted as parked, not the first alone: where the clock was set back, that is not the one
 * with the lowest id, and an idle endpoint would not look for what lies before it. */
static void put_all(struct shard *shard, struct endpoint *endpoint, struct mail_redeliver *mail)
{
    for (unsigned i = 0; i < mail->count; i++) {
        const struct ended_delivery *ended = &mail->deliveries[i];
        if (delivery_find(shard, endpoint, &ended->event))
            continue;
        mail->handed++;
        if (mail->discards) {
            trace_put_given_up(shard, endpoint, &ended->event, &ended->row);
            continue;
        }
        trace_put_again(shard, endpoint, &ended->event, &ended->row);
        shard->metrics.deliveries_redelivered++;
        endpoint_parked(shard, endpoint, &ended->event);
    }
}

static const struct journal_document *print_document(struct mail_redeliver *mail)
{
    struct text text;
    if (!mail->print)
        return NULL;
    text_init(&text, mail->document_text, sizeof mail->document_text);
    mail->print(mail->context, mail->handed, &text);
    must(text_ok(&text));
    mail->document.value = text_slice(&text);
    return &mail->document;
}

void redelivery_take(struct shard *shard, struct mail_redeliver *mail)
{
    struct endpoint *endpoint = endpoint_find(shard, &mail->subscription);
    mail->handed = 0;
    mail->result = judge(shard, endpoint, mail);
    if (mail->result != REDELIVERY_DONE) {
        crew_post(shard->crew, shard->number, mail->mail.from, &mail->mail);
        return;
    }
    outcomes_begin_page(shard);
    put_all(shard, endpoint, mail);
    outcomes_end_page(shard, print_document(mail), &mail->mail);
}
