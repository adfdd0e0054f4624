/* Routing by type. The last test checks it against a matcher that reads the rule word by word, with
 * random patterns and types while subscriptions come and go. */
#include "route.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>

static struct route route;

static void open_route(void)
{
    cr_assert(zero(int, route_open(&route)));
}

static void close_route(void)
{
    route_close(&route);
}

TestSuite(route, .init = open_route, .fini = close_route);

enum { PATTERNS_MAX = 4 };

/* A subscription, of which routing reads only the patterns. */
struct wish {
    struct subscription subscription;
    char *patterns[PATTERNS_MAX];
    char texts[PATTERNS_MAX][32];
};

static char all_channels[] = "", some_channels[] = "[\"red\",\"blue\"]";

static void wish_for(struct wish *wish, unsigned i, const char *pattern)
{
    snprintf(wish->texts[i], sizeof wish->texts[i], "%s", pattern);
    wish->patterns[i] = wish->texts[i];
    wish->subscription.patterns = wish->patterns;
    wish->subscription.pattern_count = i + 1;
    if (!wish->subscription.channels)
        wish->subscription.channels = all_channels;
}

static const struct subscription *add(struct wish *wish, const char *pattern)
{
    wish_for(wish, 0, pattern);
    cr_assert(zero(int, route_add(&route, &wish->subscription)));
    return &wish->subscription;
}

static unsigned count_for(const char *type)
{
    const struct subscription *found[8];
    return route_match(&route, slice_str(type), SLICE(""), found, 8);
}

Test(route, finds_an_exact_type_and_no_other)
{
    static struct wish wish;
    add(&wish, "a.b");

    cr_assert(eq(u32, count_for("a.b"), 1));
    cr_assert(zero(u32, count_for("a")));
    cr_assert(zero(u32, count_for("a.")));
    cr_assert(zero(u32, count_for("a.b.c")));
    cr_assert(zero(u32, count_for("A.b")));
}

Test(route, lets_a_glob_stand_for_one_segment_or_more)
{
    static struct wish wish;
    add(&wish, "a.b.*");

    cr_assert(eq(u32, count_for("a.b.c"), 1));
    cr_assert(eq(u32, count_for("a.b.c.d.e"), 1));
    cr_assert(zero(u32, count_for("a.b")));
    cr_assert(zero(u32, count_for("a.b.")), "a segment has to follow");
    cr_assert(zero(u32, count_for("a.bc.d")));
    cr_assert(zero(u32, count_for("x.a.b.c")));
}

Test(route, matches_everything_with_a_star)
{
    static struct wish wish;
    add(&wish, "*");

    cr_assert(eq(u32, count_for("a"), 1));
    cr_assert(eq(u32, count_for("a.b.c"), 1));
    cr_assert(eq(u32, count_for(".odd."), 1));
}

Test(route, gives_alerts_only_to_those_that_name_them)
{
    static struct wish everything, glob, exact;
    add(&everything, "*");
    add(&glob, "endpoint.*");
    add(&exact, "endpoint.disabled");

    cr_assert(eq(u32, count_for("endpoint.disabled"), 2));
    cr_assert(eq(u32, count_for("endpoint.failing"), 1));
    cr_assert(zero(u32, count_for("sla.breached")));
    cr_assert(eq(u32, count_for("endpoint.created"), 2));
}

Test(route, keeps_the_type_a_dot_apart_from_the_glob_a_dot_star)
{
    static struct wish exact, glob;
    const struct subscription *found[2];
    const struct subscription *of_exact = add(&exact, "a.");
    const struct subscription *of_glob = add(&glob, "a.*");

    cr_assert(eq(u32, route_match(&route, SLICE("a."), SLICE(""), found, 2), 1));
    cr_assert(found[0] == of_exact);
    cr_assert(eq(u32, route_match(&route, SLICE("a.b"), SLICE(""), found, 2), 1));
    cr_assert(found[0] == of_glob);
}

Test(route, names_a_subscription_once_whatever_matches)
{
    static struct wish wish;
    const struct subscription *found[4];
    wish_for(&wish, 0, "*");
    wish_for(&wish, 1, "a.*");
    wish_for(&wish, 2, "a.b.*");
    wish_for(&wish, 3, "a.b.c");
    cr_assert(zero(int, route_add(&route, &wish.subscription)));

    cr_assert(eq(u32, route_match(&route, SLICE("a.b.c"), SLICE(""), found, 4), 1));
    cr_assert(found[0] == &wish.subscription);
}

Test(route, counts_what_there_is_no_room_for)
{
    static struct wish wishes[5];
    const struct subscription *found[3] = {NULL, NULL, NULL};
    for (int i = 0; i < 5; i++)
        add(&wishes[i], i % 2 ? "a.b" : "*");

    cr_assert(eq(u32, route_match(&route, SLICE("a.b"), SLICE(""), found, 2), 5));
    cr_assert(found[1] != NULL);
    cr_assert(found[2] == NULL, "was not to be touched");
}

