/* mailbox_race.c - many posters against one owner: every mail arrives, once, in its sender's order,
 * with what was written into it before posting, and no wake-up is lost (the owner would rest for
 * ever, and the test run out of time). Each mail is answered, so that the owner posts too.
 */
#include "mailbox.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { POSTERS = 4, ROUNDS = 200000, IN_FLIGHT = 8, OWNER = POSTERS };

struct letter {
    struct mail mail;
    uint64_t sequence; /* plain memory: the mailbox alone orders it */
    uint64_t answer;
};

static struct mailbox mailboxes[POSTERS + 1];
static int bells[POSTERS + 1];

static void post(unsigned to, struct letter *letter)
{
    uint64_t one = 1;
    if (mailbox_post(&mailboxes[to], &letter->mail))
        must(write(bells[to], &one, sizeof one) == sizeof one);
}

/* The next letter for `self`; sleeps while there is none. */
static struct letter *await(unsigned self)
{
    for (;;) {
        struct mail *mail = mailbox_take(&mailboxes[self]);
        if (mail)
            return (struct letter *)mail;
        if (mailbox_rest(&mailboxes[self])) {
            uint64_t rings;
            must(read(bells[self], &rings, sizeof rings) == sizeof rings);
            mailbox_rise(&mailboxes[self]);
        }
    }
}

static void *run_poster(void *argument)
{
    unsigned self = (unsigned)(uintptr_t)argument;
    struct letter letters[IN_FLIGHT] = {0};
    uint64_t sent = 0;

    for (; sent < IN_FLIGHT; sent++) {
        letters[sent].mail.from = self;
        letters[sent].sequence = sent;
        post(OWNER, &letters[sent]);
    }
    for (uint64_t back = 0; back < ROUNDS; back++) {
        struct letter *letter = await(self);
        must(letter->sequence == back && letter->answer == back * 3);
        if (sent == ROUNDS)
            continue;
        letter->sequence = sent++;
        post(OWNER, letter);
    }
    return NULL;
}

int main(void)
{
    pthread_t posters[POSTERS];
    uint64_t next[POSTERS] = {0};

    for (unsigned i = 0; i <= POSTERS; i++) {
        mailbox_init(&mailboxes[i]);
        bells[i] = eventfd(0, EFD_CLOEXEC);
        must(bells[i] >= 0);
    }
    for (unsigned i = 0; i < POSTERS; i++)
        must(pthread_create(&posters[i], NULL, run_poster, (void *)(uintptr_t)i) == 0);

    for (unsigned taken = 0; taken < POSTERS * ROUNDS; taken++) {
        struct letter *letter = await(OWNER);
        unsigned from = letter->mail.from;
        must(letter->sequence == next[from]++);
        letter->answer = letter->sequence * 3;
        post(from, letter);
    }
    for (unsigned i = 0; i < POSTERS; i++)
        must(pthread_join(posters[i], NULL) == 0);
    must(!mailbox_take(&mailboxes[OWNER]));
    for (unsigned i = 0; i <= POSTERS; i++)
        close(bells[i]);
    printf("%u mails there and back\n", POSTERS * ROUNDS);
    return EXIT_SUCCESS;
}
