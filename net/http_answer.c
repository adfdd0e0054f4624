/* http_answer.c - answers: made in one piece of memory, sent in pieces small enough that each that
 * goes out shows progress.
 *
 * Ownership: small answers lie in the connection, larger ones in a buffer of the server's buddy,
 *   given back when sent or when the connection ends. Without a buffer the answer becomes a 503.
 */
#include "base/clock.h"
#include "base/text.h"
#include "net/http_connection.h"

enum {
    FIXED_FIELDS_MAX = 256, /* status line, Date, Content-Length, Connection, names and line ends */
    DETAIL_MAX = 256,
    PROBLEM_MAX = 6 * DETAIL_MAX + 256, /* every byte of the detail escaped */
};

/* The Date field's value; made anew when the second has passed. */
static struct slice date_now(struct http_server *server)
{
    if (server->wheel->now_ms >= server->date_until_ms) {
        uint64_t wall_ms = clock_wall_ms();
        http_print_date(wall_ms / 1000, server->date);
        server->date_until_ms = server->wheel->now_ms + 1000 - wall_ms % 1000;
    }
    return slice_str(server->date);
}

static bool has_body(int status)
{
    return status >= 200 && status != 204 && status != 304;
}

static void put_field(struct text *text, struct slice name, struct slice value)
{
    text_put(text, name);
    text_put(text, SLICE(": "));
    text_put(text, value);
    text_put(text, SLICE("\r\n"));
}

static void put_head(struct http_connection *connection, const struct http_response *response,
                     struct text *text)
{
    text_put(text, SLICE("HTTP/1.1 "));
    text_u64(text, (uint64_t)response->status);
    text_char(text, ' ');
    text_put(text, slice_str(http_reason(response->status)));
    text_put(text, SLICE("\r\n"));
    put_field(text, SLICE("Date"), date_now(connection->server));
    if (response->content_type.size > 0)
        put_field(text, SLICE("Content-Type"), response->content_type);
    if (has_body(response->status)) {
        text_put(text, SLICE("Content-Length: "));
        text_u64(text, response->body.size);
        text_put(text, SLICE("\r\n"));
    }
    if (!connection->keep_alive)
        put_field(text, SLICE("Connection"), SLICE("close"));
    else if (connection->is_http_1_0)
        put_field(text, SLICE("Connection"), SLICE("keep-alive"));
    text_put(text, response->headers);
    text_put(text, SLICE("\r\n"));
}

/* False: there is no buffer for it. */
static bool make(struct http_connection *connection, const struct http_response *response)
{
    bool with_body = has_body(response->status) && !connection->is_head_request;
    size_t room = FIXED_FIELDS_MAX + response->content_type.size + response->headers.size;
    if (with_body)
        room += response->body.size;
    connection->answer = connection->inline_answer;
    if (room > HTTP_ANSWER_INLINE)
        connection->answer = buddy_take(connection->server->buddy, room);
    if (!connection->answer)
        return false;

    struct text text;
    text_init(&text, connection->answer, room);
    put_head(connection, response, &text);
    if (with_body)
        text_put(&text, response->body);
    must(text_ok(&text));
    connection->answer_size = text.size;
    return true;
}

static void send_piece(struct http_connection *connection)
{
    size_t left = connection->answer_size - connection->answer_sent;
    if (left > HTTP_ANSWER_PIECE)
        left = HTTP_ANSWER_PIECE;
    connection->in_flight = left;
    struct iovec piece = {connection->answer + connection->answer_sent, left};
    stream_send(&connection->stream, &piece, 1);
}

void http_answer_start(struct http_connection *connection, const struct http_response *response)
{
    must(response->status >= 200 && response->status <= 599);
    must(connection->answer == NULL);

    struct http_server *server = connection->server;
    if (response->close || server->is_draining)
        connection->keep_alive = false;
    int status = response->status;
    if (!make(connection, response)) {
        status = 503;
        static const struct http_response no_room = {
            .status = 503,
            .headers = {"Retry-After: 1\r\n", 16},
        };
        bool made = make(connection, &no_room);
        must(made); /* it fits inline */
    }
    server->counters.answers[connection->label][status / 100 - 2]++;
    connection->state = CONNECTION_ANSWERING;
    *http_connection_waiting(server, connection) = 0;
    connection->answer_sent = 0;
    http_connection_set_deadline(connection, server->options.body_timeout_ms);
    if (!stream_is_sending(&connection->stream)) /* it may still be sending "100 Continue" */
        send_piece(connection);
}

void http_answer_problem(struct http_connection *connection, int status, const char *detail,
                         struct slice headers)
{
    char body[PROBLEM_MAX];
    struct text text;
    text_init(&text, body, sizeof body);
    text_put(&text, SLICE("{\"type\":\"about:blank\",\"title\":"));
    text_json(&text, slice_str(http_reason(status)));
    text_put(&text, SLICE(",\"status\":"));
    text_u64(&text, (uint64_t)status);
    text_put(&text, SLICE(",\"detail\":"));
    text_json(&text, slice_of(detail, strnlen(detail, DETAIL_MAX)));
    text_char(&text, '}');
    must(text_ok(&text));
    http_answer_start(connection, &(struct http_response){
                                      .status = status,
                                      .content_type = SLICE("application/problem+json"),
                                      .headers = headers,
                                      .body = text_slice(&text),
                                  });
}

void http_answer_continue(struct http_connection *connection)
{
    static char line[] = "HTTP/1.1 100 Continue\r\n\r\n";
    struct iovec part = {line, sizeof line - 1};
    stream_send(&connection->stream, &part, 1);
}

bool http_answer_sent(struct http_connection *connection)
{
    if (connection->state != CONNECTION_ANSWERING)
        return false; /* that was "100 Continue" */
    if (connection->in_flight > 0)
        http_connection_set_deadline(connection, connection->server->options.body_timeout_ms);
    connection->answer_sent += connection->in_flight;
    connection->in_flight = 0;
    if (connection->answer_sent == connection->answer_size)
        return true;
    send_piece(connection);
    return false;
}

void http_answer_free(struct http_connection *connection)
{
    if (connection->answer != connection->inline_answer)
        buddy_give(connection->server->buddy, connection->answer);
    connection->answer = NULL;
}