Test(route, forgets_what_is_removed)
{
    static struct wish one, other;
    add(&one, "a.*");
    add(&other, "a.*");

    route_remove(&route, &one.subscription);
    cr_assert(eq(u32, count_for("a.b"), 1));
    route_remove(&route, &other.subscription);
    cr_assert(zero(u32, count_for("a.b")));
    cr_assert(zero(sz, route.patterns.count));
}

Test(route, does_not_mind_to_remove_what_is_not_there)
{
    static struct wish one, other;
    add(&one, "a.*");
    wish_for(&other, 0, "a.*");
    wish_for(&other, 1, "z");

    route_remove(&route, &other.subscription);
    cr_assert(eq(u32, count_for("a.b"), 1));
}

Test(route, leaves_out_those_that_want_other_channels)
{
    static struct wish red_or_blue = {.subscription.channels = some_channels}, any;
    const struct subscription *found[2];
    add(&red_or_blue, "a");
    add(&any, "a");

    cr_assert(eq(u32, route_match(&route, SLICE("a"), SLICE("[\"blue\"]"), found, 2), 2));
    cr_assert(eq(u32, route_match(&route, SLICE("a"), SLICE("[\"green\"]"), found, 2), 1));
    cr_assert(found[0] == &any.subscription);
    cr_assert(eq(u32, route_match(&route, SLICE("a"), SLICE(""), found, 2), 1));
}

/* ---- the model ---- */

enum { WISHES = 60, STEPS = 6000 };

static struct wish wishes[WISHES];
static bool is_added[WISHES];

/* CONTRACT: an exact type, "prefix.*" (one segment or more follow), or "*". */
static bool wants(const char *pattern, const char *type)
{
    size_t size = strlen(pattern);
    if (strcmp(pattern, "*") == 0)
        return true;
    if (size < 2 || strcmp(pattern + size - 2, ".*") != 0)
        return strcmp(pattern, type) == 0;
    return strlen(type) > size - 1 && strncmp(pattern, type, size - 1) == 0;
}

static bool any_wants(const struct wish *wish, const char *type)
{
    for (unsigned i = 0; i < wish->subscription.pattern_count; i++)
        if (wants(wish->patterns[i], type))
            return true;
    return false;
}

/* One to five short segments of few letters, so that patterns and types often meet. */
static void random_type(char *out, size_t room, bool as_pattern)
{
    static const char *const segments[] = {"a", "b", "ab", "a/b", "-", ""};
    size_t used = 0;
    long count = 1 + random() % 5;
    if (as_pattern && random() % 12 == 0) {
        snprintf(out, room, "*");
        return;
    }
    for (long i = 0; i < count; i++)
        used +=
            (size_t)snprintf(out + used, room - used, "%s%s", i ? "." : "", segments[random() % 6]);
    if (as_pattern && random() % 2)
        snprintf(out + used, room - used, ".*");
    else if (used == 0)
        snprintf(out, room, "x");
}

static void change_one(void)
{
    long i = random() % WISHES;
    if (is_added[i]) {
        route_remove(&route, &wishes[i].subscription);
        is_added[i] = false;
        return;
    }
    unsigned count = 1 + (unsigned)random() % PATTERNS_MAX;
    for (unsigned k = 0; k < count; k++) {
        char pattern[32];
        random_type(pattern, sizeof pattern, true);
        wish_for(&wishes[i], k, pattern);
    }
    cr_assert(zero(int, route_add(&route, &wishes[i].subscription)));
    is_added[i] = true;
}

static void check_against_model(const char *type)
{
    const struct subscription *found[WISHES];
    unsigned count = route_match(&route, slice_str(type), SLICE(""), found, WISHES);
    unsigned expected = 0;
    for (unsigned i = 0; i < WISHES; i++) {
        bool is_found = false;
        for (unsigned k = 0; k < count; k++)
            is_found = is_found || found[k] == &wishes[i].subscription;
        bool is_wanted = is_added[i] && any_wants(&wishes[i], type);
        cr_assert(eq(int, is_found, is_wanted), "type %s, first pattern %s", type,
                  wishes[i].patterns[0]);
        expected += is_wanted;
    }
    cr_assert(eq(u32, count, expected), "type %s", type);
}

Test(route, agrees_with_a_matcher_that_looks_at_each_pattern)
{
    srandom(3);
    for (unsigned step = 0; step < STEPS; step++) {
        char type[32];
        change_one();
        random_type(type, sizeof type, false);
        check_against_model(type);
    }
    for (unsigned i = 0; i < WISHES; i++)
        route_remove(&route, &wishes[i].subscription);
    cr_assert(zero(sz, route.patterns.count), "nothing is left behind");
}
