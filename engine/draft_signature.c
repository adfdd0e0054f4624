/* draft_signature.c - how a subscription signs: "signature" and its secrets. What a member may be
 * depends on the scheme, so all is judged when the whole is known.
 */
#include "base/units.h"
#include "draft.h"
#include "secret.h"
#include "signature.h"
#include "template.h"

#include <errno.h>

static void parse_scheme(struct draft *draft, struct json_value value, const char *pointer)
{
    struct slice text;
    if (!json_string(value, &text) || !signature_scheme_find(text, &draft->made->scheme))
        faults_add(draft->faults, pointer,
                   "must be \"standard\", \"ed25519\", \"timestamped\", \"stripe\", \"github\", "
                   "\"hex\", \"template\" or \"none\"");
}

static void parse_header(struct draft *draft, struct json_value value, const char *pointer)
{
    draft_take_string(draft, value, pointer, TEMPLATE_TEXT_MAX, &draft->signature_header);
}

static void parse_content(struct draft *draft, struct json_value value, const char *pointer)
{
    draft_take_string(draft, value, pointer, TEMPLATE_TEXT_MAX, &draft->signature_content);
}

void draft_parse_signature(struct draft *draft, struct json_value value, const char *pointer)
{
    static const struct field fields[] = {
        {"scheme", parse_scheme}, {"header", parse_header}, {"content", parse_content}};
    DRAFT_WALK(draft, value, pointer, fields);
}

static void settle_template(struct draft *draft)
{
    struct template_fault fault;
    if (!draft->signature_content.at)
        faults_add(draft->faults, "/signature/content", "is required by scheme \"template\"");
    if (!draft->signature_header.at)
        faults_add(draft->faults, "/signature/header", "is required by scheme \"template\"");
    if (!draft->signature_content.at || !draft->signature_header.at)
        return;
    int error = template_compile(draft->signature_content, draft->signature_header,
                                 &draft->made->template, &fault);
    draft->out_of_memory |= error == -ENOMEM;
    if (error == -EINVAL)
        faults_add(draft->faults, fault.in_header ? "/signature/header" : "/signature/content",
                   "%s", fault.why);
}

void draft_settle_signature(struct draft *draft)
{
    struct subscription *made = draft->made;
    if (made->scheme == SIGNATURE_TEMPLATE)
        settle_template(draft);
    else if (draft->signature_content.at)
        faults_add(draft->faults, "/signature/content", "is for scheme \"template\" alone");
    else if (draft->signature_header.at && made->scheme == SIGNATURE_NONE)
        faults_add(draft->faults, "/signature/header", "scheme \"none\" has no header");
    else if (draft->signature_header.at)
        draft_keep(draft, &made->signature_header, draft->signature_header);
    if (!made->template && !made->signature_header)
        return;

    struct slice name = signature_header(made);
    const char *why = draft_refuse_signature_header(name);
    if (why)
        faults_add(draft->faults, "/signature/header", "%s", why);
    else if (made->headers && draft_has_header(slice_str(made->headers), name))
        faults_add(draft->faults, "/signature/header", "is also in headers");
}

/* ---- secrets ---- */

void draft_parse_secret(struct draft *draft, struct json_value value, const char *pointer)
{
    if (draft->before || draft->vault)
        faults_add(draft->faults, pointer, "is set when the subscription is made, and by rotation");
    else if (draft_take_string(draft, value, pointer, LIMIT_SECRET_SIZE, &draft->secrets[0].text))
        draft->secret_count = 1;
}

/* {"secret":S,"until"?:T}, as it is stored; once it was the secret alone. */
static bool read_stored(struct draft *draft, struct json_value element, const char *pointer)
{
    struct json_value secret = element, until;
    struct slice moment;
    unsigned at = draft->secret_count;
    if ((json_kind(element) == JSON_OBJECT && !json_get(element, "secret", &secret)) ||
        (json_get(element, "until", &until) &&
         (!json_string(until, &moment) ||
          units_parse_time(moment, &draft->secrets[at].until_ms)))) {
        faults_add(draft->faults, pointer, "must be secrets");
        return false;
    }
    if (!draft_take_secret(draft, secret, pointer, LIMIT_SECRET_SIZE, &draft->secrets[at].text))
        return false;
    draft->secret_count++;
    return true;
}

void draft_parse_secrets(struct draft *draft, struct json_value value, const char *pointer)
{
    if (!draft->vault) {
        faults_add(draft->faults, pointer, "unknown field");
        return;
    }
    uint64_t cursor = 0;
    struct json_value element;
    char place[FAULT_POINTER_SIZE];
    while (draft->secret_count < LIMIT_SECRETS && json_next(value, &cursor, NULL, &element)) {
        pointer_element(place, pointer, draft->secret_count);
        if (!read_stored(draft, element, place))
            return;
    }
}

/* Those that were given, those of before, or one newly made. A change of scheme keeps the text,
 * since that is what the receiver has. */
void draft_settle_secrets(struct draft *draft)
{
    struct subscription *made = draft->made;
    const struct subscription *before = draft->vault ? NULL : draft->before;
    char new_text[SECRET_TEXT_SIZE], why[SECRET_WHY_SIZE];
    struct signer signer;

    for (unsigned i = 0; before && i < before->secret_count; i++) {
        draft->secrets[i].text = slice_str(before->secrets[i].text);
        draft->secrets[i].until_ms = before->secrets[i].until_ms;
        draft->secret_count = before->secret_count;
    }
    if (draft->secret_count == 0) {
        secret_make(made->scheme, new_text);
        draft->secrets[draft->secret_count++].text = slice_str(new_text);
    }
    for (unsigned i = 0; i < draft->secret_count; i++) {
        draft_keep(draft, &made->secrets[i].text, draft->secrets[i].text);
        made->secrets[i].until_ms = draft->secrets[i].until_ms;
        made->secret_count = i + 1;
        if (secret_parse(made->scheme, draft->secrets[i].text, &signer, why))
            faults_add(draft->faults, before ? "/signature/scheme" : "/secret", "the secret %s",
                       why);
    }
    explicit_bzero(&signer, sizeof signer);
    explicit_bzero(new_text, sizeof new_text);
}
