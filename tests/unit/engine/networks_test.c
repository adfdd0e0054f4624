/* Lists of networks: read, printed, and looked into. */
#include "networks.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

enum { ROOM = 3 };

static struct json *json;
static struct faults faults;
static struct network list[ROOM];

static void open_json(void)
{
    cr_assert(zero(int, json_open(&json)));
}

static void close_json(void)
{
    json_close(json);
}

TestSuite(networks, .init = open_json, .fini = close_json);

static unsigned parse(const char *body)
{
    char room[512], why[JSON_WHY_SIZE];
    struct json_value root;
    struct text text;
    text_init(&text, room, sizeof room - JSON_PADDING);
    text_put(&text, slice_str(body));
    cr_assert(zero(int, json_read(json, text_slice(&text), &root, why)), "%s", why);
    faults = (struct faults){0};
    return networks_parse(root, "/list", list, ROOM, &faults);
}

static bool holds(unsigned count, const char *ip)
{
    struct address address;
    uint8_t bytes[16];
    cr_assert(zero(int, address_parse_ip(slice_str(ip), 1, &address)));
    address_bytes(&address, bytes);
    return networks_hold(list, count, bytes);
}

Test(networks, prints_what_it_reads)
{
    char room[256];
    struct text text;
    unsigned count = parse("[\"10.0.0.0/8\",\"fd00::/8\",\"192.0.2.7\"]");
    cr_assert(eq(uint, count, 3));
    cr_assert(zero(uint, faults.count));
    text_init(&text, room, sizeof room - 1);
    networks_print(list, count, &text);
    room[text.size] = '\0';
    cr_assert_str_eq(room, "[\"10.0.0.0/8\",\"fd00::/8\",\"192.0.2.7/32\"]");
}

Test(networks, holds_what_is_in_one_of_them)
{
    unsigned count = parse("[\"10.0.0.0/8\",\"fd00::/8\"]");
    cr_assert(holds(count, "10.1.2.3"));
    cr_assert(holds(count, "::ffff:10.1.2.3"), "as a socket of both families shows it");
    cr_assert(holds(count, "fd12::1"));
    cr_assert(not(holds(count, "11.0.0.1")));
    cr_assert(not(holds(count, "fe80::1")));
    cr_assert(not(holds(0, "10.1.2.3")), "none of no networks");
}

Test(networks, says_which_of_them_is_wrong)
{
    parse("[\"10.0.0.0/8\",\"10.0.0.1/8\",7]");
    cr_assert(eq(uint, faults.count, 2));
    cr_assert_str_eq(faults.list[0].pointer, "/list/1");
    cr_assert_str_eq(faults.list[1].pointer, "/list/2");
    cr_assert(zero(uint, parse("\"10.0.0.0/8\"")));
    cr_assert_str_eq(faults.list[0].pointer, "/list");
}

Test(networks, has_room_for_so_many_and_no_more)
{
    cr_assert(eq(uint, parse("[\"10.0.0.1\",\"10.0.0.2\",\"10.0.0.3\"]"), ROOM));
    cr_assert(zero(uint, parse("[\"10.0.0.1\",\"10.0.0.2\",\"10.0.0.3\",\"10.0.0.4\"]")));
    cr_assert(eq(uint, faults.count, 1));
    cr_assert_str_eq(faults.list[0].pointer, "/list");
}
