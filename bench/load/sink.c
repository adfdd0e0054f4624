/* sink.c - grapnel-load sink: a receiver on a machine of its own, which can be slow, broken or
 * silent, and writes down what came.
 */
#include "base/clock.h"
#include "base/random.h"
#include "bench/load/commands.h"
#include "bench/load/flags.h"
#include "bench/load/interrupt.h"
#include "bench/load/receiver.h"
#include "bench/load/signature.h"
#include "bench/load/stamp.h"

#include <errno.h>
#include <stdio.h>

enum { CONNECTIONS_MAX = 16384, BODY_MAX = 17 << 20, TURN_NS = 50 * 1000 * 1000, FAILED = 500 };

struct sink {
    const char *listen, *ledger, *secret, *certificate, *tls_key;
    uint64_t latency_ms, jitter_ms, status;
    double fail_rate, hang, reset; /* 0 to 1 */

    struct signature_key key;
    FILE *lines;
    struct random random;
    uint64_t requests, answered, failed, hung, resets, bad_signatures;
};

static bool happens(struct sink *sink, double chance)
{
    return chance > 0 && (double)(random_u64(&sink->random) >> 11) < chance * 9007199254740992.0;
}

static struct receiver_reply draw(struct sink *sink)
{
    struct receiver_reply reply = {.status = (int)sink->status, .delay_ms = sink->latency_ms};
    reply.delay_ms += random_below(&sink->random, sink->jitter_ms + 1);
    if (happens(sink, sink->hang))
        reply.fate = RECEIVER_HANG;
    else if (happens(sink, sink->reset))
        reply.fate = RECEIVER_RESET;
    else if (happens(sink, sink->fail_rate))
        reply.status = FAILED;
    return reply;
}

static void count(struct sink *sink, const struct receiver_reply *reply)
{
    sink->requests++;
    if (reply->fate == RECEIVER_HANG)
        sink->hung++;
    else if (reply->fate == RECEIVER_RESET)
        sink->resets++;
    else if (reply->status >= 200 && reply->status < 300)
        sink->answered++;
    else
        sink->failed++;
}

static struct slice field(const struct http_head *head, const char *name)
{
    const struct http_header *header = http_find(head, name);
    return header ? header->value : SLICE("");
}

static void check_signature(struct sink *sink, const struct receiver_request *request)
{
    struct signature_message message = {.id = field(request->head, "webhook-id"),
                                        .timestamp = field(request->head, "webhook-timestamp"),
                                        .body = request->body};
    if (!signature_matches(&sink->key, &message, field(request->head, "webhook-signature")))
        sink->bad_signatures++;
}

/* One line before the answer leaves, so what was answered is in the ledger even if this process is
 * killed. */
static void write_line(struct sink *sink, const struct receiver_request *request,
                       const struct receiver_reply *reply)
{
    struct slice id = field(request->head, "webhook-id");
    struct stamp stamp;
    char number[24] = "-";
    if (stamp_read(request->body, &stamp))
        snprintf(number, sizeof number, "%lu", stamp.number);
    const char *fate = reply->fate == RECEIVER_HANG ? "hang" : "reset";
    char status[8];
    snprintf(status, sizeof status, "%d", reply->status);
    fprintf(sink->lines, "%.*s %s %lu %s\n", SLICE_ARGS(id.size ? id : SLICE("-")), number,
            clock_wall_ms(), reply->fate == RECEIVER_REPLY ? status : fate);
    fflush(sink->lines);
}

static struct receiver_reply on_request(void *context, const struct receiver_request *request)
{
    struct sink *sink = context;
    struct receiver_reply reply = draw(sink);
    count(sink, &reply);
    if (sink->secret)
        check_signature(sink, request);
    if (sink->lines)
        write_line(sink, request, &reply);
    return reply;
}

/* ---- running ---- */

static int complain(const char *what, const char *why)
{
    fprintf(stderr, "grapnel-load sink: %s: %s\n", what, why);
    return 1;
}

static int serve(struct sink *sink, struct loop *loop, int fd)
{
    struct tls_context *tls = NULL;
    char why[TLS_WHY_SIZE];
    if (sink->certificate && tls_server_open(&tls, sink->certificate, sink->tls_key, why) < 0) {
        loop_close_socket(loop, fd);
        return complain("TLS", why);
    }
    const struct receiver_options options = {.connections_max = CONNECTIONS_MAX,
                                             .body_max = BODY_MAX,
                                             .tls = tls,
                                             .context = sink,
                                             .on_request = on_request};
    struct receiver *receiver;
    int error = receiver_open(&receiver, loop, fd, &options);
    while (!error && !interrupt_came())
        receiver_turn(receiver, clock_monotonic_ns() + TURN_NS);
    receiver_close(receiver);
    tls_context_close(tls);
    return error ? complain("receiver", strerror(-error)) : 0;
}

