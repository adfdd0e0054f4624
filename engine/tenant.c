/* tenant.c - see tenant.h. Control's thread. */
#include "tenant.h"

#include "base/list.h"
#include "base/units.h"
#include "form.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

enum { MOMENT_SIZE = 32 };

struct tenant_draft {
    struct form form;
    struct tenant *made;
    const struct tenant *before; /* NULL: a new one, or one from `meta` */
    bool is_stored, has_name;
};

static struct tenant_draft *draft_of(struct form *form)
{
    return container_of(form, struct tenant_draft, form);
}

/* ---- what only the server sets: it may be sent back as it was ---- */

static void check_same(struct form *form, struct json_value value, const char *pointer,
                       struct slice now)
{
    struct slice given;
    if (!draft_of(form)->before)
        faults_add(form->faults, pointer, "is set by the server");
    else if (!json_string(value, &given) || !slice_equal(given, now))
        faults_add(form->faults, pointer, "cannot be changed");
}

static void parse_id(struct form *form, struct json_value value, const char *pointer)
{
    struct tenant_draft *draft = draft_of(form);
    char digits[ID_TEXT_SIZE];
    struct slice text;
    if (!draft->is_stored)
        check_same(form, value, pointer, id_print(&draft->made->id, "ten", digits));
    else if (!json_string(value, &text) || id_parse(text, "ten", &draft->made->id))
        faults_add(form->faults, pointer, "must be an id");
}

static uint64_t updated_of(const struct tenant *tenant)
{
    return tenant->updated_ms ? tenant->updated_ms : id_time_ms(&tenant->id);
}

static struct slice print_moment(uint64_t wall_ms, char out[static MOMENT_SIZE])
{
    struct text text;
    text_init(&text, out, MOMENT_SIZE);
    text_time(&text, wall_ms);
    return text_slice(&text);
}

static void parse_created(struct form *form, struct json_value value, const char *pointer)
{
    const struct tenant_draft *draft = draft_of(form);
    char moment[MOMENT_SIZE];
    if (!draft->is_stored)
        check_same(form, value, pointer, print_moment(id_time_ms(&draft->made->id), moment));
}

static void parse_updated(struct form *form, struct json_value value, const char *pointer)
{
    struct tenant_draft *draft = draft_of(form);
    char moment[MOMENT_SIZE];
    struct slice text;
    if (!draft->is_stored)
        check_same(form, value, pointer, print_moment(updated_of(draft->made), moment));
    else if (!json_string(value, &text) || units_parse_time(text, &draft->made->updated_ms))
        faults_add(form->faults, pointer, "must be a time");
}

/* ---- what the caller sets ---- */

/* A name may stand in the header field that chooses a tenant, where an id may stand too. */
static void parse_name(struct form *form, struct json_value value, const char *pointer)
{
    struct tenant_draft *draft = draft_of(form);
    struct slice text;
    draft->has_name = true;
    if (!form_string(form, value, pointer, TENANT_NAME_SIZE - 1, &text))
        return;
    if (!draft->is_stored && (!form_is_name(text) || slice_starts_with(text, SLICE("ten_")))) {
        faults_add(form->faults, pointer,
                   "must be 1 to %d of A-Z a-z 0-9 _ - . and not begin with ten_",
                   TENANT_NAME_SIZE - 1);
        return;
    }
    memcpy(draft->made->name, text.at, text.size);
    draft->made->name[text.size] = '\0';
}

/* It may stand where an id or a name may. */
static void parse_uid(struct form *form, struct json_value value, const char *pointer)
{
    struct tenant_draft *draft = draft_of(form);
    struct slice text;
    if (!form_string(form, value, pointer, TENANT_UID_SIZE - 1, &text))
        return;
    if (!form_is_uid(text, "ten")) {
        faults_add(form->faults, pointer,
                   "must be 1 to %d of A-Z a-z 0-9 _ - . and not an id, \".\" or \"..\"",
                   TENANT_UID_SIZE - 1);
        return;
    }
    memcpy(draft->made->uid, text.at, text.size);
    draft->made->uid[text.size] = '\0';
}

static void parse_description(struct form *form, struct json_value value, const char *pointer)
{
    struct slice text;
    if (form_string(form, value, pointer, LIMIT_DESCRIPTION_SIZE, &text))
        form_keep(form, &draft_of(form)->made->description, text);
}

static void parse_metadata(struct form *form, struct json_value value, const char *pointer)
{
    form_metadata(form, value, pointer, &draft_of(form)->made->metadata);
}

/* ---- how much it may send ---- */

static void parse_per_second(struct form *form, struct json_value value, const char *pointer)
{
    form_number(form, value, pointer, (const double[]){0.01, TENANT_RATE_MAX},
                &draft_of(form)->made->ingest.per_second);
}

static void parse_burst(struct form *form, struct json_value value, const char *pointer)
{
    uint64_t burst;
    if (form_u64(form, value, pointer, TENANT_RATE_MAX, &burst))
        draft_of(form)->made->ingest.burst = (unsigned)burst;
}

/* Without a burst: what a second gives, and one at least. */
static void parse_ingest(struct form *form, struct json_value value, const char *pointer)
{
    static const struct form_field rate_fields[] = {{"per_second", parse_per_second},
                                                    {"burst", parse_burst}};
    struct throttle_rate *rate = &draft_of(form)->made->ingest;
    struct json_value given;
    FORM_WALK(form, value, pointer, rate_fields);
    if (json_kind(value) != JSON_OBJECT)
        return;
    if (!json_get(value, "per_second", &given) || json_kind(given) == JSON_NULL) {
        char place[FAULT_POINTER_SIZE];
        pointer_member(place, pointer, SLICE("per_second"));
        faults_add(form->faults, place, "is required");
    }
    if (rate->burst == 0)
        rate->burst = rate->per_second > 1 ? (unsigned)ceil(rate->per_second) : 1;
}

