/* The document of a replay: what it says comes back, and which types it means. */
#include "replay.h"

#include "base/random.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>

enum { SHARDS = 5 };

static struct id ids[SHARDS], read_ids[SHARDS + 1];

static struct replay any(struct random *random)
{
    struct replay replay = {
        .id = id_new(1, random),
        .tenant = id_new(2, random),
        .kind = (enum replay_kind)random_below(random, REPLAY_DISCARD + 1),
        .status = (enum replay_status)random_below(random, REPLAY_FAILED + 1),
        .filter = (enum replay_filter)random_below(random, REPLAY_GIVEN_UP + 1),
        .is_dry = random_below(random, 2),
        .since_ms = random_below(random, 1000),
        .until_ms = 1 + random_below(random, UINT64_C(1) << 42),
        .created_ms = 1 + random_below(random, UINT64_C(1) << 42),
        .updated_ms = 1 + random_below(random, UINT64_C(1) << 42),
        .finished_ms = random_below(random, 2) * 12345,
        .matched = random_below(random, UINT64_C(1) << 40),
        .handed = random_below(random, UINT64_C(1) << 40),
        .skipped = random_below(random, UINT64_C(1) << 40),
        .seen_ms = random_below(random, 2) * 777,
        .place.reached = ids,
        .reached_count = SHARDS,
    };
    if (random_below(random, 2))
        replay.subscription = id_new(3, random);
    if (random_below(random, 2))
        replay.event = id_new(4, random);
    if (random_below(random, 2))
        replay.at = id_new(5, random);
    if (random_below(random, 2))
        replay.place.after = id_new(6, random);
    for (unsigned i = 0; i < SHARDS; i++)
        ids[i] = random_below(random, 2) ? id_new(i + 1, random) : (struct id){0};
    if (replay.status == REPLAY_FAILED)
        snprintf(replay.why, sizeof replay.why, "its \"subscription\" was deleted");
    for (uint64_t i = random_below(random, REPLAY_TYPES_MAX + 1); i > 0; i--)
        cr_assert(zero(int, replay_add_type(&replay, i % 2 ? SLICE("a.b") : SLICE("a.*"))));
    return replay;
}

static struct json *json;

static int parse(const struct text *text, struct replay *replay, unsigned room)
{
    struct json_value root;
    char why[JSON_WHY_SIZE];
    memset(text->at + text->size, 0, JSON_PADDING);
    cr_assert(zero(int, json_read(json, text_slice(text), &root, why)), "%s", why);
    replay->place.reached = read_ids;
    return replay_parse_stored(root, replay, room);
}

Test(replay, comes_back_from_the_disk_as_it_was)
{
    static char memory[REPLAY_TEXT_MAX + JSON_PADDING];
    struct random random;
    random_init(&random, 20240812);
    cr_assert(zero(int, json_open(&json)));
    for (unsigned i = 0; i < 500; i++) {
        struct replay replay = any(&random), read;
        struct text text;
        text_init(&text, memory, REPLAY_TEXT_MAX);
        replay_print_stored(&replay, &text);
        cr_assert(text_ok(&text));
        cr_assert(zero(int, parse(&text, &read, SHARDS)), "%.*s", SLICE_ARGS(text_slice(&text)));
        cr_assert(zero(int, memcmp(ids, read_ids, sizeof ids)));
        read.place.reached = replay.place.reached;
        cr_assert(id_equal(&read.id, &replay.id) && id_equal(&read.tenant, &replay.tenant));
        cr_assert(id_equal(&read.subscription, &replay.subscription));
        cr_assert(id_equal(&read.event, &replay.event) && id_equal(&read.at, &replay.at));
        cr_assert(id_equal(&read.place.after, &replay.place.after));
        cr_assert(read.kind == replay.kind && read.status == replay.status);
        cr_assert(read.filter == replay.filter && read.is_dry == replay.is_dry);
        cr_assert(eq(str, read.types, replay.types));
        cr_assert(eq(str, read.why, replay.why));
        cr_assert(eq(u64, read.since_ms, replay.since_ms));
        cr_assert(eq(u64, read.until_ms, replay.until_ms));
        cr_assert(eq(u64, read.finished_ms, replay.finished_ms));
        cr_assert(eq(u64, read.matched, replay.matched));
        cr_assert(eq(u64, read.handed, replay.handed));
        cr_assert(eq(u64, read.skipped, replay.skipped));
        cr_assert(eq(u64, read.seen_ms, replay.seen_ms));
        cr_assert(zero(int, parse(&text, &read, SHARDS + 1)), "there are more shards now");
        cr_assert(eq(u32, read.reached_count, SHARDS + 1));
        cr_assert(id_is_zero(&read_ids[SHARDS]));
    }
    json_close(json);
}

Test(replay, fits_its_document_with_the_most_that_it_may_say)
{
    static char memory[16 * 1024];
    static struct id many[DB_SHARDS_MAX];
    struct replay replay = {.reached_count = DB_SHARDS_MAX, .place.reached = many};
    char type[128];
    struct text text;
    memset(type, 'a', sizeof type);
    for (unsigned i = 0; i < REPLAY_TYPES_MAX; i++)
        cr_assert(zero(int, replay_add_type(&replay, slice_of(type, sizeof type))));
    cr_assert(eq(int, replay_add_type(&replay, slice_of(type, sizeof type)), -ENOBUFS));
    text_init(&text, memory, sizeof memory);
    replay_print_stored(&replay, &text);
    cr_assert(text_ok(&text));
    text_init(&text, memory, REPLAY_TEXT_MAX);
    replay_print(&replay, &text);
    cr_assert(text_ok(&text));
}

static bool wants(const char *pattern, const char *type)
{
    struct replay replay = {.since_ms = 0};
    struct event_record event = {.type = slice_str(type)};
    if (*pattern)
        cr_assert(zero(int, replay_add_type(&replay, slice_str(pattern))), "%s", pattern);
    return replay_wants(&replay, &event);
}

Test(replay, means_the_types_that_its_patterns_match)
{
    cr_expect(wants("", "a"));
    cr_expect(wants("*", "a.b"));
    cr_expect(wants("a.b", "a.b"));
    cr_expect(not(wants("a.b", "a.bc")));
    cr_expect(not(wants("a.b", "a")));
    cr_expect(wants("a.*", "a.b"));
    cr_expect(wants("a.*", "a.b.c"));
    cr_expect(not(wants("a.*", "a")));
    cr_expect(not(wants("a.*", "ab.c")));
}

Test(replay, takes_no_pattern_that_is_none)
{
    static const char *const bad[] = {"", "a b", "*.a", "a*", ".*x", "a.*.b", "\xc3\xa4"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct replay replay = {.since_ms = 0};
        cr_expect(eq(int, replay_add_type(&replay, slice_str(bad[i])), -EINVAL), "%s", bad[i]);
    }
}

Test(replay, has_names_for_the_ways_in_which_deliveries_end)
{
    enum replay_filter filter = REPLAY_ALL;
    cr_assert(replay_filter_named(SLICE("failed"), &filter));
    cr_expect(eq(int, (int)filter, REPLAY_DEAD));
    cr_assert(replay_filter_named(SLICE("all"), &filter));
    cr_expect(eq(u32, replay_statuses(filter) & 1u << DELIVERY_PENDING, 0));
    cr_expect(not(replay_filter_named(SLICE("pending"), &filter)));
}
