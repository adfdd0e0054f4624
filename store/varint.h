/* varint.h - numbers as bytes, small ones in few: seven bits a byte, the lowest first, the eighth
 * says that more follow (LEB128).
 */
#ifndef STORE_VARINT_H
#define STORE_VARINT_H

#include "base/must.h"
#include "base/slice.h"

#include <errno.h>
#include <stdint.h>

enum { VARINT_SIZE_MAX = 10 };

/* Returns the size. */
static inline size_t varint_put(char *at, uint64_t value)
{
    size_t size = 0;
    for (; value >= 0x80; value >>= 7)
        at[size++] = (char)(value | 0x80);
    at[size++] = (char)value;
    return size;
}

/* Takes one off `bytes`. 0, or -EBADMSG if there is no whole one of 64 bits. */
MUST_CHECK static inline int varint_take(struct slice *bytes, uint64_t *value)
{
    *value = 0;
    for (unsigned i = 0; i < bytes->size && i < VARINT_SIZE_MAX; i++) {
        uint64_t bits = (unsigned char)bytes->at[i];
        if (i == VARINT_SIZE_MAX - 1 && bits > 1)
            return -EBADMSG;
        *value |= (bits & 0x7f) << (7 * i);
        if (bits < 0x80) {
            *bytes = slice_skip(*bytes, i + 1);
            return 0;
        }
    }
    return -EBADMSG;
}

#endif
