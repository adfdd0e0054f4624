/* Authenticated encryption: the draft's own example, what was changed does not open, and nonces do
 * not come twice. */
#include "base/aead.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <string.h>

enum { PLAIN_SIZE = 114 };

static const char plain[PLAIN_SIZE + 1] =
    "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
    "sunscreen would be it.";

static uint8_t key[AEAD_KEY_SIZE], nonce[AEAD_NONCE_SIZE];
static const uint8_t bound[] = {0x50, 0x51, 0x52, 0x53, 0xc0, 0xc1,
                                0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7};

static struct aead_terms terms(void)
{
    for (size_t i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)(0x80 + i);
    for (size_t i = 0; i < sizeof nonce; i++)
        nonce[i] = (uint8_t)(0x40 + i);
    return (struct aead_terms){key, nonce, slice_of(bound, sizeof bound)};
}

Test(aead, seals_the_drafts_example_as_the_draft_does)
{
    /* draft-irtf-cfrg-xchacha-03, appendix A.3.1: the beginning and the tag. */
    static const uint8_t first[] = {0xbd, 0x6d, 0x17, 0x9d, 0x3e, 0x83, 0xd4, 0x3b};
    static const uint8_t tag[] = {0xc0, 0x87, 0x59, 0x24, 0xc1, 0xc7, 0x98, 0x79,
                                  0x47, 0xde, 0xaf, 0xd8, 0x78, 0x0a, 0xcf, 0x49};
    const struct aead_terms by = terms();
    char box[PLAIN_SIZE + AEAD_TAG_SIZE], opened[PLAIN_SIZE];
    aead_seal(&by, slice_of(plain, PLAIN_SIZE), box);
    cr_assert(zero(int, memcmp(box, first, sizeof first)));
    cr_assert(zero(int, memcmp(box + PLAIN_SIZE, tag, sizeof tag)));
    cr_assert(zero(int, aead_open(&by, slice_of(box, sizeof box), opened)));
    cr_assert(zero(int, memcmp(opened, plain, PLAIN_SIZE)));
}

Test(aead, works_in_place_and_with_nothing_to_seal)
{
    const struct aead_terms by = terms();
    for (size_t size = 0; size <= PLAIN_SIZE; size++) {
        char box[PLAIN_SIZE + AEAD_TAG_SIZE];
        memcpy(box, plain, size);
        aead_seal(&by, slice_of(box, size), box);
        cr_assert(zero(int, aead_open(&by, slice_of(box, size + AEAD_TAG_SIZE), box)));
        cr_assert(zero(int, memcmp(box, plain, size)));
    }
}

Test(aead, does_not_open_what_was_changed_or_sealed_by_other_terms)
{
    struct aead_terms by = terms();
    char box[PLAIN_SIZE + AEAD_TAG_SIZE], opened[PLAIN_SIZE];
    aead_seal(&by, slice_of(plain, PLAIN_SIZE), box);
    for (size_t i = 0; i < sizeof box; i++) {
        box[i] ^= 1;
        cr_assert(eq(int, aead_open(&by, slice_of(box, sizeof box), opened), -EBADMSG), "%zu", i);
        box[i] ^= 1;
    }
    cr_assert(eq(int, aead_open(&by, slice_of(box, AEAD_TAG_SIZE - 1), opened), -EBADMSG));
    by.bound.size--;
    cr_assert(eq(int, aead_open(&by, slice_of(box, sizeof box), opened), -EBADMSG));
    by.bound.size++;
    nonce[AEAD_NONCE_SIZE - 1] ^= 1;
    cr_assert(eq(int, aead_open(&by, slice_of(box, sizeof box), opened), -EBADMSG));
    nonce[AEAD_NONCE_SIZE - 1] ^= 1;
    key[0] ^= 1;
    cr_assert(eq(int, aead_open(&by, slice_of(box, sizeof box), opened), -EBADMSG));
}

Test(aead, gives_each_nonce_once_and_leaves_its_last_byte_to_the_parts)
{
    struct aead_nonces nonces, others;
    uint8_t taken[AEAD_NONCE_SIZE], before[AEAD_NONCE_SIZE] = {0};
    aead_nonces_init(&nonces);
    aead_nonces_init(&others);
    cr_assert(ne(int, memcmp(&nonces, &others, sizeof nonces), 0));
    memset(nonces.next + 1, 0xff, AEAD_NONCE_SIZE - 3); /* about to carry all the way */
    for (unsigned i = 0; i < 1000; i++) {
        aead_nonces_take(&nonces, taken);
        cr_assert(eq(u8, taken[AEAD_NONCE_SIZE - 1], 0));
        cr_assert(ne(int, memcmp(taken, before, sizeof taken), 0));
        memcpy(before, taken, sizeof before);
    }
    cr_assert(eq(u8, before[1], 0)); /* it did */
}
