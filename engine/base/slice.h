/* slice.h - a borrowed run of bytes. A slice never owns what it points at, and need not end in NUL.
 */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

struct slice {
    const char *at;
    size_t size;
};

/* A slice of a string literal: SLICE("text"). */
#define SLICE(literal) ((struct slice){(literal), sizeof(literal) - 1})

/* For printf: "%.*s", SLICE_ARGS(slice). */
#define SLICE_ARGS(slice) (int)(slice).size, (slice).at

static inline struct slice slice_of(const void *at, size_t size)
{
    return (struct slice){(const char *)at, size};
}

static inline struct slice slice_str(const char *string)
{
    return (struct slice){string, string ? strlen(string) : 0};
}

static inline bool slice_equal(struct slice a, struct slice b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.at, b.at, a.size) == 0);
}

/* ASCII letters compare without regard to case, as HTTP field names do. */
static inline bool slice_equal_nocase(struct slice a, struct slice b)
{
    return a.size == b.size && (a.size == 0 || strncasecmp(a.at, b.at, a.size) == 0);
}

static inline bool slice_starts_with(struct slice whole, struct slice start)
{
    return whole.size >= start.size &&
           (start.size == 0 || memcmp(whole.at, start.at, start.size) == 0);
}

/* What is left of `whole` after its first `count` bytes (all of it, if it is shorter). */
static inline struct slice slice_skip(struct slice whole, size_t count)
{
    if (count > whole.size)
        count = whole.size;
    return (struct slice){whole.at + count, whole.size - count};
}

/* The index of the first `byte`, or whole.size if there is none. */
static inline size_t slice_find(struct slice whole, char byte)
{
    const char *found = whole.size ? (const char *)memchr(whole.at, byte, whole.size) : NULL;
    return found ? (size_t)(found - whole.at) : whole.size;
}

/* Without the spaces and tabs at either end. */
struct slice slice_trim(struct slice whole);

/* Reads a decimal number of 1 to 19 digits and nothing else. False if it is anything else. */
bool slice_to_u64(struct slice whole, unsigned long *value);

#endif
