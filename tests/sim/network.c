/* network.c - see network.h: what travels, and the peers' end. */
#include "network.h"

#include "world.h"

#include <errno.h>
#include <stdlib.h>

enum { UNREAD_MAX = 32 * 1024 /* of a peer that does not read */ };

enum parcel_kind { PARCEL_BYTES, PARCEL_END, PARCEL_RESET };

struct parcel {
    struct wire *wire;
    enum parcel_kind kind;
    size_t size;
    char bytes[];
};

static struct host *hosts;
static struct wire **wires;
static size_t wire_count, wire_room;
static uint64_t missed;

void network_note_missed(struct host *host)
{
    missed++;
    host->missed_ns = world_now_ns();
}

static struct host *host_of(const struct wire *wire)
{
    struct host *host = hosts;
    while (host && !address_equal(&host->address, &wire->address))
        host = host->next;
    return host;
}

void network_note_missed_by(const struct wire *wire)
{
    struct host *host = host_of(wire);
    if (host) /* and not of somebody who called the engine */
        network_note_missed(host);
}

uint64_t network_missed(void)
{
    return missed;
}

struct wire *wire_make(void)
{
    struct wire *wire = calloc(1, sizeof *wire);
    must(wire);
    wire->fd = -1;
    if (wire_count == wire_room) {
        wire_room = wire_room ? 2 * wire_room : 256;
        wires = realloc(wires, wire_room * sizeof(struct wire *));
        must(wires);
    }
    wires[wire_count++] = wire;
    return wire;
}

/* ---- travelling ---- */

static uint64_t latency_ns(void)
{
    if (world_one_in(200))
        return world_below(500 * WORLD_MS);
    return 20 * WORLD_US + world_below(world_one_in(4) ? 20 * WORLD_MS : 200 * WORLD_US);
}

/* When what is sent now (or in `delay_ns`) arrives: behind what was sent before. */
static uint64_t arrival(uint64_t *last_ns, uint64_t delay_ns)
{
    uint64_t at_ns = world_now_ns() + delay_ns + latency_ns();
    if (at_ns < *last_ns)
        at_ns = *last_ns;
    *last_ns = at_ns;
    return at_ns;
}

static struct parcel *pack(struct wire *wire, enum parcel_kind kind, const void *bytes, size_t size)
{
    struct parcel *parcel = malloc(sizeof *parcel + size);
    must(parcel);
    *parcel = (struct parcel){.wire = wire, .kind = kind, .size = size};
    if (bytes)
        memcpy(parcel->bytes, bytes, size);
    return parcel;
}

static void put(struct tube *tube, const char *bytes, size_t size)
{
    if (tube->size + size > tube->room) {
        tube->room = 2 * (tube->size + size);
        tube->at = realloc(tube->at, tube->room);
        must(tube->at);
    }
    memcpy(tube->at + tube->size, bytes, size);
    tube->size += size;
}

static void fail_sending(struct wire *wire)
{
    struct loop_op *op = wire->sending;
    wire->sending = NULL;
    if (op)
        loop_end_op(wire->loop, op, world_one_in(2) ? -EPIPE : -ECONNRESET);
}

static void arrive_at_engine(void *context)
{
    struct parcel *parcel = context;
    struct wire *wire = parcel->wire;
    if (wire->engine_closed || wire->is_reset) {
        free(parcel);
        return;
    }
    if (parcel->kind == PARCEL_BYTES) {
        put(&wire->inbound, parcel->bytes, parcel->size);
        wire->arrived += parcel->size;
    } else if (parcel->kind == PARCEL_END) {
        wire->is_ended = true;
    } else {
        wire->is_reset = true;
        if (world_one_in(2)) { /* what was not read is gone */
            wire->arrived -= wire->inbound.size;
            wire->inbound.size = 0;
        }
        fail_sending(wire);
    }
    loop_note(wire);
    free(parcel);
}

