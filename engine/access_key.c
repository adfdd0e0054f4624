/* access_key.c - see access_key.h. No state; what is judged, by any thread; documents by control.
 */
#include "access_key.h"

#include "base/list.h"
#include "base/units.h"
#include "form.h"
#include "limits.h"
#include "networks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOMENT_SIZE = 32, HINT_SIZE = 4 /* bytes of the hash */ };

/* ---- life ---- */

void access_key_free(struct access_key *key)
{
    if (!key)
        return;
    free(key->networks);
    free(key->metadata);
    free(key);
}

struct access_key *access_key_copy(const struct access_key *key)
{
    struct access_key *copy = malloc(sizeof *copy);
    size_t size = key->network_count * sizeof *key->networks;
    if (!copy)
        return NULL;
    *copy = *key;
    copy->networks = size ? malloc(size) : NULL;
    copy->metadata = key->metadata ? strdup(key->metadata) : NULL;
    if (!copy->metadata != !key->metadata || !copy->networks != !size) {
        access_key_free(copy);
        return NULL;
    }
    if (size)
        memcpy(copy->networks, key->networks, size);
    return copy;
}

/* ---- letting in ---- */

enum key_verdict access_key_judge(const struct access_key *key, uint64_t wall_ms,
                                  const struct address *peer)
{
    uint8_t ip[16];
    if (key->expires_ms && wall_ms >= key->expires_ms)
        return KEY_IS_OVER;
    if (key->network_count == 0)
        return KEY_LETS_IN;
    if (!peer)
        return KEY_IS_ELSEWHERE;
    address_bytes(peer, ip);
    return networks_hold(key->networks, key->network_count, ip) ? KEY_LETS_IN : KEY_IS_ELSEWHERE;
}

void access_key_elsewhere(const struct address *peer, char detail[static KEY_ELSEWHERE_SIZE])
{
    char from[ADDRESS_TEXT_SIZE] = "an unknown address";
    if (peer)
        address_print_ip(peer, from);
    snprintf(detail, KEY_ELSEWHERE_SIZE, "the key may not be used from %s: see its allow_from",
             from);
}

/* ---- printing ---- */

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

static void put_moment(struct text *text, const char *name, uint64_t wall_ms)
{
    text_printf(text, ",\"%s\":", name);
    if (wall_ms == 0) {
        text_put(text, SLICE("null"));
        return;
    }
    text_char(text, '"');
    text_time(text, wall_ms);
    text_char(text, '"');
}

static uint64_t created_of(const struct access_key *key)
{
    return id_is_zero(&key->id) ? 0 : id_time_ms(&key->id);
}

uint64_t access_key_revision(const struct access_key *key)
{
    return key->updated_ms ? key->updated_ms : created_of(key);
}

void access_key_touch(struct access_key *after, const struct access_key *before, uint64_t wall_ms)
{
    uint64_t last_ms = access_key_revision(before);
    after->updated_ms = wall_ms > last_ms ? wall_ms : last_ms + 1;
}

/* What both documents have. */
static void put_common(struct text *text, const struct access_key *key)
{
    char digits[ID_TEXT_SIZE];
    text_printf(text, "\"id\":\"%s\"", id_print(&key->id, "key", digits).at);
    text_printf(text, ",\"tenant\":\"%s\",\"name\":", id_print(&key->tenant, "ten", digits).at);
    text_json(text, slice_str(key->name));
    text_put(text, SLICE(",\"scopes\":"));
    scopes_print(key->scopes, text);
    text_put(text, SLICE(",\"allow_from\":"));
    networks_print(key->networks, key->network_count, text);
    text_printf(text, ",\"metadata\":%s,\"successor\":", key->metadata ? key->metadata : "{}");
    if (id_is_zero(&key->successor))
        text_put(text, SLICE("null"));
    else
        text_printf(text, "\"%s\"", id_print(&key->successor, "key", digits).at);
    put_moment(text, "expires_at", key->expires_ms);
}

void access_key_print(const struct access_key *key, const char *shown, struct text *text)
{
    text_char(text, '{');
    put_common(text, key);
    text_put(text, SLICE(",\"hint\":\""));
    text_hex(text, key->hash, HINT_SIZE);
    text_char(text, '"');
    if (shown) {
        text_put(text, SLICE(",\"key\":"));
        text_json(text, slice_str(shown));
    }
    put_moment(text, "last_used_at", key->used_ms);
    put_moment(text, "created_at", created_of(key));
    put_moment(text, "updated_at", access_key_revision(key));
    text_char(text, '}');
}

void access_key_print_stored(const struct access_key *key, struct text *text)
{
    text_char(text, '{');
    put_common(text, key);
    text_put(text, SLICE(",\"hash\":\""));
    text_hex(text, key->hash, sizeof key->hash);
    text_char(text, '"');
    put_moment(text, "updated_at", key->updated_ms);
    text_char(text, '}');
}

