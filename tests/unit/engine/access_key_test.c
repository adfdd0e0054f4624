/* Access keys: whom they let in, and as documents. */
#include "access_key.h"

#include "faults.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdlib.h>

enum { NOW_MS = 1700000000 };
static const uint64_t now_ms = UINT64_C(1000) * NOW_MS;

static struct json *json;
static struct faults faults;
static char room[KEY_DOCUMENT_MAX + JSON_PADDING];
static struct access_key *made;

static void open_json(void)
{
    cr_assert(zero(int, json_open(&json)));
}

static void close_all(void)
{
    access_key_free(made);
    json_close(json);
}

TestSuite(access_key, .init = open_json, .fini = close_all);

static struct json_value reread(struct text *text)
{
    struct json_value root;
    char why[JSON_WHY_SIZE];
    cr_assert(text_ok(text));
    cr_assert(zero(int, json_read(json, text_slice(text), &root, why)), "%s", why);
    return root;
}

/* Parses a body in the place of `before` into `made`; how many faults. */
static unsigned parse(const char *body, const struct access_key *before)
{
    struct text text;
    access_key_free(made);
    made = NULL;
    text_init(&text, room, KEY_DOCUMENT_MAX);
    text_put(&text, slice_str(body));
    int error = access_key_parse(reread(&text), before, now_ms, &made, &faults);
    cr_assert(eq(int, error, faults.count ? -EINVAL : 0));
    return faults.count;
}

static struct access_key *make(const char *body)
{
    cr_assert(zero(uint, parse(body, NULL)), "%s %s", faults.list[0].pointer,
              faults.list[0].detail);
    memset(made->hash, 0xab, sizeof made->hash);
    memset(&made->id, 1, sizeof made->id);
    memset(&made->tenant, 2, sizeof made->tenant);
    return made;
}

static const char full[] =
    "{\"name\":\"a \\\"b\\\"\",\"scopes\":[\"read\",\"ingest\"],\"metadata\":{\"team\":[1]},"
    "\"allow_from\":[\"10.0.0.0/8\",\"fd00::/8\"],\"expires_at\":\"2030-01-01T00:00:00.250Z\"}";

static enum key_verdict judge(const char *ip, uint64_t wall_ms)
{
    struct address address;
    cr_assert(zero(int, address_parse_ip(slice_str(ip), 1, &address)));
    return access_key_judge(made, wall_ms, &address);
}

Test(access_key, lets_anybody_in_for_ever_unless_told_otherwise)
{
    make("{\"scopes\":[\"read\"]}");
    cr_assert(eq(int, (int)judge("192.0.2.1", UINT64_MAX), KEY_LETS_IN));
    cr_assert(eq(int, (int)access_key_judge(made, 0, NULL), KEY_LETS_IN));
}

Test(access_key, is_over_at_its_time_and_not_before)
{
    make("{\"scopes\":[\"read\"],\"expires_at\":\"2030-01-01T00:00:00.250Z\"}");
    cr_assert(eq(int, (int)judge("192.0.2.1", made->expires_ms - 1), KEY_LETS_IN));
    cr_assert(eq(int, (int)judge("192.0.2.1", made->expires_ms), KEY_IS_OVER));
}

Test(access_key, lets_in_from_its_networks_alone)
{
    char detail[KEY_ELSEWHERE_SIZE];
    struct address address;
    make(full);
    cr_assert(eq(int, (int)judge("10.1.2.3", now_ms), KEY_LETS_IN));
    cr_assert(eq(int, (int)judge("fd00::1", now_ms), KEY_LETS_IN));
    cr_assert(eq(int, (int)judge("11.1.2.3", now_ms), KEY_IS_ELSEWHERE));
    cr_assert(eq(int, (int)judge("64:ff9b::10.1.2.3", now_ms), KEY_IS_ELSEWHERE),
              "an address that carries another is itself");
    cr_assert(eq(int, (int)access_key_judge(made, now_ms, NULL), KEY_IS_ELSEWHERE));

    cr_assert(zero(int, address_parse_ip(SLICE("11.1.2.3"), 1, &address)));
    access_key_elsewhere(&address, detail);
    cr_assert_str_eq(detail, "the key may not be used from 11.1.2.3: see its allow_from");
}

