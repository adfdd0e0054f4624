/* What fields are made of: classes of octets, names, values, reasons. */
#include "net/http_octet.h"
#include "net/http_parse.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static bool is(struct slice slice, const char *text)
{
    return slice_equal(slice, slice_str(text));
}

Test(http_field, classes_of_octets_are_those_of_the_grammar)
{
    for (int octet = 0; octet < 256; octet++) {
        bool is_alpha = (octet >= 'a' && octet <= 'z') || (octet >= 'A' && octet <= 'Z');
        bool is_word = is_alpha || (octet >= '0' && octet <= '9');
        bool is_token = is_word || (octet && strchr("!#$%&'*+-.^_`|~", octet));
        bool is_host = is_word || (octet && strchr("-._~%!$&'()*+;=", octet));
        bool is_hex = octet && strchr("0123456789abcdefABCDEF", octet);
        cr_assert(eq(int, octet_is((char)octet, OCTET_TOKEN), is_token), "%d", octet);
        cr_assert(eq(int, octet_is((char)octet, OCTET_HOST), is_host), "%d", octet);
        cr_assert(eq(int, octet_is((char)octet, OCTET_HEX), is_hex), "%d", octet);
        cr_assert(eq(int, octet_is((char)octet, OCTET_TARGET),
                     octet > 0x20 && octet < 0x7f && octet != '#'));
        cr_assert(eq(int, octet_is((char)octet, OCTET_VALUE),
                     octet == '\t' || (octet >= 0x20 && octet != 0x7f)));
    }
}

Test(http_field, names_and_values_that_may_be_sent)
{
    cr_assert(http_is_token(SLICE("X-Signature_1")));
    cr_assert(not(http_is_token(SLICE(""))));
    cr_assert(not(http_is_token(SLICE("X:"))));
    cr_assert(not(http_is_token(SLICE("a b"))));
    cr_assert(http_is_field_value(SLICE("")));
    cr_assert(http_is_field_value(SLICE("a\tb c")));
    cr_assert(not(http_is_field_value(SLICE("a\r\nX: y"))));
    cr_assert(not(http_is_field_value(SLICE("a\0b"))));
    cr_assert(not(http_is_field_value(SLICE(" a"))));
    cr_assert(not(http_is_field_value(SLICE("a\t"))));
}

Test(http_field, reasons)
{
    cr_assert(is(slice_str(http_reason(400)), "Bad Request"));
    cr_assert(is(slice_str(http_reason(299)), ""));
}
