/* keys.c - /api/v1/keys: the access keys of one tenant. A key's text is in the answer to the POST
 * that makes it, and nowhere else.
 *
 * A key that may manage may make and delete its tenant's keys, but for admin keys: these only an
 * admin key makes and sees.
 */
#include "base/clock.h"
#include "call.h"
#include "router.h"

#include <errno.h>
#include <openssl/mem.h>
#include <stdio.h>
#include <stdlib.h>

enum { LOCATION_SIZE = 128 };

static bool sees(const struct call *call, const struct access_key *key)
{
    bool is_admin = call->key->scopes & SCOPE_ADMIN;
    return id_equal(&key->tenant, &call->tenant) && (is_admin || !(key->scopes & SCOPE_ADMIN));
}

/* The key that the path names, if it is the tenant's; else answers 404. */
static struct access_key *find(struct call *call)
{
    struct id id;
    struct access_key *found = NULL;
    if (id_parse(call->id, "key", &id) == 0)
        found = registry_key_with_id(call->api->parts.registry, &id);
    if (found && sees(call, found))
        return found;
    call_problem(call, 404, "no such key");
    return NULL;
}

void keys_get(struct call *call)
{
    const struct access_key *found = find(call);
    if (!found)
        return;
    key_print(found, NULL, call_text(call, KEY_DOCUMENT_MAX));
    call_reply(call, 200, SLICE(""));
}

static bool lists(const struct call *call, const void *key)
{
    return sees(call, key);
}

static void print(const void *key, struct text *text)
{
    key_print(key, NULL, text);
}

void keys_list(struct call *call)
{
    call_list(call, &(struct listed){.shelf = &call->api->parts.registry->keys,
                                     .prefix = "key",
                                     .item_room = KEY_DOCUMENT_MAX,
                                     .sees = lists,
                                     .print = print});
}

/* Begins the change; answers when it is done, or at once if it cannot be begun. Takes `after` over.
 */
static void change(struct call *call, struct access_key *before, struct access_key *after,
                   struct reply *reply)
{
    const struct mutation by = call_mutation(call, before ? "key.delete" : "key.create");
    int error =
        reply ? changes_put_key(call->api->parts.changes, &by, before, after, reply_send, reply)
              : -ENOMEM;
    if (error == 0)
        return;
    free(after);
    call_not_stored(call, reply, error);
}

/* Makes the key that was asked for; answers with it when every shard lets it in. */
static void make(struct call *call, const struct access_key *wish)
{
    char shown[KEY_TEXT_SIZE], digits[ID_TEXT_SIZE], location[LOCATION_SIZE];
    struct access_key *made = malloc(sizeof *made);
    if (!made) {
        call_busy(call);
        return;
    }
    *made = *wish;
    made->id = id_new(clock_wall_ms(), &call->api->random);
    made->tenant = call->tenant;
    key_hash(key_make(shown), made->hash);
    snprintf(location, sizeof location, "Cache-Control: no-store\r\nLocation: /api/v1/keys/%s\r\n",
             id_print(&made->id, "key", digits).at);
    key_print(made, shown, call_text(call, KEY_DOCUMENT_MAX));
    change(call, NULL, made, call_reply_later(call, 201, slice_str(location)));
    OPENSSL_cleanse(shown, sizeof shown);
}

void keys_create(struct call *call)
{
    struct access_key wish = {0};
    struct json_value body;
    struct faults faults;
    if (!call_has_room(call) || !call_read_body(call, call->api->json, false, &body))
        return;
    if (key_parse(body, &wish, &faults))
        call_faults(call, &faults);
    else if ((wish.scopes & SCOPE_ADMIN) && !(call->key->scopes & SCOPE_ADMIN))
        call_problem(call, 403, "only an admin key may make an admin key");
    else
        make(call, &wish);
}

/* Without an admin key nobody could make one. */
static bool is_last_admin(const struct registry *registry, const struct access_key *key)
{
    unsigned others = 0;
    for (size_t i = 0; i < registry->keys.count; i++) {
        const struct access_key *other = registry->keys.items[i];
        others += other != key && (other->scopes & SCOPE_ADMIN);
    }
    return (key->scopes & SCOPE_ADMIN) && others == 0;
}

void keys_delete(struct call *call)
{
    struct access_key *before = find(call);
    if (!before || !call_has_room(call))
        return;
    if (is_last_admin(call->api->parts.registry, before)) {
        call_problem(call, 409, "this is the last admin key");
        return;
    }
    call_text(call, 0);
    change(call, before, NULL, call_reply_later(call, 204, SLICE("")));
}
