/* draft_signature.c - how a subscription signs: "signature" and its secrets. */
#include "draft.h"
#include "secret.h"

static void parse_scheme(struct draft *draft, struct json_value value, const char *pointer)
{
    static const char *const later[] = {"timestamped", "stripe",  "github",
                                        "hex",         "ed25519", "template"};
    struct slice text;
    if (!json_string(value, &text))
        text = SLICE("");
    for (size_t i = 0; i < sizeof later / sizeof later[0]; i++) {
        if (slice_equal(text, slice_str(later[i]))) {
            faults_add(draft->faults, pointer,
                       "not supported by this version: only \"standard\" and \"none\"");
            return;
        }
    }
    if (slice_equal(text, SLICE("none")))
        draft->made->scheme = SIGNATURE_NONE;
    else if (!slice_equal(text, SLICE("standard")))
        faults_add(draft->faults, pointer, "must be \"standard\" or \"none\"");
}

void draft_parse_signature(struct draft *draft, struct json_value value, const char *pointer)
{
    static const struct field fields[] = {{"scheme", parse_scheme, NULL},
                                          {"header", draft_parse_signature_header, NULL}};
    DRAFT_WALK(draft, value, pointer, fields);
}

void draft_parse_secret(struct draft *draft, struct json_value value, const char *pointer)
{
    if (draft->before || draft->from_store)
        faults_add(draft->faults, pointer, "is set when the subscription is made, and by rotation");
    else if (draft_take_string(draft, value, pointer, LIMIT_SECRET_SIZE, &draft->secrets[0]))
        draft->secret_count = 1;
}

void draft_parse_secrets(struct draft *draft, struct json_value value, const char *pointer)
{
    if (!draft->from_store) {
        faults_add(draft->faults, pointer, "unknown field");
        return;
    }
    uint64_t cursor = 0;
    struct json_value element;
    while (draft->secret_count < LIMIT_SECRETS && json_next(value, &cursor, NULL, &element))
        if (draft_take_string(draft, element, pointer, LIMIT_SECRET_SIZE,
                              &draft->secrets[draft->secret_count]))
            draft->secret_count++;
}

/* Takes the secrets over: those that were given, those of before, or one newly made. A change of
 * scheme keeps the text, since that is what the receiver has. */
void draft_settle_secrets(struct draft *draft)
{
    struct subscription *made = draft->made;
    char texts[LIMIT_SECRETS][SECRET_TEXT_SIZE], why[SECRET_WHY_SIZE];

    if (draft->before && !draft->from_store) {
        draft->secret_count = draft->before->secret_count;
        for (unsigned i = 0; i < draft->secret_count; i++)
            draft->secrets[i] =
                secret_print(draft->before->scheme, &draft->before->secrets[i], texts[i]);
    }
    made->secret_count = draft->secret_count ? draft->secret_count : 1;
    if (draft->secret_count == 0)
        secret_make(made->scheme, &made->secrets[0]);
    for (unsigned i = 0; i < draft->secret_count; i++)
        if (secret_parse(made->scheme, draft->secrets[i], &made->secrets[i], why))
            faults_add(draft->faults, draft->before ? "/signature/scheme" : "/secret",
                       "the secret %s", why);
}
