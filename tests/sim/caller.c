/* caller.c - see caller.h. A line is a connection with at most one request on its way. */
#include "caller.h"

#include "speech.h"
#include "world.h"

#include <stdlib.h>

enum { LINES_MAX = 16, PATIENCE_S = 40 };

struct line {
    struct wire *wire;
    struct address to;
    struct speech heard;
    char *request;
    size_t request_size;
    bool is_sent, is_over;
    bool is_last;    /* the request at hand: the connection is half closed behind it */
    uint64_t number; /* counts its requests */
    void (*on_answer)(void *context, const struct caller_answer *answer);
    void *context;
};

static struct line *idle[LINES_MAX];
static unsigned idle_count;

static void close_line(struct line *line)
{
    line->is_over = true;
    for (unsigned i = 0; i < idle_count; i++) {
        if (idle[i] == line) {
            idle[i] = idle[--idle_count];
            break;
        }
    }
    if (!line->wire->peer_closed) {
        if (world_one_in(2))
            wire_finish(line->wire);
        else
            wire_reset(line->wire);
    }
    speech_clear(&line->heard);
}

static void end_request(struct line *line, const struct caller_answer *answer)
{
    if (!line->request)
        return;
    free(line->request);
    line->request = NULL;
    line->on_answer(line->context, answer);
}

/* ---- what the wire says ---- */

static void send_request(struct line *line)
{
    line->is_sent = true;
    if (world_one_in(40) && line->request_size > 60)
        wire_drip(line->wire, line->request, line->request_size, line->request_size / 50 + 1,
                  20 * WORLD_MS);
    else
        wire_send(line->wire, line->request, line->request_size);
    if (world_one_in(30)) {
        line->is_last = true;
        wire_end_sending(line->wire);
    }
    if (world_one_in(60)) { /* goes away without waiting for the answer */
        line->is_over = true;
        wire_reset(line->wire);
        end_request(line, &(struct caller_answer){.end = CALLER_LOST});
    }
}

static void on_open(struct wire *wire)
{
    struct line *line = wire->owner;
    if (line->request && !line->is_sent)
        send_request(line);
}

static int status_of(const struct said *said)
{
    const char *at = said->first_line.at;
    must(said->first_line.size >= 12 && memcmp(at, "HTTP/1.1 ", 9) == 0);
    return (at[9] - '0') * 100 + (at[10] - '0') * 10 + (at[11] - '0');
}

static void on_bytes(struct wire *wire, const char *at, size_t size)
{
    struct line *line = wire->owner;
    struct said said;
    if (line->is_over)
        return;
    speech_add(&line->heard, at, size);
    if (!speech_find(&line->heard, &said))
        return;
    bool is_last = slice_equal_nocase(said_field(&said, "connection"), SLICE("close"));
    struct caller_answer answer = {CALLER_ANSWERED, status_of(&said), said.body};
    must(line->request);
    end_request(line, &answer);
    speech_drop(&line->heard, said.size);
    if (is_last || line->is_last || idle_count == LINES_MAX || world_one_in(3))
        close_line(line);
    else
        idle[idle_count++] = line;
}

static void on_end(struct wire *wire)
{
    struct line *line = wire->owner;
    if (line->is_over)
        return;
    close_line(line);
    end_request(line, &(struct caller_answer){.end = line->is_sent ? CALLER_LOST : CALLER_UNHEARD});
}

static const struct wire_events events = {
    .on_open = on_open, .on_bytes = on_bytes, .on_end = on_end};

/* ---- asking ---- */

struct patience {
    struct line *line;
    uint64_t number;
};

static void lose_patience(void *context)
{
    struct patience *patience = context;
    struct line *line = patience->line;
    if (line->request && line->number == patience->number && !line->is_over) {
        close_line(line);
        end_request(line, &(struct caller_answer){.end = CALLER_LOST});
    }
    free(patience);
}

static struct line *find_line(const struct address *to)
{
    for (unsigned i = 0; i < idle_count; i++) {
        if (address_equal(&idle[i]->to, to) && !idle[i]->wire->engine_closed) {
            struct line *line = idle[i];
            idle[i] = idle[--idle_count];
            return line;
        }
    }
    return NULL;
}

void caller_ask(const struct address *to, struct slice request,
                void (*on_answer)(void *context, const struct caller_answer *answer), void *context)
{
    struct line *line = find_line(to);
    bool is_open = line;
    if (!line) {
        line = calloc(1, sizeof *line);
        must(line);
        line->to = *to;
        line->wire = network_connect(to, &events, line);
    }
    line->request = malloc(request.size);
    must(line->request);
    memcpy(line->request, request.at, request.size);
    line->request_size = request.size;
    line->is_sent = false;
    line->on_answer = on_answer;
    line->context = context;
    struct patience *patience = malloc(sizeof *patience);
    must(patience);
    *patience = (struct patience){line, ++line->number};
    world_at(world_now_ns() + PATIENCE_S * WORLD_SECOND, lose_patience, patience);
    if (is_open)
        send_request(line);
}
