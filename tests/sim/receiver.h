/* receiver.h - receivers: each on an address and under a name, with moods that change. */
#ifndef SIM_RECEIVER_H
#define SIM_RECEIVER_H

#include <stdbool.h>

enum { RECEIVERS_MAX = 6 };

/* `has_doomed`: the first one fails until all is healed. */
void receivers_open(unsigned count, bool has_doomed);
unsigned receivers_count(void);

/* "http://10.9.0.3/s7", or the same by name. */
void receiver_url(unsigned receiver, bool by_name, unsigned subscription, char url[64]);

/* From now on all is well with all of them. */
void receivers_heal(void);

#endif
