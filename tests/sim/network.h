/* network.h - the virtual network: wires between the engine and scripted peers.
 *
 * A wire has two ends. The engine's is a socket, worked through loop.h (loop.c stands in for
 * net/loop.c and net/socket.c). The peer's is worked through this header, and its events are called
 * from acts of the world. Bytes arrive in order, late, and in pieces.
 *
 * Wires are never freed: a run is short, and what is late must find its wire.
 */
#ifndef SIM_NETWORK_H
#define SIM_NETWORK_H

#include "net/address.h"
#include "net/loop.h"

struct wire;

struct wire_events {
    void (*on_open)(struct wire *wire); /* to the engine: it took it */
    void (*on_bytes)(struct wire *wire, const char *at, size_t size);
    void (*on_end)(struct wire *wire); /* the engine has closed its side, or never took the wire */

    /* What no peer can know, but a ledger has to: at the moment it happens. NULL: not wanted. */
    void (*on_consumed)(struct wire *wire); /* the engine has got to wire->consumed */
    void (*on_saw_end)(struct wire *wire);  /* the engine has got the end, or an error */
    void (*on_cut)(struct wire *wire);      /* the engine reads no more */
};

/* Bytes that have arrived, or not yet. */
struct tube {
    char *at;
    size_t size, room;
};

struct wire {
    const struct wire_events *events; /* the peer's */
    void *owner;                      /* the peer's */

    /* To the engine, in bytes since the beginning. */
    struct tube inbound;
    size_t written, arrived, consumed;
    bool is_ended, is_reset;           /* what will come behind the bytes has arrived */
    bool peer_closed, peer_refuses;    /* the peer has ended; and does not read */
    uint64_t to_engine_ns, to_peer_ns; /* nothing sent later arrives earlier */

    /* The engine's end. */
    int fd;
    struct address address;
    struct loop *loop;
    struct loop_op *connecting, *receiving, *sending;
    const struct iovec *parts;
    unsigned part_count;
    size_t sent, send_size; /* of the send at hand */
    size_t pushed;          /* of all sends */
    uint64_t send_number;
    bool is_short; /* the last send took less than all: the next goes on with it */
    bool is_noted; /* a look at `inbound` is among the loop's completions */
    bool is_cut, engine_closed, end_told;
    uint64_t began_ns;      /* when the engine began to connect */
    uint64_t open_ns;       /* when it was open; 0: never */
    uint64_t send_began_ns; /* the last send */
};

/* ---- peers ---- */

enum greeting { GREETING_ACCEPT, GREETING_REFUSE, GREETING_SILENCE };

/* Somebody to connect to. `greet` sets the wire's events and owner if it accepts. */
struct host {
    struct address address;
    enum greeting (*greet)(struct host *host, struct wire *wire);
    uint64_t missed_ns; /* when an attempt for it was missed last; 0: never */
    struct host *next;
};

void network_put_host(struct host *host);

/* Counts what of the engine's may have been an attempt that no receiver has seen. */
void network_note_missed(struct host *host);
void network_note_missed_by(const struct wire *wire);
uint64_t network_missed(void);

/* Connects to a listener of the engine. */
struct wire *network_connect(const struct address *to, const struct wire_events *events,
                             void *owner);

void wire_send(struct wire *wire, const void *bytes, size_t size);

/* So many bytes at a time, with so much time between. */
void wire_drip(struct wire *wire, const void *bytes, size_t size, size_t piece, uint64_t pause_ns);
void wire_finish(struct wire *wire);
void wire_end_sending(struct wire *wire); /* half of it: what comes is still read */
void wire_reset(struct wire *wire);
void wire_stop_reading(struct wire *wire);

/* The process is gone: its peers see its sockets end. */
void network_crash(void);

/* ---- between network.c and loop.c ---- */

/* `op` has ended. */
void loop_end_op(struct loop *loop, struct loop_op *op, int result);

/* There is something to look at in `inbound`. */
void loop_note(struct wire *wire);

/* A connection of a peer has come: to one of the listeners there. False: there is none. */
bool loop_offer(struct wire *wire, const struct address *to);

/* All loops and sockets are gone. */
void loop_crash(void);

/* The process gets a signal, by way of control's signalfd. */
void loop_raise(int signal);

struct wire *wire_make(void);
void wire_reach(struct wire *wire);    /* the engine connects */
void wire_push(struct wire *wire);     /* the engine has begun to send */
void wire_tell_end(struct wire *wire); /* the engine has ended its side */
void wire_cut(struct wire *wire);      /* the engine reads no more */

#endif
