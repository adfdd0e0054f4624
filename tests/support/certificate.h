/* certificate.h - certificates for tests: an authority, and what it signs, as PEM files in a folder
 * of their own that goes away with it. Whatever fails stops the test.
 */
#ifndef TESTS_CERTIFICATE_H
#define TESTS_CERTIFICATE_H

struct authority {
    struct x509_st *certificate;
    struct evp_pkey_st *key;
    char folder[64];
    char roots[96]; /* the file with its own certificate, for tls_client_open() */
};

/* A certificate's files, for tls_server_open(). */
struct certificate {
    char chain[96], key[96];
};

void authority_open(struct authority *authority);
void authority_close(struct authority *authority);

/* Signs a certificate for `names`, in OpenSSL's notation: "DNS:a.test,IP:127.0.0.1". It is valid
 * from an hour ago for `valid_s` seconds; negative: expired. */
void authority_sign(struct authority *authority, struct certificate *certificate, const char *names,
                    long valid_s);

/* SHA-256 of the key (SubjectPublicKeyInfo) of the first certificate in a file. */
void certificate_pin(const char *file, unsigned char pin[static 32]);

/* The bytes of a file, which the caller frees. */
char *certificate_text(const char *file);

#endif
