/* Requests on the ingest port that control answers. The server is replaced by one that takes down
 * what it is told; control is a mailbox that the test empties. */
#include "ask.h"

#include "shard.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

static struct crew crew;
static struct shard shard;
static struct http_head head;
static struct address peer;

/* ---- in place of http_server.c ---- */

static struct {
    unsigned replies;
    uint64_t serial;
    int status;
    char type[32], body[64];
} seen;

void http_server_reply(struct http_server *server, struct http_ticket ticket,
                       const struct http_response *response)
{
    cr_assert(server == shard.server);
    seen.replies++;
    seen.serial = ticket.serial;
    seen.status = response->status;
    memcpy(seen.type, response->content_type.at, response->content_type.size);
    memcpy(seen.body, response->body.at, response->body.size);
}

void http_server_problem(struct http_server *server, struct http_ticket ticket, int status,
                         const char *detail, struct slice headers)
{
    (void)server, (void)ticket, (void)status, (void)headers;
    cr_assert(false, "%s", detail);
}

/* ---- the stage ---- */

static void open_shard(void)
{
    crew_init(&crew, 1);
    shard.crew = &crew;
    head.method = SLICE("POST");
    cr_assert(zero(int, address_parse(SLICE("127.0.0.1:99"), &peer)));
}

TestSuite(ask, .init = open_shard);

static struct mail_ask *ask(const struct http_request *request)
{
    ask_control(&shard, (struct http_ticket){.serial = 7}, request);
    struct mail *mail = mailbox_take(&crew.members[crew_control(&crew)].mailbox);
    cr_assert(mail != NULL);
    cr_assert(eq(u32, mail->kind, MAIL_ASK));
    return container_of(mail, struct mail_ask, mail);
}

static void expect_slice(struct slice slice, const char *expected)
{
    cr_expect(slice_equal(slice, slice_str(expected)), "%.*s", SLICE_ARGS(slice));
}

/* ---- tests ---- */

Test(ask, takes_all_of_a_request_with_it)
{
    char body[] = "{\"a\":1}", path[] = "/webhook/send";
    head.header_count = 2;
    head.headers[0] = (struct http_header){SLICE("Content-Type"), SLICE("text/plain")};
    head.headers[1] = (struct http_header){SLICE("X-Empty"), SLICE("")};
    struct mail_ask *mail = ask(&(struct http_request){.head = &head,
                                                       .path = slice_str(path),
                                                       .query = SLICE("a=b"),
                                                       .body = slice_str(body),
                                                       .peer = &peer});
    memset(body, '-', sizeof body - 1); /* the connection's buffer is used again */
    memset(path, '-', sizeof path - 1);
    expect_slice(mail->method, "POST");
    expect_slice(mail->path, "/webhook/send");
    expect_slice(mail->query, "a=b");
    expect_slice(mail->headers, "Content-Type: text/plain\nX-Empty: \n");
    expect_slice(mail->body, "{\"a\":1}");
    expect_slice(mail->peer, "127.0.0.1:99");
    free(mail);
}

Test(ask, has_room_for_the_most_fields)
{
    static char large[HTTP_HEAD_MAX];
    memset(large, 'x', sizeof large);
    head.header_count = HTTP_HEADERS_MAX;
    for (unsigned i = 0; i < HTTP_HEADERS_MAX; i++)
        head.headers[i].name =
            slice_of(large, (sizeof large - 300) / HTTP_HEADERS_MAX); /* and ":\r\n" */
    struct mail_ask *mail =
        ask(&(struct http_request){.head = &head, .body = SLICE("end"), .peer = &peer});
    expect_slice(mail->body, "end");
    free(mail);
}

/* What control made is freed here: LeakSanitizer sees if it is not. */
Test(ask, is_answered_when_it_comes_back)
{
    struct mail_ask *mail = ask(&(struct http_request){.head = &head, .peer = &peer});
    mail->status = 201;
    mail->content_type = "text/plain";
    mail->answer = strdup("made");
    mail->answer_size = 4;
    cr_assert(zero(u32, seen.replies));
    ask_answered(&shard, mail);
    cr_expect(eq(u32, seen.replies, 1));
    cr_expect(eq(u64, seen.serial, 7));
    cr_expect(eq(int, seen.status, 201));
    cr_expect_str_eq(seen.type, "text/plain");
    cr_expect_str_eq(seen.body, "made");
}
