/* egress_rules.h - networks that deliveries may go to, and networks that they may not, as a tenant
 * or a subscription has them: "egress":{"allow":[CIDR...],"deny":[CIDR...]}.
 *
 * Deny wins. With an allow list only what is on it is allowed; without one, everything. What the
 * lists of a tenant and a subscription come to together is told by reach.h. An IPv6 address that
 * carries an IPv4 address (egress.h) is denied if either of the two is, and is on an allow list if
 * either of the two is.
 */
#ifndef ENGINE_EGRESS_RULES_H
#define ENGINE_EGRESS_RULES_H

#include "base/json.h"
#include "faults.h"
#include "net/address.h"

#include <stdbool.h>

enum { EGRESS_RULES_MAX = 64 }; /* on each list */

/* One allocation. NULL stands for no lists. */
struct egress_rules {
    unsigned allow_count, deny_count;
    struct network networks[]; /* allowed ones, then denied ones */
};

/* Reads what `pointer` points to; notes faults. `rules` is NULL if both lists are empty. 0, or
 * -ENOMEM. */
MUST_CHECK int egress_rules_parse(struct json_value value, const char *pointer,
                                  struct egress_rules **rules, struct faults *faults);

/* {"allow":[...],"deny":[...]} */
void egress_rules_print(const struct egress_rules *rules, struct text *text);

/* NULL: out of memory, unless `rules` is NULL. */
struct egress_rules *egress_rules_copy(const struct egress_rules *rules);

bool egress_rules_equal(const struct egress_rules *a, const struct egress_rules *b);

/* Is the address on the allow list? On the deny list? */
bool egress_rules_list(const struct egress_rules *rules, const struct address *address);
bool egress_rules_deny(const struct egress_rules *rules, const struct address *address);

/* Do these rules alone allow it? */
bool egress_rules_allow(const struct egress_rules *rules, const struct address *address);

#endif
