/* What is asked of the other side, as text: pins, roots, chains; and its digest. */
#include "net/trust.h"

#include "base/clock.h"
#include "tests/support/certificate.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { DAY_S = 24 * 60 * 60 };

static struct authority authority;
static char why[TRUST_WHY_SIZE];

static void open_authority(void)
{
    authority_open(&authority);
}

static void close_authority(void)
{
    authority_close(&authority);
}

TestSuite(trust, .init = open_authority, .fini = close_authority);

#define A_PIN "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="

Test(trust, prints_a_pin_as_it_was_written)
{
    struct trust_pin pin;
    char text[TRUST_PIN_TEXT_SIZE];
    cr_assert(trust_parse_pin(SLICE(A_PIN), &pin));
    cr_assert(eq(u8, pin.bytes[0], 0xe3), "SHA-256 of nothing begins with e3b0c442");
    cr_assert(eq(u8, pin.bytes[31], 0x55));
    cr_assert(slice_equal(trust_print_pin(&pin, text), SLICE(A_PIN)));
}

Test(trust, refuses_what_is_no_pin)
{
    static const char *const texts[] = {
        "",
        "sha256/",
        "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        "sha1/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        "SHA256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        "sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
        "sha256/47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU=",
        "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hS",
        "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFVV",
        "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU= ",
        "sha256/"
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    };
    struct trust_pin pin;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        cr_assert(not(trust_parse_pin(slice_str(texts[i]), &pin)), "%s", texts[i]);
}

Test(trust, knows_a_pinned_certificate)
{
    struct trust_pin pins[2] = {0};
    cr_assert(not(trust_has_pin(pins, 2, authority.certificate)));
    cr_assert(not(trust_has_pin(NULL, 0, authority.certificate)));
    certificate_pin(authority.roots, pins[1].bytes);
    cr_assert(trust_has_pin(pins, 2, authority.certificate));
    cr_assert(not(trust_has_pin(pins, 1, authority.certificate)), "only those are asked");
}

/* The texts of a chain, with another after it. */
static char *joined(const char *first, const char *second)
{
    char *a = certificate_text(first), *b = certificate_text(second), *both = NULL;
    cr_assert(asprintf(&both, "%s\n%s", a, b) > 0);
    free(a);
    free(b);
    return both;
}

static void expect_refused(int error, const char *reason)
{
    cr_assert(eq(int, error, -EINVAL));
    cr_assert(strstr(why, reason) != NULL, "%s", why);
}

Test(trust, takes_certificates_with_whatever_is_around_them)
{
    struct certificate certificate;
    authority_sign(&authority, &certificate, "DNS:a.test", DAY_S);
    char *text = certificate_text(certificate.chain), *padded = NULL;
    cr_assert(asprintf(&padded, "subject=a\n\n%s\nthe end\n", text) > 0);
    cr_assert(eq(int, trust_check_chain(text, clock_wall_ms(), why), 0), "%s", why);
    cr_assert(eq(int, trust_check_roots(padded, clock_wall_ms(), why), 0), "%s", why);
    free(text);
    free(padded);
}

Test(trust, refuses_what_holds_no_certificate)
{
    expect_refused(trust_check_chain("", 0, why), "must be certificates in PEM");
    expect_refused(trust_check_roots("no", 0, why), "must be certificates in PEM");
    expect_refused(
        trust_check_roots("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", 0, why),
        "cannot be read");
    char *text = certificate_text(authority.roots);
    text[strlen(text) / 2] = '\0';
    expect_refused(trust_check_roots(text, 0, why), "cannot be read");
    free(text);
}

Test(trust, refuses_a_broken_certificate_after_a_good_one)
{
    char *text = certificate_text(authority.roots), *both = NULL;
    cr_assert(asprintf(&both, "%s-----BEGIN CERTIFICATE-----\nAAAA\n", text) > 0);
    expect_refused(trust_check_roots(both, 0, why), "cannot be read");
    free(text);
    free(both);
}

Test(trust, refuses_a_private_key_where_it_would_be_shown)
{
    struct certificate certificate;
    authority_sign(&authority, &certificate, "DNS:a.test", DAY_S);
    char *both = joined(certificate.chain, certificate.key);
    expect_refused(trust_check_chain(both, 0, why), "private key");
    expect_refused(trust_check_roots(both, 0, why), "private key");
    free(both);
}

Test(trust, refuses_what_has_expired)
{
    struct certificate old;
    uint64_t now_ms = clock_wall_ms();
    authority_sign(&authority, &old, "DNS:a.test", -60);
    char *text = certificate_text(old.chain), *end = strstr(text, "-----END CERTIFICATE-----");
    expect_refused(trust_check_chain(text, now_ms, why), "has expired");
    cr_assert(eq(int, trust_check_chain(text, 0, why), 0), "%s", why);
    cr_assert(eq(int, trust_check_chain(text, now_ms - 3600 * 1000, why), 0), "%s", why);
    cr_assert(eq(int, trust_check_roots(text, now_ms, why), 0), "the authority has not");
    end[strlen("-----END CERTIFICATE-----")] = '\0';
    expect_refused(trust_check_roots(text, now_ms, why), "has expired");
    free(text);
}

Test(trust, has_a_digest_of_all_that_it_says)
{
    struct trust_pin pins[2] = {{"a"}, {"b"}}, others[2] = {{"b"}, {"a"}};
    const struct trust all[] = {
        {0},
        {.roots = "a"},
        {.roots = "b"},
        {.roots = ""},
        {.certificate = "a", .key = "b"},
        {.certificate = "a", .key = "c"},
        {.certificate = "ab", .key = ""},
        {.certificate = "b", .key = "b"},
        {.pins = pins, .pin_count = 1},
        {.pins = pins, .pin_count = 2},
        {.pins = others, .pin_count = 2},
        {.version_min = TRUST_TLS_1_3},
    };
    enum { COUNT = sizeof all / sizeof all[0] };
    uint8_t digests[COUNT][TRUST_DIGEST_BYTES], again[TRUST_DIGEST_BYTES];
    for (unsigned i = 0; i < COUNT; i++) {
        cr_assert(eq(int, trust_is_usual(&all[i]), i == 0));
        trust_digest(&all[i], digests[i]);
        trust_digest(&all[i], again);
        cr_assert(memcmp(digests[i], again, sizeof again) == 0);
        for (unsigned k = 0; k < i; k++)
            cr_assert(memcmp(digests[i], digests[k], sizeof again) != 0, "%u and %u", i, k);
    }
}
