/* certificate.c - ECDSA on P-256, valid for a week around now. */
#include "bench/load/certificate.h"

#include <errno.h>
#include <openssl/ec.h>
#include <openssl/ec_key.h>
#include <openssl/evp.h>
#include <openssl/nid.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>

enum { DAY_SECONDS = 86400, VALID_SECONDS = 6 * DAY_SECONDS };

static EVP_PKEY *make_key(void)
{
    EVP_PKEY *key = EVP_PKEY_new();
    EC_KEY *ec = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
    bool ok = key && ec && EC_KEY_generate_key(ec) && EVP_PKEY_set1_EC_KEY(key, ec);
    EC_KEY_free(ec);
    if (ok)
        return key;
    EVP_PKEY_free(key);
    return NULL;
}

static bool add_extension(X509 *certificate, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_nconf_nid(NULL, &context, nid, value);
    bool ok = extension && X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    return ok;
}

static bool fill(X509 *certificate, EVP_PKEY *key)
{
    X509_NAME *name = X509_get_subject_name(certificate);
    return X509_set_version(certificate, X509_VERSION_3) &&
           ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1) &&
           X509_gmtime_adj(X509_getm_notBefore(certificate), -DAY_SECONDS) &&
           X509_gmtime_adj(X509_getm_notAfter(certificate), VALID_SECONDS) &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                      (const unsigned char *)"grapnel-load", -1, -1, 0) &&
           X509_set_issuer_name(certificate, name) && X509_set_pubkey(certificate, key) &&
           add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE") &&
           add_extension(certificate, NID_subject_alt_name, "IP:127.0.0.1,DNS:localhost") &&
           X509_sign(certificate, key, EVP_sha256());
}

static bool write_files(X509 *certificate, EVP_PKEY *key, FILE *certificate_file, FILE *key_file)
{
    return certificate_file && key_file && PEM_write_X509(certificate_file, certificate) &&
           PEM_write_PrivateKey(key_file, key, NULL, NULL, 0, NULL, NULL);
}

int certificate_write(const char *certificate_path, const char *key_path)
{
    EVP_PKEY *key = make_key();
    X509 *certificate = X509_new();
    mode_t mask = umask(0077);
    FILE *certificate_file = fopen(certificate_path, "we");
    FILE *key_file = fopen(key_path, "we");
    umask(mask);

    bool ok = key && certificate && fill(certificate, key) &&
              write_files(certificate, key, certificate_file, key_file);
    if (certificate_file && fclose(certificate_file) != 0)
        ok = false;
    if (key_file && fclose(key_file) != 0)
        ok = false;
    X509_free(certificate);
    EVP_PKEY_free(key);
    return ok ? 0 : -EIO;
}