/* ---- parsing ---- */

struct key_draft {
    struct form form;
    struct access_key *made;
    const struct access_key *before; /* NULL: a new one, or one from `meta` */
    uint64_t wall_ms;
    bool has_id, has_tenant, has_hash, has_scopes, is_stored;
};

static struct key_draft *draft_of(struct form *form)
{
    return container_of(form, struct key_draft, form);
}

/* What only the server sets: it may be sent back as it was. */
static void check_same(struct form *form, struct json_value value, const char *pointer,
                       struct slice now)
{
    struct slice given;
    if (!draft_of(form)->before)
        faults_add(form->faults, pointer, "is set by the server");
    else if (!json_string(value, &given) || !slice_equal(given, now))
        faults_add(form->faults, pointer, "cannot be changed");
}

static void check_same_moment(struct form *form, struct json_value value, const char *pointer,
                              uint64_t now_ms)
{
    char moment[MOMENT_SIZE];
    struct text text;
    text_init(&text, moment, sizeof moment);
    text_time(&text, now_ms);
    check_same(form, value, pointer, text_slice(&text));
}

static void check_same_id(struct form *form, struct json_value value, const char *pointer,
                          const char *prefix, const struct id *id)
{
    char digits[ID_TEXT_SIZE];
    check_same(form, value, pointer, id_print(id, prefix, digits));
}

static void check_id(struct form *form, struct json_value value, const char *pointer)
{
    check_same_id(form, value, pointer, "key", &draft_of(form)->made->id);
}

static void check_tenant(struct form *form, struct json_value value, const char *pointer)
{
    check_same_id(form, value, pointer, "ten", &draft_of(form)->made->tenant);
}

static void check_successor(struct form *form, struct json_value value, const char *pointer)
{
    check_same_id(form, value, pointer, "key", &draft_of(form)->made->successor);
}

static void check_hint(struct form *form, struct json_value value, const char *pointer)
{
    char hex[2 * HINT_SIZE];
    struct text text;
    text_init(&text, hex, sizeof hex);
    text_hex(&text, draft_of(form)->made->hash, HINT_SIZE);
    check_same(form, value, pointer, text_slice(&text));
}

static void check_created(struct form *form, struct json_value value, const char *pointer)
{
    check_same_moment(form, value, pointer, created_of(draft_of(form)->made));
}

static void check_updated(struct form *form, struct json_value value, const char *pointer)
{
    check_same_moment(form, value, pointer, access_key_revision(draft_of(form)->made));
}

/* It moves by itself, so what was got may be behind already. */
static void check_used(struct form *form, struct json_value value, const char *pointer)
{
    (void)value;
    if (!draft_of(form)->before)
        faults_add(form->faults, pointer, "is set by the server");
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
    struct key_draft *draft = draft_of(form);
    struct json_value element;
    uint64_t cursor = 0;
    unsigned index = 0, named = 0;
    draft->has_scopes = true;
    while (json_kind(value) == JSON_ARRAY && json_next(value, &cursor, NULL, &element)) {
        char place[FAULT_POINTER_SIZE];
        unsigned scope = scope_named(element);
        pointer_element(place, pointer, index++);
        if (!scope)
            faults_add(form->faults, place,
                       "must be \"admin\", \"manage\", \"ingest\" or \"read\"");
        named |= scope;
    }
    if (index == 0)
        faults_add(form->faults, pointer, "must be an array of at least one scope");
    else if (draft->before && named != draft->before->scopes)
        faults_add(form->faults, pointer, "cannot be changed");
    draft->made->scopes = named;
}

static void parse_name(struct form *form, struct json_value value, const char *pointer)
{
    struct access_key *made = draft_of(form)->made;
    struct slice text;
    if (!form_string(form, value, pointer, KEY_NAME_SIZE - 1, &text))
        return;
    memcpy(made->name, text.at, text.size);
    made->name[text.size] = '\0';
}

static void parse_metadata(struct form *form, struct json_value value, const char *pointer)
{
    form_metadata(form, value, pointer, &draft_of(form)->made->metadata);
}

static void parse_allow_from(struct form *form, struct json_value value, const char *pointer)
{
    struct access_key *made = draft_of(form)->made;
    struct network list[KEY_NETWORKS_MAX];
    unsigned count = networks_parse(value, pointer, list, KEY_NETWORKS_MAX, form->faults);
    if (count == 0)
        return;
    made->networks = malloc(count * sizeof list[0]);
    if (!made->networks) {
        form->out_of_memory = true;
        return;
    }
    memcpy(made->networks, list, count * sizeof list[0]);
    made->network_count = count;
}

uint64_t access_key_parse_end(struct json_value value, const char *pointer, uint64_t after_ms,
                              struct faults *faults)
{
    struct slice text;
    uint64_t at_ms;
    if (!json_string(value, &text) || units_parse_time(text, &at_ms)) {
        faults_add(faults, pointer, "must be a time like 2026-01-31T12:00:00Z");
        return 0;
    }
    if (at_ms <= after_ms)
        faults_add(faults, pointer, "must be in the future");
    return at_ms;
}

