/* http_connection.c - requests out of bytes, one at a time.
 *
 *   OPENING --on_open--> HEAD <--first bytes-- IDLE <-----------------------------+
 *                         |                                                      |
 *                    head is whole                                          keep-alive
 *                         v                                                      |
 *                        BODY --body is whole--> WAITING --reply--> ANSWERING ---+
 *                                                                     ^   |
 *            HEAD, BODY --refuse(): 4xx or 5xx of our own-------------+   +--> LINGERING -->
 * CLOSING
 *
 * and to CLOSING from everywhere: timeouts without an answer, errors, the peer's end (unless an
 * answer is due).
 *
 * Bytes lie in the stream's receive buffer while on_data runs; a request that is whole there is
 * handed over in place. What is left when on_data returns is copied to a buffer of our own, in
 * which the rest is collected, and which is given back when nothing is left over. A chunked body is
 * decoded where it lies: what is decoded is never longer than what it came from.
 *
 * Nothing recurses: a reply made inside on_request begins to send, and the next request is read
 * when that has been sent, which is another turn.
 *
 * A deadline that moves later costs nothing: the timer fires at the old one, and is armed again.
 */
#include "net/http_connection.h"

/* Bodies up to this size get their whole buffer at once; larger ones as they arrive. */
enum { BODY_AT_ONCE = 64 * 1024 };

static struct http_connection *connection_of(struct stream *stream)
{
    return container_of(stream, struct http_connection, stream);
}

static bool is_reading(const struct http_connection *connection)
{
    return connection->state >= CONNECTION_IDLE && connection->state <= CONNECTION_BODY;
}

static bool is_answer_due(const struct http_connection *connection)
{
    return connection->state == CONNECTION_WAITING || connection->state == CONNECTION_ANSWERING;
}

/* ---- the bytes on hand ---- */

static void drop_bytes(struct http_connection *connection)
{
    buddy_give(connection->server->buddy, connection->buffer);
    connection->buffer = NULL;
    connection->at = NULL;
    connection->size = 0;
}

static void use_up(struct http_connection *connection, size_t size)
{
    must(size <= connection->size);
    connection->at += size;
    connection->size -= size;
    if (connection->size == 0)
        drop_bytes(connection);
}

/* How much room to ask for when `size` bytes are on hand: for all of a small request, if its size
 * is known. Buffers are powers of two, so asking for little more each time doubles them. */
static size_t room_for(const struct http_connection *connection, size_t size)
{
    if (connection->state == CONNECTION_BODY && !connection->is_chunked) {
        size_t whole = connection->head_size + connection->body_max;
        if (whole > size && whole <= BODY_AT_ONCE)
            size = whole;
    }
    return size + LOOP_SLACK;
}

/* Puts bytes behind those on hand, in a buffer of our own. False: there is no buffer to be had. */
static bool append(struct http_connection *connection, const char *at, size_t size)
{
    struct buddy *buddy = connection->server->buddy;
    char *old = connection->buffer;
    size_t whole = connection->size + size;
    if (!old || whole + LOOP_SLACK > buddy_size(buddy, old)) {
        connection->buffer = buddy_take(buddy, room_for(connection, whole));
        if (!connection->buffer) {
            connection->buffer = old;
            return false;
        }
        if (connection->size > 0)
            memcpy(connection->buffer, connection->at, connection->size);
        connection->at = connection->buffer;
        buddy_give(buddy, old);
    } else if ((size_t)(connection->at - old) + whole + LOOP_SLACK > buddy_size(buddy, old)) {
        memmove(old, connection->at, connection->size);
        connection->at = old;
    }
    memcpy(connection->at + connection->size, at, size);
    connection->size = whole;
    return true;
}

/* ---- requests ---- */

/* Answers what cannot be a request; the connection ends with that. */
static void refuse(struct http_connection *connection, int status, const char *why)
{
    connection->label = 0;
    struct slice headers = status == 503 ? SLICE("Retry-After: 1\r\n") : SLICE("");
    connection->keep_alive = false;
    connection->is_deaf = true;
    drop_bytes(connection);
    http_answer_problem(connection, status, why, headers);
}

