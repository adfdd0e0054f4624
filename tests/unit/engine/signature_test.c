/* Each scheme against published signatures, or such as another implementation has made; what a
 * rotation's overlap does to them; and that what is signed is accepted and nothing else is. */
#include "signature.h"

#include "template.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { NOW_S = 1614265330, HOUR_MS = 3600 * 1000 };
static const uint64_t now_ms = UINT64_C(1000) * NOW_S;

/* Of the tests of Standard Webhooks' libraries, and of Svix's server. */
#define ID     "msg_p5jXN8AQM9LWM0D4loKWxJek"
#define BODY   "{\"test\": 2432232314}"
#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define OTHER  "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"
#define PAIR                      \
    "whsk_6Xb/dCcHpPea21PS1N9VY/" \
    "NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="

static struct signer_scratch scratch;
static struct signer signers[LIMIT_SECRETS];
static struct template *template;
static struct subscription subscription;
static char printed[SIGNATURE_LINES_MAX + 1];

static void close_all(void)
{
    signer_scratch_close(&scratch);
    free(template);
}

TestSuite(signature, .fini = close_all);

static struct message message_of(const char *body)
{
    return (struct message){.id = SLICE(ID),
                            .timestamp = SLICE("1614265330"),
                            .body = slice_str(body),
                            .at_ms = now_ms,
                            .scratch = &scratch};
}

/* A subscription with the current secret, and `before` it one that is live for an hour more. */
static void set(enum signature_scheme scheme, const char *secret, const char *before)
{
    subscription = (struct subscription){.scheme = scheme, .secret_count = before ? 2 : 1};
    subscription.secrets[0].text = (char *)(uintptr_t)secret;
    subscription.secrets[1].text = (char *)(uintptr_t)before;
    subscription.secrets[1].until_ms = now_ms + HOUR_MS;
    signature_make_signers(&subscription, signers);
}

static void set_template(const char *content, const char *header, const char *secret)
{
    struct template_fault fault;
    free(template);
    template = NULL;
    cr_assert(zero(int, template_compile(slice_str(content), slice_str(header), &template, &fault)),
              "%s", fault.why);
    set(SIGNATURE_TEMPLATE, secret, NULL);
    subscription.template = template;
}

static const char *sign_at(const char *body, uint64_t at_ms)
{
    struct message message = message_of(body);
    struct text text;
    message.at_ms = at_ms;
    text_init(&text, printed, sizeof printed - 1);
    signature_put(&subscription, signers, &message, &text);
    cr_assert(text_ok(&text));
    printed[text.size] = '\0';
    return printed;
}

static const char *sign(const char *body)
{
    return sign_at(body, now_ms);
}

#define STANDARD "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
#define ED25519                              \
    "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/" \
    "enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
#define GITHUB "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"

Test(signature, agrees_with_the_example_of_standard_webhooks)
{
    set(SIGNATURE_STANDARD, SECRET, NULL);
    cr_assert_str_eq(sign(BODY), "webhook-signature: " STANDARD "\r\n");
    cr_assert_str_eq(sign(BODY), "webhook-signature: " STANDARD "\r\n", "and again");
}

Test(signature, agrees_with_the_ed25519_example_of_svix)
{
    set(SIGNATURE_ED25519, PAIR, NULL);
    cr_assert_str_eq(sign(BODY), "webhook-signature: " ED25519 "\r\n");
    set(SIGNATURE_ED25519, "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbc=", NULL);
    cr_assert_str_eq(sign(BODY), "webhook-signature: " ED25519 "\r\n");
}

Test(signature, agrees_with_the_example_of_github)
{
    set(SIGNATURE_GITHUB, "It's a Secret to Everybody", NULL);
    cr_assert_str_eq(sign("Hello, World!"), "X-Hub-Signature-256: sha256=" GITHUB "\r\n");
    set(SIGNATURE_HEX, "It's a Secret to Everybody", NULL);
    cr_assert_str_eq(sign("Hello, World!"),
                     "X-Webhook-Signature: " GITHUB "\r\nX-Webhook-Timestamp: 1614265330\r\n");
}

