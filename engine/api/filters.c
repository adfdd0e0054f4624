/* filters.c - /api/v1/webhooks/filters/test: would a filter let this event pass? Nothing is kept.
 *
 * The event goes the way of one that is published: envelope.h reads it, and screen.h says what of
 * it filters see.
 */
#include "call.h"
#include "filter.h"
#include "form.h"
#include "router.h"
#include "screen.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { ANSWER_SIZE = 2048 /* a pointer, escaped */ };

struct question {
    struct json_value filter, event;
    bool has_filter, has_event;
};

static void parse_filter(struct form *form, struct json_value value, const char *pointer)
{
    struct question *question = form->made;
    (void)pointer;
    question->filter = value;
    question->has_filter = true;
}

static void parse_event(struct form *form, struct json_value value, const char *pointer)
{
    struct question *question = form->made;
    (void)pointer;
    question->event = value;
    question->has_event = true;
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

/* ---- the event ---- */

/* What it takes to read one. */
struct reading {
    struct json *json;
    struct screen screen;
    struct envelope envelope;
    char *text;
};

static void reading_close(struct reading *reading)
{
    if (!reading)
        return;
    screen_close(&reading->screen);
    json_close(reading->json);
    free(reading->text);
    free(reading);
}

static struct reading *reading_open(void)
{
    struct reading *reading = calloc(1, sizeof *reading);
    if (reading && json_open(&reading->json) == 0 && screen_open(&reading->screen) == 0)
        return reading;
    reading_close(reading);
    return NULL;
}

/* The bytes of the event in a body with two members, where they may be written to and have padding
 * behind them. */
static int copy_event(struct reading *reading, struct slice body, struct slice *event)
{
    struct json_member members[2];
    char why[JSON_WHY_SIZE];
    int count = json_scan(reading->json, body, members, 2, why);
    if (count < 0)
        return count;
    must(count == 2);
    *event = members[slice_equal(members[1].key, SLICE("event"))].raw;
    reading->text = malloc(event->size + JSON_PADDING);
    if (!reading->text)
        return -ENOMEM;
    memcpy(reading->text, event->at, event->size);
    event->at = reading->text;
    return 0;
}

/* Takes it as the ingest port would. 0; -EINVAL with faults; -ENOMEM. */
static int read_event(struct reading *reading, const struct call *call,
                      const struct question *question, struct faults *faults)
{
    struct envelope *envelope = &reading->envelope;
    char pointer[FAULT_POINTER_SIZE];
    struct json_value version;
    struct slice text;
    int error = copy_event(reading, call->request->body, &text);
    if (error)
        return error;
    bool is_cloudevent = json_get(question->event, "specversion", &version);
    error = is_cloudevent ? envelope_parse_cloudevent(envelope, reading->json, text)
                          : envelope_parse(envelope, reading->json, text);
    if (error) {
        snprintf(pointer, sizeof pointer, "/event%s", envelope->pointer);
        faults_add(faults, pointer, "%s", envelope->why);
    }
    return error;
}

/* ---- the answer ---- */

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

static void judge(struct call *call, struct reading *reading, const struct question *question)
{
    struct faults faults = {0};
    struct filter *filter = NULL;
    struct filter_event event;
    int error = filter_compile(question->filter, "/filter", &filter, &faults);
    if (error != -ENOMEM && read_event(reading, call, question, &faults) == -ENOMEM)
        error = -ENOMEM;
    if (error != -ENOMEM && faults.count == 0)
        error = screen_read(&reading->screen, &reading->envelope, filter_looks_at_metadata(filter),
                            &event);
    if (error == -ENOMEM)
        call_busy(call);
    else if (faults.count > 0)
        call_faults(call, &faults);
    else
        give_answer(call, filter, &event);
    filter_drop(filter);
}

void filters_test(struct call *call)
{
    struct question question = {0};
    struct faults faults = {0};
    struct json_value body;
    if (!call_read_body(call, call->api->json, false, &body))
        return;
    read_question(body, &question, &faults);
    struct reading *reading = reading_open();
    if (faults.count > 0)
        call_faults(call, &faults);
    else if (!reading)
        call_busy(call);
    else
        judge(call, reading, &question);
    reading_close(reading);
}
