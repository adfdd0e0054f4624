/* event_form.c - see event_form.h. */
#include "event_form.h"

/* The media type of the body, without parameters. */
static struct slice media_type(const struct http_head *head)
{
    const struct http_header *field = http_find(head, "content-type");
    if (!field)
        return SLICE("");
    return slice_trim(slice_of(field->value.at, slice_find(field->value, ';')));
}

enum event_form event_form(const struct http_head *head)
{
    struct slice type = media_type(head);
    if (slice_equal_nocase(type, SLICE("application/cloudevents+json")))
        return FORM_CLOUDEVENT;
    if (slice_equal_nocase(type, SLICE("application/cloudevents-batch+json")))
        return FORM_CLOUDEVENTS;
    if (http_find(head, "ce-specversion"))
        return FORM_BINARY;
    if (slice_equal_nocase(type, SLICE("application/json")))
        return FORM_JSON;
    if (slice_equal_nocase(type, SLICE("application/x-ndjson")))
        return FORM_LINES;
    return FORM_UNKNOWN;
}
