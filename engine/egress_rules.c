/* egress_rules.c - see egress_rules.h. No state; any thread. */
#include "egress_rules.h"

#include "egress.h"
#include "form.h"
#include "networks.h"

#include <errno.h>
#include <stdlib.h>

/* ---- reading and printing ---- */

struct lists {
    struct form form;
    struct network allow[EGRESS_RULES_MAX], deny[EGRESS_RULES_MAX];
    unsigned allow_count, deny_count;
};

static void parse_allow(struct form *form, struct json_value value, const char *pointer)
{
    struct lists *lists = form->made;
    lists->allow_count =
        networks_parse(value, pointer, lists->allow, EGRESS_RULES_MAX, form->faults);
}

static void parse_deny(struct form *form, struct json_value value, const char *pointer)
{
    struct lists *lists = form->made;
    lists->deny_count = networks_parse(value, pointer, lists->deny, EGRESS_RULES_MAX, form->faults);
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

void egress_rules_print(const struct egress_rules *rules, struct text *text)
{
    static const struct egress_rules none;
    if (!rules)
        rules = &none;
    text_put(text, SLICE("{\"allow\":"));
    networks_print(rules->networks, rules->allow_count, text);
    text_put(text, SLICE(",\"deny\":"));
    networks_print(rules->networks + rules->allow_count, rules->deny_count, text);
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
    return networks_hold(first, count, ip) ||
           (egress_carries(address, inner) && networks_hold(first, count, inner));
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