static void refuse_bad(struct http_connection *connection, int status, const char *why)
{
    connection->server->counters.bad_requests++;
    refuse(connection, status, why);
}

/* What has come cannot be kept. */
static void run_out_of_room(struct http_connection *connection)
{
    if (is_reading(connection)) {
        refuse(connection, 503, "no memory for the request");
        return;
    }
    drop_bytes(connection); /* only requests that are to come; answer the one before them */
    connection->keep_alive = false;
    connection->is_deaf = true;
}

static void begin_body(struct http_connection *connection, size_t head_size)
{
    struct http_server *server = connection->server;
    const struct http_head *head = &server->head;
    connection->head_size = head_size;
    connection->keep_alive = head->keep_alive;
    connection->is_http_1_0 = head->http_1_0;
    connection->is_head_request = slice_equal(head->method, SLICE("HEAD"));

    size_t most = server->options.body_max(server->options.context, head);
    if (head->length > most) {
        refuse_bad(connection, 413, "the body is too large");
        return;
    }
    connection->is_chunked = head->chunked;
    connection->body_max = head->chunked ? most : (size_t)head->length;
    connection->body_size = 0;
    connection->scanned = head_size;
    http_chunks_init(&connection->chunks);
    connection->state = CONNECTION_BODY;
    http_connection_set_deadline(connection, server->options.body_timeout_ms);

    bool is_body_due = head->chunked || head->length > 0;
    if (head->expect_continue && is_body_due && connection->size == head_size)
        http_answer_continue(connection);
}

/* Each of the read_ functions returns true if the connection went a step further, and false if it
 * needs more bytes. */
static bool read_head(struct http_connection *connection)
{
    struct http_server *server = connection->server;
    const char *why = "";
    server->head_of = NULL;
    long size = http_parse_request(&server->head, connection->at, connection->size, &why);
    if (size < 0) {
        refuse_bad(connection, (int)-size, why);
        return true;
    }
    if (size == 0) {
        if (connection->state == CONNECTION_IDLE) {
            connection->state = CONNECTION_HEAD;
            http_connection_set_deadline(connection, server->options.head_timeout_ms);
        }
        return false;
    }
    server->head_of = connection;
    server->head_at = connection->at;
    begin_body(connection, (size_t)size);
    return true;
}

/* Decodes what is on hand. False: the body is not whole yet, or was refused. */
static bool decode(struct http_connection *connection)
{
    while (connection->scanned < connection->size) {
        size_t taken;
        struct slice data;
        const char *why = "";
        int result = http_chunks_feed(&connection->chunks, connection->at + connection->scanned,
                                      connection->size - connection->scanned, &taken, &data, &why);
        if (result < 0) {
            refuse_bad(connection, 400, why);
            return false;
        }
        if (data.size > connection->body_max - connection->body_size) {
            refuse_bad(connection, 413, "the body is too large");
            return false;
        }
        if (data.size > 0)
            memmove(connection->at + connection->head_size + connection->body_size, data.at,
                    data.size);
        connection->body_size += data.size;
        connection->scanned += taken;
        if (result == 1)
            return true;
    }
    /* The framing is not needed any more. */
    connection->size = connection->scanned = connection->head_size + connection->body_size;
    return false;
}

/* Gives a whole request of `size` bytes to the server's owner. */
static void hand_over(struct http_connection *connection, struct slice body, size_t size)
{
    struct http_server *server = connection->server;
    struct http_head *head = &server->head;
    if (server->head_of != connection || server->head_at != connection->at) {
        const char *why;
        long head_size = http_parse_request(head, connection->at, connection->size, &why);
        must(head_size == (long)connection->head_size);
    }
    server->head_of = NULL;

    size_t path_size = slice_find(head->target, '?');
    struct http_request request = {
        .path = path_size > 0 ? slice_of(head->target.at, path_size) : SLICE("/"),
        .query = slice_skip(head->target, path_size + 1),
        .head = head,
        .body = body,
        .peer = &connection->stream.address,
    };
    connection->state = CONNECTION_WAITING;
    connection->deadline_ms = WHEEL_NEVER;
    struct http_ticket ticket = {connection, ++server->last_serial};
    *http_connection_waiting(server, connection) = ticket.serial;
    if (!connection->keep_alive)
        connection->is_deaf = true;
    server->counters.requests++;
    connection->label = 0;
    server->options.on_request(server->options.context, ticket, &request);
    if (connection->state != CONNECTION_CLOSING)
        use_up(connection, connection->is_deaf ? connection->size : size);
}

