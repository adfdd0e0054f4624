/* The part of a request that is the same for every delivery of a subscription. */
#include "attempt.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char url_text[URL_SIZE_MAX + 1], no_fields[] = "";

static struct subscription subscription_to(const char *url)
{
    char why[URL_WHY_SIZE];
    struct subscription made = {.method = "POST", .headers = no_fields};
    snprintf(url_text, sizeof url_text, "%s", url);
    cr_assert(zero(int, url_parse(slice_str(url_text), &made.url, why)), "%s: %s", url, why);
    return made;
}

static void expect(const struct subscription *subscription, const char *head)
{
    size_t size = 0;
    char *made = attempt_fixed_head(subscription, &size);
    cr_assert(made != NULL);
    cr_expect(slice_equal(slice_of(made, size), slice_str(head)), "%.*s", (int)size, made);
    free(made);
}

#define AGENT "User-Agent: grapnel/" GRAPNEL_VERSION "\r\n"

Test(attempt, asks_for_the_target_of_the_url)
{
    struct subscription plain = subscription_to("https://example.com/hook/a%20b?x=1&y=%2F");
    expect(&plain, "POST /hook/a%20b?x=1&y=%2F HTTP/1.1\r\nHost: example.com\r\n" AGENT);
}

Test(attempt, asks_for_the_root_when_there_is_no_path)
{
    struct subscription bare = subscription_to("http://example.com");
    expect(&bare, "POST / HTTP/1.1\r\nHost: example.com\r\n" AGENT);
    struct subscription query = subscription_to("http://example.com?a=b");
    expect(&query, "POST /?a=b HTTP/1.1\r\nHost: example.com\r\n" AGENT);
}

Test(attempt, names_the_port_and_brackets_as_the_url_does)
{
    struct subscription port = subscription_to("http://example.com:8080/x");
    expect(&port, "POST /x HTTP/1.1\r\nHost: example.com:8080\r\n" AGENT);
    struct subscription ip6 = subscription_to("https://[2606:4700::1]:8443/x");
    expect(&ip6, "POST /x HTTP/1.1\r\nHost: [2606:4700::1]:8443\r\n" AGENT);
}

Test(attempt, has_the_method_and_fields_of_the_subscription)
{
    struct subscription own = subscription_to("http://example.com/");
    memcpy(own.method, "PATCH", sizeof "PATCH");
    own.headers = (char[]){"X-Mine: a b\r\nContent-Type: text/x\r\n"};
    expect(&own, "PATCH / HTTP/1.1\r\nHost: example.com\r\n" AGENT
                 "X-Mine: a b\r\nContent-Type: text/x\r\n");
}

Test(attempt, lets_a_subscription_name_its_own_agent)
{
    struct subscription own = subscription_to("http://example.com/");
    own.headers = (char[]){"A: b\r\nuser-AGENT: me\r\n"};
    expect(&own, "POST / HTTP/1.1\r\nHost: example.com\r\nA: b\r\nuser-AGENT: me\r\n");
}

Test(attempt, is_not_misled_by_a_field_that_only_mentions_the_agent)
{
    struct subscription own = subscription_to("http://example.com/");
    own.headers = (char[]){"X-User-Agent: me\r\n"};
    expect(&own, "POST / HTTP/1.1\r\nHost: example.com\r\n" AGENT "X-User-Agent: me\r\n");
    own.headers = (char[]){"X-Note: no user-agent: here\r\n"};
    expect(&own,
           "POST / HTTP/1.1\r\nHost: example.com\r\n" AGENT "X-Note: no user-agent: here\r\n");
}

Test(attempt, has_room_for_the_longest_url_and_fields)
{
    static char url[URL_SIZE_MAX + 1], fields[LIMIT_SUBSCRIPTION_HEADERS_SIZE + 1];
    memset(url, 'x', URL_SIZE_MAX);
    memcpy(url, "http://example.com/", 19);
    memset(fields, 'y', LIMIT_SUBSCRIPTION_HEADERS_SIZE);
    memcpy(fields, "X: ", 3);
    memcpy(fields + LIMIT_SUBSCRIPTION_HEADERS_SIZE - 2, "\r\n", 2);
    struct subscription longest = subscription_to(url);
    longest.headers = fields;

    size_t size = 0;
    char *made = attempt_fixed_head(&longest, &size);
    cr_assert(made != NULL);
    cr_assert(le(sz, size, LIMIT_REQUEST_HEAD_SIZE - 1024), "%zu: the rest has to fit too", size);
    free(made);
}
