/* egress.h - which addresses deliveries may go to. Judged on the address that is connected to, so a
 * name that changes its mind gains nothing.
 *
 * Refused unless an allowed network covers it: everything that is not public unicast, by the IANA
 * special-purpose registries (IPv4: RFC 6890 and its updates; IPv6 likewise), and addresses of
 * cloud metadata services. An IPv6 address that carries an IPv4 address (mapped, compatible, NAT64
 * 64:ff9b::/96 and 64:ff9b:1::/48, 6to4, ISATAP) is judged by that one as well; Teredo is refused.
 */
#ifndef ENGINE_EGRESS_H
#define ENGINE_EGRESS_H

#include "net/address.h"

struct egress {
    const struct network *allowed;
    unsigned allowed_count;
};

/* Does the address carry an IPv4 address? `inner` gets that one's 16 bytes, v4-mapped. */
bool egress_carries(const struct address *address, uint8_t inner[static 16]);

bool egress_allows(const struct egress *egress, const struct address *address);

#endif
