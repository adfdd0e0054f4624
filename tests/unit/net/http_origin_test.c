/* Origins, and their connections that wait for the next call. Links are the test's own, which it
 * closes at once in the place of http_link.c; TLS contexts are in the place of tls_context.c. */
#include "net/http_link.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>

enum { LINKS = 6, IDLE_PER_ORIGIN = 3, IDLE_MS = 4000 };

static struct http_client client;
static struct wheel wheel;
static struct http_link links[LINKS];
static struct http_link *closed[LINKS]; /* in order */
static unsigned closed_count;

/* ---- in place of http_link.c ---- */

void http_link_close(struct http_link *link)
{
    struct http_origin *origin = link->origin;
    cr_assert(lt(u32, closed_count, LINKS));
    closed[closed_count++] = link;
    http_origin_forget_idle(link);
    origin->link_count--;
    http_origin_free_unused(origin);
}

/* ---- in place of tls_context.c ---- */

static char usual_memory, own_memory;
static struct tls_context *const usual = (struct tls_context *)&usual_memory;
static struct tls_context *const own = (struct tls_context *)&own_memory;
static unsigned contexts_opened, contexts_closed;
static int context_error;

int tls_client_open_trusting(struct tls_context **context, struct tls_context *beyond,
                             const struct trust *trust, char why[static TLS_WHY_SIZE])
{
    (void)why;
    cr_assert(beyond == usual);
    cr_assert(not(trust_is_usual(trust)));
    contexts_opened++;
    if (context_error == 0)
        *context = own;
    return context_error;
}

void tls_context_close(struct tls_context *context)
{
    cr_assert(context == own || context == NULL, "the client's is not the origin's to close");
    contexts_closed += context != NULL;
}

/* ---- the stage ---- */

static void start(void)
{
    wheel_init(&wheel, 1000);
    client.wheel = &wheel;
    client.options.tls = usual;
    client.options.idle_per_origin_max = IDLE_PER_ORIGIN;
    client.options.idle_timeout_ms = IDLE_MS;
    cr_assert(zero(int, table_open(&client.origins, 8)));
    http_origin_init_idle(&client);
}

static void stop(void)
{
    cr_expect(table_walk(&client.origins, NULL) == NULL, "an origin was lost");
    table_close(&client.origins);
}

TestSuite(http_origin, .init = start, .fini = stop);

static struct http_origin *take_with(const char *text, const struct http_origin_options *options)
{
    char why[URL_WHY_SIZE];
    struct url url;
    cr_assert(zero(int, url_parse(slice_str(text), &url, why)), "%s", why);
    struct http_origin *origin = http_origin_take(&client, &url, options);
    cr_assert(origin != NULL);
    return origin;
}

static struct http_origin *take(const char *text)
{
    return take_with(text, NULL);
}

static void give(struct http_origin *origin)
{
    http_origin_give(&client, origin);
}

/* Is one taken for this URL another than `origin`? */
static bool is_other(const struct http_origin *origin, const char *text,
                     const struct http_origin_options *options)
{
    struct http_origin *taken = take_with(text, options);
    bool is = taken != origin;
    give(taken);
    return is;
}

/* Link number `i` has done a call of the origin. */
static bool keep(struct http_origin *origin, unsigned i)
{
    links[i].client = &client;
    links[i].origin = origin;
    origin->link_count++;
    bool is_kept = http_origin_keep(&links[i]);
    if (!is_kept)
        origin->link_count--;
    return is_kept;
}

/* These links, by their numbers, were closed in this order. */
static void expect_closed(const char *numbers)
{
    char text[LINKS + 1] = "";
    for (unsigned i = 0; i < closed_count; i++)
        text[i] = (char)('0' + (closed[i] - links));
    cr_expect_str_eq(text, numbers);
}

/* ---- one for what is the same ---- */

Test(http_origin, is_one_for_scheme_host_and_port)
{
    struct http_origin *origin = take("http://example.com/a");
    cr_expect(not(is_other(origin, "http://EXAMPLE.com:80/b?c", NULL)));
    cr_expect(is_other(origin, "https://example.com:80/", NULL));
    cr_expect(is_other(origin, "http://example.com:81/", NULL));
    cr_expect(is_other(origin, "http://example.co/", NULL));
    cr_expect(is_other(origin, "http://example.com.test/", NULL));
    give(origin);
}

static bool allow(void *context, const struct address *address)
{
    (void)context, (void)address;
    return true;
}

Test(http_origin, is_another_for_all_that_is_asked_of_its_connections)
{
    struct http_origin *origin = take("https://example.com/");
    const struct http_origin_options none = {.is_unverified = false};
    cr_expect(not(is_other(origin, "https://example.com/", &none)));
    const struct http_origin_options unverified = {.is_unverified = true};
    cr_expect(is_other(origin, "https://example.com/", &unverified));
    const struct http_origin_options ruled = {.allowed = allow};
    cr_expect(is_other(origin, "https://example.com/", &ruled));
    const struct http_origin_options owned = {.context = &client};
    cr_expect(is_other(origin, "https://example.com/", &owned));
    const struct http_origin_options trusting = {.trust = {.version_min = TRUST_TLS_1_3}};
    cr_expect(is_other(origin, "https://example.com/", &trusting));
    struct http_origin *other = take_with("https://example.com/", &trusting);
    cr_expect(not(is_other(other, "https://example.com/", &trusting)));
    give(other);
    give(origin);
}

Test(http_origin, is_there_as_long_as_somebody_holds_it)
{
    struct http_origin *origin = take("http://example.com/");
    cr_assert(take("http://example.com/") == origin);
    give(origin);
    cr_expect(not(is_other(origin, "http://example.com/", NULL)));
    give(origin);
}

