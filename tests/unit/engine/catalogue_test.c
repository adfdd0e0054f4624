/* How much room is left for event types, and who is refused when there is none. */
#include "catalogue.h"

#include "budget.h"
#include "config.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct registry registry;
static struct config config = {.memory_bytes = UINT64_C(128) << 20, .shards = 1};
static struct json *json;
static unsigned made_count;

static const struct id own = {{1}}, other = {{2}};

static void open_all(void)
{
    cr_assert(zero(int, registry_open(&registry)));
    cr_assert(zero(int, json_open(&json)));
}

static void close_all(void)
{
    json_close(json);
    registry_close(&registry);
}

TestSuite(catalogue, .init = open_all, .fini = close_all);

/* One whose schema has so many bytes of text besides, and so many expressions. */
static struct event_type *make(const struct id *tenant, size_t size, unsigned patterns)
{
    static char body[SCHEMA_SIZE_MAX + 4096];
    char why[JSON_WHY_SIZE];
    struct faults faults;
    struct json_value root;
    struct event_type *made;
    struct text text;
    text_init(&text, body, sizeof body - JSON_PADDING);
    text_printf(&text, "{\"name\":\"type.%u\",\"versions\":[{\"version\":\"1\",\"schema\":{",
                ++made_count);
    text_put(&text, SLICE("\"title\":\""));
    for (size_t i = 0; i < size; i++)
        text_char(&text, 'x');
    text_put(&text, SLICE("\",\"patternProperties\":{"));
    for (unsigned i = 0; i < patterns; i++)
        text_printf(&text, "%s\"^%u$\":true", i ? "," : "", i);
    text_put(&text, SLICE("}}}]}"));
    cr_assert(text_ok(&text));
    cr_assert(zero(int, json_read(json, text_slice(&text), &root, why)), "%s", why);
    cr_assert(zero(int, event_type_parse(root, NULL, 1, &made, &faults)), "%s",
              faults.list[0].detail);
    made->tenant = *tenant;
    made->id = id_pack(made_count, 0, 0);
    return made;
}

static enum catalogue_answer add(const struct id *tenant, size_t size)
{
    struct event_type *made = make(tenant, size, 0);
    struct catalogue_room room = catalogue_room(&registry, tenant, &config);
    enum catalogue_answer answer = catalogue_take(&room, NULL, made);
    if (answer == CATALOGUE_HAS_ROOM) {
        struct catalogue_room before = room;
        cr_assert(zero(int, registry_put_event_type(&registry, made)));
        room = catalogue_room(&registry, tenant, &config);
        cr_assert(eq(sz, room.types, before.types), "what was taken is what is there");
        cr_assert(eq(sz, room.own_bytes, before.own_bytes));
        cr_assert(eq(sz, room.bytes, before.bytes));
    } else {
        event_type_free(made);
    }
    return answer;
}

static size_t whole(void)
{
    return budget_of(config.memory_bytes, config.shards).catalogue_bytes;
}

Test(catalogue, counts_text_by_what_its_tree_takes_and_each_expression)
{
    struct event_type *small = make(&own, 0, 0), *large = make(&own, 1000, 0),
                      *matching = make(&own, 0, 3);
    cr_expect(ge(sz, event_type_bytes(small),
                 sizeof *small + 8 * schema_text(small->versions[0].schema).size));
    cr_expect(ge(sz, event_type_bytes(large), event_type_bytes(small) + 8 * 1000));
    cr_expect(ge(sz, event_type_bytes(matching), event_type_bytes(small) + 3 * 64 * 1024));
    event_type_free(small);
    event_type_free(large);
    event_type_free(matching);
}

