/* redeliveries.c - see redeliveries.h. */
#include "redeliveries.h"

#include <errno.h>
#include <stdlib.h>

enum { AGAIN_MS = 20, PATIENCE_MS = 10000 };

int redeliveries_open(struct redeliveries *redeliveries, struct crew *crew, struct db *db)
{
    *redeliveries = (struct redeliveries){.crew = crew, .db = db, .again_ms = UINT64_MAX};
    list_init(&redeliveries->wishes);
    redeliveries->pages = calloc(REDELIVERY_PAGES, sizeof *redeliveries->pages);
    return redeliveries->pages ? 0 : -ENOMEM;
}

static void drop(struct redeliveries *redeliveries, struct redelivery_wish *wish)
{
    list_remove(&wish->link);
    redeliveries->wish_count--;
    free(wish->context);
    free(wish);
}

void redeliveries_close(struct redeliveries *redeliveries)
{
    struct list_node *next;
    if (!redeliveries->pages)
        return; /* it was not opened */
    for (struct list_node *node = redeliveries->wishes.next; node != &redeliveries->wishes;
         node = next) {
        next = node->next;
        drop(redeliveries, container_of(node, struct redelivery_wish, link));
    }
    free(redeliveries->pages);
    redeliveries->pages = NULL;
}

/* ---- pages ---- */

struct redelivery_page *redeliveries_take(struct redeliveries *redeliveries,
                                          const struct id *subscription)
{
    struct redelivery_page *free_page = NULL;
    for (unsigned i = 0; i < REDELIVERY_PAGES; i++) {
        struct redelivery_page *page = &redeliveries->pages[i];
        if (page->is_out && id_equal(&page->mail.subscription, subscription))
            return NULL;
        if (!page->is_out)
            free_page = page;
    }
    if (!free_page)
        return NULL;
    free_page->is_out = true;
    free_page->mail.mail.kind = MAIL_REDELIVER;
    free_page->mail.subscription = *subscription;
    free_page->mail.may_wait = free_page->mail.discards = false;
    free_page->mail.count = free_page->mail.per_second = 0;
    free_page->mail.after_us = 0;
    free_page->mail.print = NULL;
    return free_page;
}

void redeliveries_send(struct redeliveries *redeliveries, struct redelivery_page *page)
{
    struct crew *crew = redeliveries->crew;
    crew_post(crew, crew_control(crew), keys_home(&page->mail.subscription, crew->shards),
              &page->mail.mail);
}

void redeliveries_give(struct redeliveries *redeliveries, struct redelivery_page *page)
{
    page->is_out = false;
    if (redeliveries->wish_count > 0)
        redeliveries->again_ms = 0;
}

void redeliveries_answered(struct mail_redeliver *mail)
{
    struct redelivery_page *page = container_of(mail, struct redelivery_page, mail);
    page->on_done(page->context, mail);
}

/* ---- wishes ---- */

int redeliveries_wish(struct redeliveries *redeliveries, const struct redelivery_wish *asked,
                      uint64_t now_ms)
{
    if (redeliveries->wish_count == REDELIVERY_WISHES_MAX)
        return -EBUSY;
    struct redelivery_wish *wish = malloc(sizeof *wish);
    if (!wish)
        return -ENOMEM;
    *wish = *asked;
    wish->redeliveries = redeliveries;
    wish->is_out = false;
    wish->give_up_ms = now_ms + PATIENCE_MS;
    list_init(&wish->link);
    list_push_back(&redeliveries->wishes, &wish->link);
    redeliveries->wish_count++;
    redeliveries->again_ms = 0;
    return 0;
}

static bool is_to_do(const struct redelivery_wish *wish, enum delivery_status status)
{
    return status == DELIVERY_DEAD || (!wish->discards && status != DELIVERY_PENDING);
}

static void end(struct redeliveries *redeliveries, struct redelivery_wish *wish,
                enum redelivery_result result)
{
    wish->on_done(wish->context, result);
    drop(redeliveries, wish);
}

static void wish_answered(void *context, struct mail_redeliver *mail)
{
    struct redelivery_wish *wish = context;
    struct redeliveries *redeliveries = wish->redeliveries;
    enum redelivery_result result = mail->result;
    redeliveries_give(redeliveries, container_of(mail, struct redelivery_page, mail));
    wish->is_out = false;
    if (result != REDELIVERY_BUSY)
        end(redeliveries, wish, result);
}

/* How it stands is looked at when its turn has come: another wish may have been for it too. */
static void send_wish(struct redeliveries *redeliveries, struct redelivery_wish *wish)
{
    struct redelivery_page *page = redeliveries_take(redeliveries, &wish->subscription);
    if (!page)
        return;
    struct delivery_standing standing;
    int error =
        history_standing(redeliveries->db, redeliveries->crew->shards, &wish->delivery, &standing);
    if (error || !is_to_do(wish, standing.row.status)) {
        redeliveries_give(redeliveries, page);
        end(redeliveries, wish, error ? REDELIVERY_FAILED : REDELIVERY_DONE);
        return;
    }
    page->on_done = wish_answered;
    page->context = wish;
    page->mail.count = 1;
    page->mail.discards = wish->discards;
    page->mail.deliveries[0] =
        (struct ended_delivery){.event = standing.event, .row = standing.row};
    wish->is_out = true;
    redeliveries_send(redeliveries, page);
}

uint64_t redeliveries_turn(struct redeliveries *redeliveries, uint64_t now_ms)
{
    if (now_ms < redeliveries->again_ms)
        return redeliveries->again_ms;
    struct list_node *node = redeliveries->wishes.next;
    while (node != &redeliveries->wishes) {
        struct redelivery_wish *wish = container_of(node, struct redelivery_wish, link);
        node = node->next;
        if (wish->is_out)
            continue;
        if (now_ms >= wish->give_up_ms)
            end(redeliveries, wish, REDELIVERY_BUSY);
        else
            send_wish(redeliveries, wish);
    }
    redeliveries->again_ms = redeliveries->wish_count > 0 ? now_ms + AGAIN_MS : UINT64_MAX;
    return redeliveries->again_ms;
}