Test(http_origin, knows_an_address_from_a_name)
{
    struct http_origin *address = take("http://127.0.0.1:8080/");
    cr_assert(address->host_is_ip);
    cr_expect(eq(u32, address_port(&address->ip), 8080));
    struct http_origin *name = take("http://Example.com/");
    cr_expect(not(name->host_is_ip));
    cr_expect(slice_equal(slice_of(name->host, name->host_size), SLICE("example.com")));
    give(name);
    give(address);
}

/* ---- TLS ---- */

static const struct http_origin_options trusting = {.trust = {.version_min = TRUST_TLS_1_3}};

Test(http_origin, shares_the_clients_context)
{
    struct http_origin *origin = take("https://example.com/");
    cr_expect(origin->tls == usual);
    give(origin);
    cr_expect(zero(u32, contexts_opened));
}

Test(http_origin, has_a_context_of_its_own_for_what_it_trusts)
{
    struct http_origin *origin = take_with("https://example.com/", &trusting);
    cr_expect(origin->tls == own);
    cr_assert(take_with("https://example.com/", &trusting) == origin);
    cr_expect(eq(u32, contexts_opened, 1));
    give(origin);
    cr_expect(zero(u32, contexts_closed));
    give(origin);
    cr_expect(eq(u32, contexts_closed, 1));
}

Test(http_origin, has_none_rather_than_the_clients_if_its_own_cannot_be_had)
{
    context_error = -EINVAL;
    struct http_origin *origin = take_with("https://example.com/", &trusting);
    cr_expect(origin->tls == NULL);
    give(origin);
}

Test(http_origin, needs_no_context_over_http)
{
    struct http_origin *origin = take_with("http://example.com/", &trusting);
    cr_expect(origin->tls == NULL);
    cr_expect(zero(u32, contexts_opened));
    give(origin);
}

/* ---- idle links ---- */

Test(http_origin, uses_the_link_again_that_was_used_last)
{
    struct http_origin *origin = take("http://example.com/");
    cr_expect(http_origin_take_idle(origin) == NULL);
    cr_assert(keep(origin, 0));
    cr_assert(keep(origin, 1));
    cr_expect(eq(u32, (unsigned)client.counters.idle, 2));
    cr_expect(http_origin_take_idle(origin) == &links[1]);
    cr_expect(http_origin_take_idle(origin) == &links[0]);
    cr_expect(http_origin_take_idle(origin) == NULL);
    cr_expect(zero(u32, (unsigned)client.counters.idle));
    origin->link_count = 0;
    give(origin);
}

Test(http_origin, keeps_so_many_and_no_more)
{
    struct http_origin *origin = take("http://example.com/");
    for (unsigned i = 0; i < IDLE_PER_ORIGIN; i++)
        cr_expect(keep(origin, i));
    cr_expect(not(keep(origin, IDLE_PER_ORIGIN)));
    struct http_origin *other = take("http://example.org/");
    cr_expect(keep(other, IDLE_PER_ORIGIN), "which is of each origin");
    give(other);
    give(origin);
}

Test(http_origin, keeps_none_while_the_client_stops)
{
    struct http_origin *origin = take("http://example.com/");
    client.is_stopping = true;
    cr_expect(not(keep(origin, 0)));
    give(origin);
}

Test(http_origin, closes_its_links_when_nobody_holds_it)
{
    struct http_origin *origin = take("http://example.com/");
    cr_assert(keep(origin, 0));
    cr_assert(keep(origin, 1));
    give(origin);
    expect_closed("01");
}

Test(http_origin, stays_until_its_last_link_is_gone)
{
    struct http_origin *origin = take("http://example.com/");
    origin->link_count++; /* at work */
    give(origin);
    cr_expect(not(keep(origin, 0)), "nobody would use it");
    cr_expect(not(is_other(origin, "http://example.com/", NULL)), "it may be taken again");
    origin->link_count--;
    http_origin_free_unused(origin);
}

Test(http_origin, is_found_no_more_when_it_is_retired)
{
    struct http_origin *origin = take("http://example.com/");
    cr_assert(take("http://example.com/") == origin);
    cr_assert(keep(origin, 0));
    http_origin_retire(&client, origin);
    cr_expect(is_other(origin, "http://example.com/", NULL));
    cr_expect(not(keep(origin, 1)));
    give(origin);
    expect_closed("0");
}

/* ---- time ---- */

Test(http_origin, closes_links_that_are_idle_for_long_the_longest_first)
{
    struct http_origin *one = take("http://example.com/"), *two = take("http://example.org/");
    cr_assert(keep(one, 0));
    wheel_advance(&wheel, wheel.now_ms + 100);
    cr_assert(keep(two, 1));
    wheel_advance(&wheel, wheel.now_ms + IDLE_MS - 101);
    expect_closed("");
    wheel_advance(&wheel, wheel.now_ms + 1);
    expect_closed("0");
    wheel_advance(&wheel, wheel.now_ms + 99);
    expect_closed("0");
    wheel_advance(&wheel, wheel.now_ms + 1);
    expect_closed("01");
    give(one);
    give(two);
}

Test(http_origin, counts_idle_time_anew_after_each_call)
{
    struct http_origin *origin = take("http://example.com/");
    cr_assert(keep(origin, 0));
    wheel_advance(&wheel, wheel.now_ms + IDLE_MS - 1);
    cr_assert(http_origin_take_idle(origin) == &links[0]);
    origin->link_count--;
    cr_assert(keep(origin, 0));
    wheel_advance(&wheel, wheel.now_ms + IDLE_MS - 1);
    expect_closed("");
    wheel_advance(&wheel, wheel.now_ms + 1);
    expect_closed("0");
    give(origin);
}
