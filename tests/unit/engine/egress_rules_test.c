/* Lists of networks: read, printed, and held against addresses in every form they come in. */
#include "egress_rules.h"

#include "base/text.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

enum { ROOM = 16384 };

static struct json *json;
static struct faults faults;

static void open_json(void)
{
    cr_assert(zero(int, json_open(&json)));
}

static void close_json(void)
{
    json_close(json);
}

TestSuite(egress_rules, .init = open_json, .fini = close_json);

static struct egress_rules *parse(const char *text)
{
    static char room[ROOM];
    struct json_value root;
    struct egress_rules *rules = NULL;
    char why[JSON_WHY_SIZE];
    cr_assert(lt(sz, strlen(text), ROOM - JSON_PADDING));
    memcpy(room, text, strlen(text));
    cr_assert(zero(int, json_read(json, slice_of(room, strlen(text)), &root, why)), "%s", why);
    faults.count = 0;
    cr_assert(zero(int, egress_rules_parse(root, "/egress", &rules, &faults)));
    return rules;
}

static void assert_prints(const struct egress_rules *rules, const char *expected)
{
    char room[ROOM];
    struct text text;
    text_init(&text, room, sizeof room);
    egress_rules_print(rules, &text);
    cr_assert(slice_equal(text_slice(&text), slice_str(expected)), "%.*s", (int)text.size, room);
}

static void assert_fault(const char *text, const char *pointer)
{
    free(parse(text));
    cr_assert(eq(u32, faults.count, 1), "%s", text);
    cr_assert_str_eq(faults.list[0].pointer, pointer);
}

Test(egress_rules, are_printed_as_they_were_given)
{
    static const char *const texts[] = {
        "{\"allow\":[\"10.0.0.0/8\",\"192.168.1.0/24\"],\"deny\":[\"10.1.0.0/16\"]}",
        "{\"allow\":[\"0.0.0.0/0\",\"::/0\"],\"deny\":[]}",
        "{\"allow\":[],\"deny\":[\"2001:4860::/32\",\"1.1.1.1/32\"]}",
    };
    for (unsigned i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct egress_rules *rules = parse(texts[i]), *copy = egress_rules_copy(rules);
        cr_assert(zero(u32, faults.count));
        assert_prints(rules, texts[i]);
        cr_assert(egress_rules_equal(rules, copy));
        cr_assert(not(egress_rules_equal(rules, NULL)));
        free(rules);
        free(copy);
    }
}

Test(egress_rules, that_are_empty_are_none)
{
    cr_assert(eq(ptr, parse("{}"), NULL));
    cr_assert(eq(ptr, parse("{\"allow\":[],\"deny\":null}"), NULL));
    assert_prints(NULL, "{\"allow\":[],\"deny\":[]}");
    cr_assert(egress_rules_equal(NULL, NULL));
    cr_assert(eq(ptr, egress_rules_copy(NULL), NULL));
}

Test(egress_rules, name_what_is_wrong)
{
    assert_fault("[]", "/egress");
    assert_fault("{\"allow\":\"10.0.0.0/8\"}", "/egress/allow");
    assert_fault("{\"allow\":[\"10.0.0.0/8\",\"10.0.0.1/8\"]}", "/egress/allow/1");
    assert_fault("{\"deny\":[\"example.com\"]}", "/egress/deny/0");
    assert_fault("{\"deny\":[7]}", "/egress/deny/0");
    assert_fault("{\"permit\":[]}", "/egress/permit");
}

Test(egress_rules, have_a_bound)
{
    char text[ROOM / 2] = "{\"deny\":[";
    for (unsigned i = 0; i < EGRESS_RULES_MAX; i++)
        strcat(text, "\"1.2.3.0/24\",");
    size_t size = strlen(text);
    strcpy(text + size - 1, "]}");
    struct egress_rules *rules = parse(text);
    cr_assert(eq(u32, rules->deny_count, EGRESS_RULES_MAX));
    free(rules);
    strcpy(text + size - 1, ",\"1.2.3.0/24\"]}");
    assert_fault(text, "/egress/deny");
}

static bool allows(const struct egress_rules *rules, const char *text)
{
    struct address address;
    cr_assert(zero(int, address_parse_ip(slice_str(text), 443, &address)), "%s", text);
    return egress_rules_allow(rules, &address);
}

Test(egress_rules, let_deny_win_and_allow_what_is_listed_alone)
{
    struct egress_rules *rules =
        parse("{\"allow\":[\"1.2.0.0/16\",\"2606:4700::/32\"],\"deny\":[\"1.2.3.0/24\"]}");
    cr_assert(allows(rules, "1.2.4.1"));
    cr_assert(allows(rules, "2606:4700::1"));
    cr_assert(not(allows(rules, "1.2.3.4")));
    cr_assert(not(allows(rules, "1.3.0.1")));
    cr_assert(not(allows(rules, "2606:4701::1")));
    cr_assert(allows(NULL, "1.3.0.1"));
    free(rules);
}

/* 1.2.3.4 in every form of IPv6 that carries it. */
static const char *const carriers[] = {"::ffff:1.2.3.4", "64:ff9b::102:304", "2002:102:304::1",
                                       "2606:4700::5efe:102:304"};

Test(egress_rules, see_the_ipv4_address_inside)
{
    struct egress_rules *deny = parse("{\"deny\":[\"1.2.3.0/24\"]}");
    struct egress_rules *allow = parse("{\"allow\":[\"1.2.3.0/24\"]}");
    for (unsigned i = 0; i < sizeof carriers / sizeof carriers[0]; i++) {
        cr_expect(not(allows(deny, carriers[i])), "%s", carriers[i]);
        cr_expect(allows(allow, carriers[i]), "%s", carriers[i]);
    }
    cr_assert(allows(deny, "64:ff9b::102:404"));
    cr_assert(not(allows(allow, "64:ff9b::102:404")));
    free(deny);
    free(allow);
}
