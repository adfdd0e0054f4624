/* networks.h - a list of networks as an operator writes it: a JSON array of CIDR blocks. An array
 * and a count, the holder's; plain functions, no state.
 */
#ifndef ENGINE_NETWORKS_H
#define ENGINE_NETWORKS_H

#include "base/json.h"
#include "faults.h"
#include "net/address.h"

#include <stdbool.h>

/* Reads what `pointer` points to into `list`, which has room for `max`; notes faults. Returns how
 * many there are. */
unsigned networks_parse(struct json_value value, const char *pointer, struct network *list,
                        unsigned max, struct faults *faults);

/* ["10.0.0.0/8",...] */
void networks_print(const struct network *list, unsigned count, struct text *text);

/* Is the address inside one of them? `ip` as address_bytes() gives it. */
bool networks_hold(const struct network *list, unsigned count, const uint8_t ip[static 16]);

#endif