static bool read_body(struct http_connection *connection)
{
    char *body = connection->at + connection->head_size;
    if (connection->is_chunked) {
        if (!decode(connection))
            return connection->state != CONNECTION_BODY;
        hand_over(connection, slice_of(body, connection->body_size), connection->scanned);
        return true;
    }
    size_t whole = connection->head_size + connection->body_max;
    if (connection->size < whole)
        return false;
    hand_over(connection, slice_of(body, connection->body_max), whole);
    return true;
}

/* Reads on as far as the bytes on hand go, or until an answer is due. */
static void advance(struct http_connection *connection)
{
    bool goes_on = true;
    while (goes_on && is_reading(connection) && connection->size > 0)
        goes_on =
            connection->state == CONNECTION_BODY ? read_body(connection) : read_head(connection);
}

/* Holds the peer back while it sends faster than it is answered. */
static void update_pause(struct http_connection *connection)
{
    size_t ahead = connection->is_deaf ? connection->drained : connection->size;
    bool wanted = is_answer_due(connection) && ahead >= HTTP_PIPELINE_MAX;
    if (wanted == connection->is_paused)
        return;
    connection->is_paused = wanted;
    if (wanted)
        stream_pause(&connection->stream);
    else
        stream_resume(&connection->stream);
}

/* ---- time ---- */

void http_connection_set_deadline(struct http_connection *connection, uint64_t delay_ms)
{
    struct wheel *wheel = connection->server->wheel;
    connection->deadline_ms = wheel->now_ms + delay_ms;
    if (timer_is_armed(&connection->timer)) {
        if (connection->timer_ms <= connection->deadline_ms)
            return;
        timer_disarm(&connection->timer);
    }
    connection->timer_ms = connection->deadline_ms;
    wheel_arm(wheel, &connection->timer, connection->timer_ms);
}

static void time_out(struct http_connection *connection)
{
    bool has_begun = connection->state == CONNECTION_BODY ||
                     (connection->state == CONNECTION_HEAD && connection->size > 0);
    if (has_begun || connection->state == CONNECTION_ANSWERING)
        connection->server->counters.timeouts++;
    if (has_begun)
        refuse(connection, 408, "the request did not arrive in time");
    else
        http_connection_close(connection);
}

static void on_timer(struct timer *timer)
{
    struct http_connection *connection = container_of(timer, struct http_connection, timer);
    uint64_t now_ms = connection->server->wheel->now_ms;
    if (connection->deadline_ms <= now_ms) {
        time_out(connection);
    } else if (connection->deadline_ms != WHEEL_NEVER) {
        http_connection_set_deadline(connection, connection->deadline_ms - now_ms);
    }
}

/* ---- the stream ---- */

static void on_open(struct stream *stream, int result)
{
    struct http_connection *connection = connection_of(stream);
    if (result < 0)
        http_connection_close(connection);
    else
        connection->state = CONNECTION_HEAD; /* its deadline counts from the accept */
}

/* What comes after the last request is not looked at. */
static void drain(struct http_connection *connection, size_t size)
{
    connection->drained += size;
    if (connection->state == CONNECTION_LINGERING && connection->drained > HTTP_LINGER_BYTES)
        http_connection_close(connection);
    else
        update_pause(connection);
}

