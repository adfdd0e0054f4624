/* trust.c - see trust.h. PEM, X.509 and pins; sessions are tls.c's. No state; any thread. */
#include "net/trust.h"

#include <errno.h>
#include <openssl/base64.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <stdio.h>

enum { CERTIFICATES_MAX = 256 };

static const char pin_prefix[] = "sha256/";

static int refuse(char why[static TRUST_WHY_SIZE], const char *reason)
{
    snprintf(why, TRUST_WHY_SIZE, "%s", reason);
    ERR_clear_error();
    return -EINVAL;
}

/* ---- all of it ---- */

bool trust_is_usual(const struct trust *trust)
{
    return !trust->roots && !trust->certificate && trust->pin_count == 0 &&
           trust->version_min == TRUST_TLS_1_2;
}

static void digest_text(SHA256_CTX *sha, const char *text)
{
    size_t size = text ? strlen(text) + 1 : 0; /* absent is not empty */
    SHA256_Update(sha, &size, sizeof size);
    SHA256_Update(sha, text, size);
}

void trust_digest(const struct trust *trust, uint8_t digest[static TRUST_DIGEST_BYTES])
{
    const unsigned numbers[] = {trust->pin_count, trust->version_min};
    SHA256_CTX sha;
    SHA256_Init(&sha);
    SHA256_Update(&sha, numbers, sizeof numbers);
    SHA256_Update(&sha, trust->pins, trust->pin_count * sizeof *trust->pins);
    digest_text(&sha, trust->roots);
    digest_text(&sha, trust->certificate);
    digest_text(&sha, trust->key);
    SHA256_Final(digest, &sha);
}

/* ---- pins ---- */

bool trust_parse_pin(struct slice text, struct trust_pin *pin)
{
    const struct slice prefix = slice_str(pin_prefix);
    struct slice base64 = slice_skip(text, prefix.size);
    uint8_t bytes[TRUST_PIN_BYTES + 1];
    size_t size;
    if (!slice_starts_with(text, prefix) ||
        !EVP_DecodeBase64(bytes, &size, sizeof bytes, (const uint8_t *)base64.at, base64.size) ||
        size != TRUST_PIN_BYTES)
        return false;
    memcpy(pin->bytes, bytes, TRUST_PIN_BYTES);
    return true;
}

struct slice trust_print_pin(const struct trust_pin *pin, char text[static TRUST_PIN_TEXT_SIZE])
{
    size_t size = sizeof pin_prefix - 1;
    memcpy(text, pin_prefix, size);
    size += EVP_EncodeBlock((uint8_t *)text + size, pin->bytes, sizeof pin->bytes);
    return slice_of(text, size);
}

/* Of the whole SubjectPublicKeyInfo; X509_pubkey_digest() leaves the algorithm out. */
bool trust_has_pin(const struct trust_pin *pins, unsigned count, const X509 *certificate)
{
    uint8_t digest[TRUST_PIN_BYTES], *der = NULL;
    int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
    if (size <= 0)
        return false;
    SHA256(der, (size_t)size, digest);
    OPENSSL_free(der);
    for (unsigned i = 0; i < count; i++)
        if (memcmp(pins[i].bytes, digest, sizeof digest) == 0)
            return true;
    return false;
}

/* ---- PEM ---- */

/* Takes the next certificate; NULL: there is none, and *error is set unless that is the end. */
static X509 *next_certificate(BIO *pem, unsigned count, int *error, char why[static TRUST_WHY_SIZE])
{
    ERR_clear_error();
    X509 *certificate = PEM_read_bio_X509(pem, NULL, NULL, NULL);
    uint32_t last = ERR_peek_last_error();
    *error = 0;
    if (certificate && count < CERTIFICATES_MAX)
        return certificate;
    if (certificate)
        *error = refuse(why, "has too many certificates");
    else if (ERR_GET_LIB(last) != ERR_LIB_PEM || ERR_GET_REASON(last) != PEM_R_NO_START_LINE)
        *error = refuse(why, "has a certificate that cannot be read");
    else if (count == 0)
        *error = refuse(why, "must be certificates in PEM");
    X509_free(certificate);
    ERR_clear_error();
    return NULL;
}

int trust_open_certificates(const char *pem, STACK_OF(X509) * *certificates,
                            char why[static TRUST_WHY_SIZE])
{
    int error = -ENOMEM;
    BIO *bio = BIO_new_mem_buf(pem, -1);
    STACK_OF(X509) *found = sk_X509_new_null();
    X509 *certificate;
    *certificates = NULL;
    snprintf(why, TRUST_WHY_SIZE, "out of memory");
    while (bio && found &&
           (certificate = next_certificate(bio, (unsigned)sk_X509_num(found), &error, why))) {
        if (sk_X509_push(found, certificate))
            continue;
        X509_free(certificate);
        error = -ENOMEM;
        break;
    }
    BIO_free(bio);
    if (error)
        trust_free_certificates(found);
    else
        *certificates = found;
    return error;
}

void trust_free_certificates(STACK_OF(X509) * certificates)
{
    sk_X509_pop_free(certificates, X509_free);
}

int trust_open_roots(const char *pem, X509_STORE **store, char why[static TRUST_WHY_SIZE])
{
    STACK_OF(X509) * certificates;
    *store = NULL;
    int error = trust_open_certificates(pem, &certificates, why);
    if (error)
        return error;
    X509_STORE *made = X509_STORE_new();
    bool is_whole = made && X509_STORE_set_flags(made, X509_V_FLAG_PARTIAL_CHAIN);
    for (size_t i = 0; is_whole && i < sk_X509_num(certificates); i++)
        is_whole = X509_STORE_add_cert(made, sk_X509_value(certificates, i));
    trust_free_certificates(certificates);
    if (is_whole) {
        *store = made;
        return 0;
    }
    X509_STORE_free(made);
    snprintf(why, TRUST_WHY_SIZE, "out of memory");
    return -ENOMEM;
}

/* ---- for a person ---- */

static bool is_over(const X509 *certificate, uint64_t now_ms)
{
    time_t now_s = (time_t)(now_ms / 1000);
    return now_ms && X509_cmp_time(X509_get0_notAfter(certificate), &now_s) <= 0;
}

/* Of the certificates, the first `count` are asked for their time. */
static int check(const char *pem, size_t count, uint64_t now_ms, char why[static TRUST_WHY_SIZE])
{
    STACK_OF(X509) * certificates;
    bool is_valid = false;
    if (strstr(pem, "PRIVATE KEY-----"))
        return refuse(why, "must not have a private key in it");
    int error = trust_open_certificates(pem, &certificates, why);
    if (error)
        return error;
    for (size_t i = 0; i < count && i < sk_X509_num(certificates); i++)
        is_valid |= !is_over(sk_X509_value(certificates, i), now_ms);
    trust_free_certificates(certificates);
    return is_valid ? 0 : refuse(why, "has expired");
}

int trust_check_roots(const char *roots, uint64_t now_ms, char why[static TRUST_WHY_SIZE])
{
    return check(roots, CERTIFICATES_MAX, now_ms, why);
}

int trust_check_chain(const char *certificate, uint64_t now_ms, char why[static TRUST_WHY_SIZE])
{
    return check(certificate, 1, now_ms, why);
}