/* Expected values by Python's hmac. */
#define STRIPE      "2e37df5d4a028c51a7f3133d64ae1e300d2c2c900f1b1d49d4369ad2530f8964"
#define STRIPE_OLD  "3f3b655bf3f243d281b5523c13e9190e90ada7e4e3b82f0294cf1f8f98e79544"
#define TIMESTAMPED "97c1ca77285a0e4bc3f1de9c2a92c7dfc2d9235df94fa6f861821062d88b958f"

Test(signature, agrees_with_others_on_timestamps)
{
    set(SIGNATURE_STRIPE, SECRET, NULL);
    cr_assert_str_eq(sign(BODY), "Stripe-Signature: t=1614265330,v1=" STRIPE "\r\n",
                     "the prefix is part of the key");
    set(SIGNATURE_TIMESTAMPED, SECRET, NULL);
    cr_assert_str_eq(sign(BODY), "X-PT-Signature: t=1614265330,v1=" TIMESTAMPED "\r\n");
}

Test(signature, is_in_the_header_that_was_asked_for)
{
    set(SIGNATURE_GITHUB, "It's a Secret to Everybody", NULL);
    subscription.signature_header = (char[]){"X-Mine"};
    cr_assert_str_eq(sign("Hello, World!"), "X-Mine: sha256=" GITHUB "\r\n");
    cr_assert(slice_equal(signature_header(&subscription), SLICE("X-Mine")));
}

Test(signature, is_absent_from_scheme_none)
{
    set(SIGNATURE_NONE, SECRET, NULL);
    cr_assert_str_eq(sign(BODY), "");
}

Test(signature, knows_its_schemes_by_name)
{
    enum signature_scheme scheme;
    for (unsigned i = 0; i <= SIGNATURE_NONE; i++) {
        const char *name = signature_scheme_name((enum signature_scheme)i);
        cr_assert(signature_scheme_find(slice_str(name), &scheme));
        cr_assert(eq(u32, scheme, i));
    }
    cr_assert(not(signature_scheme_find(SLICE("Standard"), &scheme)));
    cr_assert(not(signature_scheme_find(SLICE(""), &scheme)));
}

/* ---- templates ---- */

static const struct {
    enum signature_scheme scheme;
    const char *content, *header;
} as_templates[] = {
    {SIGNATURE_STANDARD, "{id}.{timestamp}.{body}", "webhook-signature: v1,{base64}"},
    {SIGNATURE_TIMESTAMPED, "{timestamp}{body}", "X-PT-Signature: t={timestamp},v1={hex}"},
    {SIGNATURE_STRIPE, "{timestamp}.{body}", "Stripe-Signature: t={timestamp},v1={hex}"},
    {SIGNATURE_GITHUB, "{body}", "X-Hub-Signature-256: sha256={hex}"},
    {SIGNATURE_HEX, "{body}", "X-Webhook-Signature:{hex}"},
};

Test(signature, by_template_is_what_the_schemes_say)
{
    char secret[] = SECRET, expected[sizeof printed];
    for (size_t i = 0; i < sizeof as_templates / sizeof as_templates[0]; i++) {
        set(as_templates[i].scheme, secret, NULL);
        struct signer key = signers[0];
        snprintf(expected, sizeof expected, "%s", sign(BODY));
        char *end = strstr(expected, "\r\n");
        end[2] = '\0'; /* without the header that goes with scheme hex */
        set_template(as_templates[i].content, as_templates[i].header, secret);
        signers[0] = key; /* of a standard secret, not its text's */
        cr_assert_str_eq(sign(BODY), expected);
    }
}

