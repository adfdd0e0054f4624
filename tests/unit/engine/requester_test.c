/* Who waits for an answer. The server is replaced by one that takes down what it is told, and
 * control is a mailbox that the test empties. */
#include "requester.h"

#include "shard.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

static struct crew crew;
static struct shard shard; /* number 1 of two */
static int server_place, connection_place;

/* ---- in place of http_server.c ---- */

static struct {
    unsigned replies, problems;
    uint64_t serial;
    int status;
    const char *detail;
    struct slice headers;
} seen;

void http_server_reply(struct http_server *server, struct http_ticket ticket,
                       const struct http_response *response)
{
    cr_assert(server == shard.server);
    seen.replies++;
    seen.serial = ticket.serial;
    seen.status = response->status;
}

void http_server_problem(struct http_server *server, struct http_ticket ticket, int status,
                         const char *detail, struct slice headers)
{
    cr_assert(server == shard.server);
    seen.problems++;
    seen.serial = ticket.serial;
    seen.status = status;
    seen.detail = detail;
    seen.headers = headers;
}

/* ---- the stage ---- */

static void open_shard(void)
{
    crew_init(&crew, 2);
    shard.number = 1;
    shard.crew = &crew;
    shard.server = (struct http_server *)&server_place;
}

TestSuite(requester, .init = open_shard);

static struct http_ticket ticket(uint64_t serial)
{
    return (struct http_ticket){(struct http_connection *)&connection_place, serial};
}

static struct requester on_this_shard(void)
{
    return (struct requester){.ticket = ticket(7)};
}

/* A request that came to control, as the shard has got it. */
static struct mail_publish *publish(void)
{
    static const struct http_head head;
    struct mail_publish *mail = requester_copy(ticket(9), &(struct http_request){.head = &head});
    cr_assert(mail != NULL);
    mail->mail.from = crew_control(&crew);
    return mail;
}

static struct http_response accepted(struct slice body)
{
    return (struct http_response){.status = 202,
                                  .content_type = SLICE("application/json"),
                                  .headers = SLICE("Retry-After: 1\r\n"),
                                  .body = body,
                                  .close = true};
}

static void expect_back(struct mail_publish *mail)
{
    cr_assert(mailbox_take(&crew.members[crew_control(&crew)].mailbox) == &mail->mail);
    cr_expect(eq(u32, mail->mail.from, 1));
    cr_expect(eq(u64, mail->ticket.serial, 9));
    cr_expect(zero(u32, seen.replies + seen.problems));
}

static void expect_slice(struct slice slice, struct slice expected)
{
    cr_expect(slice_equal(slice, expected), "%.*s", SLICE_ARGS(slice));
}

static void drop(struct mail_publish *mail)
{
    free(mail->answer);
    free(mail);
}

/* ---- a connection of the shard ---- */

Test(requester, is_answered_on_its_own_connection)
{
    struct requester requester = on_this_shard();
    struct http_response response = accepted(SLICE("{}"));
    requester_reply(&shard, &requester, &response);
    cr_expect(eq(u32, seen.replies, 1));
    cr_expect(eq(u64, seen.serial, 7));
    cr_expect(eq(int, seen.status, 202));
}

Test(requester, is_told_a_problem_on_its_own_connection)
{
    struct requester requester = on_this_shard();
    requester_problem(&shard, &requester, 503, "full", SLICE("Retry-After: 1\r\n"));
    cr_expect(eq(u32, seen.problems, 1));
    cr_expect(eq(u64, seen.serial, 7));
    cr_expect(eq(int, seen.status, 503));
    cr_expect_str_eq(seen.detail, "full");
    expect_slice(seen.headers, SLICE("Retry-After: 1\r\n"));
}

/* ---- the admin port ---- */

