/* draft_auth.c - how the receiver is told who sends: "auth". Its members depend on its type, which
 * may come after them. Control's thread.
 */
#include "auth.h"
#include "draft.h"
#include "net/http_parse.h"
#include "signature.h"

#include <errno.h>
#include <stdlib.h>

enum {
    EXPIRES_MIN_MS = 60 * 1000,
    EXPIRES_MAX_MS = 24 * 3600 * 1000,
    EXPIRES_MS = 5 * 60 * 1000,
    SCOPES_MAX = 32,
};

/* ---- strings ---- */

static bool is_printable(struct slice text)
{
    for (size_t i = 0; i < text.size; i++)
        if ((unsigned char)text.at[i] < ' ' || text.at[i] == 0x7f)
            return false;
    return text.size > 0;
}

/* Visible ASCII (RFC 6749 appendix A.12 has no more in tokens). */
static bool is_visible(struct slice text)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.at[i] <= ' ' || text.at[i] > '~')
            return false;
    return text.size > 0;
}

/* What is wrong with a text; NULL: nothing. */
static const char *fault_of(enum auth_text which, struct slice text)
{
    switch (which) {
    case AUTH_USERNAME: /* RFC 7617 section 2 */
        return slice_find(text, ':') < text.size || !is_printable(text)
                   ? "must have a character, and no colon and no control characters"
                   : NULL;
    case AUTH_TOKEN:
        return is_visible(text) ? NULL : "must be visible ASCII characters";
    case AUTH_NAME:
        return draft_refuse_auth_header(text);
    case AUTH_VALUE:
        return text.size && http_is_field_value(text)
                   ? NULL
                   : "must be a string that can be sent as a header's value";
    case AUTH_KEY:
    case AUTH_CERTIFICATE: /* PEM: judged when all is known */
        return NULL;
    default:
        return is_printable(text) ? NULL : "must have a character, and no control characters";
    }
}

static void take_string(struct draft *draft, const struct auth_member *member,
                        struct json_value value, const char *pointer)
{
    struct slice text;
    bool is_there = member->is_secret
                        ? draft_take_secret(draft, value, pointer, member->max, &text)
                        : draft_take_string(draft, value, pointer, member->max, &text);
    if (!is_there)
        return;
    const char *fault = fault_of(member->text, text);
    if (fault)
        faults_add(draft->faults, pointer, "%s", fault);
    draft_keep(draft, &draft->made->auth->texts[member->text], text);
}

/* ---- other kinds ---- */

/* Is `value`, a member of the object, called as one before it? */
static bool is_repeated(struct json_value object, struct slice name, struct json_value value)
{
    uint64_t cursor = 0;
    struct slice other;
    struct json_value before;
    while (json_next(object, &cursor, &other, &before) && before.place != value.place)
        if (slice_equal(other, name))
            return true;
    return false;
}

static void take_claims(struct draft *draft, const struct auth_member *member,
                        struct json_value value, const char *pointer)
{
    char text[2048], place[FAULT_POINTER_SIZE];
    uint64_t cursor = 0;
    struct slice name;
    struct json_value claim;
    if (json_kind(value) != JSON_OBJECT) {
        faults_add(draft->faults, pointer, "must be an object");
        return;
    }
    while (json_next(value, &cursor, &name, &claim)) {
        pointer_member(place, pointer, name);
        if (jwt_is_registered(name))
            faults_add(draft->faults, place, "is a claim that is set by the server");
        else if (is_repeated(value, name, claim))
            faults_add(draft->faults, place, "is given twice");
    }
    long size = json_print(value, text, member->max);
    if (size < 0)
        faults_add(draft->faults, pointer, "must have at most %zu bytes", member->max);
    else
        draft_keep(draft, &draft->made->auth->texts[member->text], slice_of(text, (size_t)size));
}

/* RFC 6749 section 3.3: visible ASCII without '"' and '\'. */
static bool is_scope(struct slice text)
{
    return is_visible(text) && slice_find(text, '"') == text.size &&
           slice_find(text, '\\') == text.size;
}

