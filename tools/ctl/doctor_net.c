/* doctor_net.c - names, roots and ports. */
#include "base/clock.h"
#include "base/slice.h"
#include "net/resolver.h"
#include "net/tls.h"
#include "net/wheel.h"
#include "tools/ctl/doctor.h"

#include <errno.h>

enum { RING_ENTRIES = 16, BUFFERS = 16, BUFFER_BYTES = 4096, PATIENCE_MS = 10 * 1000 };

/* ---- names ---- */

struct lookup {
    struct loop *loop;
    struct wheel wheel;
    struct resolver *resolver;
    struct resolver_query query;
    struct finding *finding;
    const char *name;
    bool is_done;
};

static uint64_t now_ms(void)
{
    return clock_monotonic_ns() / 1000000;
}

static void no_answer(struct finding *finding, const char *name, const char *why)
{
    finding_put(finding, DOCTOR_WARN,
                "receivers are found by name: look at /etc/resolv.conf, or set dns_server");
    finding_detail(finding, "%.100s is not found: %s", name, why);
}

static void on_found(struct resolver_query *query, const struct resolver_result *result)
{
    struct lookup *lookup = container_of(query, struct lookup, query);
    lookup->is_done = true;
    if (result->error)
        no_answer(lookup->finding, lookup->name, result->why);
    else
        finding_detail(lookup->finding, "%.100s has %u address%s", lookup->name, result->count,
                       result->count == 1 ? "" : "es");
}

static void look_up(struct lookup *lookup)
{
    uint64_t until_ms = now_ms() + PATIENCE_MS;
    uint64_t since_ms = now_ms();
    lookup->query.on_done = on_found;
    resolver_find(lookup->resolver, slice_str(lookup->name), &lookup->query);
    while (!lookup->is_done && now_ms() < until_ms) {
        loop_turn(lookup->loop, (now_ms() + 50) * 1000000);
        wheel_advance(&lookup->wheel, now_ms());
    }
    if (!lookup->is_done)
        no_answer(lookup->finding, lookup->name, "no server answers");
    else if (now_ms() - since_ms > 1000 && lookup->finding->level == DOCTOR_OK)
        finding_put(lookup->finding, DOCTOR_WARN,
                    "that took more than a second: is a server down?");
}

static void look_at_names(const struct doctor *doctor, struct finding *finding)
{
    const struct loop_options sizes = {RING_ENTRIES, BUFFERS, BUFFER_BYTES};
    struct lookup lookup = {.finding = finding, .name = doctor->name};
    char why[LOOP_WHY_SIZE];
    wheel_init(&lookup.wheel, now_ms());
    if (loop_open(&lookup.loop, &sizes, why)) {
        no_answer(finding, doctor->name, "there is no io_uring to ask with");
        return;
    }
    loop_set_wheel(lookup.loop, &lookup.wheel);
    if (resolver_open(&lookup.resolver, lookup.loop, &lookup.wheel, NULL, why)) {
        no_answer(finding, doctor->name, why);
    } else {
        look_up(&lookup);
        resolver_close(lookup.resolver);
        loop_turn(lookup.loop, 0); /* its operations end */
    }
    loop_close(lookup.loop);
}

/* ---- roots ---- */

static void look_at_roots(const struct doctor *doctor, struct finding *finding)
{
    struct tls_context *context;
    char why[TLS_WHY_SIZE];
    if (tls_client_open(&context, doctor->ca_file, why)) {
        finding_put(finding, DOCTOR_FAIL,
                    "no https receiver can be trusted: install ca-certificates, or set ca_file");
        finding_detail(finding, "%s", why);
        return;
    }
    tls_context_close(context);
    finding_detail(finding, "%s can be read", doctor->ca_file ? doctor->ca_file : "the system's");
}

/* ---- ports ---- */

static void look_at_port(const char *text, struct finding *finding)
{
    struct address address, bound;
    if (address_parse(slice_str(text), &address)) {
        finding_put(finding, DOCTOR_FAIL, "an address is written 127.0.0.1:8480");
        finding_detail(finding, "%.100s is no address", text);
        return;
    }
    int fd = loop_listen(&address, false, &bound);
    if (fd < 0) {
        finding_put(finding, DOCTOR_WARN,
                    "that may be the engine itself: ss -ltnp tells who listens there");
        finding_detail(finding, "%.100s: %s", text, strerror(-fd));
        return;
    }
    loop_close_socket(NULL, fd);
    finding_detail(finding, "%.100s is free", text);
}

static void look_at_ingest(const struct doctor *doctor, struct finding *finding)
{
    look_at_port(doctor->ports[0], finding);
}

static void look_at_admin(const struct doctor *doctor, struct finding *finding)
{
    look_at_port(doctor->ports[1], finding);
}

const struct doctor_check doctor_net_checks[] = {
    {"names", look_at_names},
    {"TLS roots", look_at_roots},
    {"ingest port", look_at_ingest},
    {"admin port", look_at_admin},
    {0},
};
