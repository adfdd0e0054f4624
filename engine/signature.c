/* signature.c - see signature.h. No state; any thread. */
#include "signature.h"

#include "secret.h"
#include "template.h"

#include <openssl/base64.h>
#include <openssl/mem.h>

enum { VALUE_MAX = TEMPLATE_VALUE_MAX + 1, HEX_SIZE = 2 * SIGNER_HMAC_SIZE, BASE64_SIZE = 92 };

/* What a header says of one signature: its `element`. Those of several secrets are kept apart by
 * `separator`, behind one `lead`. */
struct form {
    struct slice name, header;
    struct parts content, lead, element;
    char separator; /* NUL: there is room for one signature */
    bool is_ed25519, shows_timestamp;
};

#define TEXT(literal)                      \
    {                                      \
        PART_TEXT,                         \
        {                                  \
            (literal), sizeof(literal) - 1 \
        }                                  \
    }
#define PARTS(list)                            \
    {                                          \
        (list), sizeof(list) / sizeof(list)[0] \
    }

static const struct part id_timestamp_body[] = {{.kind = PART_ID},
                                                TEXT("."),
                                                {.kind = PART_TIMESTAMP},
                                                TEXT("."),
                                                {.kind = PART_BODY}},
                         timestampbody[] = {{.kind = PART_TIMESTAMP}, {.kind = PART_BODY}},
                         timestamp_body[] = {{.kind = PART_TIMESTAMP},
                                             TEXT("."),
                                             {.kind = PART_BODY}},
                         body[] = {{.kind = PART_BODY}},
                         time_lead[] = {TEXT("t="), {.kind = PART_TIMESTAMP}, TEXT(",")},
                         v1_base64[] = {TEXT("v1,"), {.kind = PART_BASE64}},
                         v1a_base64[] = {TEXT("v1a,"), {.kind = PART_BASE64}},
                         v1_hex[] = {TEXT("v1="), {.kind = PART_HEX}},
                         sha256_hex[] = {TEXT("sha256="), {.kind = PART_HEX}},
                         hex[] = {{.kind = PART_HEX}};

static const struct form forms[] = {
    [SIGNATURE_STANDARD] = {.name = {"standard", 8},
                            .header = {"webhook-signature", 17},
                            .content = PARTS(id_timestamp_body),
                            .element = PARTS(v1_base64),
                            .separator = ' '},
    [SIGNATURE_ED25519] = {.name = {"ed25519", 7},
                           .header = {"webhook-signature", 17},
                           .content = PARTS(id_timestamp_body),
                           .element = PARTS(v1a_base64),
                           .separator = ' ',
                           .is_ed25519 = true},
    [SIGNATURE_TIMESTAMPED] = {.name = {"timestamped", 11},
                               .header = {"X-PT-Signature", 14},
                               .content = PARTS(timestampbody),
                               .lead = PARTS(time_lead),
                               .element = PARTS(v1_hex),
                               .separator = ','},
    [SIGNATURE_STRIPE] = {.name = {"stripe", 6},
                          .header = {"Stripe-Signature", 16},
                          .content = PARTS(timestamp_body),
                          .lead = PARTS(time_lead),
                          .element = PARTS(v1_hex),
                          .separator = ','},
    [SIGNATURE_GITHUB] = {.name = {"github", 6},
                          .header = {"X-Hub-Signature-256", 19},
                          .content = PARTS(body),
                          .element = PARTS(sha256_hex)},
    [SIGNATURE_HEX] = {.name = {"hex", 3},
                       .header = {"X-Webhook-Signature", 19},
                       .content = PARTS(body),
                       .element = PARTS(hex),
                       .shows_timestamp = true},
    [SIGNATURE_TEMPLATE] = {.name = {"template", 8}},
    [SIGNATURE_NONE] = {.name = {"none", 4}},
};
enum { FORMS = sizeof forms / sizeof forms[0] };

const char *signature_scheme_name(enum signature_scheme scheme)
{
    return forms[scheme].name.at;
}

bool signature_scheme_find(struct slice name, enum signature_scheme *scheme)
{
    for (unsigned i = 0; i < FORMS; i++) {
        if (slice_equal(forms[i].name, name)) {
            *scheme = (enum signature_scheme)i;
            return true;
        }
    }
    return false;
}

static struct form form_of(const struct subscription *subscription)
{
    struct form form = forms[subscription->scheme];
    if (subscription->scheme == SIGNATURE_TEMPLATE) {
        form.header = subscription->template->name;
        form.content = subscription->template->content;
        form.element = subscription->template->value;
    } else if (subscription->signature_header) {
        form.header = slice_str(subscription->signature_header);
    }
    return form;
}

struct slice signature_header(const struct subscription *subscription)
{
    return form_of(subscription).header;
}

void signature_make_signers(const struct subscription *subscription, struct signer *signers)
{
    char why[SECRET_WHY_SIZE];
    for (unsigned i = 0; i < subscription->secret_count; i++)
        must(secret_parse(subscription->scheme, slice_str(subscription->secrets[i].text),
                          &signers[i], why) == 0);
}