static void on_data(struct stream *stream, char *at, size_t size)
{
    struct http_connection *connection = connection_of(stream);
    if (connection->is_deaf) {
        drain(connection, size);
        return;
    }

    bool is_borrowed = connection->buffer == NULL;
    if (is_borrowed) {
        connection->at = at;
        connection->size = size;
    } else if (!append(connection, at, size)) {
        run_out_of_room(connection);
        return;
    }
    if (connection->state == CONNECTION_BODY)
        http_connection_set_deadline(connection, connection->server->options.body_timeout_ms);
    advance(connection);

    if (connection->state == CONNECTION_CLOSING)
        return;
    if (is_borrowed && connection->size > 0) {
        const char *rest = connection->at;
        size_t rest_size = connection->size;
        connection->size = 0;
        if (!append(connection, rest, rest_size))
            run_out_of_room(connection);
    }
    update_pause(connection);
}

/* Ends the sending side, and waits for the peer to end: closing while its bytes are still coming in
 * would reset the connection, and with it the answer that is on its way. */
static void linger(struct http_connection *connection)
{
    drop_bytes(connection);
    if (connection->peer_ended) {
        http_connection_close(connection);
        return;
    }
    connection->state = CONNECTION_LINGERING;
    connection->is_deaf = true;
    connection->drained = 0;
    update_pause(connection);
    http_connection_set_deadline(connection, HTTP_LINGER_MS);
    stream_end(&connection->stream);
}

static void on_sent(struct stream *stream, int result)
{
    struct http_connection *connection = connection_of(stream);
    if (result < 0) {
        http_connection_close(connection);
        return;
    }
    if (!http_answer_sent(connection))
        return;

    http_answer_free(connection);
    if (!connection->keep_alive || connection->is_deaf) {
        linger(connection);
        return;
    }
    connection->state = CONNECTION_IDLE;
    connection->is_head_request = false;
    connection->is_http_1_0 = false;
    http_connection_set_deadline(connection, connection->server->options.idle_timeout_ms);
    advance(connection);
    if (connection->state == CONNECTION_CLOSING)
        return;
    if (is_reading(connection) && (connection->peer_ended || (connection->server->is_draining &&
                                                              http_connection_is_idle(connection))))
        http_connection_close(connection);
    else
        update_pause(connection);
}

/* A peer that only ended its sending side still gets the answers to what it sent. */
static void on_end(struct stream *stream, int result)
{
    struct http_connection *connection = connection_of(stream);
    connection->peer_ended = true;
    if (result < 0 || !is_answer_due(connection))
        http_connection_close(connection);
}

static void on_closed(struct stream *stream)
{
    struct http_connection *connection = connection_of(stream);
    drop_bytes(connection);
    http_answer_free(connection);
    list_remove(&connection->link);
    pool_give(&connection->server->connections, connection);
}

const struct stream_events http_connection_events = {
    .on_open = on_open,
    .on_data = on_data,
    .on_sent = on_sent,
    .on_end = on_end,
    .on_closed = on_closed,
};

/* ---- life ---- */

void http_connection_init(struct http_connection *connection, struct http_server *server)
{
    memset(connection, 0, offsetof(struct http_connection, inline_answer));
    connection->server = server;
    connection->state = CONNECTION_OPENING;
    connection->keep_alive = true;
    timer_init(&connection->timer, on_timer);
    list_push_back(&server->open, &connection->link);
    http_connection_set_deadline(connection, server->options.head_timeout_ms);
}

/* Inside a callback of the stream the connection outlives this: on_closed comes when it has
 * returned. */
void http_connection_close(struct http_connection *connection)
{
    if (connection->state == CONNECTION_CLOSING)
        return;
    connection->state = CONNECTION_CLOSING;
    *http_connection_waiting(connection->server, connection) = 0;
    timer_disarm(&connection->timer);
    if (connection->server->head_of == connection)
        connection->server->head_of = NULL;
    stream_close(&connection->stream);
}

bool http_connection_is_idle(const struct http_connection *connection)
{
    return (connection->state == CONNECTION_IDLE || connection->state == CONNECTION_HEAD) &&
           connection->size == 0;
}
