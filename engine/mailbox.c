/* mailbox.c - see mailbox.h. One of the two files with atomics.
 *
 * Memory order. Posting: `newest` is exchanged with acq_rel, so posters form one chain; the link
 * from the mail before is stored with release and loaded with acquire, which carries the mail's
 * contents to the owner. Between the exchange and that store the chain is broken for a moment:
 * mailbox_take() then sees NULL and reports nothing, which is right because the poster has not
 * finished, and will look at `resting` after it has.
 *
 * Resting: the owner stores `resting` and then looks at the queue; a poster links its mail and then
 * looks at `resting`. Both pairs are sequentially consistent, so at least one of them sees the
 * other and no wake-up is lost.
 */
#include "mailbox.h"

#include <stddef.h>

void mailbox_init(struct mailbox *mailbox)
{
    atomic_init(&mailbox->blank.next, NULL);
    atomic_init(&mailbox->newest, &mailbox->blank);
    mailbox->oldest = &mailbox->blank;
    atomic_init(&mailbox->resting, false);
}

static void append(struct mailbox *mailbox, struct mail *mail)
{
    atomic_store_explicit(&mail->next, NULL, memory_order_relaxed);
    struct mail *before = atomic_exchange_explicit(&mailbox->newest, mail, memory_order_acq_rel);
    atomic_store_explicit(&before->next, mail, memory_order_seq_cst);
}

bool mailbox_post(struct mailbox *mailbox, struct mail *mail)
{
    append(mailbox, mail);
    return atomic_load_explicit(&mailbox->resting, memory_order_seq_cst) &&
           atomic_exchange_explicit(&mailbox->resting, false, memory_order_seq_cst);
}

struct mail *mailbox_take(struct mailbox *mailbox)
{
    struct mail *oldest = mailbox->oldest;
    struct mail *next = atomic_load_explicit(&oldest->next, memory_order_acquire);

    if (oldest == &mailbox->blank) {
        if (!next)
            return NULL;
        mailbox->oldest = oldest = next;
        next = atomic_load_explicit(&oldest->next, memory_order_acquire);
    }
    if (next) {
        mailbox->oldest = next;
        return oldest;
    }
    if (oldest != atomic_load_explicit(&mailbox->newest, memory_order_acquire))
        return NULL; /* a poster is between its two steps */

    /* The last one: put the blank behind it, so that it can be taken out. */
    append(mailbox, &mailbox->blank);
    next = atomic_load_explicit(&oldest->next, memory_order_acquire);
    if (!next)
        return NULL;
    mailbox->oldest = next;
    return oldest;
}

/* Whether anything has been posted, also if its poster has not finished. */
static bool is_empty(struct mailbox *mailbox)
{
    return mailbox->oldest == &mailbox->blank &&
           atomic_load_explicit(&mailbox->blank.next, memory_order_seq_cst) == NULL;
}

bool mailbox_rest(struct mailbox *mailbox)
{
    atomic_store_explicit(&mailbox->resting, true, memory_order_seq_cst);
    if (is_empty(mailbox))
        return true;
    atomic_store_explicit(&mailbox->resting, false, memory_order_seq_cst);
    return false;
}

void mailbox_rise(struct mailbox *mailbox)
{
    atomic_store_explicit(&mailbox->resting, false, memory_order_seq_cst);
}
