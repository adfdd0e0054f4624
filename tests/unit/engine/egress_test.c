/* Which addresses are refused: the bounds of every special range, in every form that an address can
 * be written into IPv6; and that a network which is allowed lets through what is in it, no more. */
#include "egress.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>

static const struct egress strict = {NULL, 0};

static struct address parse(const char *text)
{
    struct address address;
    cr_assert(zero(int, address_parse_ip(slice_str(text), 443, &address)), "%s", text);
    return address;
}

static bool allows(const struct egress *egress, const char *text)
{
    struct address address = parse(text);
    return egress_allows(egress, &address);
}

static const char *const public4[] = {
    "1.1.1.1",         "8.8.8.8",         "9.255.255.255",   "11.0.0.0",       "100.63.255.255",
    "100.128.0.0",     "126.255.255.255", "128.0.0.0",       "168.63.129.15",  "168.63.129.17",
    "169.253.255.255", "169.255.0.0",     "172.15.255.255",  "172.32.0.0",     "192.0.1.0",
    "192.0.3.0",       "192.31.195.255",  "192.31.197.0",    "192.52.192.255", "192.52.194.0",
    "192.88.98.255",   "192.88.100.0",    "192.167.255.255", "192.169.0.0",    "192.175.47.255",
    "192.175.49.0",    "198.17.255.255",  "198.20.0.0",      "198.51.99.255",  "198.51.101.0",
    "203.0.112.255",   "203.0.114.0",     "223.255.255.255", "1.0.0.0",
};

static const char *const special4[] = {
    "0.0.0.0",         "0.255.255.255",   "10.0.0.0",        "10.255.255.255",  "100.64.0.0",
    "100.100.100.200", "100.127.255.255", "127.0.0.0",       "127.0.0.1",       "127.255.255.255",
    "168.63.129.16",   "169.254.0.0",     "169.254.169.254", "169.254.170.2",   "169.254.255.255",
    "172.16.0.0",      "172.31.255.255",  "192.0.0.0",       "192.0.0.192",     "192.0.0.255",
    "192.0.2.0",       "192.0.2.255",     "192.31.196.0",    "192.52.193.255",  "192.88.99.1",
    "192.168.0.0",     "192.168.255.255", "192.175.48.1",    "198.18.0.0",      "198.19.255.255",
    "198.51.100.1",    "203.0.113.255",   "224.0.0.1",       "239.255.255.255", "240.0.0.0",
    "255.255.255.254", "255.255.255.255",
};

#define COUNT(table) (sizeof(table) / sizeof *(table))

Test(egress, allows_what_is_public)
{
    for (size_t i = 0; i < COUNT(public4); i++)
        cr_expect(allows(&strict, public4[i]), "%s", public4[i]);
}

Test(egress, refuses_what_is_special)
{
    for (size_t i = 0; i < COUNT(special4); i++)
        cr_expect(not(allows(&strict, special4[i])), "%s", special4[i]);
}

/* Forms of IPv6 that carry an IPv4 address: in `text`, %1$02x%2$02x:%3$02x%4$02x stands for it. */
static const struct {
    const char *name, *text;
    bool reaches; /* a public IPv4 address may be reached by it */
} carriers[] = {
    {"v4-mapped", "::ffff:%1$02x%2$02x:%3$02x%4$02x", true},
    {"NAT64", "64:ff9b::%1$02x%2$02x:%3$02x%4$02x", true},
    {"6to4", "2002:%1$02x%2$02x:%3$02x%4$02x::1", true},
    {"6to4, another host", "2002:%1$02x%2$02x:%3$02x%4$02x:1:2:3:4:5", true},
    {"ISATAP", "2606:4700::5efe:%1$02x%2$02x:%3$02x%4$02x", true},
    {"ISATAP, of a global address", "2606:4700::200:5efe:%1$02x%2$02x:%3$02x%4$02x", true},
    {"v4-compatible", "::%1$02x%2$02x:%3$02x%4$02x", false},
    {"v4-translated", "::ffff:0:%1$02x%2$02x:%3$02x%4$02x", false},
    {"local NAT64", "64:ff9b:1::%1$02x%2$02x:%3$02x%4$02x", false},
    {"ISATAP, link-local", "fe80::5efe:%1$02x%2$02x:%3$02x%4$02x", false},
    {"Teredo", "2001:0:%1$02x%2$02x:%3$02x%4$02x::1", false},
};

