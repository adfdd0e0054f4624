/* router.c - see router.h. No state. */
#include "router.h"

#include <stdio.h>

/* Takes one segment and the '/' before it off `path`. */
static struct slice take_segment(struct slice *path)
{
    struct slice segment = slice_skip(*path, 1);
    segment.size = slice_find(segment, '/');
    *path = slice_skip(*path, segment.size + 1);
    return segment;
}

static bool matches(struct slice pattern, struct slice path, struct slice *id)
{
    while (pattern.size && path.size) {
        struct slice expected = take_segment(&pattern), given = take_segment(&path);
        if (slice_equal(expected, SLICE("{id}")) && given.size)
            *id = given;
        else if (!slice_equal(expected, given))
            return false;
    }
    return pattern.size == path.size; /* both are used up */
}

static bool serves(const struct api_route *route, struct slice method)
{
    struct slice own = slice_str(route->method);
    return slice_equal(own, method) ||
           (slice_equal(own, SLICE("GET")) && slice_equal(method, SLICE("HEAD")));
}

enum router_result router_find(struct slice method, struct slice path,
                               const struct api_route **route, struct slice *id,
                               char allow[static ROUTER_ALLOW_SIZE])
{
    size_t size = (size_t)snprintf(allow, ROUTER_ALLOW_SIZE, "Allow: ");
    const char *comma = "";
    *id = SLICE("");
    size_t count;
    const struct api_route *routes = router_routes(&count);
    for (size_t i = 0; i < count; i++) {
        if (!matches(slice_str(routes[i].path), path, id))
            continue;
        *route = &routes[i];
        if (serves(*route, method))
            return ROUTER_FOUND;
        bool is_get = slice_equal(slice_str((*route)->method), SLICE("GET"));
        size += (size_t)snprintf(allow + size, ROUTER_ALLOW_SIZE - size, "%s%s", comma,
                                 is_get ? "GET, HEAD" : (*route)->method);
        comma = ", ";
    }
    snprintf(allow + size, ROUTER_ALLOW_SIZE - size, "\r\n");
    return *comma ? ROUTER_NO_METHOD : ROUTER_NO_PATH;
}
