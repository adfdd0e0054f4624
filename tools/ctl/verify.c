/* verify.c - grapnelctl verify: the signature of a delivery, by the engine's own code and without
 * an engine. What a receiver's author runs when the two do not agree.
 */
#include "base/clock.h"
#include "secret.h"
#include "signature.h"
#include "signer.h"
#include "template.h"
#include "tools/ctl/run.h"
#include "tools/ctl/session.h"

#include <openssl/base64.h>
#include <openssl/curve25519.h>
#include <stdio.h>
#include <stdlib.h>

enum { PUBLIC_KEY_SIZE = 32, SIGNATURE_SIZE = 64, BASE64_ROOM = 96 };

struct verification {
    const struct line *line;
    struct subscription subscription; /* as much of one as a signature needs */
    struct signer signers[LIMIT_SECRETS];
    struct message message;
    struct slice value;      /* of the header with the signature */
    struct slice public_key; /* "whpk_...", in the place of a secret; empty: none */
};

/* ---- what was given ---- */

/* The value of a header that was given as "Name: value"; empty: it was not. */
static struct slice find_header(const struct line *line, struct slice name)
{
    for (unsigned i = 0; i < line->count; i++) {
        struct slice header = slice_str(line->given[i].value);
        struct slice given = slice_of(header.at, slice_find(header, ':'));
        if (slice_equal(slice_str(line->given[i].option->name), SLICE("header")) &&
            slice_equal_nocase(slice_trim(given), name))
            return slice_trim(slice_skip(header, given.size + 1));
    }
    return SLICE("");
}

/* The scheme that the headers tell of; SIGNATURE_NONE: none does. */
static enum signature_scheme guess_scheme(const struct line *line)
{
    struct slice standard = find_header(line, SLICE("webhook-signature"));
    if (standard.size)
        return slice_starts_with(standard, SLICE("v1a,")) ? SIGNATURE_ED25519 : SIGNATURE_STANDARD;
    if (find_header(line, SLICE("X-PT-Signature")).size)
        return SIGNATURE_TIMESTAMPED;
    if (find_header(line, SLICE("Stripe-Signature")).size)
        return SIGNATURE_STRIPE;
    if (find_header(line, SLICE("X-Hub-Signature-256")).size)
        return SIGNATURE_GITHUB;
    if (find_header(line, SLICE("X-Webhook-Signature")).size)
        return SIGNATURE_HEX;
    return line_option(line, "template") ? SIGNATURE_TEMPLATE : SIGNATURE_NONE;
}

static int read_scheme(struct verification *verification)
{
    const struct line *line = verification->line;
    struct subscription *subscription = &verification->subscription;
    const char *given = line_option(line, "scheme");
    if (!given)
        subscription->scheme = guess_scheme(line);
    else if (!signature_scheme_find(slice_str(given), &subscription->scheme))
        return session_complain("there is no scheme '%s'", given);
    if (subscription->scheme == SIGNATURE_NONE)
        return session_complain("no header with a signature was given: --header 'NAME: VALUE', and "
                                "--scheme if it was renamed");
    if (subscription->scheme != SIGNATURE_TEMPLATE)
        return EXIT_DONE;

    struct template_fault fault;
    const char *content = line_option(line, "content"), *header = line_option(line, "template");
    if (!content || !header)
        return session_complain("scheme template needs --content and --template");
    if (template_compile(slice_str(content), slice_str(header), &subscription->template, &fault))
        return session_complain("--%s %s", fault.in_header ? "template" : "content", fault.why);
    return EXIT_DONE;
}

static int add_secret(struct verification *verification, const char *text)
{
    struct subscription *subscription = &verification->subscription;
    char why[SECRET_WHY_SIZE];
    if (subscription->scheme == SIGNATURE_ED25519 &&
        slice_starts_with(slice_str(text), SLICE("whpk_"))) {
        verification->public_key = slice_str(text);
        return EXIT_DONE;
    }
    if (subscription->secret_count == LIMIT_SECRETS)
        return session_complain("more than %d secrets", LIMIT_SECRETS);
    if (secret_parse(subscription->scheme, slice_str(text),
                     &verification->signers[subscription->secret_count], why))
        return session_complain("the secret %s", why);
    subscription->secret_count++;
    return EXIT_DONE;
}

static int read_secrets(struct verification *verification)
{
    const struct line *line = verification->line;
    int status = EXIT_DONE;
    for (unsigned i = 0; !status && i < line->count; i++)
        if (slice_equal(slice_str(line->given[i].option->name), SLICE("secret")))
            status = add_secret(verification, line->given[i].value);
    bool has_any = verification->subscription.secret_count || verification->public_key.size;
    return status || has_any ? status : session_complain("--secret is missing");
}

