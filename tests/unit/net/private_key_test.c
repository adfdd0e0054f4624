/* Private keys in each of their forms, and texts that hold none. */
#include "net/private_key.h"

#include "tests/support/private_keys.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>

static char why[PRIVATE_KEY_WHY_SIZE];

static int parse(const char *pem, int *type)
{
    EVP_PKEY *key;
    int error = private_key_parse(&key, slice_str(pem), why);
    if (error)
        return error;
    *type = EVP_PKEY_id(key);
    EVP_PKEY_free(key);
    return 0;
}

Test(private_key, is_read_in_each_form)
{
    const struct {
        const char *pem;
        int type;
    } keys[] = {{key_rsa_pkcs8, EVP_PKEY_RSA},   {key_rsa_pkcs1, EVP_PKEY_RSA},
                {key_ec_pkcs8, EVP_PKEY_EC},     {key_ec_sec1, EVP_PKEY_EC},
                {key_ed25519, EVP_PKEY_ED25519}, {key_p384, EVP_PKEY_EC}};
    for (unsigned i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        int type;
        cr_assert(eq(int, parse(keys[i].pem, &type), 0), "%u: %s", i, why);
        cr_assert(eq(int, type, keys[i].type));
    }
}

Test(private_key, may_stand_among_other_blocks_and_end_its_lines_in_any_way)
{
    static char text[8192];
    int type;
    snprintf(text, sizeof text,
             "some words\n-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n"
             "-----END EC PARAMETERS-----\r\n%s",
             key_ec_sec1);
    cr_assert(eq(int, parse(text, &type), 0), "%s", why);
    for (char *at = text; (at = strchr(at, '\n')); at++)
        *at = ' ';
    cr_assert(eq(int, parse(text, &type), 0), "%s", why);
}

Test(private_key, is_refused_with_a_reason_that_tells_nothing_of_it)
{
    static char cut[4096], wrong[4096];
    int type;
    snprintf(cut, sizeof cut, "%.200s", key_rsa_pkcs8);
    snprintf(wrong, sizeof wrong, "%s", key_rsa_pkcs8);
    wrong[60] = wrong[60] == 'A' ? 'B' : 'A';
    const char *const bad[] = {
        "",
        "secret",
        "-----BEGIN ",
        "-----BEGIN PRIVATE KEY",
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\n*\n-----END PRIVATE KEY-----",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
        "-----BEGIN DSA PRIVATE KEY-----\nAAAA\n-----END DSA PRIVATE KEY-----",
        cut,
        wrong,
        key_encrypted,
    };
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++)
        cr_assert(eq(int, parse(bad[i], &type), -EINVAL), "%u", i);
    cr_assert_not_null(strstr(why, "passphrase"));
}
