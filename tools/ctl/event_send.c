/* event_send.c - grapnelctl event send: one event with its payload's bytes as they are, or a batch.
 */
#include "tools/ctl/request.h"
#include "tools/ctl/run.h"

#include <stdlib.h>

static int send_batch(const struct line *line, const char *path)
{
    char *at;
    size_t size;
    if (line->argument)
        return session_complain("--batch takes the place of TYPE: each event has its own");
    int status = session_read_file(path, &at, &size);
    if (status)
        return status;
    status = request_send(line, slice_of(at, size), SLICE("application/x-ndjson"));
    free(at);
    return status;
}

static int put_payload(struct fields *fields, const char *path)
{
    char why[FIELDS_WHY_SIZE];
    char *at;
    size_t size;
    int status = session_read_file(path, &at, &size);
    if (status)
        return status;
    if (fields_set_json(fields, SLICE("payload"), slice_of(at, size), why) < 0)
        status = session_complain("the payload: %s", why);
    free(at);
    return status;
}

int run_event_send(const struct line *line)
{
    const char *batch = line_option(line, "batch"), *payload = line_option(line, "payload");
    char why[FIELDS_WHY_SIZE];
    struct fields fields;
    if (batch)
        return send_batch(line, batch);
    if (!line->argument)
        return session_complain("TYPE is missing");

    must(fields_open(&fields) == 0);
    int status = request_fields(line, &fields);
    if (!status && payload)
        status = put_payload(&fields, payload);
    else if (!status && fields_set_json(&fields, SLICE("payload"), SLICE("{}"), why) < 0)
        status = session_complain("%s", why);
    if (!status) {
        struct text body = fields_print(&fields);
        status = request_send(line, text_slice(&body), SLICE("application/json"));
        free(body.at);
    }
    fields_close(&fields);
    return status;
}
