/* send.c - grapnel-load send: the publishing half alone, against an engine that runs already. */
#include "base/clock.h"
#include "bench/load/commands.h"
#include "bench/load/flags.h"
#include "bench/load/interrupt.h"
#include "bench/load/publisher.h"
#include "bench/load/report.h"
#include "net/url.h"

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <unistd.h>

enum { PATIENCE_MS = 30000, EVENTS_PER_SECOND_MAX = 1000000 };

static const char default_path[] = "/api/v1/webhooks/events";

struct send {
    const char *url_text, *key, *ca_file;
    uint64_t events, duration_ms, rate, payload_bytes, batch, connections;

    struct url url;
    struct address address;
    struct publisher *publisher;
    uint64_t said_ns, said_accepted;
};

static int complain(int code, const char *what, const char *why)
{
    fprintf(stderr, "grapnel-load send: %s: %s\n", what, why);
    return code;
}

static bool on_tick(void *context, uint64_t now_ns)
{
    struct send *send = context;
    if (isatty(STDERR_FILENO) && now_ns > send->said_ns + 1000000000) {
        uint64_t accepted = publisher_counters(send->publisher)->accepted;
        fprintf(stderr, "\r  %lu accepted, %lu/s   ", accepted, accepted - send->said_accepted);
        send->said_ns = now_ns;
        send->said_accepted = accepted;
    }
    return !interrupt_came();
}

/* The first address of the URL's host. */
static int find_address(struct send *send)
{
    const struct url *url = &send->url;
    if (url->host_is_ip)
        return address_parse_ip(url->host, url->port, &send->address);

    char host[256];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    snprintf(host, sizeof host, "%.*s", SLICE_ARGS(url->host));
    if (getaddrinfo(host, NULL, &hints, &found) != 0)
        return -ENOENT;
    memcpy(&send->address, found->ai_addr, found->ai_addrlen);
    address_set_port(&send->address, url->port);
    freeaddrinfo(found);
    return 0;
}

static void print_result(const struct send *send)
{
    const struct publisher_counters *counters = publisher_counters(send->publisher);
    double seconds = counters->last_ns > counters->first_ns
                         ? (double)(counters->last_ns - counters->first_ns) / 1e9
                         : 0;
    char accepted[REPORT_COUNT_SIZE];
    report_count(counters->accepted, accepted);
    printf("\n  accepted %s events in %.2f s: %.0f/s\n\n", accepted, seconds,
           seconds > 0 ? (double)counters->accepted / seconds : 0);
    report_latency_head(stdout);
    report_latency_row(stdout, "accept", &counters->accept_us);
    printf("\n  unknown %lu, refused %lu, sent again %lu requests\n", counters->unknown,
           counters->refused, counters->retries);
    report_answers(stdout, counters);
    if (counters->gave_up)
        printf("  given up before the end\n");
}

static int publish(struct send *send, struct loop *loop, struct tls_context *tls)
{
    struct ledger ledger;
    if (ledger_open(&ledger, send->events, 1, 1) < 0)
        return complain(1, "ledger", "out of memory");
    const struct url *url = &send->url;
    struct slice path = url->target;
    if (path.size == 0 || slice_equal(path, SLICE("/")))
        path = slice_str(default_path);
    const struct publisher_options options = {
        .target = {loop, send->address, tls, url->host, url->host_is_ip},
        .authority = url->authority,
        .path = path,
        .key = slice_str(send->key),
        .events = send->events,
        .stride = 1,
        .duration_ms = send->duration_ms,
        .rate = send->rate,
        .payload_bytes = send->payload_bytes,
        .batch = (unsigned)send->batch,
        .connections = (unsigned)send->connections,
        .ledger = &ledger,
        .patience_ms = PATIENCE_MS,
        .context = send,
        .on_tick = on_tick,
    };
    int result = 1;
    if (publisher_open(&send->publisher, &options) < 0) {
        complain(1, "publisher", "out of memory");
    } else {
        publisher_run(send->publisher);
        print_result(send);
        const struct publisher_counters *counters = publisher_counters(send->publisher);
        result = counters->accepted > 0 && !counters->gave_up ? 0 : 1;
    }
    publisher_close(send->publisher);
    ledger_close(&ledger);
    return result;
}