Test(signature, never_expands_what_was_put_in)
{
    set_template("{timestamp}{body}", "X-Sig: {id} {hex}", "secret");
    struct message message = message_of("{timestamp}{hex}");
    struct text text;
    message.id = SLICE("{hex}{timestamp}");
    text_init(&text, printed, sizeof printed - 1);
    signature_put(&subscription, signers, &message, &text);
    printed[text.size] = '\0';
    cr_assert_str_eq(printed,
                     "X-Sig: {hex}{timestamp} "
                     "44f82706fa498ba3002ad48a63f0b8a67bb750d30612908d945c7ebbbaed7eee\r\n");
}

/* ---- rotation ---- */

Test(signature, has_one_for_each_live_secret_the_newest_first)
{
    set(SIGNATURE_STANDARD, OTHER, SECRET);
    const char *both = sign(BODY);
    cr_assert(slice_starts_with(slice_str(both), SLICE("webhook-signature: v1,")));
    cr_assert(strstr(both, " " STANDARD "\r\n") != NULL, "%s", both);
    cr_assert(eq(sz, strlen(both), strlen("webhook-signature:  \r\n") + 2 * strlen(STANDARD)));

    set(SIGNATURE_STRIPE, SECRET, "old");
    cr_assert_str_eq(sign(BODY),
                     "Stripe-Signature: t=1614265330,v1=" STRIPE ",v1=" STRIPE_OLD "\r\n");
    set(SIGNATURE_ED25519, PAIR, "whsk_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=");
    cr_assert(
        slice_starts_with(slice_str(sign(BODY)), SLICE("webhook-signature: " ED25519 " v1a,")));
}

Test(signature, ends_with_its_secret_and_not_a_moment_later)
{
    set(SIGNATURE_STANDARD, SECRET, OTHER);
    cr_assert(slice_starts_with(slice_str(sign_at(BODY, now_ms + HOUR_MS - 1)),
                                SLICE("webhook-signature: " STANDARD " v1,")));
    cr_assert_str_eq(sign_at(BODY, now_ms + HOUR_MS), "webhook-signature: " STANDARD "\r\n");
}

Test(signature, of_a_scheme_with_room_for_one_is_the_oldest_live)
{
    set(SIGNATURE_GITHUB, "new", "It's a Secret to Everybody");
    cr_assert_str_eq(sign_at("Hello, World!", now_ms + HOUR_MS - 1),
                     "X-Hub-Signature-256: sha256=" GITHUB "\r\n");
    set(SIGNATURE_GITHUB, "It's a Secret to Everybody", "old");
    cr_assert_str_eq(sign_at("Hello, World!", now_ms + HOUR_MS),
                     "X-Hub-Signature-256: sha256=" GITHUB "\r\n");
    cr_assert_str_neq(sign_at("Hello, World!", now_ms + HOUR_MS - 1),
                      "X-Hub-Signature-256: sha256=" GITHUB "\r\n");
}

Test(signature, fits_its_bound_whatever_is_configured)
{
    char name[LIMIT_SIGNATURE_HEADER_SIZE + 1] = {0};
    memset(name, 'x', sizeof name - 1);
    set(SIGNATURE_ED25519, PAIR, NULL);
    subscription.signature_header = name;
    for (unsigned i = 0; i < LIMIT_SECRETS; i++) {
        subscription.secrets[i] =
            (struct secret){(char *)(uintptr_t)PAIR, i ? now_ms + HOUR_MS : 0};
        signers[i] = signers[0];
    }
    subscription.secret_count = LIMIT_SECRETS;
    sign(BODY);
}

/* ---- verifying ---- */

static bool accepts(const char *body, const char *value)
{
    struct message message = message_of(body);
    return signature_verify(&subscription, signers, &message, slice_str(value));
}

static bool accepts_at(int64_t offset_ms, const char *value)
{
    struct message message = message_of(BODY);
    message.at_ms = now_ms + (uint64_t)offset_ms;
    return signature_verify(&subscription, signers, &message, slice_str(value));
}

