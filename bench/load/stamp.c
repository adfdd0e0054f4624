/* stamp.c - fixed-width digits at fixed offsets.
 *
 * The payload:   offset 0   {"n":"
 *                       6   12 digits
 *                      18   ","t":"
 *                      25   19 digits
 *                      44   ","pad":"
 *                      53   letters, up to the last two bytes: "}
 */
#include "bench/load/stamp.h"

#include "base/random.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    NUMBER_AT = 6,
    NUMBER_DIGITS = 12,
    TIME_AT = 25,
    TIME_DIGITS = 19,
    PAD_AT = 53,
    TAIL_SIZE = 2,
    GROUP_DIGITS = 6,
    INK_SIZE = 1 << 20,
};

static const char envelope_start[] = "{\"type\":\"load.event.000000\",\"payload\":";
static const char payload_start[] =
    "{\"n\":\"000000000000\",\"t\":\"0000000000000000000\",\"pad\":\"";

enum {
    GROUP_AT = 20,
    PAYLOAD_AT = sizeof envelope_start - 1,
};

_Static_assert(sizeof payload_start - 1 == PAD_AT, "the layout above");

int stamp_ink_open(struct stamp_ink *ink, size_t payload_bytes)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    ink->size = INK_SIZE + payload_bytes;
    ink->letters = malloc(ink->size);
    if (!ink->letters)
        return -ENOMEM;
    struct random random;
    random_init(&random, 1);
    for (size_t i = 0; i < ink->size; i++)
        ink->letters[i] = alphabet[random_u64(&random) % (sizeof alphabet - 1)];
    return 0;
}

void stamp_ink_close(struct stamp_ink *ink)
{
    free(ink->letters);
    ink->letters = NULL;
}

size_t stamp_event_size(size_t payload_bytes)
{
    return PAYLOAD_AT + payload_bytes + 1;
}

void stamp_event_init(char *at, size_t payload_bytes)
{
    must(payload_bytes >= STAMP_PAYLOAD_MIN);
    memcpy(at, envelope_start, PAYLOAD_AT);
    char *payload = at + PAYLOAD_AT;
    memcpy(payload, payload_start, PAD_AT);
    memset(payload + PAD_AT, '.', payload_bytes - PAD_AT - TAIL_SIZE);
    memcpy(payload + payload_bytes - TAIL_SIZE, "\"}", TAIL_SIZE);
    payload[payload_bytes] = '}';
}

static void write_digits(char *at, unsigned digits, uint64_t value)
{
    for (unsigned i = digits; i-- > 0; value /= 10)
        at[i] = (char)('0' + value % 10);
}

void stamp_event_set(char *at, size_t payload_bytes, unsigned group, struct stamp stamp,
                     const struct stamp_ink *ink)
{
    size_t pad_bytes = payload_bytes - PAD_AT - TAIL_SIZE;
    /* Steps through the ink by an odd number: two events a block apart seldom overlap. */
    size_t from = (size_t)(stamp.number * 40503) % INK_SIZE;
    must(from + pad_bytes <= ink->size);

    char *payload = at + PAYLOAD_AT;
    write_digits(at + GROUP_AT, GROUP_DIGITS, group);
    write_digits(payload + NUMBER_AT, NUMBER_DIGITS, stamp.number);
    write_digits(payload + TIME_AT, TIME_DIGITS, stamp.sent_ns);
    memcpy(payload + PAD_AT, ink->letters + from, pad_bytes);
}

void stamp_type(unsigned group, char out[static STAMP_TYPE_SIZE])
{
    must(group < STAMP_GROUPS_MAX);
    snprintf(out, STAMP_TYPE_SIZE, "load.event.%06u", group % STAMP_GROUPS_MAX);
}

static bool read_digits(const char *at, unsigned digits, uint64_t *value)
{
    *value = 0;
    for (unsigned i = 0; i < digits; i++) {
        unsigned digit = (unsigned)(at[i] - '0');
        if (digit > 9)
            return false;
        *value = *value * 10 + digit;
    }
    return true;
}

bool stamp_read(struct slice payload, struct stamp *stamp)
{
    return payload.size >= STAMP_PAYLOAD_MIN && memcmp(payload.at, payload_start, NUMBER_AT) == 0 &&
           read_digits(payload.at + NUMBER_AT, NUMBER_DIGITS, &stamp->number) &&
           read_digits(payload.at + TIME_AT, TIME_DIGITS, &stamp->sent_ns);
}