static struct address carried(size_t form, const char *inner)
{
    struct address address = parse(inner);
    uint8_t ip[16];
    char text[64];
    address_bytes(&address, ip);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(text, sizeof text, carriers[form].text, ip[12], ip[13], ip[14], ip[15]);
#pragma GCC diagnostic pop
    return parse(text);
}

Test(egress, judges_an_address_that_carries_another_by_that)
{
    for (size_t form = 0; form < COUNT(carriers); form++) {
        for (size_t i = 0; i < COUNT(special4); i++) {
            struct address address = carried(form, special4[i]);
            cr_expect(not(egress_allows(&strict, &address)), "%s of %s", carriers[form].name,
                      special4[i]);
        }
        for (size_t i = 0; i < COUNT(public4); i++) {
            struct address address = carried(form, public4[i]);
            cr_expect(eq(int, egress_allows(&strict, &address), carriers[form].reaches), "%s of %s",
                      carriers[form].name, public4[i]);
        }
    }
}

static const char *const special6[] = {
    "::",
    "::1",
    "::2",
    "::ffff:0:0:0",
    "100::1",
    "100:0:0:1::1",
    "1fff:ffff::1",
    "2001::1",
    "2001:1::1",
    "2001:2::1",
    "2001:20::1",
    "2001:1ff:ffff::1",
    "2001:db8::1",
    "2001:db8:ffff::1",
    "2620:4f:8000::1",
    "3fff::1",
    "3fff:fff:ffff::1",
    "4000::1",
    "5f00::1",
    "64:ff9b:1:ffff::1",
    "64:ff9b:0:0:0:1::",
    "8000::1",
    "fc00::1",
    "fd00:ec2::254", /* a cloud's metadata */
    "fdff:ffff::1",
    "fe00::1",
    "fe80::1",
    "fe80::a9fe:a9fe",
    "febf::1",
    "fec0::1",
    "ff00::1",
    "ff02::1",
    "ff0e::1",
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
};

static const char *const public6[] = {
    "2000::1",
    "2001:200::1",
    "2001:4860:4860::8888",
    "2001:db7:ffff::1",
    "2001:db9::1",
    "2003::1",
    "2606:4700:4700::1111",
    "2620:4f:7fff::1",
    "2620:4f:8001::1",
    "2a00:1450:4001::200e",
    "3ffe:ffff::1",
    "3fff:1000::1",
    "2606:4700::5efd:0:1",
};

Test(egress, allows_only_public_unicast_of_ipv6)
{
    for (size_t i = 0; i < COUNT(special6); i++)
        cr_expect(not(allows(&strict, special6[i])), "%s", special6[i]);
    for (size_t i = 0; i < COUNT(public6); i++)
        cr_expect(allows(&strict, public6[i]), "%s", public6[i]);
}

Test(egress, refuses_what_is_no_ip_address)
{
    struct address address = {.any.sa_family = AF_UNIX};
    cr_assert(not(egress_allows(&strict, &address)));
    address.any.sa_family = AF_UNSPEC;
    cr_assert(not(egress_allows(&strict, &address)));
}

/* ---- with allowed networks ---- */

static struct network networks[4];

static struct egress allowing(const char *first, const char *second)
{
    unsigned count = 0;
    cr_assert(zero(int, network_parse(slice_str(first), &networks[count++])), "%s", first);
    if (second)
        cr_assert(zero(int, network_parse(slice_str(second), &networks[count++])), "%s", second);
    return (struct egress){networks, count};
}

Test(egress, allows_what_a_network_covers_and_nothing_beside_it)
{
    struct egress egress = allowing("10.1.0.0/16", "127.0.0.1/32");
    cr_assert(allows(&egress, "10.1.0.0"));
    cr_assert(allows(&egress, "10.1.255.255"));
    cr_assert(allows(&egress, "127.0.0.1"));
    cr_assert(allows(&egress, "1.1.1.1"));
    cr_assert(not(allows(&egress, "10.0.255.255")));
    cr_assert(not(allows(&egress, "10.2.0.0")));
    cr_assert(not(allows(&egress, "127.0.0.2")));
    cr_assert(not(allows(&egress, "::1")), "the other family's loopback was not named");
}