static int read_headers(struct verification *verification)
{
    const struct line *line = verification->line;
    struct subscription *subscription = &verification->subscription;
    const char *renamed = line_option(line, "name");
    struct slice name = renamed ? slice_str(renamed) : signature_header(subscription);
    verification->value = find_header(line, name);
    if (!verification->value.size)
        return session_complain("header %.*s is missing", SLICE_ARGS(name));
    verification->message.id = find_header(line, SLICE("webhook-id"));
    verification->message.timestamp = find_header(line, SLICE("webhook-timestamp"));
    return EXIT_DONE;
}

/* ---- the moment ---- */

/* When it was signed, as far as it can be told: behind "t=" in the value, or in its own header. */
static uint64_t signed_s(const struct verification *verification)
{
    struct slice text = verification->message.timestamp, value = verification->value;
    unsigned long seconds = 0;
    if (slice_starts_with(value, SLICE("t=")))
        text = slice_of(value.at + 2, slice_find(slice_skip(value, 2), ','));
    return slice_to_u64(text, &seconds) ? seconds : 0;
}

static const char *explain(const struct verification *verification)
{
    uint64_t then_s = signed_s(verification), now_s = clock_wall_ms() / 1000;
    bool is_old = then_s && (then_s + SIGNATURE_TOLERANCE_S < now_s ||
                             then_s > now_s + SIGNATURE_TOLERANCE_S);
    if (is_old && !line_option(verification->line, "ignore-time"))
        return "its timestamp is more than 5 minutes away: --ignore-time looks at the rest";
    return "the secret is another, or the body is not the bytes that were sent";
}

/* ---- judging ---- */

/* With a public key alone nothing can be signed to compare with. */
static bool verify_public(const struct verification *verification)
{
    const struct message *message = &verification->message;
    uint8_t key[BASE64_ROOM], signature[BASE64_ROOM];
    size_t size;
    struct slice base64 = slice_skip(verification->public_key, 5);
    if (!EVP_DecodeBase64(key, &size, sizeof key, (const uint8_t *)base64.at, base64.size) ||
        size != PUBLIC_KEY_SIZE)
        return false;
    struct text content;
    size_t room = message->id.size + message->timestamp.size + message->body.size + 2;
    char *at = malloc(room);
    must(at);
    text_init(&content, at, room);
    text_put(&content, message->id);
    text_char(&content, '.');
    text_put(&content, message->timestamp);
    text_char(&content, '.');
    text_put(&content, message->body);
    bool is_right = false;
    for (struct slice rest = verification->value; rest.size && !is_right;) {
        struct slice each = slice_of(rest.at, slice_find(rest, ' '));
        struct slice digits = slice_skip(each, 4);
        rest = slice_skip(rest, each.size + 1);
        is_right = slice_starts_with(each, SLICE("v1a,")) &&
                   EVP_DecodeBase64(signature, &size, sizeof signature, (const uint8_t *)digits.at,
                                    digits.size) &&
                   size == SIGNATURE_SIZE &&
                   ED25519_verify((const uint8_t *)content.at, content.size, signature, key);
    }
    free(at);
    return is_right;
}

static bool is_right(const struct verification *verification)
{
    const struct message *message = &verification->message;
    uint64_t then_s = signed_s(verification), now_s = message->at_ms / 1000;
    bool is_fresh =
        then_s + SIGNATURE_TOLERANCE_S >= now_s && then_s <= now_s + SIGNATURE_TOLERANCE_S;
    if (verification->public_key.size && is_fresh && verify_public(verification))
        return true;
    return signature_verify(&verification->subscription, verification->signers, message,
                            verification->value);
}

static int judge(struct verification *verification)
{
    struct signer_scratch scratch = {0};
    char *body;
    size_t size;
    int status = session_read_file("-", &body, &size);
    if (status)
        return status;
    verification->message.scratch = &scratch;
    verification->message.body = slice_of(body, size);
    verification->message.at_ms = line_option(verification->line, "ignore-time")
                                      ? signed_s(verification) * 1000
                                      : clock_wall_ms();
    bool is_good = is_right(verification);
    const char *scheme = signature_scheme_name(verification->subscription.scheme);
    if (line_wants_json(verification->line))
        printf("{\"valid\":%s,\"scheme\":\"%s\"}\n", is_good ? "true" : "false", scheme);
    else if (is_good)
        printf("the signature is right (%s)\n", scheme);
    if (!is_good)
        session_complain("the signature is wrong (%s): %s", scheme, explain(verification));
    signer_scratch_close(&scratch);
    verification->message.scratch = NULL;
    free(body);
    return is_good ? EXIT_DONE : EXIT_REFUSED;
}

int run_verify(const struct line *line)
{
    struct verification verification = {.line = line};
    int status = read_scheme(&verification);
    if (!status)
        status = read_secrets(&verification);
    if (!status)
        status = read_headers(&verification);
    if (!status)
        status = judge(&verification);
    explicit_bzero(verification.signers, sizeof verification.signers);
    free(verification.subscription.template);
    return status;
}
