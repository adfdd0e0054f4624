/* The watermark: late, never early, and readable whatever moment the power fails in. */
#include "store/watermark.h"

#include "base/clock.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char directory[64], file[80];
static struct watermark watermark;
static uint64_t now_ns;

/* In place of base/clock.c. */
uint64_t clock_monotonic_ns(void)
{
    return now_ns;
}

static void setup(void)
{
    snprintf(directory, sizeof directory, "/tmp/grapnel-watermark-XXXXXX");
    cr_assert(mkdtemp(directory) != NULL);
    snprintf(file, sizeof file, "%s/watermark", directory);
    now_ns = UINT64_C(5000000000);
    watermark_init(&watermark);
}

static void teardown(void)
{
    watermark_close(&watermark);
    unlink(file);
    rmdir(directory);
}

TestSuite(watermark, .init = setup, .fini = teardown);

static uint64_t on_disk(void)
{
    uint64_t sequence;
    cr_assert(zero(int, watermark_read(directory, &sequence)));
    return sequence;
}

Test(watermark, is_absent_at_first)
{
    uint64_t sequence;
    cr_assert(eq(int, watermark_read(directory, &sequence), -ENOENT));
    cr_assert(zero(int, watermark_open(&watermark, directory)));
    cr_assert(eq(int, watermark_read(directory, &sequence), -EBADMSG));
}

Test(watermark, is_written_at_most_once_a_second)
{
    cr_assert(zero(int, watermark_open(&watermark, directory)));
    watermark_note(&watermark, 10);
    cr_assert(eq(u64, on_disk(), 10));
    now_ns += 999999999;
    watermark_note(&watermark, 20);
    cr_assert(eq(u64, on_disk(), 10));
    now_ns += 1;
    watermark_note(&watermark, 30);
    cr_assert(eq(u64, on_disk(), 30));
}

Test(watermark, is_up_to_date_after_an_orderly_end)
{
    cr_assert(zero(int, watermark_open(&watermark, directory)));
    watermark_note(&watermark, 10);
    watermark_note(&watermark, 20);
    watermark_close(&watermark);
    cr_assert(eq(u64, on_disk(), 20));
}

Test(watermark, goes_on_where_it_was)
{
    for (uint64_t sequence = 1; sequence < 6; sequence++) {
        cr_assert(zero(int, watermark_open(&watermark, directory)));
        watermark_note(&watermark, sequence);
        watermark_close(&watermark);
        cr_assert(eq(u64, on_disk(), sequence));
    }
}

/* Whichever byte of the slot being written is wrong, the one before counts. */
Test(watermark, survives_a_slot_that_was_half_written)
{
    cr_assert(zero(int, watermark_open(&watermark, directory)));
    watermark_note(&watermark, 10); /* turn 1, the slot at 4096 */
    now_ns += UINT64_C(2000000000);
    watermark_note(&watermark, 20); /* turn 2, the slot at 0 */
    int fd = open(file, O_RDWR);
    cr_assert(ge(int, fd, 0));
    for (off_t at = 0; at < 32; at++) {
        char byte, other;
        cr_assert(eq(long, pread(fd, &byte, 1, at), 1));
        other = (char)(byte ^ 1);
        cr_assert(eq(long, pwrite(fd, &other, 1, at), 1));
        cr_assert(eq(u64, on_disk(), 10), "byte %d", (int)at);
        cr_assert(eq(long, pwrite(fd, &byte, 1, at), 1));
    }
    close(fd);
    cr_assert(eq(u64, on_disk(), 20));
}