static int run(struct sink *sink, const struct address *address)
{
    const struct loop_options sizes = {.entries = 1024, .buffers = 1024, .buffer_bytes = 16384};
    struct loop *loop;
    char why[LOOP_WHY_SIZE];
    if (loop_open(&loop, &sizes, why) < 0)
        return complain("io_uring", why);

    struct address bound;
    int result = 1;
    int fd = loop_listen(address, false, &bound);
    if (fd < 0) {
        complain(sink->listen, strerror(-fd));
    } else {
        char text[ADDRESS_TEXT_SIZE];
        address_print(&bound, text);
        printf("listening on %s://%s\n", sink->certificate ? "https" : "http", text);
        fflush(stdout);
        result = serve(sink, loop, fd);
    }
    loop_close(loop);
    return result;
}

static int prepare(struct sink *sink, struct address *address)
{
    if (address_parse(slice_str(sink->listen), address) < 0) {
        complain("--listen", "not an address and port");
        return 2;
    }
    if (!sink->certificate != !sink->tls_key) {
        complain("--tls-cert and --tls-key", "one needs the other");
        return 2;
    }
    if (sink->secret && signature_key_parse(slice_str(sink->secret), &sink->key) < 0) {
        complain("--secret", "not whsec_ and base64 of 24 to 64 bytes");
        return 2;
    }
    random_init(&sink->random, clock_monotonic_ns());
    if (sink->ledger) {
        sink->lines = fopen(sink->ledger, "ae");
        if (!sink->lines)
            return complain(sink->ledger, strerror(errno));
    }
    return 0;
}

static void print_summary(const struct sink *sink)
{
    printf("received %lu: answered 2xx %lu, otherwise %lu, left hanging %lu, reset %lu",
           sink->requests, sink->answered, sink->failed, sink->hung, sink->resets);
    if (sink->secret)
        printf("; bad signatures %lu", sink->bad_signatures);
    printf("\n");
}

int sink_main(int argc, char **argv)
{
    enum { CERTAINTY = 1000000, HOUR_MS = 3600 * 1000 };
    struct sink sink = {.listen = "127.0.0.1:8490", .status = 200};
    const struct flag table[] = {
        {"--listen", FLAG_TEXT, &sink.listen, 0, 0, "ADDR:PORT",
         "where to listen; port 0 takes a free one (127.0.0.1:8490)"},
        {"--latency", FLAG_DURATION, &sink.latency_ms, 0, HOUR_MS, "DURATION",
         "wait so long before each answer (0)"},
        {"--jitter", FLAG_DURATION, &sink.jitter_ms, 0, HOUR_MS, "DURATION",
         "and up to so much longer (0)"},
        {"--status", FLAG_COUNT, &sink.status, 200, 599, "N", "answer with this status (200)"},
        {"--fail-rate", FLAG_DECIMAL, &sink.fail_rate, 0, CERTAINTY, "P",
         "answer 500 to this share, 0 to 1"},
        {"--hang", FLAG_DECIMAL, &sink.hang, 0, CERTAINTY, "P", "never answer this share"},
        {"--reset", FLAG_DECIMAL, &sink.reset, 0, CERTAINTY, "P",
         "reset the connection of this share"},
        {"--ledger", FLAG_TEXT, &sink.ledger, 0, 0, "FILE",
         "append a line for each delivery: webhook-id, n, unix ms, status"},
        {"--secret", FLAG_TEXT, &sink.secret, 0, 0, "whsec_...", "verify signatures with it"},
        {"--tls-cert", FLAG_TEXT, &sink.certificate, 0, 0, "FILE", "speak TLS"},
        {"--tls-key", FLAG_TEXT, &sink.tls_key, 0, 0, "FILE", ""},
    };
    const struct flags flags = {
        "grapnel-load sink", "Receives deliveries until SIGINT or SIGTERM, then prints how many.",
        table, sizeof table / sizeof *table};
    int result = flags_parse(&flags, argc, argv);
    if (result >= 0)
        return result;

    struct address address;
    result = prepare(&sink, &address);
    if (result == 0) {
        interrupt_catch();
        result = run(&sink, &address);
        print_summary(&sink);
    }
    if (sink.lines)
        fclose(sink.lines);
    return result;
}
