/* draft_mode.c - in which form and order events are sent: "method", "ordering", "compression",
 * "delivery". */
#include "base/json_pointer.h"
#include "draft.h"

enum {
    BATCH_EVENTS = 100, /* unless it is said */
    BATCH_BYTES = 256 * 1024,
    BATCH_BYTES_MIN = 1024,
    BATCH_BYTES_MAX = 4 * 1024 * 1024,
    BATCH_WAIT_MS = 1000,
    BATCH_WAIT_MAX_MS = 5 * 60000,
};

void draft_parse_method(struct draft *draft, struct json_value value, const char *pointer)
{
    static const char *const methods[] = {"POST", "PUT", "PATCH"};
    struct slice text;
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (json_string(value, &text) && slice_equal(text, slice_str(methods[i]))) {
            memcpy(draft->made->method, methods[i], strlen(methods[i]) + 1);
            return;
        }
    }
    faults_add(draft->faults, pointer, "must be \"POST\", \"PUT\" or \"PATCH\"");
}

static void parse_ordering_key(struct draft *draft, struct json_value value, const char *pointer)
{
    struct slice key;
    if (!draft_take_string(draft, value, pointer, LIMIT_POINTER_SIZE, &key))
        return;
    if (key.size == 0 || !json_pointer_is_valid(key)) {
        faults_add(draft->faults, pointer,
                   "must be a JSON pointer into the payload, as \"/user_id\"");
        return;
    }
    draft->made->ordering = ORDERING_KEY;
    draft_keep(draft, &draft->made->ordering_key, key);
}

void draft_parse_ordering(struct draft *draft, struct json_value value, const char *pointer)
{
    static const struct field fields[] = {{"key", parse_ordering_key}};
    struct json_value key;
    struct slice text;
    if (json_get(value, "key", &key))
        DRAFT_WALK(draft, value, pointer, fields);
    else if (json_string(value, &text) && slice_equal(text, SLICE("strict")))
        draft->made->ordering = ORDERING_STRICT;
    else if (!json_string(value, &text) || !slice_equal(text, SLICE("none")))
        faults_add(draft->faults, pointer,
                   "must be \"none\", \"strict\" or {\"key\": a JSON pointer into the payload}");
}

void draft_parse_compression(struct draft *draft, struct json_value value, const char *pointer)
{
    struct slice text;
    if (json_string(value, &text) && slice_equal(text, SLICE("gzip")))
        draft->made->gzip = true;
    else if (!json_string(value, &text) || !slice_equal(text, SLICE("none")))
        faults_add(draft->faults, pointer, "must be \"none\" or \"gzip\"");
}

static void parse_mode(struct draft *draft, struct json_value value, const char *pointer)
{
    struct slice text;
    if (!json_string(value, &text) ||
        (!slice_equal(text, SLICE("single")) && !slice_equal(text, SLICE("batch"))))
        faults_add(draft->faults, pointer, "must be \"single\" or \"batch\"");
}

static bool take_number(struct draft *draft, struct json_value value, const char *pointer,
                        const uint64_t bounds[2], uint64_t *number)
{
    if (json_u64(value, number) && *number >= bounds[0] && *number <= bounds[1])
        return true;
    faults_add(draft->faults, pointer, "must be a whole number from %llu to %llu",
               (unsigned long long)bounds[0], (unsigned long long)bounds[1]);
    return false;
}

static void parse_max_events(struct draft *draft, struct json_value value, const char *pointer)
{
    uint64_t events;
    if (take_number(draft, value, pointer, (uint64_t[]){1, LIMIT_TOGETHER}, &events))
        draft->made->batch.events = (unsigned)events;
}

static void parse_max_bytes(struct draft *draft, struct json_value value, const char *pointer)
{
    uint64_t bytes;
    if (take_number(draft, value, pointer, (uint64_t[]){BATCH_BYTES_MIN, BATCH_BYTES_MAX}, &bytes))
        draft->made->batch.bytes = bytes;
}

static void parse_max_wait(struct draft *draft, struct json_value value, const char *pointer)
{
    uint64_t wait_ms;
    if (!draft_take_duration(draft, value, pointer, &wait_ms))
        return;
    draft->made->batch.wait_ms = wait_ms;
    if (wait_ms > BATCH_WAIT_MAX_MS)
        faults_add(draft->faults, pointer, "must be at most 5m");
}

void draft_parse_delivery(struct draft *draft, struct json_value value, const char *pointer)
{
    static const struct field single[] = {{"mode", parse_mode}};
    static const struct field batch[] = {{"mode", parse_mode},
                                         {"max_events", parse_max_events},
                                         {"max_bytes", parse_max_bytes},
                                         {"max_wait", parse_max_wait}};
    struct json_value mode;
    struct slice text;
    if (!json_get(value, "mode", &mode) || !json_string(mode, &text) ||
        !slice_equal(text, SLICE("batch"))) {
        DRAFT_WALK(draft, value, pointer, single);
        return;
    }
    draft->made->batch = (struct batch_settings){BATCH_EVENTS, BATCH_BYTES, BATCH_WAIT_MS};
    DRAFT_WALK(draft, value, pointer, batch);
}

void draft_settle_mode(struct draft *draft)
{
    if (draft->made->batch.events > 0 && draft->made->ordering != ORDERING_NONE)
        faults_add(draft->faults, "/ordering",
                   "cannot be combined with batches: events have to go one at a time");
}
