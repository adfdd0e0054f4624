/* address.h - socket addresses and networks, as values and as text. No name is looked up here. */
#ifndef NET_ADDRESS_H
#define NET_ADDRESS_H

#include "base/must.h"
#include "base/slice.h"

#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>

struct address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    };
};

enum { ADDRESS_TEXT_SIZE = 64 };

/* "127.0.0.1:80", "[::1]:80". No names; "*:80" and ":80" are all of IPv4. 0, or -EINVAL. */
MUST_CHECK int address_parse(struct slice text, struct address *address);

/* An IPv4 or IPv6 literal without a port (IPv6 also in brackets; no zone). 0, or -EINVAL. */
MUST_CHECK int address_parse_ip(struct slice text, uint16_t port, struct address *address);

/* "127.0.0.1:80" or "[::1]:80", with a NUL; and the same without the port and the brackets. */
struct slice address_print(const struct address *address, char out[static ADDRESS_TEXT_SIZE]);
struct slice address_print_ip(const struct address *address, char out[static ADDRESS_TEXT_SIZE]);

uint16_t address_port(const struct address *address);
void address_set_port(struct address *address, uint16_t port);
socklen_t address_length(const struct address *address);
bool address_equal(const struct address *a, const struct address *b);

/* A CIDR block. IPv4 is kept as v4-mapped IPv6, so one comparison serves both. */
struct network {
    uint8_t bytes[16];
    unsigned bits; /* 0 to 128 */
};

/* "10.0.0.0/8", "fd00::/8", or a single address. -EINVAL also if bits beyond the prefix are set. */
MUST_CHECK int network_parse(struct slice text, struct network *network);

enum { NETWORK_TEXT_SIZE = ADDRESS_TEXT_SIZE + 4 };

/* "10.0.0.0/8", with a NUL. */
struct slice network_print(const struct network *network, char out[static NETWORK_TEXT_SIZE]);

/* Is the address (v4 as itself, not as mapped) inside? `ip` is 16 bytes, v4-mapped for IPv4. */
bool network_holds(const struct network *network, const uint8_t ip[static 16]);

/* The address's 16 bytes, IPv4 as v4-mapped (::ffff:a.b.c.d). */
void address_bytes(const struct address *address, uint8_t ip[static 16]);

#endif
