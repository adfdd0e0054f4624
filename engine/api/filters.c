/* filters.c - /api/v1/webhooks/filters/test: would a filter let this event pass? Nothing is kept.
 */
#include "call.h"
#include "envelope.h"
#include "filter.h"
#include "form.h"
#include "router.h"

#include <errno.h>

enum { ANSWER_SIZE = 2048 }; /* a pointer, escaped */

struct question {
    struct json_value filter, event;
    bool has_filter, has_event;
    struct filter_event seen;
};

static void parse_filter(struct form *form, struct json_value value, const char *pointer)
{
    struct question *question = form->made;
    (void)pointer;
    question->filter = value;
    question->has_filter = true;
}

static void parse_type(struct form *form, struct json_value value, const char *pointer)
{
    struct question *question = form->made;
    if (form_string(form, value, pointer, LIMIT_TYPE_SIZE, &question->seen.type) &&
        !envelope_type_is_valid(question->seen.type))
        faults_add(form->faults, pointer, "must be 1 to 128 of A-Z a-z 0-9 _ - . / :");
}

/* Any value will do: it is taken when all is known, since null is one. */
static void parse_payload(struct form *form, struct json_value value, const char *pointer)
{
    (void)form;
    (void)value;
    (void)pointer;
}

static void parse_channels(struct form *form, struct json_value value, const char *pointer)
{
    struct question *question = form->made;
    struct json_value element;
    uint64_t cursor = 0;
    bool is_list = json_kind(value) == JSON_ARRAY;
    while (is_list && json_next(value, &cursor, NULL, &element)) {
        is_list = json_kind(element) == JSON_STRING;
        question->seen.has_channels = true;
    }
    question->seen.channels = value;
    if (!is_list)
        faults_add(form->faults, pointer, "must be an array of strings");
}

static void parse_event(struct form *form, struct json_value value, const char *pointer)
{
    static const struct form_field fields[] = {
        {"type", parse_type}, {"payload", parse_payload}, {"channels", parse_channels}};
    struct question *question = form->made;
    question->has_event = true;
    FORM_WALK(form, value, pointer, fields);
    question->seen.has_payload = json_get(value, "payload", &question->seen.payload);
    if (question->seen.type.size == 0 && form->faults->count == 0)
        faults_add(form->faults, "/event/type", "is required");
    if (!question->seen.has_payload && form->faults->count == 0)
        faults_add(form->faults, "/event/payload", "is required");
}

static void read_question(struct json_value body, struct question *question, struct faults *faults)
{
    static const struct form_field fields[] = {{"filter", parse_filter}, {"event", parse_event}};
    struct form form = {.made = question, .faults = faults};
    FORM_WALK(&form, body, "", fields);
    if (!question->has_filter)
        faults_add(faults, "/filter", "is required");
    if (!question->has_event)
        faults_add(faults, "/event", "is required");
}

static void give_answer(struct call *call, const struct filter *filter,
                        const struct filter_event *event)
{
    char failed[FAULT_POINTER_SIZE];
    struct text *text = call_text(call, ANSWER_SIZE);
    enum filter_answer answer = filter_judge(filter, event, failed);
    if (answer != FILTER_FAILS) {
        text_printf(text, "{\"matches\":true%s}",
                    answer == FILTER_UNDECIDED ? ",\"undecided\":true" : "");
    } else {
        text_put(text, SLICE("{\"matches\":false,\"failed\":"));
        text_json(text, slice_str(failed));
        text_char(text, '}');
    }
    call_reply(call, 200, SLICE(""));
}

void filters_test(struct call *call)
{
    struct question question = {0};
    struct faults faults = {0};
    struct filter *filter = NULL;
    struct json_value body;
    if (!call_read_body(call, call->api->json, false, &body))
        return;
    read_question(body, &question, &faults);
    int error =
        question.has_filter ? filter_compile(question.filter, "/filter", &filter, &faults) : 0;
    if (error == -ENOMEM)
        call_busy(call);
    else if (faults.count > 0)
        call_faults(call, &faults);
    else
        give_answer(call, filter, &question.seen);
    filter_drop(filter);
}
