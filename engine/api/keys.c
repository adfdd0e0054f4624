/* keys.c - /api/v1/keys: the access keys of one tenant. A key's text is in the answer to the POST
 * that makes it, and nowhere else.
 *
 * A key that may manage may make, change and delete its tenant's keys, but for admin keys: these
 * only an admin key makes and sees.
 */
#include "base/clock.h"
#include "base/units.h"
#include "call.h"
#include "form.h"
#include "patch.h"
#include "router.h"

#include <errno.h>
#include <openssl/mem.h>
#include <stdio.h>
#include <stdlib.h>

enum { LOCATION_SIZE = 128 };

static const uint64_t overlap_default_ms = UINT64_C(24) * 3600 * 1000,
                      overlap_max_ms = 30 * overlap_default_ms;

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
        return call_found(call, access_key_revision(found)) ? found : NULL;
    call_problem(call, 404, "no such key");
    return NULL;
}

/* ---- reading ---- */

static void print(const void *key, struct text *text)
{
    access_key_print(key, NULL, text);
}

void keys_get(struct call *call)
{
    const struct access_key *found = find(call);
    if (!found)
        return;
    call_tag(call, access_key_revision(found));
    print(found, call_text(call, KEY_DOCUMENT_MAX));
    call_reply(call, 200, SLICE(""));
}

static bool lists(const struct call *call, const void *key)
{
    return sees(call, key);
}

void keys_list(struct call *call)
{
    call_list(call, &(struct listed){.shelf = &call->api->parts.registry->keys,
                                     .prefix = "key",
                                     .item_room = KEY_DOCUMENT_MAX,
                                     .sees = lists,
                                     .print = print});
}

/* ---- changing ---- */

/* Begins the change; answers when it is done, or at once if it cannot be begun. Takes `after` over.
 */
static void change(struct call *call, struct access_key *before, struct access_key *after,
                   struct reply *reply)
{
    const struct mutation by = call_mutation(call, !before ? "key.create"
                                                   : after ? "key.update"
                                                           : "key.delete");
    int error =
        reply ? changes_put_key(call->api->parts.changes, &by, before, after, reply_send, reply)
              : -ENOMEM;
    if (error == 0)
        return;
    access_key_free(after);
    call_not_stored(call, reply, error);
}

/* Parses a body; answers if it has faults. */
static struct access_key *parse(struct call *call, struct json_value body,
                                const struct access_key *before)
{
    struct access_key *made = NULL;
    struct faults faults;
    int error = access_key_parse(body, before, clock_wall_ms(), &made, &faults);
    if (error == -EINVAL)
        call_faults(call, &faults);
    else if (error)
        call_busy(call);
    return error ? NULL : made;
}

/* Makes it a key of its own, and the answer that shows it: the one time. */
static struct reply *finish(struct call *call, struct access_key *made)
{
    char shown[KEY_TEXT_SIZE], digits[ID_TEXT_SIZE], location[LOCATION_SIZE];
    made->id = id_new(clock_wall_ms(), &call->api->random);
    made->tenant = call->tenant;
    key_hash(key_make(shown), made->hash);
    snprintf(location, sizeof location, "Cache-Control: no-store\r\nLocation: /api/v1/keys/%s\r\n",
             id_print(&made->id, "key", digits).at);
    access_key_print(made, shown, call_text(call, KEY_DOCUMENT_MAX));
    OPENSSL_cleanse(shown, sizeof shown);
    call_tag(call, access_key_revision(made));
    return call_reply_later(call, 201, slice_str(location));
}

void keys_create(struct call *call)
{
    struct json_value body;
    if (!call_has_room(call) || !call_read_body(call, call->api->json, false, &body))
        return;
    struct access_key *made = parse(call, body, NULL);
    if (!made)
        return;
    if ((made->scopes & SCOPE_ADMIN) && !(call->key->scopes & SCOPE_ADMIN)) {
        call_problem(call, 403, "only an admin key may make an admin key");
        access_key_free(made);
        return;
    }
    change(call, NULL, made, finish(call, made));
}

/* Without an admin key nobody could make one. One that ends is nothing to rely on. */
static bool is_last_admin(const struct registry *registry, const struct access_key *key)
{
    unsigned others = 0;
    for (size_t i = 0; i < registry->keys.count; i++) {
        const struct access_key *other = registry->keys.items[i];
        others += other != key && (other->scopes & SCOPE_ADMIN) && !other->expires_ms;
    }
    return (key->scopes & SCOPE_ADMIN) && !key->expires_ms && others == 0;
}