Test(catalogue, gives_a_tenant_a_half_and_all_of_them_no_more_than_the_whole)
{
    static const struct id third = {{3}};
    size_t used = 0;
    while (add(&own, 60000) == CATALOGUE_HAS_ROOM)
        used++;
    cr_assert(lt(sz, 1, used));
    cr_expect(eq(int, (int)add(&own, 60000), CATALOGUE_TOO_LARGE));
    while (add(&other, 50000) == CATALOGUE_HAS_ROOM)
        continue;
    cr_expect(eq(int, (int)add(&other, 50000), CATALOGUE_TOO_LARGE));
    while (add(&third, 100) == CATALOGUE_HAS_ROOM)
        continue;
    cr_expect(eq(int, (int)add(&third, 100), CATALOGUE_FULL));
    size_t bytes = 0;
    for (size_t i = 0; i < registry.event_types.count; i++)
        bytes += event_type_bytes(registry.event_types.items[i]);
    cr_expect(le(sz, bytes, whole()));
    cr_expect(ge(sz, bytes, whole() - 64 * 1024));
}

Test(catalogue, lets_pass_what_takes_no_more_than_before)
{
    struct event_type *before = make(&own, 5000, 0), *smaller = make(&own, 4000, 0),
                      *larger = make(&own, 6000, 0);
    struct catalogue_room room = {.types = 0};
    cr_expect(eq(int, (int)catalogue_take(&room, before, larger), CATALOGUE_TOO_LARGE));
    cr_expect(eq(int, (int)catalogue_take(&room, before, before), CATALOGUE_HAS_ROOM));
    cr_expect(zero(sz, room.bytes));
    cr_expect(eq(int, (int)catalogue_take(&room, before, smaller), CATALOGUE_HAS_ROOM));
    size_t back = event_type_bytes(before) - event_type_bytes(smaller);
    cr_expect(eq(sz, room.bytes, back));
    cr_expect(eq(sz, room.own_bytes, back));
    cr_expect(eq(int, (int)catalogue_take(&room, smaller, before), CATALOGUE_HAS_ROOM));
    cr_expect(zero(sz, room.bytes));
    cr_expect(eq(int, (int)catalogue_take(&room, NULL, smaller), CATALOGUE_TOO_MANY));
    room.own_bytes = event_type_bytes(larger);
    cr_expect(eq(int, (int)catalogue_take(&room, smaller, larger), CATALOGUE_FULL));
    event_type_free(before);
    event_type_free(smaller);
    event_type_free(larger);
}

Test(catalogue, ends_at_so_many_of_a_tenant)
{
    struct event_type *made = make(&own, 0, 0);
    struct catalogue_room room = catalogue_room(&registry, &own, &config);
    cr_expect(eq(sz, room.types, EVENT_TYPES_MAX));
    room.own_bytes = room.bytes = SIZE_MAX / 2;
    for (unsigned i = 0; i < EVENT_TYPES_MAX; i++)
        cr_assert(eq(int, (int)catalogue_take(&room, NULL, made), CATALOGUE_HAS_ROOM));
    cr_expect(eq(int, (int)catalogue_take(&room, NULL, made), CATALOGUE_TOO_MANY));
    event_type_free(made);
}

Test(catalogue, is_not_less_than_nothing_when_more_is_stored_than_there_is_memory_for)
{
    while (add(&own, 60000) == CATALOGUE_HAS_ROOM)
        continue;
    config.memory_bytes /= 16;
    struct catalogue_room room = catalogue_room(&registry, &own, &config);
    cr_expect(zero(sz, room.own_bytes));
    cr_expect(zero(sz, room.bytes));
}

Test(catalogue, says_what_is_used_up_and_whose_it_is)
{
    int status;
    cr_expect(catalogue_refusal(CATALOGUE_HAS_ROOM, &status) == NULL);
    cr_expect(catalogue_refusal(CATALOGUE_TOO_MANY, &status) != NULL);
    cr_expect(eq(int, status, 409));
    cr_expect(catalogue_refusal(CATALOGUE_TOO_LARGE, &status) != NULL);
    cr_expect(eq(int, status, 409));
    cr_expect(catalogue_refusal(CATALOGUE_FULL, &status) != NULL);
    cr_expect(eq(int, status, 507));
}
