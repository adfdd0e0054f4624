/* panel.h - what /metrics shows: one table of metrics, printed from what figures.h has collected.
 * tools/docs/metrics.md is made from what is printed, and a test compares the two. Control's
 * thread.
 */
#ifndef API_PANEL_H
#define API_PANEL_H

#include "base/text.h"

struct api;

void panel_print(struct api *api, struct text *text);

/* How answers of the admin port are counted: by the resource that a route is of. */
struct api_route;
unsigned panel_label(const struct api_route *route);

#endif
