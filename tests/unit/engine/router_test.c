/* Which route a request finds, and what is allowed where it finds none. */
#include "api/router.h"

#include "access_key.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static const struct api_route *route;
static struct slice id;
static char allow[ROUTER_ALLOW_SIZE];

static enum router_result find(const char *method, const char *path)
{
    route = NULL;
    return router_find(slice_str(method), slice_str(path), &route, &id, allow);
}

Test(router, finds_a_route_by_method_and_path)
{
    cr_assert(eq(int, find("POST", "/api/v1/webhooks/subscriptions"), ROUTER_FOUND));
    cr_assert(route->answer == subscriptions_create);
    cr_assert(eq(u32, route->scopes, SCOPE_MANAGE));
    cr_assert(eq(int, find("GET", "/metrics"), ROUTER_FOUND));
    cr_assert(eq(u32, route->scopes, 0), "no key is asked for");
}

Test(router, takes_the_id_out_of_the_path)
{
    cr_assert(eq(int, find("GET", "/api/v1/webhooks/deliveries/dlv_1/attempts"), ROUTER_FOUND));
    cr_assert(route->answer == deliveries_attempts);
    cr_assert(slice_equal(id, SLICE("dlv_1")));
}

Test(router, answers_head_as_get)
{
    cr_assert(eq(int, find("HEAD", "/api/v1/webhooks/events/evt_1"), ROUTER_FOUND));
    cr_assert(route->answer == events_get);
}

Test(router, knows_what_a_path_allows)
{
    cr_assert(eq(int, find("TRACE", "/api/v1/webhooks/subscriptions/sub_1"), ROUTER_NO_METHOD));
    cr_assert_str_eq(allow, "Allow: GET, HEAD, PUT, PATCH, DELETE\r\n");
    cr_assert(eq(int, find("get", "/healthz"), ROUTER_NO_METHOD), "methods have a case");
}

Test(router, finds_nothing_beside_its_paths)
{
    static const char *const paths[] = {"/",
                                        "*",
                                        "",
                                        "/healthz/",
                                        "/healthzz",
                                        "/api/v1/webhooks/subscriptions/",
                                        "//healthz",
                                        "/HEALTHZ",
                                        "/api/v1/webhooks/subscriptions//secret",
                                        "/api/v1/webhooks/subscriptions/a/b",
                                        "/api/v1/webhooks"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        cr_assert(eq(int, find("GET", paths[i]), ROUTER_NO_PATH), "%s", paths[i]);
}
