/* address.c - socket addresses and networks, as values and as text.
 *
 * Text is judged by inet_pton(), which knows neither octal, nor shortened forms of IPv4, nor zones.
 *
 * Ownership and threads: none; all of it works on values.
 */
#include "net/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

enum { IP_TEXT_SIZE = INET6_ADDRSTRLEN, V4_IN_V6_BITS = 96 };

static const uint8_t v4_mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};

static int parse_v4(const char *text, uint16_t port, struct address *address)
{
    *address = (struct address){.v4 = {.sin_family = AF_INET, .sin_port = htons(port)}};
    return inet_pton(AF_INET, text, &address->v4.sin_addr) == 1 ? 0 : -EINVAL;
}

static int parse_v6(const char *text, uint16_t port, struct address *address)
{
    *address = (struct address){.v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)}};
    return inet_pton(AF_INET6, text, &address->v6.sin6_addr) == 1 ? 0 : -EINVAL;
}

/* A literal of either family, without brackets. */
static int parse_bare_ip(struct slice text, uint16_t port, struct address *address)
{
    char copy[IP_TEXT_SIZE];
    if (text.size == 0 || text.size >= sizeof copy || slice_find(text, '\0') < text.size)
        return -EINVAL;

    memcpy(copy, text.at, text.size);
    copy[text.size] = '\0';
    return slice_find(text, ':') < text.size ? parse_v6(copy, port, address)
                                             : parse_v4(copy, port, address);
}

static bool has_brackets(struct slice text)
{
    return text.size >= 2 && text.at[0] == '[' && text.at[text.size - 1] == ']';
}

static int parse_bracketed_v6(struct slice text, uint16_t port, struct address *address)
{
    struct slice inner = slice_of(text.at + 1, text.size - 2);
    if (slice_find(inner, ':') == inner.size)
        return -EINVAL;
    return parse_bare_ip(inner, port, address);
}

int address_parse_ip(struct slice text, uint16_t port, struct address *address)
{
    return has_brackets(text) ? parse_bracketed_v6(text, port, address)
                              : parse_bare_ip(text, port, address);
}

int address_parse(struct slice text, struct address *address)
{
    size_t colon = text.size;
    while (colon > 0 && text.at[colon - 1] != ':')
        colon--;
    if (colon == 0)
        return -EINVAL;

    struct slice host = slice_of(text.at, colon - 1);
    struct slice digits = slice_skip(text, colon);
    unsigned long port;
    if (digits.size > 5 || !slice_to_u64(digits, &port) || port > UINT16_MAX)
        return -EINVAL;

    if (host.size == 0 || slice_equal(host, SLICE("*")))
        return parse_v4("0.0.0.0", (uint16_t)port, address);
    if (has_brackets(host))
        return parse_bracketed_v6(host, (uint16_t)port, address);
    if (slice_find(host, ':') < host.size)
        return -EINVAL; /* "::1:80": where the port begins is anyone's guess */
    return parse_bare_ip(host, (uint16_t)port, address);
}

struct slice address_print_ip(const struct address *address, char out[static ADDRESS_TEXT_SIZE])
{
    const void *ip = address->any.sa_family == AF_INET6 ? (const void *)&address->v6.sin6_addr
                                                        : (const void *)&address->v4.sin_addr;
    if (!inet_ntop(address->any.sa_family, ip, out, ADDRESS_TEXT_SIZE))
        memcpy(out, "unknown", sizeof "unknown");
    return slice_str(out);
}

struct slice address_print(const struct address *address, char out[static ADDRESS_TEXT_SIZE])
{
    char ip[ADDRESS_TEXT_SIZE];
    struct slice text = address_print_ip(address, ip);
    if (address->any.sa_family == AF_UNSPEC) {
        memcpy(out, ip, text.size + 1);
        return slice_of(out, text.size);
    }

    const char *format = address->any.sa_family == AF_INET6 ? "[%.*s]:%u" : "%.*s:%u";
    int size = snprintf(out, ADDRESS_TEXT_SIZE, format, SLICE_ARGS(text), address_port(address));
    must(size > 0 && size < ADDRESS_TEXT_SIZE);
    return slice_of(out, (size_t)size);
}