static void send_reset(struct wire *wire)
{
    world_at(arrival(&wire->to_engine_ns, 0), arrive_at_engine, pack(wire, PARCEL_RESET, NULL, 0));
}

static void refuse_bytes(struct wire *wire)
{
    network_note_missed_by(wire);
    send_reset(wire);
}

static void arrive_at_peer(void *context)
{
    struct parcel *parcel = context;
    struct wire *wire = parcel->wire;
    if (!wire->events)
        ; /* nobody was there */
    else if (wire->peer_closed && parcel->kind == PARCEL_BYTES)
        refuse_bytes(wire);
    else if (!wire->peer_closed && parcel->kind == PARCEL_BYTES)
        wire->events->on_bytes(wire, parcel->bytes, parcel->size);
    else if (!wire->peer_closed)
        wire->events->on_end(wire);
    free(parcel);
}

/* ---- the engine's end ---- */

void wire_cut(struct wire *wire)
{
    if (wire->is_cut)
        return;
    wire->is_cut = true;
    if (wire->events && wire->events->on_cut)
        wire->events->on_cut(wire);
}

void wire_tell_end(struct wire *wire)
{
    if (wire->end_told)
        return;
    wire->end_told = true;
    world_at(arrival(&wire->to_peer_ns, 0), arrive_at_peer, pack(wire, PARCEL_END, NULL, 0));
}

static void end_connecting(struct wire *wire, int result)
{
    struct loop_op *op = wire->connecting;
    wire->connecting = NULL;
    if (!op || result < 0)
        network_note_missed_by(wire);
    if (!op)
        return; /* it did not wait */
    if (result == 0)
        wire->open_ns = world_now_ns();
    loop_end_op(wire->loop, op, result);
}

static void open_for_engine(void *context)
{
    end_connecting(context, 0);
}

static void refuse_engine(void *context)
{
    end_connecting(context, -ECONNREFUSED);
}

static void arrive_at_host(void *context)
{
    struct wire *wire = context;
    struct host *host = host_of(wire);
    if (!host)
        return;
    enum greeting greeting = wire->connecting ? host->greet(host, wire) : GREETING_SILENCE;
    if (greeting == GREETING_ACCEPT)
        world_at(arrival(&wire->to_engine_ns, 0), open_for_engine, wire);
    else if (greeting == GREETING_REFUSE)
        world_at(arrival(&wire->to_engine_ns, 0), refuse_engine, wire);
    else
        network_note_missed(host);
}

void wire_reach(struct wire *wire)
{
    wire->began_ns = world_now_ns();
    world_at(arrival(&wire->to_peer_ns, 0), arrive_at_host, wire);
}

struct push {
    struct wire *wire;
    uint64_t number;
};

/* Copies up to `size` bytes of the send at hand, from where it has got to. */
static struct parcel *take_bytes(struct wire *wire, size_t size)
{
    struct parcel *parcel = pack(wire, PARCEL_BYTES, NULL, size);
    parcel->size = 0;
    size_t skip = wire->sent;
    for (unsigned i = 0; i < wire->part_count && parcel->size < size; i++) {
        const struct iovec *part = &wire->parts[i];
        if (skip >= part->iov_len) {
            skip -= part->iov_len;
            continue;
        }
        size_t count = part->iov_len - skip;
        if (count > size - parcel->size)
            count = size - parcel->size;
        memcpy(parcel->bytes + parcel->size, (const char *)part->iov_base + skip, count);
        parcel->size += count;
        skip = 0;
    }
    wire->sent += parcel->size;
    wire->pushed += parcel->size;
    return parcel;
}

