/* id.c - UUIDv7 (RFC 9562 section 5.7) as TypeID text.
 *
 *   bytes 0-5   unix time in ms, big-endian, so ids sort by time
 *   byte  6     version 7 (4 bits) and the upper 4 of `high`
 *   byte  7     the lower 8 of `high`
 *   bytes 8-15  variant 10 (2 bits) and `low` (62), big-endian
 *
 * The text is these 128 bits with two zero bits before them, five at a time.
 */
#include "base/id.h"

#include "base/random.h"

#include <endian.h>
#include <errno.h>

enum { PREFIX_MAX = ID_TEXT_SIZE - ID_DIGITS - 2 };

static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";

static const uint64_t low_mask = (UINT64_C(1) << 62) - 1;

/* The id as two numbers, the first half and the second. */
static uint64_t half(const struct id *id, size_t index)
{
    uint64_t number;
    memcpy(&number, id->bytes + index * sizeof number, sizeof number);
    return be64toh(number);
}

static struct id from_halves(uint64_t first, uint64_t second)
{
    struct id id;
    first = htobe64(first);
    second = htobe64(second);
    memcpy(id.bytes, &first, sizeof first);
    memcpy(id.bytes + sizeof first, &second, sizeof second);
    return id;
}

bool id_is_zero(const struct id *id)
{
    return (half(id, 0) | half(id, 1)) == 0;
}

struct id id_pack(uint64_t wall_ms, unsigned high, uint64_t low)
{
    must(high < 1u << 12);
    must(low <= low_mask);
    return from_halves(wall_ms << 16 | UINT64_C(7) << 12 | high, UINT64_C(2) << 62 | low);
}

struct id id_new(uint64_t wall_ms, struct random *random)
{
    unsigned high = (unsigned)(random_u64(random) >> 52);
    return id_pack(wall_ms, high, random_u64(random) & low_mask);
}

uint64_t id_time_ms(const struct id *id)
{
    return half(id, 0) >> 16;
}

unsigned id_high(const struct id *id)
{
    return (unsigned)(half(id, 0) & 0xfff);
}

uint64_t id_low(const struct id *id)
{
    return half(id, 1) & low_mask;
}

/* A bijection; each bit of `x` moves about half of the result's (Stafford, variant 13). */
static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

uint64_t id_hash(const struct id *id)
{
    return mix(mix(half(id, 0) + UINT64_C(0x9e3779b97f4a7c15)) ^ half(id, 1));
}

struct slice id_print(const struct id *id, const char *prefix, char out[static ID_TEXT_SIZE])
{
    size_t size = strlen(prefix);
    must(size <= PREFIX_MAX);
    char *end = stpcpy(out, prefix);
    if (size) {
        *end = '_';
        size++;
    }

    uint64_t first = half(id, 0), second = half(id, 1);
    for (size_t i = ID_DIGITS; i-- > 0;) {
        out[size + i] = digits[second & 31];
        second = second >> 5 | first << 59;
        first >>= 5;
    }
    size += ID_DIGITS;
    out[size] = '\0';
    return slice_of(out, size);
}

/* One more than the value of a digit; 0 for what is none. */
static const uint8_t digit_values[256] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
    ['g'] = 17, ['h'] = 18, ['j'] = 19, ['k'] = 20, ['m'] = 21, ['n'] = 22, ['p'] = 23, ['q'] = 24,
    ['r'] = 25, ['s'] = 26, ['t'] = 27, ['v'] = 28, ['w'] = 29, ['x'] = 30, ['y'] = 31, ['z'] = 32,
};

int id_parse(struct slice text, const char *prefix, struct id *id)
{
    struct slice start = slice_str(prefix);
    if (!slice_starts_with(text, start))
        return -EINVAL;
    text = slice_skip(text, start.size);
    if (start.size) {
        if (text.size == 0 || text.at[0] != '_')
            return -EINVAL;
        text = slice_skip(text, 1);
    }
    if (text.size != ID_DIGITS || text.at[0] > '7') /* 26 digits hold 130 bits */
        return -EINVAL;

    uint64_t first = 0, second = 0;
    for (size_t i = 0; i < ID_DIGITS; i++) {
        unsigned value = digit_values[(unsigned char)text.at[i]];
        if (value == 0)
            return -EINVAL;
        first = first << 5 | second >> 59;
        second = second << 5 | (value - 1);
    }
    *id = from_halves(first, second);
    return 0;
}