static int run(struct send *send)
{
    const struct loop_options sizes = {.entries = 1024, .buffers = 512, .buffer_bytes = 8192};
    struct loop *loop;
    char why[LOOP_WHY_SIZE];
    if (loop_open(&loop, &sizes, why) < 0)
        return complain(1, "io_uring", why);

    struct tls_context *tls = NULL;
    int result = 0;
    if (send->url.https && tls_client_open(&tls, send->ca_file, why) < 0)
        result = complain(1, "TLS", why);
    if (result == 0)
        result = publish(send, loop, tls);
    tls_context_close(tls);
    loop_close(loop);
    return result;
}

static int prepare(struct send *send)
{
    char why[URL_WHY_SIZE];
    if (!send->key)
        send->key = getenv("GRAPNEL_KEY");
    if (!send->url_text || !send->key)
        return complain(2, "--url and --key", "are needed (or GRAPNEL_KEY; try --help)");
    if (url_parse(slice_str(send->url_text), &send->url, why) < 0)
        return complain(2, "--url", why);
    if (send->batch * send->payload_bytes > UINT64_C(1) << 30)
        return complain(2, "--batch", "a request would be over 1 GiB");
    if (find_address(send) < 0)
        return complain(1, send->url_text, "no address for this host");

    if (send->events == 0 && send->duration_ms == 0)
        send->events = 100000;
    else if (send->events == 0)
        send->events =
            (send->rate ? send->rate : EVENTS_PER_SECOND_MAX) * (send->duration_ms / 1000 + 1);
    send->events = (send->events + send->batch - 1) / send->batch * send->batch;
    return 0;
}

int send_main(int argc, char **argv)
{
    enum { DAY_MS = 86400 * 1000, CONNECTIONS_MAX = 16384 };
    struct send send = {.payload_bytes = 1024, .batch = 1, .connections = 64};
    const struct flag table[] = {
        {"--url", FLAG_TEXT, &send.url_text, 0, 0, "URL",
         "of the ingest port; https speaks TLS (path: /api/v1/webhooks/events)"},
        {"--key", FLAG_TEXT, &send.key, 0, 0, "gk_...", "with scope ingest (GRAPNEL_KEY)"},
        {"--events", FLAG_COUNT, &send.events, 1, 1000000000, "N", "how many (100000)"},
        {"--duration", FLAG_DURATION, &send.duration_ms, 1, DAY_MS, "DURATION",
         "stop after this time"},
        {"--rate", FLAG_RATE, &send.rate, 0, 10000000, "N|max",
         "events a second, or as fast as answers come (max)"},
        {"--payload", FLAG_SIZE, &send.payload_bytes, STAMP_PAYLOAD_MIN, STAMP_PAYLOAD_MAX, "BYTES",
         "bytes of each payload (1024)"},
        {"--batch", FLAG_COUNT, &send.batch, 1, 10000, "N", "events in a request (1)"},
        {"--connections", FLAG_COUNT, &send.connections, 1, CONNECTIONS_MAX, "N",
         "requests on their way at once (64)"},
        {"--ca-file", FLAG_TEXT, &send.ca_file, 0, 0, "FILE",
         "trust these roots instead of the system's"},
    };
    const struct flags flags = {"grapnel-load send", "Publishes stamped events to an engine.",
                                table, sizeof table / sizeof *table};
    int result = flags_parse(&flags, argc, argv);
    if (result >= 0)
        return result;
    result = prepare(&send);
    if (result != 0)
        return result;
    interrupt_catch();
    return run(&send);
}
