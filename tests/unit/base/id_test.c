/* Ids: the TypeID specification's own examples, order, and that everything comes back. */
#include "base/id.h"

#include "base/random.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <signal.h>

static struct random dice;

static void seed(void)
{
    random_init(&dice, 11);
}

TestSuite(id, .init = seed);

static struct id random_id(void)
{
    struct id id;
    for (size_t i = 0; i < sizeof id.bytes; i++)
        id.bytes[i] = (uint8_t)random_u64(&dice);
    return id;
}

static struct id id_of(uint64_t first, uint64_t second)
{
    struct id id;
    for (unsigned i = 0; i < 8; i++) {
        id.bytes[i] = (uint8_t)(first >> (56 - 8 * i));
        id.bytes[8 + i] = (uint8_t)(second >> (56 - 8 * i));
    }
    return id;
}

Test(id, prints_as_the_typeid_specification_does)
{
    static const struct {
        uint64_t first, second;
        const char *text;
    } cases[] = {
        {0, 0, "t_00000000000000000000000000"},
        {0, 1, "t_00000000000000000000000001"},
        {0, 10, "t_0000000000000000000000000a"},
        {0, 16, "t_0000000000000000000000000g"},
        {0, 32, "t_00000000000000000000000010"},
        {UINT64_MAX, UINT64_MAX, "t_7zzzzzzzzzzzzzzzzzzzzzzzzz"},
        {0x0110c8531d0952d8, 0xd73e1194e95b5f19, "t_0123456789abcdefghjkmnpqrs"},
        {0x01890a5dac96774b, 0xbcceb302099a8057, "t_01h455vb4pex5vsknk084sn02q"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct id id = id_of(cases[i].first, cases[i].second), back;
        char out[ID_TEXT_SIZE];
        struct slice text = id_print(&id, "t", out);
        cr_assert(eq(str, out, (char *)cases[i].text));
        cr_assert(eq(sz, text.size, strlen(out)));
        cr_assert(eq(int, id_parse(text, "t", &back), 0));
        cr_assert(id_equal(&id, &back));
    }
}

Test(id, comes_back_from_its_text)
{
    for (unsigned i = 0; i < 10000; i++) {
        struct id id = random_id(), back;
        char out[ID_TEXT_SIZE];
        cr_assert(eq(int, id_parse(id_print(&id, "longest_", out), "longest_", &back), 0));
        cr_assert(id_equal(&id, &back));
        cr_assert(eq(int, id_parse(id_print(&id, "", out), "", &back), 0));
        cr_assert(id_equal(&id, &back));
    }
}

Test(id, refuses_text_that_is_not_quite_an_id)
{
    static const char *const wrong[] = {
        "",
        "evt",
        "evt_",
        "sub_01h455vb4pex5vsknk084sn02q",
        "evt01h455vb4pex5vsknk084sn02q",
        "evt-01h455vb4pex5vsknk084sn02q",
        "evt_01h455vb4pex5vsknk084sn02",
        "evt_01h455vb4pex5vsknk084sn02qq",
        "evt_81h455vb4pex5vsknk084sn02q",
        "evt_z1h455vb4pex5vsknk084sn02q",
        "evt_01H455VB4PEX5VSKNK084SN02Q",
        "evt_01h455vb4pex5vsknk084sn02i",
        "evt_01h455vb4pex5vsknk084sn02l",
        "evt_01h455vb4pex5vsknk084sn02o",
        "evt_01h455vb4pex5vsknk084sn02u",
        "evt_01h455vb4pex5vsknk084sn02 ",
        "evt_01h455vb4pex5vsknk084sn0\xc3\xa9",
        "_01h455vb4pex5vsknk084sn02q",
    };
    struct id id;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        cr_assert(eq(int, id_parse(slice_str(wrong[i]), "evt", &id), -EINVAL), "%s", wrong[i]);

    char with_nul[] = "evt_01h455vb4pex5vsknk084sn02";
    cr_assert(eq(int, id_parse(slice_of(with_nul, sizeof with_nul), "evt", &id), -EINVAL));
}

Test(id, sorts_by_time_as_bytes_and_as_text)
{
    struct id before = id_new(1, &dice);
    char before_text[ID_TEXT_SIZE], text[ID_TEXT_SIZE];
    id_print(&before, "evt", before_text);
    for (uint64_t ms = 1; ms < UINT64_C(1) << 48; ms += 1 + ms / 16) {
        struct id id = id_new(ms + 1, &dice);
        id_print(&id, "evt", text);
        cr_assert(lt(int, memcmp(&before, &id, sizeof id), 0));
        cr_assert(lt(int, strcmp(before_text, text), 0));
        before = id;
        memcpy(before_text, text, sizeof text);
    }
}

Test(id, keeps_its_parts)
{
    for (unsigned i = 0; i < 10000; i++) {
        uint64_t ms = random_u64(&dice) >> 16, low = random_u64(&dice) >> 2;
        unsigned high = (unsigned)(random_u64(&dice) >> 52);
        struct id id = id_pack(ms, high, low);
        cr_assert(eq(u64, id_time_ms(&id), ms));
        cr_assert(eq(uint, id_high(&id), high));
        cr_assert(eq(u64, id_low(&id), low));
        cr_assert(eq(int, id.bytes[6] >> 4, 7), "the version of RFC 9562");
        cr_assert(eq(int, id.bytes[8] >> 6, 2), "its variant");
    }
}

Test(id, is_new_each_time)
{
    struct id a = id_new(5, &dice), b = id_new(5, &dice), zero = {{0}};
    cr_assert(not(id_equal(&a, &b)));
    cr_assert(id_is_zero(&zero));
    cr_assert(not(id_is_zero(&a)));
    zero.bytes[15] = 1;
    cr_assert(not(id_is_zero(&zero)));
}

Test(id, hashes_the_same_in_every_version)
{
    struct id id = id_of(0x01890a5dac96774b, 0xbcceb302099a8057), zero = {{0}};
    cr_assert(eq(u64, id_hash(&id), UINT64_C(0xf7a0aaf8cd7b9c0e)));
    cr_assert(eq(u64, id_hash(&zero), UINT64_C(0x48218226ff3cd4bf)));
}

/* Each bit that differs should move about half of the bits of the hash. */
Test(id, hashes_close_ids_far_apart)
{
    for (unsigned bit = 0; bit < 128; bit++) {
        unsigned moved = 0;
        for (unsigned i = 0; i < 200; i++) {
            struct id id = random_id(), other = id;
            other.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            moved += (unsigned)__builtin_popcountll(id_hash(&id) ^ id_hash(&other));
        }
        cr_assert(moved > 200 * 28 && moved < 200 * 36, "bit %u moves %u of 200 * 64", bit, moved);
    }
}

Test(id, stops_at_parts_that_do_not_fit, .signal = SIGABRT)
{
    (void)id_pack(0, 1u << 12, 0);
}
