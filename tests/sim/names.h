/* names.h - what the virtual DNS knows. */
#ifndef SIM_NAMES_H
#define SIM_NAMES_H

#include "net/resolver.h"

/* Fills in the result, and returns the milliseconds until it comes. */
uint64_t names_find(struct slice host, struct resolver_result *result);

#endif
