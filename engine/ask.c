/* ask.c - see ask.h. Allocates: this is not the way of an event. */
#include "ask.h"

#include "shard.h"

#include <stdlib.h>

static struct slice copy_into(struct text *text, struct slice slice)
{
    size_t at = text->size;
    text_put(text, slice);
    return slice_of(text->at + at, text->size - at);
}

static struct slice copy_fields(struct text *text, const struct http_head *head)
{
    size_t at = text->size;
    for (unsigned i = 0; i < head->header_count; i++) {
        text_put(text, head->headers[i].name);
        text_put(text, SLICE(": "));
        text_put(text, head->headers[i].value);
        text_char(text, '\n');
    }
    return slice_of(text->at + at, text->size - at);
}

/* Everything is copied behind the mail in one allocation, with padding for a JSON parser. */
void ask_control(struct shard *shard, struct http_ticket ticket, const struct http_request *request)
{
    size_t room = request->head->method.size + request->path.size + request->query.size +
                  request->body.size + (size_t)2 * HTTP_HEAD_MAX + ADDRESS_TEXT_SIZE + JSON_PADDING;
    struct mail_ask *ask = malloc(sizeof *ask + room);
    char peer[ADDRESS_TEXT_SIZE];
    struct text text;

    if (!ask) {
        http_server_problem(shard->server, ticket, 503, "out of memory",
                            SLICE("Retry-After: 1\r\n"));
        return;
    }
    *ask = (struct mail_ask){.mail.kind = MAIL_ASK, .ticket = ticket};
    text_init(&text, (char *)(ask + 1), room - JSON_PADDING);
    ask->method = copy_into(&text, request->head->method);
    ask->path = copy_into(&text, request->path);
    ask->query = copy_into(&text, request->query);
    ask->headers = copy_fields(&text, request->head);
    ask->peer = copy_into(&text, address_print(request->peer, peer));
    ask->body = copy_into(&text, request->body);
    must(text_ok(&text));
    crew_post(shard->crew, shard->number, crew_control(shard->crew), &ask->mail);
}

void ask_answered(struct shard *shard, struct mail_ask *ask)
{
    http_server_reply(shard->server, ask->ticket,
                      &(struct http_response){.status = ask->status,
                                              .content_type = slice_str(ask->content_type),
                                              .body = slice_of(ask->answer, ask->answer_size)});
    free(ask->answer);
    free(ask);
}
