/* event_form.h - in which of the accepted forms a request has its events, by its head.
 */
#ifndef ENGINE_EVENT_FORM_H
#define ENGINE_EVENT_FORM_H

#include "net/http_parse.h"

enum event_form {
    FORM_UNKNOWN,
    FORM_JSON,
    FORM_LINES,
    FORM_CLOUDEVENT,
    FORM_CLOUDEVENTS,
    FORM_BINARY
};

enum event_form event_form(const struct http_head *head);

#endif