static void assert_same(const struct access_key *a, const struct access_key *b)
{
    cr_assert(zero(int, memcmp(a->hash, b->hash, sizeof a->hash)));
    cr_assert(id_equal(&a->id, &b->id));
    cr_assert(id_equal(&a->tenant, &b->tenant));
    cr_assert(id_equal(&a->successor, &b->successor));
    cr_assert(eq(uint, a->scopes, b->scopes));
    cr_assert(eq(u64, a->expires_ms, b->expires_ms));
    cr_assert(eq(u64, a->updated_ms, b->updated_ms));
    cr_assert_str_eq(a->name, b->name);
    cr_assert_str_eq(a->metadata ? a->metadata : "{}", b->metadata ? b->metadata : "{}");
    cr_assert(eq(uint, a->network_count, b->network_count));
    for (unsigned i = 0; i < a->network_count; i++)
        cr_assert(zero(int, memcmp(&a->networks[i], &b->networks[i], sizeof a->networks[i])));
}

static void store_and_read(const struct access_key *key)
{
    struct access_key *again;
    struct text text;
    text_init(&text, room, KEY_DOCUMENT_MAX);
    access_key_print_stored(key, &text);
    cr_assert(zero(int, access_key_parse_stored(reread(&text), &again)));
    assert_same(key, again);
    access_key_free(again);
}

Test(access_key, reads_the_documents_it_stores)
{
    make("{\"scopes\":[\"read\"]}");
    store_and_read(made);
    make(full);
    made->expires_ms = now_ms - 1; /* it is over, and is read all the same */
    made->updated_ms = now_ms;
    memset(&made->successor, 3, sizeof made->successor);
    store_and_read(made);
}

Test(access_key, takes_no_other_document_for_a_key)
{
    static const char *const others[] = {"{\"id\":\"ten_00000000000000000000000000\"}", "{}",
                                         "{\"scopes\":[\"read\"],\"hash\":\"ab\"}"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct access_key *none;
        struct text text;
        text_init(&text, room, KEY_DOCUMENT_MAX);
        text_put(&text, slice_str(others[i]));
        cr_assert(eq(int, access_key_parse_stored(reread(&text), &none), -EINVAL));
    }
}

Test(access_key, copies_all_of_a_key)
{
    struct access_key *copy = access_key_copy(make(full));
    assert_same(made, copy);
    cr_assert(ne(ptr, copy->networks, made->networks));
    cr_assert(ne(ptr, copy->metadata, made->metadata));
    access_key_free(copy);
}

static struct json_value show(const struct access_key *key, const char *shown)
{
    struct text text;
    text_init(&text, room, KEY_DOCUMENT_MAX);
    access_key_print(key, shown, &text);
    return reread(&text);
}

static bool shows(const char *name, const char *expected)
{
    struct json_value value;
    struct slice string;
    cr_assert(json_get(show(made, NULL), name, &value), "%s", name);
    return json_string(value, &string) && slice_equal(string, slice_str(expected));
}

Test(access_key, shows_no_more_of_its_hash_than_a_hint_and_its_text_only_if_told_to)
{
    struct json_value root, value;
    make("{\"scopes\":[\"read\"]}");
    root = show(made, NULL);
    cr_assert(not(json_get(root, "hash", &value)));
    cr_assert(not(json_get(root, "key", &value)));
    cr_assert(shows("hint", "abababab"));
    cr_assert(json_get(show(made, "gk_shown"), "key", &value));
}

Test(access_key, shows_when_it_was_made_and_used_and_ends)
{
    struct json_value value;
    make(full);
    cr_assert(shows("expires_at", "2030-01-01T00:00:00.250Z"));
    cr_assert(json_get(show(made, NULL), "last_used_at", &value));
    cr_assert(eq(int, (int)json_kind(value), JSON_NULL));
    made->used_ms = now_ms;
    cr_assert(shows("last_used_at", "2023-11-14T22:13:20.000Z"));

    made->id = (struct id){0};
    cr_assert(json_get(show(made, NULL), "created_at", &value));
    cr_assert(eq(int, (int)json_kind(value), JSON_NULL),
              "the built-in key is from before all time");
}