Test(egress, allows_networks_of_ipv6)
{
    struct egress egress = allowing("fd00:1::/32", "::1/128");
    cr_assert(allows(&egress, "fd00:1::1"));
    cr_assert(allows(&egress, "fd00:1:ffff::1"));
    cr_assert(allows(&egress, "::1"));
    cr_assert(not(allows(&egress, "fd00:2::1")));
    cr_assert(not(allows(&egress, "::2")));
    cr_assert(not(allows(&egress, "127.0.0.1")));
}

/* What may carry a public address may carry one that is allowed; what may not, may not. */
Test(egress, judges_carriers_of_what_a_network_covers_as_those_of_public_addresses)
{
    struct egress egress = allowing("10.1.0.0/16", NULL);
    for (size_t form = 0; form < COUNT(carriers); form++) {
        struct address inside = carried(form, "10.1.2.3");
        struct address outside = carried(form, "10.2.0.0");
        cr_expect(not(egress_allows(&egress, &outside)), "%s", carriers[form].name);
        cr_expect(eq(int, egress_allows(&egress, &inside), carriers[form].reaches), "%s",
                  carriers[form].name);
    }
}

Test(egress, allows_all_of_ipv4_if_told_so)
{
    struct egress egress = allowing("0.0.0.0/0", NULL);
    for (size_t i = 0; i < COUNT(special4); i++)
        cr_expect(allows(&egress, special4[i]), "%s", special4[i]);
    cr_assert(not(allows(&egress, "fe80::1")));
    cr_assert(not(allows(&egress, "::1")));
}

Test(egress, allows_everything_if_told_so)
{
    struct egress egress = allowing("::/0", NULL);
    for (size_t i = 0; i < COUNT(special4); i++)
        cr_expect(allows(&egress, special4[i]), "%s", special4[i]);
    for (size_t i = 0; i < COUNT(special6); i++)
        cr_expect(allows(&egress, special6[i]), "%s", special6[i]);
}

/* ---- against arithmetic on the whole of IPv4 ---- */

static const struct {
    const char *first, *last;
} registry[] = {
    {"0.0.0.0", "0.255.255.255"},       {"10.0.0.0", "10.255.255.255"},
    {"100.64.0.0", "100.127.255.255"},  {"127.0.0.0", "127.255.255.255"},
    {"168.63.129.16", "168.63.129.16"}, {"169.254.0.0", "169.254.255.255"},
    {"172.16.0.0", "172.31.255.255"},   {"192.0.0.0", "192.0.0.255"},
    {"192.0.2.0", "192.0.2.255"},       {"192.31.196.0", "192.31.196.255"},
    {"192.52.193.0", "192.52.193.255"}, {"192.88.99.0", "192.88.99.255"},
    {"192.168.0.0", "192.168.255.255"}, {"192.175.48.0", "192.175.48.255"},
    {"198.18.0.0", "198.19.255.255"},   {"198.51.100.0", "198.51.100.255"},
    {"203.0.113.0", "203.0.113.255"},   {"224.0.0.0", "255.255.255.255"},
};

static uint32_t number_of(const char *text)
{
    struct address address = parse(text);
    return ntohl(address.v4.sin_addr.s_addr);
}

static bool is_registered(uint32_t ip)
{
    for (size_t i = 0; i < COUNT(registry); i++)
        if (ip >= number_of(registry[i].first) && ip <= number_of(registry[i].last))
            return true;
    return false;
}

Test(egress, agrees_with_the_registry_at_random_addresses_and_around_every_bound)
{
    srandom(17);
    for (unsigned step = 0; step < 100000; step++) {
        uint32_t ip = (uint32_t)random() << 1 ^ (uint32_t)random();
        size_t i = (size_t)random() % COUNT(registry);
        if (step % 3 == 0)
            ip = number_of(registry[i].first) + (uint32_t)(random() % 5) - 2;
        else if (step % 3 == 1)
            ip = number_of(registry[i].last) + (uint32_t)(random() % 5) - 2;
        struct address address = {.v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(ip)}};
        cr_assert(ne(int, egress_allows(&strict, &address), is_registered(ip)), "%08x", ip);
    }
}
