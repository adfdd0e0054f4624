/* mailbox.h - the only door between threads.
 *
 * Each thread has one mailbox that any other may post to. A mail is a struct mail embedded in what
 * it is about, so posting never fails and never allocates: whoever has sent a mail may not touch it
 * until it comes back. Mails of one sender arrive in the order of posting.
 *
 * The queue is Vyukov's intrusive multi-producer single-consumer list. A thread that is about to
 * wait says so with mailbox_rest(); the first to post after that is told to wake it (and only the
 * first: wake-ups are not repeated).
 */
#ifndef ENGINE_MAILBOX_H
#define ENGINE_MAILBOX_H

#include "base/must.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct mail {
    _Atomic(struct mail *) next; /* private */
    uint32_t kind;               /* enum mail_kind, mail.h */
    uint32_t from; /* the sender's number among the threads: where to send it back to */
};

struct mailbox {
    _Alignas(64) _Atomic(struct mail *) newest; /* posters' end */
    _Alignas(64) struct mail *oldest;           /* the owner's end */
    struct mail blank;
    _Alignas(64) atomic_bool resting;
};

void mailbox_init(struct mailbox *mailbox);

/* From any thread. True: the owner rests, and the caller has to wake it. */
MUST_CHECK bool mailbox_post(struct mailbox *mailbox, struct mail *mail);

/* The owner's: the oldest mail, or NULL if there is none for now. */
struct mail *mailbox_take(struct mailbox *mailbox);

/* The owner's: announces a wait. False if there is mail after all (then no wait is announced). */
MUST_CHECK bool mailbox_rest(struct mailbox *mailbox);

/* The owner's: the wait is over. */
void mailbox_rise(struct mailbox *mailbox);

#endif
