/* egress_rules.c - see egress_rules.h. No state; any thread. */
#include "egress_rules.h"

#include "egress.h"
#include "form.h"

#include <errno.h>
#include <stdlib.h>

/* ---- reading and printing ---- */

struct lists {
    struct form form;
    struct network allow[EGRESS_RULES_MAX], deny[EGRESS_RULES_MAX];
    unsigned allow_count, deny_count;
};

static void parse_list(struct form *form, struct json_value value, const char *pointer,
                       struct network *list, unsigned *count)
{
    struct json_value element;
    uint64_t cursor = 0;
    unsigned index = 0;
    if (json_kind(value) != JSON_ARRAY) {
        faults_add(form->faults, pointer, "must be an array of networks");
        return;
    }
    for (; json_next(value, &cursor, NULL, &element); index++) {
        char place[FAULT_POINTER_SIZE];
        struct slice text;
        pointer_element(place, pointer, index);
        if (index == EGRESS_RULES_MAX) {
            faults_add(form->faults, pointer, "must be at most %d", EGRESS_RULES_MAX);
            return;
        }
        if (!json_string(element, &text) || network_parse(text, &list[index]))
            faults_add(form->faults, place,
                       "must be a network like 10.0.0.0/8 or fd00::/8, with no bit set behind its "
                       "prefix");
    }
    *count = index;
}

static void parse_allow(struct form *form, struct json_value value, const char *pointer)
{
    struct lists *lists = form->made;
    parse_list(form, value, pointer, lists->allow, &lists->allow_count);
}

static void parse_deny(struct form *form, struct json_value value, const char *pointer)
{
    struct lists *lists = form->made;
    parse_list(form, value, pointer, lists->deny, &lists->deny_count);
}

static struct egress_rules *make(unsigned allow_count, unsigned deny_count)
{
    struct egress_rules *rules =
        malloc(sizeof *rules + (allow_count + deny_count) * sizeof rules->networks[0]);
    if (rules) {
        rules->allow_count = allow_count;
        rules->deny_count = deny_count;
    }
    return rules;
}

int egress_rules_parse(struct json_value value, const char *pointer, struct egress_rules **rules,
                       struct faults *faults)
{
    static const struct form_field fields[] = {{"allow", parse_allow}, {"deny", parse_deny}};
    struct lists lists = {.form = {.faults = faults}};
    lists.form.made = &lists;
    FORM_WALK(&lists.form, value, pointer, fields);
    *rules = NULL;
    if (lists.allow_count + lists.deny_count == 0)
        return 0;
    *rules = make(lists.allow_count, lists.deny_count);
    if (!*rules)
        return -ENOMEM;
    struct network *networks = (*rules)->networks;
    memcpy(networks, lists.allow, lists.allow_count * sizeof networks[0]);
    memcpy(networks + lists.allow_count, lists.deny, lists.deny_count * sizeof networks[0]);
    return 0;
}

static void put_list(struct text *text, const struct network *networks, unsigned count)
{
    char network[NETWORK_TEXT_SIZE];
    text_char(text, '[');
    for (unsigned i = 0; i < count; i++)
        text_printf(text, "%s\"%s\"", i ? "," : "", network_print(&networks[i], network).at);
    text_char(text, ']');
}

void egress_rules_print(const struct egress_rules *rules, struct text *text)
{
    static const struct egress_rules none;
    if (!rules)
        rules = &none;
    text_put(text, SLICE("{\"allow\":"));
    put_list(text, rules->networks, rules->allow_count);
    text_put(text, SLICE(",\"deny\":"));
    put_list(text, rules->networks + rules->allow_count, rules->deny_count);
    text_char(text, '}');
}

/* ---- copies ---- */

static size_t size_of(const struct egress_rules *rules)
{
    return sizeof *rules + (rules->allow_count + rules->deny_count) * sizeof rules->networks[0];
}

struct egress_rules *egress_rules_copy(const struct egress_rules *rules)
{
    struct egress_rules *copy = rules ? make(rules->allow_count, rules->deny_count) : NULL;
    if (copy)
        memcpy(copy, rules, size_of(rules));
    return copy;
}

bool egress_rules_equal(const struct egress_rules *a, const struct egress_rules *b)
{
    if (!a || !b)
        return a == b;
    return size_of(a) == size_of(b) && memcmp(a, b, size_of(a)) == 0;
}

/* ---- judging ---- */

/* `count` networks from `first` on. */
static bool holds(const struct network *first, unsigned count, const struct address *address)
{
    uint8_t ip[16], inner[16];
    address_bytes(address, ip);
    bool is_carrier = egress_carries(address, inner);
    for (unsigned i = 0; i < count; i++)
        if (network_holds(&first[i], ip) || (is_carrier && network_holds(&first[i], inner)))
            return true;
    return false;
}

bool egress_rules_list(const struct egress_rules *rules, const struct address *address)
{
    return rules && holds(rules->networks, rules->allow_count, address);
}

bool egress_rules_deny(const struct egress_rules *rules, const struct address *address)
{
    return rules && holds(rules->networks + rules->allow_count, rules->deny_count, address);
}

bool egress_rules_allow(const struct egress_rules *rules, const struct address *address)
{
    bool is_open = !rules || rules->allow_count == 0;
    return !egress_rules_deny(rules, address) && (is_open || egress_rules_list(rules, address));
}
