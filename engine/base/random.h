/* random.h - chance, of two kinds. random_u64() is a fast seeded generator (xoshiro256**) for
 * jitter and ids; random_secret() comes from the kernel and is for keys. The simulator replaces
 * this file.
 */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct random {
    uint64_t state[4];
};

/* Two generators with the same seed give the same numbers. */
void random_init(struct random *random, uint64_t seed);
uint64_t random_u64(struct random *random);

/* Uniform in [0, bound); 0 if bound is 0. */
uint64_t random_below(struct random *random, uint64_t bound);

/* Fills `bytes` from the kernel's generator. Cannot fail on Linux 6.1. */
void random_secret(void *bytes, size_t size);

#endif