/* One that is there already may be over. */
static void parse_expires(struct form *form, struct json_value value, const char *pointer)
{
    struct key_draft *draft = draft_of(form);
    struct faults passing = {0};
    uint64_t at_ms = access_key_parse_end(value, pointer, 0, &passing);
    bool is_new = !draft->is_stored && (!draft->before || at_ms != draft->before->expires_ms);
    draft->made->expires_ms =
        access_key_parse_end(value, pointer, is_new ? draft->wall_ms : 0, form->faults);
}

static int finish(struct key_draft *draft, struct access_key **made)
{
    struct faults *faults = draft->form.faults;
    int error = draft->form.out_of_memory ? -ENOMEM : faults->count ? -EINVAL : 0;
    if (error)
        access_key_free(draft->made);
    else
        *made = draft->made;
    return error;
}

int access_key_parse(struct json_value body, const struct access_key *before, uint64_t wall_ms,
                     struct access_key **made, struct faults *faults)
{
    static const struct form_field fields[] = {
        {"id", check_id},
        {"tenant", check_tenant},
        {"name", parse_name},
        {"scopes", parse_scopes},
        {"allow_from", parse_allow_from},
        {"metadata", parse_metadata},
        {"successor", check_successor},
        {"expires_at", parse_expires},
        {"hint", check_hint},
        {"last_used_at", check_used},
        {"created_at", check_created},
        {"updated_at", check_updated},
    };
    struct key_draft draft = {.form.faults = faults, .before = before, .wall_ms = wall_ms};
    faults->count = 0;
    draft.made = calloc(1, sizeof *draft.made);
    if (!draft.made)
        return -ENOMEM;
    if (before) {
        memcpy(draft.made->hash, before->hash, sizeof before->hash);
        draft.made->id = before->id;
        draft.made->tenant = before->tenant;
        draft.made->successor = before->successor;
        draft.made->updated_ms = before->updated_ms;
        draft.made->used_ms = before->used_ms;
        draft.made->used_kept_ms = before->used_kept_ms;
    }
    FORM_WALK(&draft.form, body, "", fields);
    if (!draft.has_scopes)
        faults_add(faults, "/scopes", "is required");
    return finish(&draft, made);
}

/* ---- what is stored ---- */

static bool take_id(struct form *form, struct json_value value, const char *pointer,
                    const char *prefix, struct id *id)
{
    struct slice text;
    bool is_id = json_string(value, &text) && id_parse(text, prefix, id) == 0;
    if (!is_id)
        faults_add(form->faults, pointer, "must be an id");
    return is_id;
}

static void take_own_id(struct form *form, struct json_value value, const char *pointer)
{
    struct key_draft *draft = draft_of(form);
    draft->has_id = take_id(form, value, pointer, "key", &draft->made->id);
}

static void take_tenant(struct form *form, struct json_value value, const char *pointer)
{
    struct key_draft *draft = draft_of(form);
    draft->has_tenant = take_id(form, value, pointer, "ten", &draft->made->tenant);
}

static void take_successor(struct form *form, struct json_value value, const char *pointer)
{
    (void)take_id(form, value, pointer, "key", &draft_of(form)->made->successor);
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

static void take_hash(struct form *form, struct json_value value, const char *pointer)
{
    struct key_draft *draft = draft_of(form);
    struct slice hex;
    draft->has_hash = json_string(value, &hex) && parse_hash(hex, draft->made->hash);
    if (!draft->has_hash)
        faults_add(form->faults, pointer, "must be a SHA-256");
}

static void take_updated(struct form *form, struct json_value value, const char *pointer)
{
    struct slice text;
    if (!json_string(value, &text) || units_parse_time(text, &draft_of(form)->made->updated_ms))
        faults_add(form->faults, pointer, "must be a time");
}

int access_key_parse_stored(struct json_value document, struct access_key **made)
{
    static const struct form_field fields[] = {
        {"id", take_own_id},
        {"tenant", take_tenant},
        {"name", parse_name},
        {"scopes", parse_scopes},
        {"allow_from", parse_allow_from},
        {"metadata", parse_metadata},
        {"successor", take_successor},
        {"expires_at", parse_expires},
        {"hash", take_hash},
        {"updated_at", take_updated},
    };
    struct faults faults = {0};
    struct key_draft draft = {.form.faults = &faults, .is_stored = true};
    draft.made = calloc(1, sizeof *draft.made);
    if (!draft.made)
        return -ENOMEM;
    FORM_WALK(&draft.form, document, "", fields);
    if (!draft.has_id || !draft.has_tenant || !draft.has_hash || !draft.has_scopes)
        faults_add(&faults, "", "is no key");
    return finish(&draft, made);
}
