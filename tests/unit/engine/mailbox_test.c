/* The mailbox as one thread sees it: order, and who has to wake whom. tests/race/mailbox_race.c has
 * the threads. The last test checks it against a plain queue. */
#include "mailbox.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

static struct mailbox mailbox;
static struct mail mails[3];

static void open_empty(void)
{
    mailbox_init(&mailbox);
}

TestSuite(mailbox, .init = open_empty);

Test(mailbox, is_empty_at_first)
{
    cr_assert(mailbox_take(&mailbox) == NULL);
    cr_assert(mailbox_take(&mailbox) == NULL);
}

Test(mailbox, gives_mails_in_the_order_of_posting)
{
    for (int i = 0; i < 3; i++)
        cr_assert(not(mailbox_post(&mailbox, &mails[i])));

    for (int i = 0; i < 3; i++)
        cr_assert(mailbox_take(&mailbox) == &mails[i]);
    cr_assert(mailbox_take(&mailbox) == NULL);
}

Test(mailbox, takes_a_mail_that_has_come_back)
{
    for (int i = 0; i < 100; i++) {
        cr_assert(not(mailbox_post(&mailbox, &mails[0])));
        cr_assert(not(mailbox_post(&mailbox, &mails[1])));
        cr_assert(mailbox_take(&mailbox) == &mails[0]);
        cr_assert(not(mailbox_post(&mailbox, &mails[0])));
        cr_assert(mailbox_take(&mailbox) == &mails[1]);
        cr_assert(mailbox_take(&mailbox) == &mails[0]);
        cr_assert(mailbox_take(&mailbox) == NULL);
    }
}

Test(mailbox, asks_only_the_first_poster_to_wake_who_rests)
{
    cr_assert(mailbox_rest(&mailbox));

    cr_assert(mailbox_post(&mailbox, &mails[0]));
    cr_assert(not(mailbox_post(&mailbox, &mails[1])));
}

Test(mailbox, asks_nobody_to_wake_who_is_awake)
{
    cr_assert(mailbox_rest(&mailbox));
    mailbox_rise(&mailbox);

    cr_assert(not(mailbox_post(&mailbox, &mails[0])));
}

Test(mailbox, lets_nobody_rest_who_has_mail)
{
    cr_assert(not(mailbox_post(&mailbox, &mails[0])));

    cr_assert(not(mailbox_rest(&mailbox)));
    cr_assert(not(mailbox_post(&mailbox, &mails[1])), "no wait was announced");
    cr_assert(mailbox_take(&mailbox) == &mails[0]);
    cr_assert(not(mailbox_rest(&mailbox)));
    cr_assert(mailbox_take(&mailbox) == &mails[1]);
    cr_assert(mailbox_rest(&mailbox));
}

enum { MAILS = 32, STEPS = 200000 };

/* A queue of numbers: at[first] to at[end - 1]. */
static struct {
    unsigned at[STEPS], first, end;
    bool is_posted[MAILS];
    bool rests;
} model;

static struct mail many[MAILS];

static void post_one(unsigned i)
{
    bool wake = mailbox_post(&mailbox, &many[i]);
    cr_assert(eq(int, wake, model.rests));
    model.rests = false;
    model.is_posted[i] = true;
    model.at[model.end++] = i;
}

static void take_one(void)
{
    struct mail *mail = mailbox_take(&mailbox);
    if (model.first == model.end) {
        cr_assert(mail == NULL);
        return;
    }
    unsigned i = model.at[model.first++];
    cr_assert(mail == &many[i]);
    model.is_posted[i] = false;
}

Test(mailbox, agrees_with_a_plain_queue)
{
    srandom(5);
    for (unsigned step = 0; step < STEPS; step++) {
        unsigned i = (unsigned)random() % MAILS;
        switch (random() % 5) {
        case 0:
            model.rests = mailbox_rest(&mailbox);
            cr_assert(eq(int, model.rests, model.first == model.end));
            break;
        case 1:
            mailbox_rise(&mailbox);
            model.rests = false;
            break;
        case 2:
            take_one();
            break;
        default:
            if (!model.is_posted[i])
                post_one(i);
            else
                take_one();
        }
    }
}