static void push_on(void *context)
{
    struct push *push = context;
    struct wire *wire = push->wire;
    if (!wire->sending || wire->send_number != push->number) {
        free(push);
        return;
    }
    size_t left = wire->send_size - wire->sent;
    if (left > 1 && world_one_in(3))
        left = (size_t)world_between(1, left);
    struct parcel *parcel = take_bytes(wire, left);
    world_at(arrival(&wire->to_peer_ns, 0), arrive_at_peer, parcel);

    bool is_stuck = wire->peer_refuses && wire->sent > UNREAD_MAX;
    bool is_over = wire->sent == wire->send_size || world_one_in(30);
    if (is_over && !is_stuck) {
        struct loop_op *op = wire->sending;
        wire->sending = NULL;
        wire->is_short = wire->sent < wire->send_size;
        loop_end_op(wire->loop, op, (int)wire->sent);
    } else if (!is_stuck) {
        world_at(world_now_ns() + world_below(2 * WORLD_MS), push_on, push);
        return;
    }
    free(push);
}

void wire_push(struct wire *wire)
{
    if (wire->is_reset) {
        fail_sending(wire);
        return;
    }
    struct push *push = malloc(sizeof *push);
    must(push);
    *push = (struct push){wire, ++wire->send_number};
    world_at(world_now_ns() + world_below(20 * WORLD_US), push_on, push);
}

/* ---- the peers' end ---- */

void network_put_host(struct host *host)
{
    host->next = hosts;
    hosts = host;
}

static void arrive_at_listener(void *context)
{
    struct wire *wire = context;
    if (wire->peer_closed)
        return;
    if (loop_offer(wire, &wire->address)) {
        wire->open_ns = world_now_ns();
        if (wire->events->on_open)
            wire->events->on_open(wire);
    } else {
        wire->engine_closed = true;
        wire->events->on_end(wire);
    }
}

struct wire *network_connect(const struct address *to, const struct wire_events *events,
                             void *owner)
{
    struct wire *wire = wire_make();
    wire->events = events;
    wire->owner = owner;
    wire->address = *to;
    world_at(arrival(&wire->to_engine_ns, 0), arrive_at_listener, wire);
    return wire;
}

void wire_send(struct wire *wire, const void *bytes, size_t size)
{
    size_t at = 0;
    while (at < size) {
        size_t piece = world_one_in(3) ? (size_t)world_between(1, size - at) : size - at;
        world_at(arrival(&wire->to_engine_ns, 0), arrive_at_engine,
                 pack(wire, PARCEL_BYTES, (const char *)bytes + at, piece));
        at += piece;
    }
    wire->written += size;
}

void wire_drip(struct wire *wire, const void *bytes, size_t size, size_t piece, uint64_t pause_ns)
{
    uint64_t delay_ns = 0;
    for (size_t at = 0; at < size; at += piece, delay_ns += pause_ns)
        world_at(arrival(&wire->to_engine_ns, delay_ns), arrive_at_engine,
                 pack(wire, PARCEL_BYTES, (const char *)bytes + at,
                      size - at < piece ? size - at : piece));
    wire->written += size;
}

void wire_end_sending(struct wire *wire)
{
    world_at(arrival(&wire->to_engine_ns, 0), arrive_at_engine, pack(wire, PARCEL_END, NULL, 0));
}

void wire_finish(struct wire *wire)
{
    wire->peer_closed = true;
    wire_end_sending(wire);
}

void wire_reset(struct wire *wire)
{
    wire->peer_closed = true;
    send_reset(wire);
}

void wire_stop_reading(struct wire *wire)
{
    wire->peer_refuses = true;
}

/* ---- the end of the process ---- */

void network_crash(void)
{
    size_t kept = 0;
    for (size_t i = 0; i < wire_count; i++) {
        struct wire *wire = wires[i];
        bool is_coming = wire->fd < 0 && wire->open_ns == 0;
        if (is_coming)
            wires[kept++] = wire;
        if (is_coming || wire->engine_closed)
            continue;
        wire->engine_closed = true;
        wire->connecting = wire->receiving = wire->sending = NULL;
        wire->loop = NULL;
        wire_cut(wire);
        wire_tell_end(wire);
    }
    wire_count = kept;
    loop_crash();
}
