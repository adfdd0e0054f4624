/* draft_tls.c - how a receiver is known, and what is shown to it: "tls", and the certificate of an
 * "auth" of type mtls. Control's thread.
 *
 * What has run out is refused when it is given, not when it is read from `meta` or sent back with a
 * change of something else: that a certificate has expired meanwhile must not lose a subscription.
 */
#include "auth.h"
#include "base/clock.h"
#include "draft.h"
#include "net/tls.h"

#include <errno.h>
#include <stdlib.h>

enum { ROOTS_MAX = 24 * 1024 };

static void parse_verify(struct draft *draft, struct json_value value, const char *pointer)
{
    if (!json_bool(value, &draft->made->tls_verify))
        faults_add(draft->faults, pointer, "must be true or false");
}

static void parse_roots(struct draft *draft, struct json_value value, const char *pointer)
{
    struct slice text;
    if (draft_take_string(draft, value, pointer, ROOTS_MAX, &text))
        draft_keep(draft, &draft->made->tls_roots, text);
}

static void parse_pins(struct draft *draft, struct json_value value, const char *pointer)
{
    struct subscription *made = draft->made;
    struct json_value element;
    uint64_t cursor = 0;
    unsigned count = 0;
    if (json_kind(value) != JSON_ARRAY) {
        faults_add(draft->faults, pointer, "must be an array");
        return;
    }
    free(made->tls_pins);
    made->tls_pins = calloc(TRUST_PINS_MAX, sizeof *made->tls_pins);
    draft->out_of_memory |= !made->tls_pins;
    while (made->tls_pins && count < TRUST_PINS_MAX && json_next(value, &cursor, NULL, &element)) {
        char place[FAULT_POINTER_SIZE];
        struct slice text;
        pointer_element(place, pointer, count);
        if (!json_string(element, &text) || !trust_parse_pin(text, &made->tls_pins[count++]))
            faults_add(draft->faults, place,
                       "must be \"sha256/\" and the base64 of a public key's SHA-256");
    }
    if (json_next(value, &cursor, NULL, &element))
        faults_add(draft->faults, pointer, "must be at most %d", TRUST_PINS_MAX);
    made->tls_pin_count = count;
}

static void parse_version_min(struct draft *draft, struct json_value value, const char *pointer)
{
    struct slice text = SLICE("");
    bool is_1_3 = json_string(value, &text) && slice_equal(text, SLICE("1.3"));
    draft->made->tls_version_min = is_1_3 ? TRUST_TLS_1_3 : TRUST_TLS_1_2;
    if (!is_1_3 && !slice_equal(text, SLICE("1.2")))
        faults_add(draft->faults, pointer, "must be \"1.2\" or \"1.3\"");
}

void draft_parse_tls(struct draft *draft, struct json_value value, const char *pointer)
{
    static const struct field fields[] = {
        {"verify", parse_verify},
        {"ca", parse_roots},
        {"pins", parse_pins},
        {"min_version", parse_version_min},
    };
    DRAFT_WALK(draft, value, pointer, fields);
}

/* ---- what depends on other fields ---- */

/* The time at which `pem` has to hold, or 0 if it is not news. */
static uint64_t news_ms(const struct draft *draft, const char *pem, const char *before)
{
    bool is_news = !draft->vault && (!before || strcmp(pem, before) != 0);
    return is_news ? clock_wall_ms() : 0;
}

/* Takes the result of a check; true if there was nothing wrong. */
static bool passes(struct draft *draft, int error, const char *pointer, const char *why)
{
    draft->out_of_memory |= error == -ENOMEM;
    if (error == -EINVAL)
        faults_add(draft->faults, pointer, "%s", why);
    return error == 0;
}

/* PEM is printable text in lines, so that it is not much longer as JSON. */
static bool is_text(const char *pem)
{
    for (; *pem; pem++)
        if ((unsigned char)*pem < ' ' ? !strchr("\t\r\n", *pem) : *pem == 0x7f)
            return false;
    return true;
}

static void settle_roots(struct draft *draft)
{
    const struct subscription *made = draft->made, *before = draft->before;
    char why[TRUST_WHY_SIZE];
    if (!made->tls_verify) {
        faults_add(draft->faults, "/tls/ca", "has no use where verify is false");
        return;
    }
    if (!is_text(made->tls_roots)) {
        faults_add(draft->faults, "/tls/ca", "must be certificates in PEM");
        return;
    }
    uint64_t now_ms = news_ms(draft, made->tls_roots, before ? before->tls_roots : NULL);
    int error = trust_check_roots(made->tls_roots, now_ms, why);
    (void)passes(draft, error, "/tls/ca", why);
}

void draft_settle_tls(struct draft *draft)
{
    const struct subscription *made = draft->made;
    bool asks_something =
        made->tls_roots || made->tls_pin_count > 0 || made->tls_version_min != TRUST_TLS_1_2;
    if (asks_something && made->url_text && !made->url.https)
        faults_add(draft->faults, "/tls", "needs an https URL");
    if (made->tls_roots)
        settle_roots(draft);
}

void draft_settle_identity(struct draft *draft)
{
    const struct subscription *made = draft->made;
    const struct auth *auth = made->auth, *before = draft->before ? draft->before->auth : NULL;
    const char *certificate = auth->texts[AUTH_CERTIFICATE], *key = auth->texts[AUTH_KEY];
    char why[TRUST_WHY_SIZE];
    if (made->url_text && !made->url.https)
        faults_add(draft->faults, "/auth/type", "\"mtls\" needs an https URL");
    if (!certificate || !key)
        return;
    if (!is_text(certificate)) {
        faults_add(draft->faults, "/auth/certificate", "must be certificates in PEM");
        return;
    }
    uint64_t now_ms = news_ms(draft, certificate, before ? before->texts[AUTH_CERTIFICATE] : NULL);
    int error = trust_check_chain(certificate, now_ms, why);
    if (!error)
        error = tls_check_identity(certificate, NULL, why);
    if (passes(draft, error, "/auth/certificate", why))
        (void)passes(draft, tls_check_identity(certificate, key, why), "/auth/key", why);
}
