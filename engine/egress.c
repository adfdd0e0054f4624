/* egress.c - see egress.h. The tables follow the IANA IPv4 and IPv6 Special-Purpose Address
 * Registries. */
#include "egress.h"

struct range4 {
    uint32_t start;
    unsigned bits;
};

#define IP4(a, b, c, d) \
    ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

static const struct range4 refused4[] = {
    {IP4(0, 0, 0, 0), 8},  /* this network, RFC 791 */
    {IP4(10, 0, 0, 0), 8}, /* private, RFC 1918 */
    {IP4(100, 64, 0, 0),
     10}, /* carrier-grade NAT, RFC 6598 (and 100.100.100.200, a metadata service) */
    {IP4(127, 0, 0, 0), 8},      /* loopback */
    {IP4(168, 63, 129, 16), 32}, /* a cloud's host agent and metadata */
    {IP4(169, 254, 0, 0), 16},   /* link-local, RFC 3927; 169.254.169.254 is metadata */
    {IP4(172, 16, 0, 0), 12},    /* private */
    {IP4(192, 0, 0, 0), 24},     /* IETF protocol assignments, RFC 6890 */
    {IP4(192, 0, 2, 0), 24},     /* documentation, RFC 5737 */
    {IP4(192, 31, 196, 0), 24},  /* AS112, RFC 7535 */
    {IP4(192, 52, 193, 0), 24},  /* AMT, RFC 7450 */
    {IP4(192, 88, 99, 0), 24},   /* 6to4 relay, RFC 7526 */
    {IP4(192, 168, 0, 0), 16},   /* private */
    {IP4(192, 175, 48, 0), 24},  /* AS112, RFC 7534 */
    {IP4(198, 18, 0, 0), 15},    /* benchmarking, RFC 2544 */
    {IP4(198, 51, 100, 0), 24},  /* documentation */
    {IP4(203, 0, 113, 0), 24},   /* documentation */
    {IP4(224, 0, 0, 0), 4},      /* multicast */
    {IP4(240, 0, 0, 0), 4},      /* reserved, and broadcast */
};

/* Of IPv6 only 2000::/3 is public unicast; these parts of it are not. */
static const struct network refused6[] = {
    {{0x20, 0x01, 0x00, 0x00}, 23}, /* IETF protocol assignments, RFC 2928: Teredo, ORCHID, ... */
    {{0x20, 0x01, 0x0d, 0xb8}, 32}, /* documentation, RFC 3849 */
    {{0x26, 0x20, 0x00, 0x4f, 0x80}, 48}, /* AS112, RFC 7534 */
    {{0x3f, 0xff, 0x00}, 20},             /* documentation, RFC 9637 */
};

static const struct network public6 = {{0x20}, 3};

static bool refuses4(uint32_t ip)
{
    for (size_t i = 0; i < sizeof refused4 / sizeof *refused4; i++) {
        uint32_t mask = UINT32_MAX << (32 - refused4[i].bits);
        if ((ip & mask) == refused4[i].start)
            return true;
    }
    return false;
}

static uint32_t ip4_at(const uint8_t *bytes)
{
    return IP4(bytes[0], bytes[1], bytes[2], bytes[3]);
}

/* The IPv4 address inside an IPv6 address, if it is of a form that carries one. */
static bool carried4(const uint8_t ip[static 16], uint32_t *inner)
{
    static const uint8_t zero[12];
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    static const uint8_t translated[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0}; /* RFC 2765 */
    static const uint8_t nat64[12] = {0, 0x64, 0xff, 0x9b};
    static const uint8_t nat64_local[6] = {0, 0x64, 0xff, 0x9b, 0, 1};

    bool last_four = memcmp(ip, zero, 12) == 0 || memcmp(ip, mapped, 12) == 0 ||
                     memcmp(ip, translated, 12) == 0 || memcmp(ip, nat64, 12) == 0 ||
                     memcmp(ip, nat64_local, 6) == 0;
    bool isatap = (ip[8] & 0xfd) == 0 && ip[9] == 0 && ip[10] == 0x5e && ip[11] == 0xfe;
    if (last_four || isatap) {
        *inner = ip4_at(ip + 12);
        return true;
    }
    if (ip[0] == 0x20 && ip[1] == 0x02) { /* 6to4 */
        *inner = ip4_at(ip + 2);
        return true;
    }
    return false;
}

static bool covered(const struct egress *egress, const uint8_t ip[static 16])
{
    for (unsigned i = 0; i < egress->allowed_count; i++)
        if (network_holds(&egress->allowed[i], ip))
            return true;
    return false;
}

static void map4(uint32_t ip, uint8_t mapped[static 16])
{
    static const uint8_t start[12] = {[10] = 0xff, [11] = 0xff};
    memcpy(mapped, start, sizeof start);
    for (unsigned i = 0; i < 4; i++)
        mapped[12 + i] = (uint8_t)(ip >> (24 - 8 * i));
}

bool egress_carries(const struct address *address, uint8_t inner[static 16])
{
    uint8_t ip[16];
    uint32_t ip4;
    address_bytes(address, ip);
    if (address->any.sa_family != AF_INET6 || !carried4(ip, &ip4))
        return false;
    map4(ip4, inner);
    return true;
}

static bool covered4(const struct egress *egress, uint32_t ip)
{
    uint8_t mapped[16];
    map4(ip, mapped);
    return covered(egress, mapped);
}

static bool refuses6(const uint8_t ip[static 16])
{
    if (!network_holds(&public6, ip))
        return true;
    for (size_t i = 0; i < sizeof refused6 / sizeof *refused6; i++)
        if (network_holds(&refused6[i], ip))
            return true;
    return false;
}

bool egress_allows(const struct egress *egress, const struct address *address)
{
    uint8_t ip[16];
    uint32_t inner;

    address_bytes(address, ip);
    if (address->any.sa_family == AF_INET) {
        inner = ip4_at(ip + 12);
        return !refuses4(inner) || covered4(egress, inner);
    }
    if (address->any.sa_family != AF_INET6)
        return false;

    /* A mapped address is the IPv4 address. Of the other carriers both the carrier and what it
     * carries have to pass. */
    if (covered(egress, ip))
        return true;
    if (!carried4(ip, &inner))
        return !refuses6(ip);
    if (refuses4(inner) && !covered4(egress, inner))
        return false;
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    bool is_well_known =
        memcmp(ip, mapped, 12) == 0 || (ip[0] == 0 && ip[1] == 0x64 && ip[4] == 0 && ip[5] == 0);
    return is_well_known || !refuses6(ip);
}
