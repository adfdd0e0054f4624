/* audit_chain_test.c - a chain that holds is followed, and each way to break one is found. */
#include "tools/ctl/audit_chain.h"

#include "base/text.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <openssl/sha.h>
#include <stdio.h>

enum { RECORDS = 5, LINE_SIZE = 512 };

static struct audit_chain chain;
static char lines[RECORDS][LINE_SIZE], hashes[RECORDS + 1][AUDIT_CHAIN_DIGITS + 1];
static char why[AUDIT_CHAIN_WHY_SIZE];

/* Writes record `i`, whose number is i + 1, behind hashes[i]. */
static void write_record(int i, const char *action)
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    struct text text;
    text_init(&text, lines[i], LINE_SIZE - JSON_PADDING);
    text_printf(&text, "{\"seq\":%d,\"action\":\"%s\",\"previous\":\"%s\"", i + 1, action,
                hashes[i]);
    SHA256((const uint8_t *)text.at, text.size, digest);
    struct text hash;
    text_init(&hash, hashes[i + 1], sizeof hashes[i + 1]);
    text_hex(&hash, digest, sizeof digest);
    text_printf(&text, ",\"hash\":\"%.64s\"}", hashes[i + 1]);
    cr_assert(text_ok(&text));
    text.at[text.size] = '\0';
}

static void start(void)
{
    memset(hashes[0], '0', AUDIT_CHAIN_DIGITS);
    for (int i = 0; i < RECORDS; i++)
        write_record(i, "key.create");
    cr_assert(eq(int, audit_chain_open(&chain), 0));
}

static void end(void)
{
    audit_chain_close(&chain);
}

TestSuite(audit_chain, .init = start, .fini = end);

static int take(int i)
{
    return audit_chain_take(&chain, slice_str(lines[i]), why);
}

static void breaks(int i, const char *words)
{
    cr_assert(eq(int, take(i), -EBADMSG));
    cr_assert(strstr(why, words) != NULL, "%s", why);
}

Test(audit_chain, is_followed_from_its_beginning)
{
    for (int i = 0; i < RECORDS; i++)
        cr_assert(eq(int, take(i), 0), "%s", why);
    cr_assert(eq(u64, chain.count, RECORDS));
    cr_assert(eq(u64, chain.seq, RECORDS));
    cr_assert(eq(int, strcmp(chain.hash, hashes[RECORDS]), 0));
}

Test(audit_chain, may_begin_anywhere_without_an_anchor)
{
    cr_assert(eq(int, take(2), 0));
    cr_assert(eq(int, take(3), 0));
    cr_assert(eq(u64, chain.first, 3));
}

Test(audit_chain, begins_behind_its_anchor)
{
    audit_chain_anchor(&chain, 2, slice_str(hashes[2]));
    cr_assert(eq(int, take(2), 0));
    end();
    start();
    audit_chain_anchor(&chain, 2, slice_str(hashes[1]));
    breaks(2, "record 3 does not follow");
}

Test(audit_chain, every_byte_counts)
{
    for (size_t at = 0; at < strlen(lines[1]); at++) {
        struct audit_chain other;
        cr_assert(eq(int, audit_chain_open(&other), 0));
        cr_assert(eq(int, audit_chain_take(&other, slice_str(lines[0]), why), 0));
        lines[1][at] ^= 1;
        cr_assert(eq(int, audit_chain_take(&other, slice_str(lines[1]), why), -EBADMSG), "byte %zu",
                  at);
        lines[1][at] ^= 1;
        audit_chain_close(&other);
    }
}

Test(audit_chain, a_record_that_is_missing_is_found)
{
    cr_assert(eq(int, take(0), 0));
    breaks(3, "behind record 1, 2 missing: the next one is 4");
}

Test(audit_chain, records_that_changed_places_are_found)
{
    cr_assert(eq(int, take(0), 0));
    cr_assert(eq(int, take(1), 0));
    breaks(1, "behind record 2 comes 2");
    breaks(0, "behind record 2 comes 1");
}

Test(audit_chain, a_record_that_was_written_anew_with_its_hash_is_found_at_the_next)
{
    cr_assert(eq(int, take(0), 0));
    write_record(1, "key.delete");
    cr_assert(eq(int, take(1), 0));
    breaks(2, "record 3 does not follow");
}

Test(audit_chain, the_first_of_all_has_none_before_it)
{
    memset(hashes[0], '1', AUDIT_CHAIN_DIGITS);
    write_record(0, "key.create");
    breaks(0, "record 1 does not follow");
}

Test(audit_chain, what_is_no_record_breaks_it)
{
    cr_assert(eq(int, take(0), 0));
    snprintf(lines[1], LINE_SIZE, "[]");
    breaks(1, "behind record 1 comes what is no record");
    snprintf(lines[1], LINE_SIZE, "{\"seq\":");
    breaks(1, "no record");
    lines[1][0] = '\0';
    breaks(1, "no record");
}

Test(audit_chain, the_head_has_its_hash)
{
    audit_chain_expect(&chain, 2, slice_str(hashes[2]));
    cr_assert(eq(int, take(0), 0));
    cr_assert(eq(int, take(1), 0));
    audit_chain_expect(&chain, 3, slice_str(hashes[2]));
    breaks(2, "has not the hash of the head");
}

Test(audit_chain, looks_for_a_hash_that_was_kept)
{
    chain.wanted = hashes[2];
    cr_assert(eq(int, take(0), 0));
    cr_assert(eq(u64, chain.found, 0));
    cr_assert(eq(int, take(1), 0));
    cr_assert(eq(int, take(2), 0));
    cr_assert(eq(u64, chain.found, 2));
}
