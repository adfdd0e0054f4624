/* certificate.c - certificates for tests. ECDSA on P-256, because it is fast. */
#include "tests/support/certificate.h"

#include "base/must.h"

#include <dirent.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DAY_S = 24 * 60 * 60, HOUR_S = 60 * 60, X509_VERSION = 2 /* counted from zero: v3 */ };

static EVP_PKEY *new_key(void)
{
    EC_KEY *ec = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
    EVP_PKEY *key = EVP_PKEY_new();
    must(ec && key && EC_KEY_generate_key(ec) && EVP_PKEY_assign_EC_KEY(key, ec));
    return key;
}

static void add_extension(X509 *certificate, int kind, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_nconf_nid(NULL, &context, kind, (char *)(size_t)value);
    must(extension && X509_add_ext(certificate, extension, -1));
    X509_EXTENSION_free(extension);
}

/* A certificate without extensions and signature. */
static X509 *new_certificate(const char *common_name, EVP_PKEY *key, X509 *issuer, long valid_s)
{
    static long serial = 1;
    X509 *certificate = X509_new();
    must(certificate && X509_set_version(certificate, X509_VERSION));
    must(ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++));
    must(X509_gmtime_adj(X509_getm_notBefore(certificate), -HOUR_S));
    must(X509_gmtime_adj(X509_getm_notAfter(certificate), valid_s));

    X509_NAME *name = X509_get_subject_name(certificate);
    must(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const uint8_t *)common_name, -1, -1,
                                    0));
    must(X509_set_issuer_name(certificate, issuer ? X509_get_subject_name(issuer) : name));
    must(X509_set_pubkey(certificate, key));
    return certificate;
}

static void write_certificate(const char *path, X509 *certificate, const char *mode)
{
    FILE *file = fopen(path, mode);
    must(file && PEM_write_X509(file, certificate));
    must(fclose(file) == 0);
}

static void write_key(const char *path, EVP_PKEY *key)
{
    FILE *file = fopen(path, "w");
    must(file && PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL));
    must(fclose(file) == 0);
}

void authority_open(struct authority *authority)
{
    *authority = (struct authority){.folder = "/tmp/grapnel-certificates-XXXXXX"};
    must(mkdtemp(authority->folder));
    authority->key = new_key();
    authority->certificate = new_certificate("Test Authority", authority->key, NULL, DAY_S);
    add_extension(authority->certificate, NID_basic_constraints, "critical,CA:TRUE");
    must(X509_sign(authority->certificate, authority->key, EVP_sha256()));
    snprintf(authority->roots, sizeof authority->roots, "%s/roots.pem", authority->folder);
    write_certificate(authority->roots, authority->certificate, "w");
}

void authority_sign(struct authority *authority, struct certificate *certificate, const char *names,
                    long valid_s)
{
    static unsigned count;
    EVP_PKEY *key = new_key();
    X509 *signed_one = new_certificate("unused.invalid", key, authority->certificate, valid_s);
    add_extension(signed_one, NID_subject_alt_name, names);
    must(X509_sign(signed_one, authority->key, EVP_sha256()));

    count++;
    snprintf(certificate->chain, sizeof certificate->chain, "%s/%u.pem", authority->folder, count);
    snprintf(certificate->key, sizeof certificate->key, "%s/%u.key", authority->folder, count);
    write_certificate(certificate->chain, signed_one, "w");
    write_certificate(certificate->chain, authority->certificate, "a");
    write_key(certificate->key, key);
    X509_free(signed_one);
    EVP_PKEY_free(key);
}

void authority_close(struct authority *authority)
{
    DIR *folder = opendir(authority->folder);
    must(folder);
    for (struct dirent *file; (file = readdir(folder));) {
        char path[sizeof authority->folder + sizeof file->d_name + 1];
        snprintf(path, sizeof path, "%s/%s", authority->folder, file->d_name);
        if (file->d_name[0] != '.')
            must(unlink(path) == 0);
    }
    must(closedir(folder) == 0);
    must(rmdir(authority->folder) == 0);
    X509_free(authority->certificate);
    EVP_PKEY_free(authority->key);
}

void certificate_pin(const char *file, unsigned char pin[static 32])
{
    unsigned char *der = NULL;
    FILE *in = fopen(file, "r");
    must(in);
    X509 *certificate = PEM_read_X509(in, NULL, NULL, NULL);
    must(certificate && fclose(in) == 0);
    EVP_PKEY *key = X509_get_pubkey(certificate);
    int size = i2d_PUBKEY(key, &der);
    must(size > 0);
    SHA256(der, (size_t)size, pin);
    OPENSSL_free(der);
    EVP_PKEY_free(key);
    X509_free(certificate);
}

char *certificate_text(const char *file)
{
    char *text = NULL;
    size_t room = 0;
    FILE *in = fopen(file, "r");
    must(in && getdelim(&text, &room, '\0', in) > 0 && fclose(in) == 0);
    return text;
}
