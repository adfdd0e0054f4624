/* secrets.c - .../subscriptions/{id}/secret and /rotate-secret: the only answers with a secret in
 * them, but for that to the POST that makes a subscription.
 */
#include "base/clock.h"
#include "base/units.h"
#include "rotation.h"
#include "router.h"
#include "secret.h"
#include "signer.h"
#include "subscriptions.h"

#include <errno.h>

#define NO_STORE "Cache-Control: no-store\r\n"

static void print(const struct subscription *subscription, struct text *text)
{
    struct slice secret = slice_str(subscription->secrets[0].text);
    uint64_t ends_ms = rotation_ends_ms(subscription, clock_wall_ms());
    text_put(text, SLICE("{\"secret\":"));
    text_json(text, secret);
    if (subscription->scheme == SIGNATURE_ED25519) {
        char public_key[SECRET_TEXT_SIZE];
        secret_public_key(secret, public_key);
        text_printf(text, ",\"public_key\":\"%s\"", public_key);
    }
    text_put(text, SLICE(",\"previous_secret_expires_at\":"));
    if (ends_ms) {
        text_char(text, '"');
        text_time(text, ends_ms);
        text_put(text, SLICE("\"}"));
    } else {
        text_put(text, SLICE("null}"));
    }
}

void secrets_get(struct call *call)
{
    const struct subscription *found = subscriptions_find(call);
    if (!found)
        return;
    print(found, call_text(call, 1024));
    call_reply(call, 200, SLICE(NO_STORE));
}

struct wish {
    struct slice secret; /* NULL: one is to be made */
    uint64_t overlap_ms;
};

static void read_overlap(struct json_value value, struct wish *wish, struct faults *faults)
{
    struct slice text;
    if (!json_string(value, &text) || units_parse_duration(text, &wish->overlap_ms) ||
        wish->overlap_ms > ROTATION_OVERLAP_MAX_MS)
        faults_add(faults, "/overlap", "must be a duration from \"0s\" to \"30d\"");
}

static void read_secret(struct json_value value, const struct subscription *subscription,
                        struct wish *wish, struct faults *faults)
{
    char why[SECRET_WHY_SIZE];
    struct signer signer;
    if (!json_string(value, &wish->secret) || slice_find(wish->secret, '\0') < wish->secret.size)
        faults_add(faults, "/secret", "must be a string without NUL");
    else if (secret_parse(subscription->scheme, wish->secret, &signer, why))
        faults_add(faults, "/secret", "the secret %s", why);
    else if (slice_equal(wish->secret, slice_str(subscription->secrets[0].text)))
        faults_add(faults, "/secret", "is the current secret");
    explicit_bzero(&signer, sizeof signer);
}

/* The body may be absent. False: it has been answered. */
static bool read_wish(struct call *call, const struct subscription *subscription, struct wish *wish)
{
    struct faults faults = {0};
    struct json_value body, value;
    struct slice key;
    uint64_t cursor = 0;
    *wish = (struct wish){.overlap_ms = ROTATION_OVERLAP_MS};
    if (call->request->body.size == 0)
        return true;
    if (!call_read_body(call, call->api->json, false, &body))
        return false;
    while (json_next(body, &cursor, &key, &value)) {
        char pointer[FAULT_POINTER_SIZE];
        bool is_null = json_kind(value) == JSON_NULL;
        if (slice_equal(key, SLICE("overlap"))) {
            if (!is_null)
                read_overlap(value, wish, &faults);
        } else if (slice_equal(key, SLICE("secret"))) {
            if (!is_null)
                read_secret(value, subscription, wish, &faults);
        } else {
            pointer_member(pointer, "", key);
            faults_add(&faults, pointer, "unknown field");
        }
    }
    if (faults.count)
        call_faults(call, &faults);
    return faults.count == 0;
}

void secrets_rotate(struct call *call)
{
    struct subscription *before = subscriptions_find(call), *after;
    char made[SECRET_TEXT_SIZE];
    struct wish wish;
    if (!before || !call_has_room(call) || !read_wish(call, before, &wish))
        return;
    if (!wish.secret.at) {
        secret_make(before->scheme, made);
        wish.secret = slice_str(made);
    }
    int error = rotation_make(before, wish.secret, wish.overlap_ms, clock_wall_ms(), &after);
    explicit_bzero(made, sizeof made);
    if (error == -EBUSY) {
        call_problem(call, 409,
                     "too many secrets are live: wait until one ends, or rotate with overlap "
                     "\"0s\", which ends them all at once");
    } else if (error) {
        call_busy(call);
    } else {
        call_tag(call, after->updated_ms);
        print(after, call_text(call, 1024));
        subscriptions_change(call, "subscription.rotate_secret", before, after,
                             call_reply_later(call, 200, SLICE(NO_STORE)));
    }
}