void keys_patch(struct call *call)
{
    struct json_value patch, patched;
    struct access_key *before = find(call);
    struct patch_target target = {before, KEY_DOCUMENT_MAX, print, NULL};
    if (!before || !call_has_room(call) || !patch_read(call, &patch))
        return;

    struct access_key *made =
        patch_apply(call, patch, &target, &patched) ? parse(call, patched, before) : NULL;
    patch_close(&target);
    if (!made)
        return;
    if (made->expires_ms && is_last_admin(call->api->parts.registry, before)) {
        call_problem(call, 409, "this is the last admin key without an end");
        access_key_free(made);
        return;
    }
    access_key_touch(made, before, clock_wall_ms());
    call_tag(call, access_key_revision(made));
    print(made, call_text(call, KEY_DOCUMENT_MAX));
    change(call, before, made, call_reply_later(call, 200, SLICE("")));
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

/* ---- rotation ---- */

struct wish {
    uint64_t now_ms, overlap_ms;
    uint64_t expires_ms; /* of the successor; 0: never */
};

static void parse_overlap(struct form *form, struct json_value value, const char *pointer)
{
    uint64_t *overlap_ms = &((struct wish *)form->made)->overlap_ms;
    struct slice text;
    if (!json_string(value, &text) || units_parse_duration(text, overlap_ms) ||
        *overlap_ms > overlap_max_ms)
        faults_add(form->faults, pointer, "must be a duration from \"0s\" to \"30d\"");
}

static void parse_expires(struct form *form, struct json_value value, const char *pointer)
{
    struct wish *wish = form->made;
    wish->expires_ms = access_key_parse_end(value, pointer, wish->now_ms, form->faults);
}

/* The body may be absent. False: it has been answered. */
static bool read_wish(struct call *call, const struct access_key *before, struct wish *wish)
{
    static const struct form_field fields[] = {{"overlap", parse_overlap},
                                               {"expires_at", parse_expires}};
    struct faults faults = {0};
    struct form form = {.made = wish, .faults = &faults};
    struct json_value body;
    *wish = (struct wish){clock_wall_ms(), overlap_default_ms, before->expires_ms};
    if (call->request->body.size == 0)
        return true;
    if (!call_read_body(call, call->api->json, false, &body))
        return false;
    FORM_WALK(&form, body, "", fields);
    if (faults.count)
        call_faults(call, &faults);
    return faults.count == 0;
}

/* Why it cannot be rotated; NULL: it can. */
static const char *refusal(const struct registry *registry, const struct access_key *key,
                           const struct wish *wish)
{
    if (id_is_zero(&key->id))
        return "the built-in key is not rotated: make an admin key, and delete this one";
    if (!id_is_zero(&key->successor))
        return "the key has been rotated: rotate its successor";
    if (key->expires_ms && key->expires_ms <= wish->now_ms)
        return "the key has expired";
    if (wish->expires_ms && is_last_admin(registry, key))
        return "this is the last admin key without an end";
    return NULL;
}

void keys_rotate(struct call *call)
{
    struct access_key *before = find(call);
    struct wish wish;
    if (!before || !call_has_room(call) || !read_wish(call, before, &wish))
        return;
    const char *why = refusal(call->api->parts.registry, before, &wish);
    if (why) {
        call_problem(call, 409, why);
        return;
    }
    struct access_key *made = access_key_copy(before), *ended = access_key_copy(before);
    struct reply *reply = NULL;
    int error = -ENOMEM;
    if (made && ended) {
        made->updated_ms = made->used_ms = made->used_kept_ms = 0;
        made->expires_ms = wish.expires_ms;
        reply = finish(call, made);
        ended->successor = made->id;
        uint64_t end_ms = wish.now_ms + wish.overlap_ms;
        if (!ended->expires_ms || ended->expires_ms > end_ms)
            ended->expires_ms = end_ms;
        access_key_touch(ended, before, wish.now_ms);
        const struct mutation by = call_mutation(call, "key.rotate");
        if (reply)
            error =
                changes_rotate_key(call->api->parts.changes, &by,
                                   &(struct key_rotation){before, ended, made}, reply_send, reply);
    } else {
        call_busy(call);
    }
    if (error == 0)
        return;
    access_key_free(made);
    access_key_free(ended);
    call_not_stored(call, reply, error);
}
