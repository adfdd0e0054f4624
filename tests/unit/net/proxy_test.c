/* Proxies from their URLs. */
#include "net/proxy.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <string.h>

static struct proxy proxy;
static char why[PROXY_WHY_SIZE], printed[PROXY_TEXT_SIZE + 1];

static const char *print(void)
{
    struct text text;
    text_init(&text, printed, sizeof printed - 1);
    proxy_print(&proxy, &text);
    cr_assert(text_ok(&text));
    printed[text.size] = '\0';
    return printed;
}

Test(proxy, is_a_host_and_a_port)
{
    cr_assert(eq(int, proxy_parse(&proxy, SLICE("http://proxy.internal:3128"), why), 0), "%s", why);
    cr_assert(slice_equal(slice_of(proxy.host, proxy.host_size), SLICE("proxy.internal")));
    cr_assert(eq(u16, proxy.port, 3128));
    cr_assert(not(proxy.host_is_ip));
    cr_assert(eq(sz, proxy.field_size, 0));
    cr_assert_str_eq(print(), "http://proxy.internal:3128");
    cr_assert(eq(int, proxy_parse(&proxy, SLICE("http://10.0.0.1/"), why), 0), "%s", why);
    cr_assert(proxy.host_is_ip);
    cr_assert(eq(u16, address_port(&proxy.ip), 80));
    cr_assert(eq(int, proxy_parse(&proxy, SLICE("http://[fd00::1]:8080"), why), 0), "%s", why);
    cr_assert(proxy.host_is_ip);
    cr_assert_str_eq(print(), "http://[fd00::1]:8080");
}

Test(proxy, is_told_who_asks)
{
    cr_assert(eq(int, proxy_parse(&proxy, SLICE("http://me:p%40ss%3aword@a.test:1"), why), 0));
    cr_assert(slice_equal(slice_of(proxy.field, proxy.field_size),
                          SLICE("Proxy-Authorization: Basic bWU6cEBzczp3b3Jk\r\n")),
              "%s", proxy.field);
    cr_assert_str_eq(print(), "http://***@a.test:1");
    cr_assert(eq(int, proxy_parse(&proxy, SLICE("http://me:a@b@a.test:1"), why), 0));
    cr_assert(slice_equal(slice_of(proxy.host, proxy.host_size), SLICE("a.test")));
    cr_assert(eq(int, proxy_parse(&proxy, SLICE("http://token@a.test:1"), why), 0));
    cr_assert(slice_equal(slice_of(proxy.field, proxy.field_size),
                          SLICE("Proxy-Authorization: Basic dG9rZW46\r\n")));
}

Test(proxy, with_the_longest_of_names_and_passwords_fits)
{
    char url[PROXY_URL_MAX + 1] = "http://me:";
    memset(url + strlen(url), 'p', 253);
    strcat(url, "@");
    for (unsigned i = 0; i < 3; i++) {
        memset(url + strlen(url), 'h', 63);
        strcat(url, ".");
    }
    memset(url + strlen(url), 'h', 61);
    strcat(url, ":65535");
    cr_assert(eq(int, proxy_parse(&proxy, slice_str(url), why), 0), "%s", why);
    cr_assert(eq(sz, proxy.host_size, 253));
    cr_assert(eq(sz, strlen(print()), strlen("http://***@:65535") + 253));
    memmove(url + 10 + 1, url + 10, strlen(url + 10) + 1);
    cr_assert(eq(int, proxy_parse(&proxy, slice_str(url), why), -EINVAL), "one byte more");
}

Test(proxy, is_refused_unless_it_means_one_thing)
{
    static const char *const urls[] = {
        "",
        "proxy:3128",
        "https://proxy:3128",
        "socks5://proxy:1080",
        "http://",
        "http://proxy:0",
        "http://proxy:65536",
        "http://proxy:3128/path",
        "http://proxy:3128/?q",
        "http://proxy:3128#f",
        "http://a%zz@proxy",
        "http://a%4@proxy",
        "http://a%0d%0aX:%20y@proxy",
        "http://a%3ab:c@proxy",
        "http://0x7f.1:3128",
    };
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        why[0] = '\0';
        cr_assert(eq(int, proxy_parse(&proxy, slice_str(urls[i]), why), -EINVAL), "%s", urls[i]);
        cr_assert(why[0] != '\0');
    }
}
