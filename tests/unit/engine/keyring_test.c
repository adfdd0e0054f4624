/* Keys: made, hashed, and as documents. */
#include "keyring.h"

#include "faults.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <string.h>

static struct json *json;

static void open_json(void)
{
    cr_assert(eq(int, json_open(&json), 0));
}

static void close_json(void)
{
    json_close(json);
}

TestSuite(keyring, .init = open_json, .fini = close_json);

static struct json_value reread(struct text *text)
{
    struct json_value root;
    char why[JSON_WHY_SIZE];
    cr_assert(text_ok(text));
    cr_assert(eq(int, json_read(json, text_slice(text), &root, why), 0), "%s", why);
    return root;
}

Test(keyring, makes_keys_that_differ_and_may_serve)
{
    char first[KEY_TEXT_SIZE], second[KEY_TEXT_SIZE];
    struct slice text = key_make(first);
    key_make(second);
    cr_assert(eq(sz, text.size, 55), "gk_ and 52 digits of 5 bits for 256");
    cr_assert(slice_starts_with(text, SLICE("gk_")));
    cr_assert_str_neq(first, second);
    cr_assert(key_is_text(text));
}

Test(keyring, hashes_with_sha_256)
{
    uint8_t hash[KEY_HASH_SIZE];
    char hex[2 * KEY_HASH_SIZE + 1] = {0};
    struct text text;
    key_hash(SLICE("abc"), hash);
    text_init(&text, hex, sizeof hex);
    text_hex(&text, hash, sizeof hash);
    /* FIPS 180-2 appendix B.1 */
    cr_assert_str_eq(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

Test(keyring, refuses_texts_that_are_short_or_not_visible)
{
    cr_assert(not(key_is_text(SLICE("short"))));
    cr_assert(not(key_is_text(SLICE("sixteen characters long, with spaces"))));
    cr_assert(not(key_is_text(SLICE("sixteen-characters-\x01"))));
    cr_assert(key_is_text(SLICE("sixteen-charact.")));
}

Test(keyring, takes_the_key_out_of_a_bearer_field)
{
    cr_assert(slice_equal(key_of_authorization(SLICE("Bearer gk_1")), SLICE("gk_1")));
    cr_assert(slice_equal(key_of_authorization(SLICE("bearer  gk_1 ")), SLICE("gk_1")));
    cr_assert(eq(sz, key_of_authorization(SLICE("Basic abc")).size, 0));
    cr_assert(eq(sz, key_of_authorization(SLICE("Bearer")).size, 0));
    cr_assert(eq(sz, key_of_authorization(SLICE("")).size, 0));
}

Test(keyring, reads_the_documents_it_prints)
{
    struct access_key key = {.scopes = SCOPE_INGEST | SCOPE_READ, .name = "a \"b\""}, again = {0};
    char room[KEY_DOCUMENT_MAX + JSON_PADDING];
    struct text text;
    memset(key.hash, 0xab, sizeof key.hash);
    memset(&key.id, 1, sizeof key.id);
    memset(&key.tenant, 2, sizeof key.tenant);

    text_init(&text, room, KEY_DOCUMENT_MAX);
    key_print_stored(&key, &text);
    cr_assert(eq(int, key_parse_stored(reread(&text), &again), 0));
    cr_assert(eq(int, memcmp(&key, &again, sizeof key), 0));

    text_init(&text, room, KEY_DOCUMENT_MAX);
    text_put(&text, SLICE("{\"id\":\"ten_00000000000000000000000000\"}"));
    cr_assert(ne(int, key_parse_stored(reread(&text), &again), 0), "a tenant is no key");
}

Test(keyring, shows_a_key_without_its_hash_and_its_text_only_if_told_to)
{
    struct access_key key = {.scopes = SCOPE_READ, .name = "n"};
    char room[KEY_DOCUMENT_MAX + JSON_PADDING];
    struct text text;
    struct json_value root, value;
    memset(key.hash, 0xab, sizeof key.hash);
    text_init(&text, room, KEY_DOCUMENT_MAX);
    key_print(&key, NULL, &text);
    root = reread(&text);
    cr_assert(not(json_get(root, "hash", &value)));
    cr_assert(not(json_get(root, "key", &value)));
    cr_assert(json_get(root, "created_at", &value));
    cr_assert(eq(int, json_kind(value), JSON_NULL), "the built-in key is from before all time");

    text_init(&text, room, KEY_DOCUMENT_MAX);
    memset(&key.id, 1, sizeof key.id);
    key_print(&key, "gk_shown", &text);
    root = reread(&text);
    cr_assert(json_get(root, "key", &value));
    cr_assert(json_get(root, "created_at", &value));
    cr_assert(eq(int, json_kind(value), JSON_STRING));
}

static unsigned faults_of(const char *body, struct faults *faults)
{
    struct access_key key = {0};
    char room[512];
    struct text text;
    text_init(&text, room, sizeof room - JSON_PADDING);
    text_put(&text, slice_str(body));
    int error = key_parse(reread(&text), &key, faults);
    cr_assert(eq(int, error, faults->count ? -EINVAL : 0));
    return faults->count;
}

Test(keyring, names_the_field_of_a_body_that_is_wrong)
{
    struct faults faults;
    cr_assert(eq(uint, faults_of("{\"scopes\":[\"read\",\"ingest\"]}", &faults), 0));
    cr_assert(eq(uint, faults_of("{}", &faults), 1));
    cr_assert_str_eq(faults.list[0].pointer, "/scopes");
    cr_assert(eq(uint, faults_of("{\"scopes\":[]}", &faults), 1));
    cr_assert(eq(uint, faults_of("{\"scopes\":[\"read\",\"root\",7]}", &faults), 2));
    cr_assert_str_eq(faults.list[0].pointer, "/scopes/1");
    cr_assert_str_eq(faults.list[1].pointer, "/scopes/2");
    cr_assert(eq(uint, faults_of("{\"scopes\":[\"read\"],\"name\":7,\"hash\":\"\"}", &faults), 2));
    cr_assert_str_eq(faults.list[0].pointer, "/name");
    cr_assert_str_eq(faults.list[1].pointer, "/hash");
}