static void take_words(struct draft *draft, const struct auth_member *member,
                       struct json_value value, const char *pointer)
{
    char buffer[1024], place[FAULT_POINTER_SIZE];
    uint64_t cursor = 0;
    unsigned count = 0;
    struct text words;
    struct json_value element;
    struct slice word;
    must(member->max <= sizeof buffer);
    text_init(&words, buffer, member->max);
    if (json_kind(value) != JSON_ARRAY)
        faults_add(draft->faults, pointer, "must be an array");
    while (json_next(value, &cursor, NULL, &element) && count < SCOPES_MAX) {
        pointer_element(place, pointer, count);
        if (!json_string(element, &word) || !is_scope(word)) {
            faults_add(draft->faults, place, "must be a word of visible ASCII characters");
            return;
        }
        if (count++)
            text_char(&words, ' ');
        text_put(&words, word);
    }
    if (!text_ok(&words) || json_next(value, &cursor, NULL, &element))
        faults_add(draft->faults, pointer, "must be at most %d, of %zu bytes together", SCOPES_MAX,
                   member->max);
    if (words.size)
        draft_keep(draft, &draft->made->auth->texts[member->text], text_slice(&words));
}

static void take_member(struct draft *draft, const struct auth_member *member,
                        struct json_value value, const char *pointer)
{
    switch (member->kind) {
    case AUTH_KIND_STRING:
        take_string(draft, member, value, pointer);
        break;
    case AUTH_KIND_OBJECT:
        take_claims(draft, member, value, pointer);
        break;
    case AUTH_KIND_WORDS:
        take_words(draft, member, value, pointer);
        break;
    }
}

/* ---- those that are no texts ---- */

static void take_algorithm(struct draft *draft, struct json_value value, const char *pointer)
{
    struct slice name;
    if (!json_string(value, &name) || !jwt_algorithm_find(name, &draft->made->auth->algorithm))
        faults_add(draft->faults, pointer, "must be \"HS256\", \"RS256\", \"ES256\" or \"EdDSA\"");
}

static void take_expires(struct draft *draft, struct json_value value, const char *pointer)
{
    uint64_t *expires_ms = &draft->made->auth->expires_ms;
    if (draft_take_duration(draft, value, pointer, expires_ms) &&
        (*expires_ms < EXPIRES_MIN_MS || *expires_ms > EXPIRES_MAX_MS))
        faults_add(draft->faults, pointer, "must be from 60s to 24h");
}

static void take_client_place(struct draft *draft, struct json_value value, const char *pointer)
{
    struct slice word = SLICE("");
    (void)json_string(value, &word);
    draft->made->auth->is_in_body = slice_equal(word, SLICE("body"));
    if (!draft->made->auth->is_in_body && !slice_equal(word, SLICE("basic")))
        faults_add(draft->faults, pointer, "must be \"basic\" or \"body\"");
}

static void take_type(struct draft *draft, struct json_value value, const char *pointer)
{
    (void)draft, (void)value, (void)pointer; /* it was taken first */
}

static const struct {
    const char *name;
    unsigned types, required;
    void (*take)(struct draft *draft, struct json_value value, const char *pointer);
} others[] = {
    {"type", ~0u, 0, take_type},
    {"algorithm", AUTH_FOR(AUTH_JWT), AUTH_FOR(AUTH_JWT), take_algorithm},
    {"expires_in", AUTH_FOR(AUTH_JWT), 0, take_expires},
    {"client_authentication", AUTH_FOR(AUTH_OAUTH2), 0, take_client_place},
};
enum { OTHERS = sizeof others / sizeof others[0] };

/* ---- the whole ---- */

/* Takes one member of the object; false: there is none of this name. */
static bool take_named(struct draft *draft, struct slice name, struct json_value value,
                       const char *pointer)
{
    unsigned type = AUTH_FOR(draft->made->auth->type);
    for (unsigned i = 0; i < auth_member_count; i++) {
        if ((auth_members[i].types & type) && slice_equal(name, slice_str(auth_members[i].name))) {
            take_member(draft, &auth_members[i], value, pointer);
            return true;
        }
    }
    for (unsigned i = 0; i < OTHERS; i++) {
        if ((others[i].types & type) && slice_equal(name, slice_str(others[i].name))) {
            others[i].take(draft, value, pointer);
            return true;
        }
    }
    return false;
}

static void require(struct draft *draft, struct json_value object, const char *name,
                    const char *pointer)
{
    char place[FAULT_POINTER_SIZE];
    struct json_value value;
    if (json_get(object, name, &value) && json_kind(value) != JSON_NULL)
        return;
    pointer_member(place, pointer, slice_str(name));
    faults_add(draft->faults, place, "is required by type \"%s\"",
               auth_type_name(draft->made->auth->type));
}

