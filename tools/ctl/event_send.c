/* event_send.c - grapnelctl event send: one event with its payload's bytes as they are, or a batch.
 */
#include "tools/ctl/request.h"
#include "tools/ctl/run.h"
#include "tools/ctl/view.h"

#include <stdlib.h>

static int show(struct session *session, struct slice answer)
{
    struct json_value root;
    if (line_wants_json(session->line)) {
        printf("%.*s\n", SLICE_ARGS(answer));
        return EXIT_DONE;
    }
    int status = session_read(session, answer, &root);
    if (!status)
        view_object(root);
    return status;
}

static int send_body(const struct line *line, struct slice body, struct slice content_type)
{
    struct session session;
    struct server_call call = {.method = line->verb->method,
                               .target = slice_str(line->verb->path),
                               .body = body,
                               .content_type = content_type};
    int status = session_open(&session, line);
    if (!status)
        status = session_ask(&session, &call);
    if (!status)
        status = show(&session, call.answer);
    session_close(&session);
    return status;
}

static int send_batch(const struct line *line, const char *path)
{
    char *at;
    size_t size;
    if (line->argument)
        return session_complain("--batch takes the place of TYPE: each event has its own");
    int status = session_read_file(path, &at, &size);
    if (status)
        return status;
    status = send_body(line, slice_of(at, size), SLICE("application/x-ndjson"));
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
        status = send_body(line, text_slice(&body), SLICE("application/json"));
        free(body.at);
    }
    fields_close(&fields);
    return status;
}