Test(signature, is_accepted_when_it_is_right_and_only_then)
{
    set(SIGNATURE_STANDARD, SECRET, NULL);
    cr_assert(accepts(BODY, STANDARD));
    cr_assert(accepts(BODY, "v1,AAAA v2,AAAA " STANDARD));
    cr_assert(not(accepts("{}", STANDARD)));
    cr_assert(not(accepts(BODY, "")));
    cr_assert(not(accepts(BODY, "v1,")));
    cr_assert(not(accepts(BODY, STANDARD + 3)));
    cr_assert(not(accepts(BODY, STANDARD "=")));
    set(SIGNATURE_STANDARD, OTHER, NULL);
    cr_assert(not(accepts(BODY, STANDARD)));
    set(SIGNATURE_STANDARD, OTHER, SECRET);
    cr_assert(accepts(BODY, STANDARD));
    cr_assert(not(accepts_at(HOUR_MS, STANDARD)));
    set(SIGNATURE_NONE, SECRET, NULL);
    cr_assert(not(accepts(BODY, STANDARD)));
}

Test(signature, is_accepted_for_five_minutes_before_and_after_if_its_time_is_signed)
{
    const int64_t five_min_ms = 300000;
    set(SIGNATURE_STANDARD, SECRET, NULL);
    cr_assert(accepts_at(five_min_ms + 999, STANDARD));
    cr_assert(accepts_at(-five_min_ms, STANDARD));
    cr_assert(not(accepts_at(five_min_ms + 1000, STANDARD)));
    cr_assert(not(accepts_at(-five_min_ms - 1, STANDARD)));
    set(SIGNATURE_STRIPE, SECRET, NULL);
    cr_assert(accepts_at(0, "t=1614265330,v1=" STRIPE));
    cr_assert(not(accepts_at(2 * five_min_ms, "t=1614265330,v1=" STRIPE)));
    set(SIGNATURE_GITHUB, "It's a Secret to Everybody", NULL);
    struct message message = message_of("Hello, World!");
    message.at_ms += 24 * HOUR_MS;
    cr_assert(signature_verify(&subscription, signers, &message, SLICE("sha256=" GITHUB)));
}

Test(signature, with_its_time_in_its_header_is_read_from_there)
{
    set(SIGNATURE_STRIPE, SECRET, NULL);
    struct message message = message_of(BODY);
    message.timestamp = SLICE("");
    cr_assert(signature_verify(&subscription, signers, &message,
                               SLICE("v1=AAAA,t=1614265330,v1=" STRIPE ",v0=x")));
    cr_assert(
        not(signature_verify(&subscription, signers, &message, SLICE("t=1614265331,v1=" STRIPE))));
    cr_assert(not(signature_verify(&subscription, signers, &message, SLICE("v1=" STRIPE))));
    cr_assert(not(signature_verify(&subscription, signers, &message, SLICE("t=,v1=" STRIPE))));
}

Test(signature, of_every_scheme_is_accepted_as_it_is_sent)
{
    for (unsigned scheme = 0; scheme < SIGNATURE_NONE; scheme++) {
        const char *secret = scheme == SIGNATURE_ED25519 ? PAIR : SECRET;
        if (scheme == SIGNATURE_TEMPLATE)
            set_template("{id}:{body}", "X-Sig: a={hex} b={base64} t={timestamp}", secret);
        else
            set((enum signature_scheme)scheme, secret, NULL);
        const char *line = sign(BODY);
        struct slice value = slice_of(strchr(line, ':') + 2, 0);
        value.size = (size_t)(strchr(line, '\r') - value.at);
        char copy[sizeof printed];
        snprintf(copy, sizeof copy, "%.*s", SLICE_ARGS(value));
        cr_assert(accepts(BODY, copy), "%s", copy);
        cr_assert(not(accepts(BODY " ", copy)), "%s", copy);
    }
}
