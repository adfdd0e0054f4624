/* A crew whose members are all driven from the test's thread: who is who, and that a post ends the
 * wait of the one who rests. */
#include "crew.h"

#include "base/clock.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <signal.h>

static struct crew crew;

static void open_loops(void)
{
    const struct loop_options options = {64, 8, 512};
    char why[LOOP_WHY_SIZE];
    crew_init(&crew, 2);
    for (unsigned i = 0; i < crew_count(&crew); i++)
        cr_assert(zero(int, loop_open(&crew.members[i].loop, &options, why)), "%s", why);
}

static void close_loops(void)
{
    for (unsigned i = 0; i < crew_count(&crew); i++)
        loop_close(crew.members[i].loop);
}

TestSuite(crew, .init = open_loops, .fini = close_loops);

Test(crew, numbers_shards_first_then_writer_reader_and_control)
{
    cr_assert(eq(u32, crew_writer(&crew), 2));
    cr_assert(eq(u32, crew_reader(&crew), 3));
    cr_assert(eq(u32, crew_control(&crew), 4));
    cr_assert(eq(u32, crew_count(&crew), 5));
}

Test(crew_alone, has_room_for_the_most_shards)
{
    crew_init(&crew, DB_SHARDS_MAX);
    cr_assert(eq(u32, crew_count(&crew), CREW_MAX));
}

Test(crew_alone, is_not_made_without_shards, .signal = SIGABRT)
{
    crew_init(&crew, 0);
}

Test(crew, says_who_posted)
{
    struct mail mail = {.from = 77};
    crew_post(&crew, 1, crew_writer(&crew), &mail);

    cr_assert(mailbox_take(&crew.members[2].mailbox) == &mail);
    cr_assert(eq(u32, mail.from, 1));
    for (unsigned i = 0; i < crew_count(&crew); i++)
        cr_assert(mailbox_take(&crew.members[i].mailbox) == NULL);
}

Test(crew, does_not_wait_while_there_is_mail)
{
    struct mail mail = {0};
    crew_post(&crew, 0, 1, &mail);

    crew_turn(&crew, 1, UINT64_MAX); /* would never come back */
    cr_assert(mailbox_take(&crew.members[1].mailbox) == &mail);
}

/* Rests as crew_turn() does, is posted to, and then waits. */
Test(crew, is_woken_by_a_post)
{
    struct mail mail = {0};
    cr_assert(mailbox_rest(&crew.members[1].mailbox));
    crew_post(&crew, 0, 1, &mail);
    loop_turn(crew.members[0].loop, 0); /* what wakes goes out with the poster's own turn */

    loop_turn(crew.members[1].loop, UINT64_MAX);
    mailbox_rise(&crew.members[1].mailbox);
    cr_assert(mailbox_take(&crew.members[1].mailbox) == &mail);
}

Test(crew, waits_until_the_time_it_is_told)
{
    uint64_t until_ns = clock_monotonic_ns() + 20 * 1000 * 1000;
    while (clock_monotonic_ns() < until_ns)
        crew_turn(&crew, 0, until_ns);
    struct mail mail = {0};
    crew_post(&crew, 1, 0, &mail); /* nobody rests any more: this wakes nobody */
    cr_assert(mailbox_take(&crew.members[0].mailbox) == &mail);
}
