/* random.c - engine/base/random.c as it is, but that secrets come from the seed. */
#define random_secret random_secret_of_the_kernel
#include "engine/base/random.c"
#undef random_secret

#include "world.h"

void random_secret(void *bytes, size_t size);

void random_secret(void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        ((uint8_t *)bytes)[i] = (uint8_t)world_below(256);
}
