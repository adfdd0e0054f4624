/* keyring.c - see keyring.h. No state; any thread. */
#include "keyring.h"

#include "base/random.h"
#include "form.h"

#include <errno.h>
#include <openssl/sha.h>

enum { KEY_RANDOM_SIZE = 32, DIGIT_BITS = 5 };

struct slice key_make(char out[static KEY_TEXT_SIZE])
{
    static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz"; /* Crockford's */
    uint8_t bytes[KEY_RANDOM_SIZE];
    unsigned bits = 0, held = 0;
    struct text text;

    random_secret(bytes, sizeof bytes);
    text_init(&text, out, KEY_TEXT_SIZE - 1);
    text_put(&text, SLICE("gk_"));
    for (size_t i = 0; i < sizeof bytes; i++) {
        held = (held << 8 | bytes[i]) & 0xfff;
        for (bits += 8; bits >= DIGIT_BITS; bits -= DIGIT_BITS)
            text_char(&text, digits[held >> (bits - DIGIT_BITS) & 31]);
    }
    text_char(&text, digits[held << (DIGIT_BITS - bits) & 31]);
    must(text_ok(&text));
    out[text.size] = '\0';
    return text_slice(&text);
}

bool key_is_text(struct slice text)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.at[i] <= ' ' || text.at[i] > '~')
            return false;
    return text.size >= KEY_TEXT_MIN && text.size <= KEY_TEXT_MAX;
}

void key_hash(struct slice text, uint8_t hash[static KEY_HASH_SIZE])
{
    SHA256((const uint8_t *)text.at, text.size, hash);
}

struct slice key_of_authorization(struct slice value)
{
    struct slice scheme = SLICE("Bearer ");
    if (value.size <= scheme.size || !slice_equal_nocase(slice_of(value.at, scheme.size), scheme))
        return SLICE("");
    return slice_trim(slice_skip(value, scheme.size));
}

/* ---- documents ---- */

static const struct {
    const char *name;
    enum scope scope;
} scopes[] = {{"admin", SCOPE_ADMIN},
              {"manage", SCOPE_MANAGE},
              {"ingest", SCOPE_INGEST},
              {"read", SCOPE_READ}};
enum { SCOPES = sizeof scopes / sizeof scopes[0] };

void scopes_print(unsigned held, struct text *text)
{
    const char *comma = "";
    text_char(text, '[');
    for (size_t i = 0; i < SCOPES; i++) {
        if (!(held & scopes[i].scope))
            continue;
        text_printf(text, "%s\"%s\"", comma, scopes[i].name);
        comma = ",";
    }
    text_char(text, ']');
}

/* 0 if there is no such scope. */
static unsigned scope_named(struct json_value name)
{
    struct slice text;
    for (size_t i = 0; i < SCOPES && json_string(name, &text); i++)
        if (slice_equal(text, slice_str(scopes[i].name)))
            return scopes[i].scope;
    return 0;
}

static void parse_scopes(struct form *form, struct json_value value, const char *pointer)
{
    struct access_key *key = form->made;
    struct json_value element;
    uint64_t cursor = 0;
    unsigned index = 0;
    while (json_kind(value) == JSON_ARRAY && json_next(value, &cursor, NULL, &element)) {
        char place[FAULT_POINTER_SIZE];
        unsigned scope = scope_named(element);
        pointer_element(place, pointer, index++);
        if (!scope)
            faults_add(form->faults, place,
                       "must be \"admin\", \"manage\", \"ingest\" or \"read\"");
        key->scopes |= scope;
    }
    if (index == 0)
        faults_add(form->faults, pointer, "must be an array of at least one scope");
}

static void parse_name(struct form *form, struct json_value value, const char *pointer)
{
    struct access_key *key = form->made;
    struct slice text;
    if (!form_string(form, value, pointer, sizeof key->name - 1, &text))
        return;
    memcpy(key->name, text.at, text.size);
    key->name[text.size] = '\0';
}

int key_parse(struct json_value body, struct access_key *key, struct faults *faults)
{
    static const struct form_field fields[] = {{"name", parse_name}, {"scopes", parse_scopes}};
    struct form form = {.made = key, .faults = faults};
    struct json_value given;
    faults->count = 0;
    FORM_WALK(&form, body, "", fields);
    if (!json_get(body, "scopes", &given) || json_kind(given) == JSON_NULL)
        faults_add(faults, "/scopes", "is required");
    return faults->count ? -EINVAL : 0;
}

static void put_id(struct text *text, const char *key, const struct id *id, const char *prefix)
{
    char digits[ID_TEXT_SIZE];
    text_printf(text, "\"%s\":\"%s\",", key, id_print(id, prefix, digits).at);
}

static void put_who(struct text *text, const struct access_key *key)
{
    put_id(text, "id", &key->id, "key");
    put_id(text, "tenant", &key->tenant, "ten");
    text_put(text, SLICE("\"name\":"));
    text_json(text, slice_str(key->name));
    text_put(text, SLICE(",\"scopes\":"));
    scopes_print(key->scopes, text);
}

/* The built-in key has no time of making. */
void key_print(const struct access_key *key, const char *shown, struct text *text)
{
    text_char(text, '{');
    put_who(text, key);
    if (shown) {
        text_put(text, SLICE(",\"key\":"));
        text_json(text, slice_str(shown));
    }
    text_put(text, SLICE(",\"created_at\":"));
    if (id_is_zero(&key->id)) {
        text_put(text, SLICE("null}"));
        return;
    }
    text_char(text, '"');
    text_time(text, id_time_ms(&key->id));
    text_put(text, SLICE("\"}"));
}

void key_print_stored(const struct access_key *key, struct text *text)
{
    text_char(text, '{');
    put_who(text, key);
    text_put(text, SLICE(",\"hash\":\""));
    text_hex(text, key->hash, sizeof key->hash);
    text_put(text, SLICE("\"}"));
}

static bool get_id(struct json_value document, const char *key, const char *prefix, struct id *id)
{
    struct json_value value;
    struct slice text;
    return json_get(document, key, &value) && json_string(value, &text) &&
           id_parse(text, prefix, id) == 0;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool parse_hash(struct slice hex, uint8_t hash[static KEY_HASH_SIZE])
{
    if (hex.size != (size_t)KEY_HASH_SIZE * 2)
        return false;
    for (size_t i = 0; i < KEY_HASH_SIZE; i++) {
        int high = hex_digit(hex.at[2 * i]), low = hex_digit(hex.at[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        hash[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

int key_parse_stored(struct json_value document, struct access_key *key)
{
    struct json_value value;
    struct slice hex;
    struct faults faults = {0};
    struct form form = {.made = key, .faults = &faults};
    if (!get_id(document, "id", "key", &key->id) ||
        !get_id(document, "tenant", "ten", &key->tenant) || !json_get(document, "hash", &value) ||
        !json_string(value, &hex) || !parse_hash(hex, key->hash) ||
        !json_get(document, "scopes", &value))
        return -EINVAL;
    parse_scopes(&form, value, "");
    if (json_get(document, "name", &value))
        parse_name(&form, value, "");
    return faults.count ? -EINVAL : 0;
}
