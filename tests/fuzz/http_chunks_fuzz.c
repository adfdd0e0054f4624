/* Any bytes as a chunked body: in one piece and in single bytes it comes to the same. */
#include "net/http_parse.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

struct outcome {
    int result;
    size_t taken, body_size;
    uint64_t sum;
};

static struct outcome decode(const char *at, size_t size, size_t piece)
{
    struct http_chunks chunks;
    struct outcome outcome = {0};
    http_chunks_init(&chunks);
    while (outcome.taken < size && outcome.result == 0) {
        size_t taken, room = size - outcome.taken < piece ? size - outcome.taken : piece;
        struct slice body;
        const char *why = NULL;
        outcome.result = http_chunks_feed(&chunks, at + outcome.taken, room, &taken, &body, &why);
        check(taken <= room && (taken > 0 || outcome.result != 0));
        check(outcome.result >= 0 || why);
        check(body.size <= taken);
        for (size_t i = 0; i < body.size; i++)
            outcome.sum = outcome.sum * 31 + (unsigned char)body.at[i];
        outcome.body_size += body.size;
        outcome.taken += taken;
    }
    return outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *at = (const char *)data;
    struct outcome whole = decode(at, size, SIZE_MAX), bytes = decode(at, size, 1);
    check(whole.result == bytes.result && whole.body_size == bytes.body_size);
    check(whole.sum == bytes.sum);
    check(whole.result < 0 || whole.taken == bytes.taken);
    return 0;
}
