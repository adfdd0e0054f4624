/* Everything that is decoded from disk, with bytes that no encoder wrote: nothing is read beyond
 * them, and what is taken in can be encoded again to the same bytes. */
#include "store/row.h"

#include "store/block.h"
#include "store/keys.h"

#include <errno.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_same(struct slice encoded, const char *again, size_t size)
{
    must(encoded.size == size && memcmp(encoded.at, again, size) == 0);
}

static void try_event(struct slice input)
{
    struct event_record event;
    if (event_record_decode(input, &event))
        return;
    static const uint8_t key[AEAD_KEY_SIZE];
    if (event.sealed.nonce) {
        char *room = malloc(input.size);
        must(event_record_open_labels(&event, key, room) != -ENOKEY);
        must(event_record_open_payload(&event, key, room) != -ENOKEY);
        free(room);
        return;
    }
    if (input.at[0] < 3 || event.expunged)
        return; /* written by an earlier version, or changed in its place: it has another size */
    size_t size = event_record_size(&event);
    char *again = malloc(size);
    event_record_encode(&event, again);
    check_same(input, again, size);
    free(again);
}

static void try_attempt(struct slice input)
{
    struct attempt_record attempt;
    if (attempt_record_decode(input, &attempt))
        return;
    static const uint8_t key[AEAD_KEY_SIZE];
    if (attempt.sealed.nonce) {
        char *room = malloc(attempt_record_open_size(&attempt));
        must(attempt_record_open(&attempt, key, room) != -ENOKEY);
        free(room);
        return;
    }
    if (input.at[0] == 1 || attempt.expunged)
        return; /* likewise */
    size_t size = attempt_record_size(&attempt);
    char *again = malloc(size);
    attempt_record_encode(&attempt, again);
    must(size == input.size);
    free(again);
}

static void try_rows(struct slice input)
{
    struct delivery_row row;
    struct wait_row wait;
    struct dedup_row dedup;
    char again[DELIVERY_ROW_SIZE_MAX];
    if (delivery_row_decode(input, &row) == 0 && input.at[0] != 1)
        must(delivery_row_encode(&row, again) == input.size);
    if (wait_row_decode(input, &wait) == 0 && input.at[0] != 1) {
        wait_row_encode(&wait, again);
        check_same(input, again, WAIT_ROW_SIZE);
    }
    if (dedup_row_decode(input, &dedup) == 0) {
        dedup_row_encode(&dedup, again);
        check_same(input, again, DEDUP_ROW_SIZE);
    }
}

static void try_block(struct slice input)
{
    struct block_view view;
    struct slice record;
    if (block_peek(input, &view) == 0)
        must(view.records.size == input.size - BLOCK_HEAD_SIZE);
    if (block_open(input, &view))
        return;
    uint32_t count = 0;
    for (struct slice rest = view.records; block_next(&rest, &record);)
        count++;
    must(count == view.count);
}

static void try_keys(struct slice input)
{
    enum row_kind kind;
    struct id subscription, event;
    uint64_t number;
    struct key key;
    if (key_parse_block(input, &number) == 0) {
        key = key_block(number);
        check_same(input, key.bytes, key.size);
    }
    if (key_parse_retry(input, &number, &subscription, &event) == 0) {
        key = key_retry(number, &subscription, &event);
        check_same(input, key.bytes, key.size);
    }
    if (key_parse_row(input, &kind, &subscription, &event) == 0) {
        key = key_row(kind, &subscription, &event);
        check_same(input, key.bytes, key.size);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_of(data, size);
    try_event(input);
    try_attempt(input);
    try_rows(input);
    try_block(input);
    try_keys(input);
    return 0;
}
