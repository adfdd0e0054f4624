/* Addresses and networks against the texts that people and URLs use, and those that only look like
 * them. The last test checks networks against bit-by-bit comparison. */
#include "net/address.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdlib.h>

static void assert_text(const char *got, const char *expected)
{
    cr_assert(strcmp(got, expected) == 0, "got %s, not %s", got, expected);
}

static const char *printed(const struct address *address)
{
    static char text[ADDRESS_TEXT_SIZE];
    return address_print(address, text).at;
}

static const char *round_trip(const char *text)
{
    struct address address;
    if (address_parse(slice_str(text), &address))
        return "refused";
    return printed(&address);
}

static bool holds(const char *network_text, const char *ip_text)
{
    struct network network;
    struct address address;
    uint8_t ip[16];
    cr_assert(eq(int, network_parse(slice_str(network_text), &network), 0), "%s", network_text);
    cr_assert(eq(int, address_parse_ip(slice_str(ip_text), 0, &address), 0), "%s", ip_text);
    address_bytes(&address, ip);
    return network_holds(&network, ip);
}

Test(address, prints_what_it_parsed)
{
    assert_text(round_trip("127.0.0.1:80"), "127.0.0.1:80");
    assert_text(round_trip("[::1]:8080"), "[::1]:8080");
    assert_text(round_trip("[2001:DB8:0:0:0:0:0:1]:65535"), "[2001:db8::1]:65535");
    assert_text(round_trip("*:80"), "0.0.0.0:80");
    assert_text(round_trip(":0"), "0.0.0.0:0");
}

Test(address, refuses_what_is_not_an_address_with_a_port)
{
    static const char *const bad[] = {
        "",
        "80",
        "localhost:80",
        "127.0.0.1",
        "127.0.0.1:",
        "127.1:80",
        "0x7f.0.0.1:80",
        "127.0.0.1:65536",
        "127.0.0.1:+80",
        "127.0.0.1:000080",
        "::1:80",
        "[::1]",
        "[127.0.0.1]:80",
        "[::1%lo]:80",
        "[]:80",
        "[::1:80",
        "127.0.0.1 :80",
        "1.2.3.4.5:80",
        "010.0.0.1:80",
    };
    struct address address;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert(eq(int, address_parse(slice_str(bad[i]), &address), -EINVAL), "%s", bad[i]);
}

Test(address, refuses_a_literal_with_a_nul_in_it)
{
    struct address address;
    cr_assert(eq(int, address_parse_ip(slice_of("127.0.0.1\0x", 11), 0, &address), -EINVAL));
}

Test(address, parses_a_literal_with_or_without_brackets)
{
    struct address bare, bracketed;
    cr_assert(eq(int, address_parse_ip(SLICE("fe80::1"), 443, &bare), 0));
    cr_assert(eq(int, address_parse_ip(SLICE("[fe80::1]"), 443, &bracketed), 0));
    cr_assert(address_equal(&bare, &bracketed));
    cr_assert(eq(int, address_parse_ip(SLICE("[10.0.0.1]"), 443, &bare), -EINVAL));
}

Test(address, prints_the_ip_alone_without_brackets)
{
    struct address address;
    char text[ADDRESS_TEXT_SIZE];
    cr_assert(eq(int, address_parse(SLICE("[::1]:80"), &address), 0));
    assert_text(address_print_ip(&address, text).at, "::1");
}

Test(address, prints_one_that_is_unknown)
{
    struct address unknown = {0};
    assert_text(printed(&unknown), "unknown");
    cr_assert(eq(int, (int)address_length(&unknown), 0));
}

Test(address, is_equal_only_with_the_same_port_and_family)
{
    struct address a, b;
    cr_assert(eq(int, address_parse(SLICE("10.0.0.1:80"), &a), 0));
    b = a;
    cr_assert(address_equal(&a, &b));
    address_set_port(&b, 81);
    cr_assert(eq(int, address_port(&b), 81));
    cr_assert(not(address_equal(&a, &b)));
    cr_assert(eq(int, address_parse(SLICE("[::ffff:10.0.0.1]:80"), &b), 0));
    cr_assert(not(address_equal(&a, &b)));
}

Test(network, holds_what_shares_its_prefix)
{
    cr_assert(holds("10.0.0.0/8", "10.255.0.1"));
    cr_assert(not(holds("10.0.0.0/8", "11.0.0.1")));
    cr_assert(holds("172.16.0.0/12", "172.31.255.255"));
    cr_assert(not(holds("172.16.0.0/12", "172.32.0.0")));
    cr_assert(holds("fd00::/8", "fdff::1"));
    cr_assert(holds("192.0.2.1", "192.0.2.1"));
    cr_assert(not(holds("192.0.2.1", "192.0.2.2")));
    cr_assert(holds("::1", "::1"));
    cr_assert(holds("0.0.0.0/0", "255.255.255.255"));
    cr_assert(not(holds("0.0.0.0/0", "2001:db8::1")));
}

Test(network, sees_through_ipv4_mapped_addresses)
{
    cr_assert(holds("127.0.0.0/8", "::ffff:127.0.0.1"));
    cr_assert(holds("::ffff:0:0/96", "1.2.3.4"));
}

Test(network, refuses_what_is_not_one)
{
    static const char *const bad[] = {
        "",           "10.0.0.0/33",  "10.0.0.1/8",   "fd00::/129",
        "fd00::1/64", "10.0.0.0/",    "10.0.0.0/-1",  "/8",
        "host/8",     "10.0.0.0/8/8", "10.0.0.0/0x8",
    };
    struct network network;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert(eq(int, network_parse(slice_str(bad[i]), &network), -EINVAL), "%s", bad[i]);
}

Test(network, is_printed_as_it_is_read)
{
    static const char *const texts[] = {"10.0.0.0/8", "0.0.0.0/0", "192.0.2.1/32", "fd00::/8",
                                        "::/0",       "::1/128",   "2001:db8::/48"};
    char text[NETWORK_TEXT_SIZE];
    struct network network;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        cr_assert(zero(int, network_parse(slice_str(texts[i]), &network)));
        cr_assert_str_eq(network_print(&network, text).at, texts[i]);
    }
    cr_assert(zero(int, network_parse(SLICE("10.1.2.3"), &network)));
    cr_assert_str_eq(network_print(&network, text).at, "10.1.2.3/32");
}

static bool bit_of(const uint8_t *ip, unsigned index)
{
    return ip[index / 8] >> (7 - index % 8) & 1;
}

Test(network, agrees_with_comparing_bit_by_bit)
{
    enum { ROUNDS = 20000, SEED = 11 };
    srandom(SEED);
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct network network = {.bits = (unsigned)random() % 129};
        uint8_t ip[16];
        for (size_t i = 0; i < sizeof ip; i++)
            ip[i] = network.bytes[i] = (uint8_t)random();
        ip[(unsigned)random() % 16] ^= (uint8_t)(1u << (unsigned)random() % 8);

        bool expected = true;
        for (unsigned i = 0; i < network.bits; i++)
            expected = expected && bit_of(network.bytes, i) == bit_of(ip, i);
        cr_assert(eq(int, network_holds(&network, ip), expected), "seed %d round %u", SEED, round);
    }
}
