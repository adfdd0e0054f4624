/* id.h - 16-byte ids and their text form, TypeID: a prefix, '_', and the bytes of a UUIDv7 as 26
 * lower-case Crockford base32 digits (TypeID spec 0.3, RFC 9562 section 5.7).
 */
#ifndef BASE_ID_H
#define BASE_ID_H

#include "base/must.h"
#include "base/slice.h"

#include <stdint.h>

struct id {
    uint8_t bytes[16];
};

enum {
    ID_DIGITS = 26,
    ID_TEXT_SIZE = 36, /* room for a prefix of up to 8, '_', the digits and NUL */
};

static inline bool id_equal(const struct id *a, const struct id *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

bool id_is_zero(const struct id *id);

/* A UUIDv7 of the wall time and 74 bits of `random` (base/random.h). */
struct random;
struct id id_new(uint64_t wall_ms, struct random *random);

/* A UUIDv7 of the wall time whose other 74 bits are given: `high` has 12 bits, `low` has 62. */
struct id id_pack(uint64_t wall_ms, unsigned high, uint64_t low);

/* The parts of a UUIDv7. */
uint64_t id_time_ms(const struct id *id);
unsigned id_high(const struct id *id);
uint64_t id_low(const struct id *id);

/* A well-mixed hash of the bytes, for tables and for choosing a shard. Stable across versions:
 * homes of subscriptions depend on it. */
uint64_t id_hash(const struct id *id);

/* Prints "prefix_digits" with a NUL and returns the slice of it (in `out`). */
struct slice id_print(const struct id *id, const char *prefix, char out[static ID_TEXT_SIZE]);

/* Reads "prefix_digits". 0, or -EINVAL if the prefix or the digits are not right. */
MUST_CHECK int id_parse(struct slice text, const char *prefix, struct id *id);

#endif
