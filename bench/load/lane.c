/* lane.c - see lane.h for the states. A request is over when its answer is whole and its own last
 * byte has left, in whatever order the two come. */
#include "bench/load/lane.h"

#include <errno.h>

static struct lane *lane_of(struct stream *stream)
{
    return container_of(stream, struct lane, stream);
}

static void fail(struct lane *lane, int error)
{
    if (lane->state == LANE_CLOSED || lane->state == LANE_CLOSING)
        return;
    lane->was_busy = lane->state == LANE_BUSY;
    lane->state = LANE_CLOSING;
    lane->error = error;
    stream_close(&lane->stream);
}

static void finish_if_whole(struct lane *lane)
{
    if (lane->state != LANE_BUSY || lane->sending || !lane->in_body || lane->body_left > 0)
        return;

    lane->answer.body = slice_of(lane->body, lane->body_size);
    lane->in_body = false;
    lane->state = LANE_IDLE;
    bool keep_alive = lane->keep_alive;
    if (!keep_alive)
        fail(lane, 0);
    lane->on_answer(lane, &lane->answer);
}

static uint64_t retry_after_ms(const struct http_head *head)
{
    const struct http_header *header = http_find(head, "retry-after");
    unsigned long seconds;
    if (!header || !slice_to_u64(header->value, &seconds) || seconds > 86400)
        return 0;
    return seconds * 1000;
}

/* Notes what the head says. 0, or -EPROTO: framing that this client does not speak. */
static int begin_body(struct lane *lane, const struct http_head *head)
{
    if (head->status < 200)
        return 0; /* another head follows */
    if (head->chunked || !head->has_length)
        return -EPROTO;
    lane->answer = (struct lane_answer){.status = head->status};
    if (head->status == 429 || head->status == 503)
        lane->answer.retry_after_ms = retry_after_ms(head);
    lane->keep_alive = head->keep_alive;
    lane->body_left = head->length;
    lane->body_size = 0;
    lane->in_body = true;
    return 0;
}

/* Takes what belongs to the head from the front of the data, keeping the start of one that is not
 * whole. Returns the bytes taken, or -EPROTO. */
static long take_head(struct lane *lane, const char *at, size_t size)
{
    struct http_head head;
    const char *why;
    size_t kept = lane->head_size;
    size_t added = 0;
    if (kept > 0) {
        added = size < LANE_HEAD_MAX - kept ? size : LANE_HEAD_MAX - kept;
        memcpy(lane->head + kept, at, added);
        lane->head_size += added;
    }

    const char *from = kept > 0 ? lane->head : at;
    size_t have = kept > 0 ? lane->head_size : size;
    long whole = http_parse_response(&head, from, have, false, &why);
    if (whole < 0 || (whole == 0 && have >= LANE_HEAD_MAX))
        return -EPROTO;
    if (whole == 0) {
        if (kept == 0)
            memcpy(lane->head, at, size);
        lane->head_size = have;
        return (long)size;
    }
    lane->head_size = 0;
    int error = begin_body(lane, &head);
    return error ? error : whole - (long)kept;
}

static size_t take_body(struct lane *lane, const char *at, size_t size)
{
    size_t taken = size < lane->body_left ? size : (size_t)lane->body_left;
    size_t room = lane->body_room - lane->body_size;
    size_t copied = taken < room ? taken : room;
    if (copied > 0)
        memcpy(lane->body + lane->body_size, at, copied);
    lane->body_size += copied;
    lane->body_left -= taken;
    return taken;
}

static void on_data(struct stream *stream, char *at, size_t size)
{
    struct lane *lane = lane_of(stream);
    while (size > 0) {
        /* What comes unasked, or behind the answer, belongs to nothing. */
        if (lane->state != LANE_BUSY || (lane->in_body && lane->body_left == 0)) {
            fail(lane, -EPROTO);
            return;
        }
        long taken = lane->in_body ? (long)take_body(lane, at, size) : take_head(lane, at, size);
        if (taken < 0) {
            fail(lane, (int)taken);
            return;
        }
        at += taken;
        size -= (size_t)taken;
    }
    finish_if_whole(lane);
}

static void on_open(struct stream *stream, int result)
{
    struct lane *lane = lane_of(stream);
    if (result < 0) {
        fail(lane, result);
        return;
    }
    lane->state = LANE_IDLE;
    lane->on_open(lane);
}

static void on_sent(struct stream *stream, int result)
{
    struct lane *lane = lane_of(stream);
    lane->sending = false;
    if (result < 0)
        fail(lane, result);
    else
        finish_if_whole(lane);
}

static void on_end(struct stream *stream, int result)
{
    fail(lane_of(stream), result < 0 ? result : -ECONNRESET);
}

static void on_closed(struct stream *stream)
{
    struct lane *lane = lane_of(stream);
    lane->state = LANE_CLOSED;
    lane->sending = false;
    lane->on_down(lane, lane->was_busy, lane->error);
}

static const struct stream_events lane_events = {on_open, on_data, on_sent, on_end, on_closed};

int lane_open(struct lane *lane)
{
    must(lane->state == LANE_CLOSED);
    const struct lane_target *target = lane->target;
    lane->in_body = lane->was_busy = false;
    lane->head_size = 0;
    int error = stream_connect(&lane->stream, target->loop, &lane_events, &target->address);
    if (error)
        return error;
    lane->state = LANE_CONNECTING;
    if (target->tls) {
        error = stream_use_tls_client(&lane->stream, target->tls, target->host, target->host_is_ip,
                                      true);
        if (error)
            fail(lane, error);
    }
    return 0;
}

void lane_send(struct lane *lane, const char *at, size_t size)
{
    must(lane->state == LANE_IDLE);
    lane->state = LANE_BUSY;
    lane->sending = true;
    struct iovec part = {(void *)(uintptr_t)at, size};
    stream_send(&lane->stream, &part, 1);
}

void lane_close(struct lane *lane)
{
    fail(lane, 0);
}