static void put_parts(struct parts parts, const struct slice values[static PART_KINDS],
                      struct text *out)
{
    struct slice filled[PARTS_MAX];
    parts_fill(parts, values, filled);
    for (unsigned i = 0; i < parts.count; i++)
        text_put(out, filled[i]);
}

/* Signs, and prints the element of it. */
static void put_element(const struct form *form, const struct signer *signer,
                        const struct message *message, struct text *out)
{
    struct slice values[PART_KINDS] = {[PART_ID] = message->id,
                                       [PART_TIMESTAMP] = message->timestamp,
                                       [PART_BODY] = message->body};
    struct slice filled[PARTS_MAX];
    uint8_t signature[SIGNER_SIZE_MAX], base64[BASE64_SIZE];
    char digits[HEX_SIZE];
    struct text hex_text;
    size_t size = form->is_ed25519 ? SIGNER_ED25519_SIZE : SIGNER_HMAC_SIZE;

    parts_fill(form->content, values, filled);
    if (form->is_ed25519)
        signer_ed25519(signer, filled, form->content.count, message->scratch, signature);
    else
        signer_hmac(signer, filled, form->content.count, signature);

    text_init(&hex_text, digits, sizeof digits);
    if (parts_have(form->element, PART_HEX))
        text_hex(&hex_text, signature, size);
    if (parts_have(form->element, PART_BASE64))
        values[PART_BASE64] = slice_of(base64, EVP_EncodeBlock(base64, signature, size));
    values[PART_HEX] = text_slice(&hex_text);
    put_parts(form->element, values, out);
}

static void put_value(const struct subscription *subscription, const struct form *form,
                      const struct signer *signers, const struct message *message, struct text *out)
{
    const struct slice values[PART_KINDS] = {[PART_TIMESTAMP] = message->timestamp};
    unsigned oldest = 0, printed = 0;
    put_parts(form->lead, values, out);
    for (unsigned i = 0; i < subscription->secret_count; i++) {
        if (!secret_is_live(&subscription->secrets[i], message->at_ms))
            continue;
        oldest = i;
        if (form->separator == '\0')
            continue;
        if (printed++)
            text_char(out, form->separator);
        put_element(form, &signers[i], message, out);
    }
    if (form->separator == '\0')
        put_element(form, &signers[oldest], message, out);
}

void signature_put(const struct subscription *subscription, const struct signer *signers,
                   const struct message *message, struct text *head)
{
    if (subscription->scheme == SIGNATURE_NONE)
        return;
    struct form form = form_of(subscription);
    text_put(head, form.header);
    text_put(head, SLICE(": "));
    put_value(subscription, &form, signers, message, head);
    text_put(head, SLICE("\r\n"));
    if (!form.shows_timestamp)
        return;
    text_put(head, SLICE("X-Webhook-Timestamp: "));
    text_put(head, message->timestamp);
    text_put(head, SLICE("\r\n"));
}

/* ---- verifying ---- */

/* Takes the next element off `value`. */
static struct slice take_element(struct slice *value, char separator)
{
    struct slice element = *value;
    if (separator)
        element.size = slice_find(*value, separator);
    *value = slice_skip(*value, element.size + 1);
    return element;
}

/* The timestamp that the lead of `value` gives; that of the message if the form has no lead. */
static struct slice find_timestamp(const struct form *form, struct slice value,
                                   struct slice standard)
{
    if (form->lead.count == 0)
        return standard;
    while (value.size) {
        struct slice element = take_element(&value, form->separator);
        if (slice_starts_with(element, form->lead.list[0].text))
            return slice_skip(element, form->lead.list[0].text.size);
    }
    return SLICE("");
}

static bool is_fresh(struct slice timestamp, uint64_t at_ms)
{
    unsigned long then_s, now_s = at_ms / 1000;
    return slice_to_u64(timestamp, &then_s) && then_s + SIGNATURE_TOLERANCE_S >= now_s &&
           then_s <= now_s + SIGNATURE_TOLERANCE_S;
}

static bool has_element(const struct form *form, struct slice value, struct slice expected)
{
    bool found = false;
    while (value.size) {
        struct slice element = take_element(&value, form->separator);
        found |= element.size == expected.size &&
                 CRYPTO_memcmp(element.at, expected.at, expected.size) == 0;
    }
    return found;
}

bool signature_verify(const struct subscription *subscription, const struct signer *signers,
                      const struct message *message, struct slice value)
{
    struct form form = form_of(subscription);
    struct message claim = *message;
    bool is_right = false;
    if (subscription->scheme == SIGNATURE_NONE)
        return false;
    claim.timestamp = find_timestamp(&form, value, message->timestamp);
    if (parts_have(form.content, PART_TIMESTAMP) && !is_fresh(claim.timestamp, claim.at_ms))
        return false;
    for (unsigned i = 0; i < subscription->secret_count; i++) {
        char buffer[VALUE_MAX];
        struct text expected;
        if (!secret_is_live(&subscription->secrets[i], claim.at_ms))
            continue;
        text_init(&expected, buffer, sizeof buffer);
        put_element(&form, &signers[i], &claim, &expected);
        is_right |= text_ok(&expected) && has_element(&form, value, text_slice(&expected));
    }
    return is_right;
}
