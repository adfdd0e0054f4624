/* URLs as people configure them: what is taken apart how, and what is refused. */
#include "net/url.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>

static struct url url;
static char why[URL_WHY_SIZE];

static int parse(const char *text)
{
    return url_parse(slice_str(text), &url, why);
}

static bool is(struct slice slice, const char *text)
{
    return slice_equal(slice, slice_str(text));
}

static void refuses(const char *text)
{
    why[0] = '\0';
    cr_assert(eq(int, parse(text), -EINVAL), "%s", text);
    cr_assert(why[0] != '\0', "says why it refuses %s", text);
}

Test(url, is_split_into_its_parts)
{
    cr_assert(eq(int, parse("https://hooks.example.com:8443/in/a?b=c"), 0));
    cr_assert(url.https);
    cr_assert(is(url.host, "hooks.example.com"));
    cr_assert(not(url.host_is_ip));
    cr_assert(eq(u16, url.port, 8443));
    cr_assert(not(url.port_is_default));
    cr_assert(is(url.authority, "hooks.example.com:8443"));
    cr_assert(is(url.target, "/in/a?b=c"));
}

Test(url, has_the_port_of_its_scheme)
{
    cr_assert(eq(int, parse("HTTP://a/"), 0));
    cr_assert(not(url.https));
    cr_assert(eq(u16, url.port, 80));
    cr_assert(url.port_is_default);
    cr_assert(eq(int, parse("https://a:443/"), 0));
    cr_assert(url.port_is_default);
    cr_assert(is(url.authority, "a"), "a default port is not part of the Host field");
}

Test(url, may_have_no_path)
{
    cr_assert(eq(int, parse("http://example.com"), 0));
    cr_assert(eq(sz, url.target.size, 0));
    cr_assert(eq(int, parse("http://example.com?x=/@"), 0));
    cr_assert(is(url.target, "?x=/@"));
    cr_assert(is(url.host, "example.com"));
}

Test(url, knows_addresses)
{
    cr_assert(eq(int, parse("http://127.0.0.1:80/"), 0));
    cr_assert(url.host_is_ip);
    cr_assert(is(url.authority, "127.0.0.1"));
    cr_assert(eq(int, parse("https://[::ffff:1.2.3.4]:8443"), 0));
    cr_assert(url.host_is_ip);
    cr_assert(is(url.host, "::ffff:1.2.3.4"));
    cr_assert(is(url.authority, "[::ffff:1.2.3.4]:8443"));
}

Test(url, refuses_other_schemes)
{
    refuses("");
    refuses("ftp://a/");
    refuses("http:/a");
    refuses("http:a");
    refuses("//a/");
    refuses("httpss://a/");
}

Test(url, refuses_user_info)
{
    refuses("http://user@a/");
    refuses("http://user:secret@a/");
    refuses("http://@a/");
}

Test(url, refuses_a_fragment)
{
    refuses("http://a/#x");
    refuses("http://a#@b/");
}

Test(url, refuses_white_space_controls_and_high_bytes)
{
    refuses(" http://a/");
    refuses("http://a/ b");
    refuses("http://a/\r\nX: y");
    refuses("http://a/\x7f");
    refuses("http://a/\xc3\xa4");
    cr_assert(eq(int, url_parse(slice_of("http://a/\0", 10), &url, why), -EINVAL));
}

Test(url, refuses_bad_hosts)
{
    refuses("http:///x");
    refuses("http://:80/");
    refuses("http://?x");
    refuses("http://a..b/");
    refuses("http://.a/");
    refuses("http://a./");
    refuses("http://a%41/");
    refuses("http://a\\b/");
    refuses("http://a,b/");
    refuses("http://[a]/");
    refuses("http://[1.2.3.4]/");
    refuses("http://[::1/");
    refuses("http://[::1]x/");
    refuses("http://[fe80::1%25eth0]/");
    refuses("http://[fe80::1%eth0]/");
    refuses("http://::1/");
    refuses("http://0123456789012345678901234567890123456789012345678901234567890123.com/");
}

Test(url, refuses_odd_ipv4_addresses)
{
    refuses("http://0x7f.1/");
    refuses("http://0x7f000001/");
    refuses("http://2130706433/");
    refuses("http://127.1/");
    refuses("http://0177.0.0.1/");
    refuses("http://127.0.0.01/");
    refuses("http://127.0.0.0x1/");
    refuses("http://127.0.0.0x/");
    refuses("http://256.1.1.1/");
    refuses("http://1.2.3.4.5/");
    refuses("http://a.1/");
}

Test(url, accepts_names_with_digits)
{
    cr_assert(eq(int, parse("http://1.a/"), 0));
    cr_assert(eq(int, parse("http://0x7f.example/"), 0));
    cr_assert(not(url.host_is_ip));
    cr_assert(eq(int, parse("http://my_service-2:8080/"), 0));
}

Test(url, refuses_bad_ports)
{
    refuses("http://a:/");
    refuses("http://a:0/");
    refuses("http://a:080/");
    refuses("http://a:65536/");
    refuses("http://a:123456/");
    refuses("http://a:+80/");
    refuses("http://a:8x/");
    refuses("http://a:80:80/");
    cr_assert(eq(int, parse("http://a:65535/"), 0));
}

Test(url, is_bounded)
{
    char long_url[URL_SIZE_MAX + 2];
    memset(long_url, 'a', sizeof long_url);
    memcpy(long_url, "http://a/", 9);
    cr_assert(eq(int, url_parse(slice_of(long_url, URL_SIZE_MAX), &url, why), 0));
    cr_assert(eq(int, url_parse(slice_of(long_url, URL_SIZE_MAX + 1), &url, why), -EINVAL));
}
