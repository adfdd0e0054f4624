/* auth.c - see auth.h. No state. */
#include "auth.h"

#include "limits.h"
#include "net/private_key.h"

#include <openssl/base64.h>
#include <openssl/mem.h>
#include <stdlib.h>

enum {
    BASIC = AUTH_FOR(AUTH_BASIC),
    BEARER = AUTH_FOR(AUTH_BEARER),
    HEADER = AUTH_FOR(AUTH_HEADER),
    JWT = AUTH_FOR(AUTH_JWT),
    OAUTH2 = AUTH_FOR(AUTH_OAUTH2),
    MTLS = AUTH_FOR(AUTH_MTLS),
    USERNAME_MAX = 256,
    PASSWORD_MAX = 512,
    CERTIFICATE_MAX = 16 * 1024,
};

const struct auth_member auth_members[] = {
    {"username", BASIC, BASIC, USERNAME_MAX, AUTH_USERNAME, AUTH_KIND_STRING, false},
    {"password", BASIC, BASIC, PASSWORD_MAX, AUTH_PASSWORD, AUTH_KIND_STRING, true},
    {"token", BEARER, BEARER, LIMIT_TOKEN_SIZE, AUTH_TOKEN, AUTH_KIND_STRING, true},
    {"name", HEADER, HEADER, 128, AUTH_NAME, AUTH_KIND_STRING, false},
    {"value", HEADER, HEADER, LIMIT_TOKEN_SIZE, AUTH_VALUE, AUTH_KIND_STRING, true},
    {"key", JWT | MTLS, JWT | MTLS, PRIVATE_KEY_PEM_MAX, AUTH_KEY, AUTH_KIND_STRING, true},
    {"key_id", JWT, 0, 128, AUTH_KEY_ID, AUTH_KIND_STRING, false},
    {"header", JWT, 0, 128, AUTH_NAME, AUTH_KIND_STRING, false},
    {"issuer", JWT, 0, 256, AUTH_ISSUER, AUTH_KIND_STRING, false},
    {"subject", JWT, 0, 256, AUTH_SUBJECT, AUTH_KIND_STRING, false},
    {"audience", JWT | OAUTH2, 0, 256, AUTH_AUDIENCE, AUTH_KIND_STRING, false},
    {"claims", JWT, 0, 1024, AUTH_CLAIMS, AUTH_KIND_OBJECT, false},
    {"token_url", OAUTH2, OAUTH2, URL_SIZE_MAX, AUTH_TOKEN_URL, AUTH_KIND_STRING, false},
    {"client_id", OAUTH2, OAUTH2, 512, AUTH_CLIENT_ID, AUTH_KIND_STRING, false},
    {"client_secret", OAUTH2, OAUTH2, 512, AUTH_CLIENT_SECRET, AUTH_KIND_STRING, true},
    {"scopes", OAUTH2, 0, 1024, AUTH_SCOPES, AUTH_KIND_WORDS, false},
    {"certificate", MTLS, MTLS, CERTIFICATE_MAX, AUTH_CERTIFICATE, AUTH_KIND_STRING, false},
};
const unsigned auth_member_count = sizeof auth_members / sizeof auth_members[0];

/* ---- types ---- */

static const char *const types[] = {
    [AUTH_BASIC] = "basic", [AUTH_BEARER] = "bearer", [AUTH_HEADER] = "header",
    [AUTH_JWT] = "jwt",     [AUTH_OAUTH2] = "oauth2", [AUTH_MTLS] = "mtls",
};

const char *auth_type_name(enum auth_type type)
{
    return types[type];
}

bool auth_type_find(struct slice name, enum auth_type *type)
{
    for (unsigned i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (slice_equal(slice_str(types[i]), name)) {
            *type = (enum auth_type)i;
            return true;
        }
    }
    return false;
}

/* ---- life ---- */

