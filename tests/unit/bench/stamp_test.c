/* Stamps: what is written into an event is read from the payload that an engine delivers, and the
 * event is valid JSON of the size that was promised. */
#include "bench/load/stamp.h"

#include "base/json.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

enum { PAYLOAD_MAX = 4096 };

static struct stamp_ink ink;
static struct json *json;
static char event[PAYLOAD_MAX + 256];

static void start(void)
{
    cr_assert(eq(int, stamp_ink_open(&ink, PAYLOAD_MAX), 0));
    cr_assert(eq(int, json_open(&json), 0));
}

static void end(void)
{
    stamp_ink_close(&ink);
    json_close(json);
}

TestSuite(stamp, .init = start, .fini = end);

/* The raw bytes of the event's payload, as an engine would find them. */
static struct slice payload_of(size_t payload_bytes)
{
    struct json_member members[4];
    char why[JSON_WHY_SIZE];
    struct slice text = slice_of(event, stamp_event_size(payload_bytes));
    int count = json_scan(json, text, members, 4, why);
    cr_assert(eq(int, count, 2));
    cr_assert(slice_equal(members[0].key, SLICE("type")));
    cr_assert(slice_equal(members[1].key, SLICE("payload")));
    return members[1].raw;
}

Test(stamp, is_read_from_the_payload_as_it_was_written)
{
    struct stamp written = {.number = 123456789012, .sent_ns = UINT64_C(1234567890123456789)};
    for (size_t bytes = STAMP_PAYLOAD_MIN; bytes <= PAYLOAD_MAX; bytes += 61) {
        stamp_event_init(event, bytes);
        stamp_event_set(event, bytes, 42, written, &ink);

        struct slice payload = payload_of(bytes);
        struct stamp read = {0};
        cr_assert(eq(sz, payload.size, bytes));
        cr_assert(stamp_read(payload, &read));
        cr_assert(eq(u64, read.number, written.number));
        cr_assert(eq(u64, read.sent_ns, written.sent_ns));
    }
}

Test(stamp, puts_the_type_of_its_group_in_the_event)
{
    char type[STAMP_TYPE_SIZE];
    stamp_type(4711, type);
    stamp_event_init(event, 100);
    stamp_event_set(event, 100, 4711, (struct stamp){0}, &ink);

    struct json_member member;
    char why[JSON_WHY_SIZE];
    cr_assert(ge(int, json_scan(json, slice_of(event, stamp_event_size(100)), &member, 1, why), 1));
    cr_assert(eq(sz, member.raw.size, strlen(type) + 2));
    cr_assert(eq(int, memcmp(member.raw.at + 1, type, strlen(type)), 0));
}

Test(stamp, pads_neighbours_with_different_letters)
{
    char other[sizeof event];
    stamp_event_init(event, 1024);
    stamp_event_init(other, 1024);
    stamp_event_set(event, 1024, 0, (struct stamp){.number = 7}, &ink);
    stamp_event_set(other, 1024, 0, (struct stamp){.number = 8}, &ink);

    unsigned same = 0;
    for (size_t i = 100; i < 1000; i++)
        same += event[i] == other[i];
    cr_assert(lt(uint, same, 100));
}

Test(stamp, is_not_seen_where_there_is_none)
{
    struct stamp stamp;
    char text[STAMP_PAYLOAD_MIN + 1];
    memset(text, '0', sizeof text);
    cr_assert(not(stamp_read(slice_of(text, STAMP_PAYLOAD_MIN), &stamp)));
    cr_assert(not(stamp_read(SLICE("{\"n\":\"000000000000\""), &stamp)), "cut short");

    stamp_event_init(event, STAMP_PAYLOAD_MIN);
    stamp_event_set(event, STAMP_PAYLOAD_MIN, 0, (struct stamp){.number = 1}, &ink);
    struct slice payload = payload_of(STAMP_PAYLOAD_MIN);
    memcpy(text, payload.at, payload.size);
    text[8] = 'x';
    cr_assert(not(stamp_read(slice_of(text, payload.size), &stamp)), "a letter in the number");
}
