/* random.c - xoshiro256** (Blackman and Vigna, 2018), seeded through splitmix64 as they advise, and
 * the kernel's generator for secrets. A struct random is one thread's; random_secret() is any's.
 */
#include "base/random.h"

#include "base/must.h"

#include <errno.h>
#include <sys/random.h>

__extension__ typedef unsigned __int128 u128;

static uint64_t rotate_left(uint64_t x, unsigned count)
{
    return x << count | x >> (64 - count);
}

static uint64_t splitmix(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

void random_init(struct random *random, uint64_t seed)
{
    /* Splitmix64 gives each value once, so the state cannot come out as all zeros. */
    for (size_t i = 0; i < 4; i++)
        random->state[i] = splitmix(&seed);
}

uint64_t random_u64(struct random *random)
{
    uint64_t *s = random->state;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t shifted = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotate_left(s[3], 45);
    return result;
}

uint64_t random_below(struct random *random, uint64_t bound)
{
    if (bound == 0)
        return 0;

    /* Lemire's method: the high half of a product is the result; the few low halves that would
     * favour some results are drawn again. */
    u128 product = (u128)random_u64(random) * bound;
    if ((uint64_t)product < bound) {
        uint64_t unfair = -bound % bound;
        while ((uint64_t)product < unfair)
            product = (u128)random_u64(random) * bound;
    }
    return (uint64_t)(product >> 64);
}

void random_secret(void *bytes, size_t size)
{
    char *at = bytes;
    while (size) {
        ssize_t got = getrandom(at, size, 0);
        if (got < 0) { /* only a signal can interrupt a long request */
            must(errno == EINTR);
            continue;
        }
        at += got;
        size -= (size_t)got;
    }
}
