/* requester.c - see requester.h. What goes by the admin port is not the way of most events, so it
 * may allocate. */
#include "requester.h"

#include "base/text.h"
#include "faults.h"
#include "shard.h"

#include <stdio.h>
#include <stdlib.h>

/* Every byte may be escaped. */
enum {
    DETAIL_MAX = 256,
    PROBLEM_SIZE = 6 * DETAIL_MAX + 256,
    FAULT_SIZE = 6 * (FAULT_POINTER_SIZE + FAULT_DETAIL_SIZE) + 64,
    FAULTS_ANSWER_SIZE = (FAULTS_MAX + 1) * FAULT_SIZE + 256,
};

static struct slice copy(struct text *text, struct slice slice)
{
    size_t at = text->size;
    text_put(text, slice);
    return slice_of(text->at + at, slice.size);
}

static size_t size_of(const struct http_request *request)
{
    const struct http_head *head = request->head;
    size_t size = head->method.size + request->path.size + request->body.size;
    for (unsigned i = 0; i < head->header_count; i++)
        size += head->headers[i].name.size + head->headers[i].value.size;
    return size;
}

/* The bytes go to `at`, which has room for size_of(). */
static void copy_request(const struct http_request *request, char *at, struct http_head *head,
                         struct address *peer, struct http_request *made)
{
    struct text text;
    text_init(&text, at, size_of(request));
    head->method = copy(&text, request->head->method);
    head->header_count = request->head->header_count;
    for (unsigned i = 0; i < head->header_count; i++) {
        head->headers[i].name = copy(&text, request->head->headers[i].name);
        head->headers[i].value = copy(&text, request->head->headers[i].value);
    }
    made->head = head;
    if (request->peer) {
        *peer = *request->peer;
        made->peer = peer;
    }
    made->path = copy(&text, request->path);
    made->body = copy(&text, request->body);
    must(text_ok(&text));
}

struct request_copy {
    struct http_request request;
    struct http_head head;
    struct address peer;
    char bytes[];
};

size_t requester_copy_size(const struct http_request *request)
{
    return sizeof(struct request_copy) + size_of(request) + LOOP_SLACK;
}

const struct http_request *requester_copy_into(const struct http_request *request, void *memory)
{
    struct request_copy *made = memory;
    *made = (struct request_copy){0};
    copy_request(request, made->bytes, &made->head, &made->peer, &made->request);
    return &made->request;
}

struct mail_publish *requester_copy(struct http_ticket ticket, const struct http_request *request)
{
    struct mail_publish *mail = malloc(sizeof *mail + size_of(request) + LOOP_SLACK);
    if (!mail)
        return NULL;
    *mail = (struct mail_publish){.mail.kind = MAIL_PUBLISH, .ticket = ticket};
    copy_request(request, (char *)(mail + 1), &mail->head, &mail->peer, &mail->request);
    return mail;
}

/* Everything into one allocation: body, content type, fields. */
static void send_back(struct shard *shard, struct mail_publish *mail,
                      const struct http_response *response)
{
    size_t room = response->body.size + response->content_type.size + response->headers.size;
    struct text text;
    mail->answer = malloc(room + 1);
    mail->response = (struct http_response){.status = response->status, .close = response->close};
    if (mail->answer) {
        text_init(&text, mail->answer, room);
        mail->response.body = copy(&text, response->body);
        mail->response.content_type = copy(&text, response->content_type);
        mail->response.headers = copy(&text, response->headers);
    }
    crew_post(shard->crew, shard->number, mail->mail.from, &mail->mail);
}

void requester_reply(struct shard *shard, const struct requester *requester,
                     const struct http_response *response)
{
    if (requester->mail)
        send_back(shard, requester->mail, response);
    else
        http_server_reply(shard->server, requester->ticket, response);
}

void requester_problem(struct shard *shard, const struct requester *requester, int status,
                       const char *detail, struct slice headers)
{
    char body[PROBLEM_SIZE];
    struct text text;
    if (!requester->mail) {
        http_server_problem(shard->server, requester->ticket, status, detail, headers);
        return;
    }
    text_init(&text, body, sizeof body);
    text_printf(&text, "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"detail\":",
                http_reason(status), status);
    text_json(&text, slice_of(detail, strnlen(detail, DETAIL_MAX)));
    text_char(&text, '}');
    send_back(shard, requester->mail,
              &(struct http_response){.status = status,
                                      .content_type = SLICE("application/problem+json"),
                                      .headers = headers,
                                      .body = text_slice(&text)});
}

void requester_faults(struct shard *shard, const struct requester *requester,
                      const struct faults *faults)
{
    char body[FAULTS_ANSWER_SIZE], detail[FAULT_POINTER_SIZE + FAULT_DETAIL_SIZE];
    struct text text;
    text_init(&text, body, sizeof body);
    text_printf(&text, "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":422,\"detail\":",
                http_reason(422));
    snprintf(detail, sizeof detail, "%s %s", faults->list[0].pointer, faults->list[0].detail);
    text_json(&text, slice_str(detail));
    text_put(&text, SLICE(",\"errors\":"));
    faults_print(faults, &text);
    text_char(&text, '}');
    must(text_ok(&text));
    requester_reply(shard, requester,
                    &(struct http_response){.status = 422,
                                            .content_type = SLICE("application/problem+json"),
                                            .body = text_slice(&text)});
}