bool auth_copy(struct auth **to, const struct auth *from)
{
    char why[URL_WHY_SIZE];
    *to = NULL;
    if (!from)
        return true;
    struct auth *copy = malloc(sizeof *copy);
    bool is_whole = copy != NULL;
    if (copy)
        *copy = *from;
    for (unsigned i = 0; copy && i < AUTH_TEXTS; i++) {
        copy->texts[i] = from->texts[i] ? strdup(from->texts[i]) : NULL;
        is_whole &= copy->texts[i] || !from->texts[i];
    }
    if (!is_whole) {
        auth_free(copy);
        return false;
    }
    if (copy->texts[AUTH_TOKEN_URL])
        must(url_parse(slice_str(copy->texts[AUTH_TOKEN_URL]), &copy->token_url, why) == 0);
    *to = copy;
    return true;
}

void auth_free(struct auth *auth)
{
    for (unsigned i = 0; auth && i < AUTH_TEXTS; i++) {
        if (auth->texts[i])
            OPENSSL_cleanse(auth->texts[i], strlen(auth->texts[i]));
        free(auth->texts[i]);
    }
    free(auth);
}

/* ---- what is sent ---- */

struct slice auth_header(const struct auth *auth)
{
    if (auth->type == AUTH_MTLS)
        return SLICE("");
    return auth->texts[AUTH_NAME] ? slice_str(auth->texts[AUTH_NAME]) : SLICE("Authorization");
}

static void put_basic(const struct auth *auth, struct text *head)
{
    char pair[USERNAME_MAX + PASSWORD_MAX + 1];
    uint8_t base64[(sizeof pair + 2) / 3 * 4 + 1];
    struct text text;
    text_init(&text, pair, sizeof pair);
    text_put(&text, slice_str(auth->texts[AUTH_USERNAME]));
    text_char(&text, ':');
    text_put(&text, slice_str(auth->texts[AUTH_PASSWORD]));
    must(text_ok(&text));
    text_put(head, SLICE("Authorization: Basic "));
    text_put(head, slice_of(base64, EVP_EncodeBlock(base64, (const uint8_t *)pair, text.size)));
    text_put(head, SLICE("\r\n"));
    OPENSSL_cleanse(pair, sizeof pair);
    OPENSSL_cleanse(base64, sizeof base64);
}

static void put_field(const char *name, const char *scheme, const char *value, struct text *head)
{
    text_put(head, slice_str(name));
    text_put(head, SLICE(": "));
    text_put(head, slice_str(scheme));
    text_put(head, slice_str(value));
    text_put(head, SLICE("\r\n"));
}

void auth_put_fixed(const struct auth *auth, struct text *head)
{
    if (!auth)
        return;
    if (auth->type == AUTH_BASIC)
        put_basic(auth, head);
    else if (auth->type == AUTH_BEARER)
        put_field("Authorization", "Bearer ", auth->texts[AUTH_TOKEN], head);
    else if (auth->type == AUTH_HEADER)
        put_field(auth->texts[AUTH_NAME], "", auth->texts[AUTH_VALUE], head);
}

/* ---- what comes back ---- */

struct slice auth_sent(const struct auth *auth, struct slice head)
{
    struct slice name = auth ? auth_header(auth) : SLICE("");
    while (name.size && head.size) {
        struct slice line = slice_of(head.at, slice_find(head, '\r'));
        size_t colon = slice_find(line, ':');
        head = slice_skip(head, line.size + 2);
        if (!slice_equal_nocase(slice_of(line.at, colon), name))
            continue;
        struct slice value = slice_trim(slice_skip(line, colon + 1));
        size_t space = auth->type == AUTH_HEADER ? value.size : slice_find(value, ' ');
        return space < value.size ? slice_skip(value, space + 1) : value;
    }
    return SLICE("");
}

enum { STRIKE_MIN = 4 }; /* a shorter piece at the end may be anything */

void auth_strike(struct slice secret, char *answer, size_t size)
{
    char *found;
    if (secret.size == 0)
        return;
    while ((found = memmem(answer, size, secret.at, secret.size))) {
        memset(found, '*', secret.size);
        size -= (size_t)(found - answer) + secret.size;
        answer = found + secret.size;
    }
    for (size_t piece = secret.size < size ? secret.size : size; piece >= STRIKE_MIN; piece--) {
        if (memcmp(answer + size - piece, secret.at, piece) == 0) {
            memset(answer + size - piece, '*', piece);
            return;
        }
    }
}