uint16_t address_port(const struct address *address)
{
    switch (address->any.sa_family) {
    case AF_INET:
        return ntohs(address->v4.sin_port);
    case AF_INET6:
        return ntohs(address->v6.sin6_port);
    default:
        return 0;
    }
}

void address_set_port(struct address *address, uint16_t port)
{
    if (address->any.sa_family == AF_INET6)
        address->v6.sin6_port = htons(port);
    else
        address->v4.sin_port = htons(port);
}

socklen_t address_length(const struct address *address)
{
    switch (address->any.sa_family) {
    case AF_INET:
        return sizeof address->v4;
    case AF_INET6:
        return sizeof address->v6;
    default:
        return 0;
    }
}

void address_bytes(const struct address *address, uint8_t ip[static 16])
{
    if (address->any.sa_family == AF_INET6) {
        memcpy(ip, &address->v6.sin6_addr, 16);
        return;
    }
    memcpy(ip, v4_mapped_prefix, sizeof v4_mapped_prefix);
    memcpy(ip + sizeof v4_mapped_prefix, &address->v4.sin_addr, 4);
}

bool address_equal(const struct address *a, const struct address *b)
{
    if (a->any.sa_family != b->any.sa_family || address_port(a) != address_port(b))
        return false;

    uint8_t ip_a[16], ip_b[16];
    address_bytes(a, ip_a);
    address_bytes(b, ip_b);
    return memcmp(ip_a, ip_b, sizeof ip_a) == 0;
}

/* True if `a` and `b` agree in their first `bits` bits. */
static bool same_prefix(const uint8_t a[static 16], const uint8_t b[static 16], unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;
    if (memcmp(a, b, whole) != 0)
        return false;
    if (rest == 0)
        return true;

    unsigned mask = 0xffu << (8 - rest) & 0xffu;
    return ((unsigned)(a[whole] ^ b[whole]) & mask) == 0;
}

/* True if every bit after the first `bits` is zero. */
static bool is_zero_beyond(const uint8_t ip[static 16], unsigned bits)
{
    for (unsigned bit = bits; bit < 128; bit++)
        if (ip[bit / 8] & 0x80u >> bit % 8)
            return false;
    return true;
}

int network_parse(struct slice text, struct network *network)
{
    size_t slash = slice_find(text, '/');
    struct address address;
    if (parse_bare_ip(slice_of(text.at, slash), 0, &address))
        return -EINVAL;

    bool v4 = address.any.sa_family == AF_INET;
    unsigned long bits = v4 ? 32 : 128;
    if (slash < text.size) {
        struct slice digits = slice_skip(text, slash + 1);
        unsigned long given;
        if (digits.size > 3 || !slice_to_u64(digits, &given) || given > bits)
            return -EINVAL;
        bits = given;
    }

    *network = (struct network){.bits = (unsigned)bits + (v4 ? V4_IN_V6_BITS : 0)};
    address_bytes(&address, network->bytes);
    return is_zero_beyond(network->bytes, network->bits) ? 0 : -EINVAL;
}

struct slice network_print(const struct network *network, char out[static NETWORK_TEXT_SIZE])
{
    static const uint8_t mapped[V4_IN_V6_BITS / 8] = {[10] = 0xff, [11] = 0xff};
    bool is_v4 =
        network->bits >= V4_IN_V6_BITS && memcmp(network->bytes, mapped, sizeof mapped) == 0;
    struct address address = {0};

    address.any.sa_family = is_v4 ? AF_INET : AF_INET6;
    if (is_v4)
        memcpy(&address.v4.sin_addr, network->bytes + sizeof mapped, 4);
    else
        memcpy(&address.v6.sin6_addr, network->bytes, sizeof network->bytes);
    size_t size = address_print_ip(&address, out).size;
    size += (size_t)snprintf(out + size, NETWORK_TEXT_SIZE - size, "/%u",
                             network->bits - (is_v4 ? V4_IN_V6_BITS : 0));
    return slice_of(out, size);
}

bool network_holds(const struct network *network, const uint8_t ip[static 16])
{
    must(network->bits <= 128);
    return same_prefix(network->bytes, ip, network->bits);
}