static void require_all(struct draft *draft, struct json_value object, const char *pointer)
{
    unsigned type = AUTH_FOR(draft->made->auth->type);
    for (unsigned i = 0; i < auth_member_count; i++)
        if (auth_members[i].required & type)
            require(draft, object, auth_members[i].name, pointer);
    for (unsigned i = 0; i < OTHERS; i++)
        if (others[i].required & type)
            require(draft, object, others[i].name, pointer);
}

static bool take_kind(struct draft *draft, struct json_value object, enum auth_type *type)
{
    struct json_value value;
    struct slice name;
    if (json_kind(object) != JSON_OBJECT)
        faults_add(draft->faults, "/auth", "must be an object");
    else if (!json_get(object, "type", &value) || !json_string(value, &name) ||
             !auth_type_find(name, type))
        faults_add(draft->faults, "/auth/type",
                   "must be \"basic\", \"bearer\", \"header\", \"jwt\", \"oauth2\" or \"mtls\"");
    else
        return true;
    return false;
}

void draft_parse_auth(struct draft *draft, struct json_value object, const char *pointer)
{
    char place[FAULT_POINTER_SIZE];
    uint64_t cursor = 0;
    struct slice name;
    struct json_value value;
    enum auth_type type;
    if (!take_kind(draft, object, &type))
        return;
    struct auth *auth = draft->made->auth = calloc(1, sizeof *auth);
    draft->out_of_memory |= !auth;
    if (!auth)
        return;
    auth->type = type;
    auth->expires_ms = EXPIRES_MS;
    while (json_next(object, &cursor, &name, &value)) {
        pointer_member(place, pointer, name);
        if (json_kind(value) == JSON_NULL)
            ; /* as if it were not there */
        else if (is_repeated(object, name, value))
            faults_add(draft->faults, place, "is given twice");
        else if (!take_named(draft, name, value, place))
            faults_add(draft->faults, place, "unknown field of type \"%s\"", auth_type_name(type));
    }
    require_all(draft, object, pointer);
}

/* ---- what depends on other fields ---- */

static void settle_key(struct draft *draft, const struct auth *auth)
{
    struct jwt_key *key;
    char why[JWT_WHY_SIZE];
    if (!auth->texts[AUTH_KEY])
        return;
    int error = jwt_key_open(&key, auth->algorithm, slice_str(auth->texts[AUTH_KEY]), why);
    draft->out_of_memory |= error == -ENOMEM;
    if (error == -EINVAL)
        faults_add(draft->faults, "/auth/key", "%s", why);
    if (!error)
        jwt_key_close(key);
}

static void settle_token_url(struct draft *draft, struct auth *auth)
{
    char why[URL_WHY_SIZE];
    const char *text = auth->texts[AUTH_TOKEN_URL];
    if (text && url_parse(slice_str(text), &auth->token_url, why))
        faults_add(draft->faults, "/auth/token_url", "%s", why);
}

/* No header may be sent twice. */
static void settle_header(struct draft *draft, struct slice name)
{
    const struct subscription *made = draft->made;
    const char *pointer = made->auth->type == AUTH_HEADER        ? "/auth/name"
                          : made->auth->texts[AUTH_NAME] != NULL ? "/auth/header"
                                                                 : "/auth";
    if (name.size && made->headers && draft_has_header(slice_str(made->headers), name))
        faults_add(draft->faults, pointer, "its header %.*s is also in headers", SLICE_ARGS(name));
    if (name.size && slice_equal_nocase(signature_header(made), name))
        faults_add(draft->faults, pointer, "its header %.*s also carries the signature",
                   SLICE_ARGS(name));
}

void draft_settle_auth(struct draft *draft)
{
    struct auth *auth = draft->made->auth;
    if (!auth)
        return;
    if (auth->type == AUTH_JWT)
        settle_key(draft, auth);
    else if (auth->type == AUTH_OAUTH2)
        settle_token_url(draft, auth);
    else if (auth->type == AUTH_MTLS)
        draft_settle_identity(draft);
    if (draft->faults->count == 0)
        settle_header(draft, auth_header(auth));
}
