/* credential.c - see credential.h. */
#include "credential.h"

#include "directory.h"

#include <stdio.h>

static int refuse(int status, const char *detail, char why[static CREDENTIAL_WHY_SIZE])
{
    snprintf(why, CREDENTIAL_WHY_SIZE, "%s", detail);
    return status;
}

static int find_key(struct credential *credential, struct directory *directory,
                    const struct http_head *head, char why[static CREDENTIAL_WHY_SIZE])
{
    const struct http_header *field = http_find(head, "authorization");
    struct slice text = field ? key_of_authorization(field->value) : SLICE("");
    uint8_t hash[KEY_HASH_SIZE];

    if (!field)
        return refuse(401, "a key is required: Authorization: Bearer KEY", why);
    key_hash(text, hash);
    credential->known = text.size ? directory_key(directory, hash) : NULL;
    return credential->known ? 0 : refuse(401, "the key is not valid", why);
}

static int check_key(const struct credential *credential, const struct http_request *request,
                     uint64_t wall_ms, char why[static CREDENTIAL_WHY_SIZE])
{
    const struct access_key *key = credential->known->key;

    switch (access_key_judge(key, wall_ms, request->peer)) {
    case KEY_IS_OVER:
        return refuse(401, "the key has expired", why);
    case KEY_IS_ELSEWHERE:
        access_key_elsewhere(request->peer, why);
        return 403;
    case KEY_LETS_IN:
        break;
    }
    bool may = key->scopes & (SCOPE_INGEST | SCOPE_ADMIN);
    return may ? 0 : refuse(403, "the key has not the scope ingest", why);
}

/* That of the key; an admin key may name another. */
static int choose_tenant(struct credential *credential, const struct directory *directory,
                         const struct http_head *head, char why[static CREDENTIAL_WHY_SIZE])
{
    const struct http_header *field = http_find(head, "grapnel-tenant");
    const struct access_key *key = credential->known->key;
    credential->tenant = key->tenant;
    if (!field)
        return 0;
    const struct tenant *named = directory_find_tenant(directory, field->value);
    bool is_own = named && id_equal(&named->id, &key->tenant);
    if (!named || (!is_own && !(key->scopes & SCOPE_ADMIN)))
        return refuse(404, "Grapnel-Tenant names no tenant", why);
    credential->tenant = named->id;
    return 0;
}

int credential_check(struct credential *credential, struct directory *directory,
                     const struct http_request *request, uint64_t wall_ms,
                     char why[static CREDENTIAL_WHY_SIZE])
{
    int status = find_key(credential, directory, request->head, why);
    if (status == 0)
        status = check_key(credential, request, wall_ms, why);
    return status ? status : choose_tenant(credential, directory, request->head, why);
}