Test(requester, copies_all_of_a_request_that_shards_look_at)
{
    char method[] = "POST", path[] = "/api/v1/webhooks/events", body[] = "{\"type\":\"a\"}";
    char name[] = "Authorization", value[] = "Bearer x", empty[] = "X-Empty";
    struct http_head head = {.method = slice_str(method), .header_count = 2};
    head.headers[0] = (struct http_header){slice_str(name), slice_str(value)};
    head.headers[1] = (struct http_header){slice_str(empty), SLICE("")};
    struct mail_publish *mail = requester_copy(
        ticket(9),
        &(struct http_request){.head = &head, .path = slice_str(path), .body = slice_str(body)});
    cr_assert(mail != NULL);
    for (char *at = method; *at; at++)
        *at = '-'; /* the connection's buffer is used again */
    memset(path, '-', sizeof path - 1);
    memset(body, '-', sizeof body - 1);
    memset(name, '-', sizeof name - 1);
    memset(value, '-', sizeof value - 1);

    cr_expect(eq(int, (int)mail->mail.kind, MAIL_PUBLISH));
    cr_expect(eq(u64, mail->ticket.serial, 9));
    expect_slice(mail->request.head->method, SLICE("POST"));
    expect_slice(mail->request.path, SLICE("/api/v1/webhooks/events"));
    expect_slice(mail->request.body, SLICE("{\"type\":\"a\"}"));
    cr_assert(eq(u32, mail->request.head->header_count, 2));
    const struct http_header *found = http_find(mail->request.head, "authorization");
    cr_assert(found != NULL);
    expect_slice(found->value, SLICE("Bearer x"));
    expect_slice(http_find(mail->request.head, "x-empty")->value, SLICE(""));
    drop(mail);
}

/* The JSON parser reads beyond the body's end. */
Test(requester, leaves_readable_bytes_after_a_body)
{
    static const struct http_head head;
    struct mail_publish *mail = requester_copy(
        ticket(9), &(struct http_request){.head = &head, .body = SLICE("{\"type\":\"a\"}")});
    cr_assert(mail != NULL);
    volatile char *after = (volatile char *)mail->request.body.at + mail->request.body.size;
    for (unsigned i = 0; i < LOOP_SLACK; i++)
        after[i] = 'x'; /* AddressSanitizer minds if it is not there */
    drop(mail);
}

Test(requester, is_answered_by_way_of_control)
{
    struct mail_publish *mail = publish();
    struct requester requester = {.mail = mail};
    char body[] = "{\"id\":1}";
    struct http_response response = accepted(slice_str(body));
    requester_reply(&shard, &requester, &response);
    memset(body, '-', sizeof body - 1);

    expect_back(mail);
    cr_expect(eq(int, mail->response.status, 202));
    cr_expect(mail->response.close);
    expect_slice(mail->response.body, SLICE("{\"id\":1}"));
    expect_slice(mail->response.content_type, SLICE("application/json"));
    expect_slice(mail->response.headers, SLICE("Retry-After: 1\r\n"));
    drop(mail);
}

Test(requester, is_answered_with_nothing_but_a_status)
{
    struct mail_publish *mail = publish();
    struct requester requester = {.mail = mail};
    requester_reply(&shard, &requester, &(struct http_response){.status = 204});
    expect_back(mail);
    cr_expect(eq(int, mail->response.status, 204));
    cr_expect(mail->answer != NULL, "NULL would say that there was no memory");
    drop(mail);
}

static void expect_problem(struct mail_publish *mail, int status)
{
    expect_back(mail);
    cr_expect(eq(int, mail->response.status, status));
    expect_slice(mail->response.content_type, SLICE("application/problem+json"));
}

Test(requester, is_told_a_problem_by_way_of_control)
{
    struct mail_publish *mail = publish();
    struct requester requester = {.mail = mail};
    requester_problem(&shard, &requester, 422, "no \"type\"", SLICE("X-A: b\r\n"));
    expect_problem(mail, 422);
    expect_slice(mail->response.headers, SLICE("X-A: b\r\n"));
    expect_slice(mail->response.body,
                 SLICE("{\"type\":\"about:blank\",\"title\":\"Unprocessable Content\","
                       "\"status\":422,\"detail\":\"no \\\"type\\\"\"}"));
    drop(mail);
}

/* As http_server_problem() does: the longest detail is cut, and the answer is still JSON. */
Test(requester, is_told_a_problem_of_any_length)
{
    static char detail[2000];
    struct mail_publish *mail = publish();
    struct requester requester = {.mail = mail};
    memset(detail, '\x01', sizeof detail - 1); /* escaped, six times as long */
    requester_problem(&shard, &requester, 400, detail, SLICE(""));
    expect_problem(mail, 400);
    struct slice body = mail->response.body;
    cr_expect(slice_starts_with(body, SLICE("{\"type\":\"about:blank\",\"title\":\"Bad Request\","
                                            "\"status\":400,\"detail\":\"\\u0001")),
              "%.*s", SLICE_ARGS(body));
    cr_expect(slice_equal(slice_skip(body, body.size - 8), SLICE("\\u0001\"}")), "%.*s",
              SLICE_ARGS(body));
    drop(mail);
}