Test(access_key, names_the_field_of_a_body_that_is_wrong)
{
    static const struct {
        const char *body, *pointer;
    } bad[] = {
        {"{}", "/scopes"},
        {"{\"scopes\":[]}", "/scopes"},
        {"{\"scopes\":[\"read\",\"root\"]}", "/scopes/1"},
        {"{\"scopes\":[\"read\"],\"name\":7}", "/name"},
        {"{\"scopes\":[\"read\"],\"hash\":\"\"}", "/hash"},
        {"{\"scopes\":[\"read\"],\"metadata\":[]}", "/metadata"},
        {"{\"scopes\":[\"read\"],\"allow_from\":[\"10.0.0.1/8\"]}", "/allow_from/0"},
        {"{\"scopes\":[\"read\"],\"expires_at\":\"soon\"}", "/expires_at"},
        {"{\"scopes\":[\"read\"],\"expires_at\":\"2001-01-01T00:00:00Z\"}", "/expires_at"},
        {"{\"scopes\":[\"read\"],\"id\":\"key_1\"}", "/id"},
        {"{\"scopes\":[\"read\"],\"last_used_at\":\"2001-01-01T00:00:00Z\"}", "/last_used_at"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        cr_assert(eq(uint, parse(bad[i].body, NULL), 1), "%s", bad[i].body);
        cr_assert_str_eq(faults.list[0].pointer, bad[i].pointer);
    }
}

Test(access_key, keeps_what_it_is_when_another_takes_its_place)
{
    struct access_key *before = access_key_copy(make(full));
    before->used_ms = 5;
    cr_assert(zero(uint, parse("{\"scopes\":[\"ingest\",\"read\"],\"name\":\"n\"}", before)));
    cr_assert(id_equal(&made->id, &before->id));
    cr_assert(zero(int, memcmp(made->hash, before->hash, sizeof made->hash)));
    cr_assert(eq(u64, made->used_ms, 5));
    cr_assert_str_eq(made->name, "n");
    cr_assert(zero(u64, made->expires_ms));
    cr_assert(zero(uint, made->network_count));

    cr_assert(eq(uint, parse("{\"scopes\":[\"read\"]}", before), 1));
    cr_assert_str_eq(faults.list[0].pointer, "/scopes");
    access_key_free(before);
}

/* The patch of a key that is over has the time of its end in it. */
Test(access_key, may_keep_an_end_that_is_past)
{
    static const char past[] =
        "{\"scopes\":[\"read\"],\"expires_at\":\"2001-01-01T00:00:00.000Z\"}";
    struct access_key *before = access_key_copy(make("{\"scopes\":[\"read\"]}"));
    cr_assert(eq(uint, parse(past, before), 1));
    before->expires_ms = UINT64_C(978307200000);
    cr_assert(zero(uint, parse(past, before)));
    access_key_free(before);
}

Test(access_key, is_changed_later_than_before_whatever_the_clock_says)
{
    struct access_key *before = access_key_copy(make("{\"scopes\":[\"read\"]}"));
    uint64_t made_ms = id_time_ms(&before->id);
    access_key_touch(made, before, made_ms);
    cr_assert(eq(u64, made->updated_ms, made_ms + 1));
    before->updated_ms = made_ms + 500;
    access_key_touch(made, before, made_ms);
    cr_assert(eq(u64, made->updated_ms, made_ms + 501));
    access_key_touch(made, before, made_ms + 900);
    cr_assert(eq(u64, made->updated_ms, made_ms + 900));
    access_key_free(before);
}

Test(access_key, takes_back_what_it_showed)
{
    static char body[KEY_DOCUMENT_MAX];
    struct access_key *before = access_key_copy(make(full));
    struct text text;
    before->used_ms = now_ms;
    before->updated_ms = now_ms;
    memset(&before->successor, 3, sizeof before->successor);
    text_init(&text, body, sizeof body - 1);
    access_key_print(before, NULL, &text);
    body[text.size] = '\0';
    cr_assert(zero(uint, parse(body, before)), "%s %s", faults.list[0].pointer,
              faults.list[0].detail);
    assert_same(before, made);
    access_key_free(before);
}