/* ---- where its deliveries may go ---- */

static void parse_egress(struct form *form, struct json_value value, const char *pointer)
{
    struct tenant *made = draft_of(form)->made;
    form->out_of_memory |= egress_rules_parse(value, pointer, &made->egress, form->faults) != 0;
}

static void parse_https_only(struct form *form, struct json_value value, const char *pointer)
{
    form_bool(form, value, pointer, &draft_of(form)->made->https_only);
}

/* ---- what its events have to be ---- */

static const char *const enforcements[] = {
    [ENFORCEMENT_OFF] = "off",
    [ENFORCEMENT_WARN] = "warn",
    [ENFORCEMENT_REJECT] = "reject",
};

static void parse_enforcement(struct form *form, struct json_value value, const char *pointer)
{
    struct slice text;
    if (!json_string(value, &text))
        text = SLICE("");
    for (unsigned i = 0; i <= ENFORCEMENT_REJECT; i++)
        if (slice_equal(slice_str(enforcements[i]), text)) {
            draft_of(form)->made->enforcement = (enum enforcement)i;
            return;
        }
    faults_add(form->faults, pointer, "must be off, warn or reject");
}

static void parse_event_types(struct form *form, struct json_value value, const char *pointer)
{
    static const struct form_field type_fields[] = {{"enforcement", parse_enforcement}};
    FORM_WALK(form, value, pointer, type_fields);
}

/* ---- what it is promised ---- */

static void parse_sla(struct form *form, struct json_value value, const char *pointer)
{
    struct tenant *made = draft_of(form)->made;
    form->out_of_memory |= sla_parse(value, pointer, &made->sla, form->faults) != 0;
}

static const struct form_field fields[] = {
    {"id", parse_id},
    {"uid", parse_uid},
    {"name", parse_name},
    {"description", parse_description},
    {"metadata", parse_metadata},
    {"ingest", parse_ingest},
    {"egress", parse_egress},
    {"https_only", parse_https_only},
    {"event_types", parse_event_types},
    {"sla", parse_sla},
    {"created_at", parse_created},
    {"updated_at", parse_updated},
};

/* ---- the whole ---- */

static int parse(struct tenant_draft *draft, struct json_value body, struct tenant **made)
{
    struct faults *faults = draft->form.faults;
    faults->count = 0;
    draft->made = calloc(1, sizeof *draft->made);
    if (!draft->made)
        return -ENOMEM;
    if (draft->before) {
        draft->made->id = draft->before->id;
        draft->made->updated_ms = draft->before->updated_ms;
    }
    FORM_WALK(&draft->form, body, "", fields);
    if (!draft->has_name)
        faults_add(faults, "/name", "is required");

    int error = draft->form.out_of_memory ? -ENOMEM : faults->count ? -EINVAL : 0;
    if (error) {
        tenant_free(draft->made);
        return error;
    }
    *made = draft->made;
    return 0;
}

int tenant_parse(struct json_value body, const struct tenant *before, struct tenant **made,
                 struct faults *faults)
{
    struct tenant_draft draft = {.form.faults = faults, .before = before};
    return parse(&draft, body, made);
}

int tenant_parse_stored(struct json_value document, struct tenant **made, struct faults *faults)
{
    struct tenant_draft draft = {.form.faults = faults, .is_stored = true};
    return parse(&draft, document, made);
}

void tenant_print(const struct tenant *tenant, struct text *text)
{
    char digits[ID_TEXT_SIZE];
    text_printf(text, "{\"id\":\"%s\",\"uid\":", id_print(&tenant->id, "ten", digits).at);
    if (tenant->uid[0])
        text_json(text, slice_str(tenant->uid));
    else
        text_put(text, SLICE("null"));
    text_put(text, SLICE(",\"name\":"));
    text_json(text, slice_str(tenant->name));
    text_put(text, SLICE(",\"description\":"));
    text_json(text, slice_str(tenant->description ? tenant->description : ""));
    text_printf(text, ",\"metadata\":%s,\"ingest\":", tenant->metadata ? tenant->metadata : "{}");
    if (tenant->ingest.per_second > 0)
        text_printf(text, "{\"per_second\":%.15g,\"burst\":%u}", tenant->ingest.per_second,
                    tenant->ingest.burst);
    else
        text_put(text, SLICE("null"));
    text_put(text, SLICE(",\"egress\":"));
    egress_rules_print(tenant->egress, text);
    text_printf(text, ",\"https_only\":%s,\"event_types\":{\"enforcement\":\"%s\"},\"sla\":",
                tenant->https_only ? "true" : "false", enforcements[tenant->enforcement]);
    sla_print(&tenant->sla, text);
    text_put(text, SLICE(",\"created_at\":\""));
    text_time(text, id_time_ms(&tenant->id));
    text_put(text, SLICE("\",\"updated_at\":\""));
    text_time(text, updated_of(tenant));
    text_put(text, SLICE("\"}"));
}

void tenant_touch(struct tenant *after, const struct tenant *before, uint64_t wall_ms)
{
    uint64_t last_ms = updated_of(before);
    after->updated_ms = wall_ms > last_ms ? wall_ms : last_ms + 1;
}

void tenant_free(struct tenant *tenant)
{
    if (!tenant)
        return;
    free(tenant->description);
    free(tenant->metadata);
    free(tenant->egress);
    explicit_bzero(tenant->log_key, sizeof tenant->log_key);
    free(tenant);
}
