/* tls_context.c - see tls_context.h: certificates, keys and roots, into the library's terms.
 *
 * Ownership: a context counts its sessions and goes with the last of them; contexts that ask for
 * the same roots share them. Threads: a context belongs to one.
 */
#include "net/tls_context.h"

#include "net/private_key.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char system_roots[] = "/etc/ssl/certs/ca-certificates.crt";
static const char system_roots_folder[] = "/etc/ssl/certs";

__attribute__((format(printf, 3, 4))) static int explain(int error, char why[static TLS_WHY_SIZE],
                                                         const char *format, ...)
{
    va_list values;
    va_start(values, format);
    vsnprintf(why, TLS_WHY_SIZE, format, values);
    va_end(values);
    return error;
}

/* ---- life ---- */

void tls_context_close(struct tls_context *context)
{
    if (!context)
        return;
    must(context->references > 0);
    if (--context->references > 0)
        return;

    session_cache_close(&context->cache);
    SSL_CTX_free(context->ssl);
    BIO_meth_free(context->bio_method);
    free(context);
}

static struct tls_context *new_context(void)
{
    struct tls_context *context = calloc(1, sizeof *context);
    if (!context)
        return NULL;

    context->references = 1;
    context->bio_method = tls_new_bio_method();
    context->ssl = SSL_CTX_new(TLS_method());
    if (!context->bio_method || !context->ssl ||
        !SSL_CTX_set_min_proto_version(context->ssl, TLS1_2_VERSION)) {
        tls_context_close(context);
        return NULL;
    }
    SSL_CTX_set_mode(context->ssl,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    return context;
}

/* ---- servers ---- */

/* The protocol that both speak, or none: a client that offers only others is one that does not
 * mind, or will notice by itself. */
static int choose_protocol(SSL *ssl, const uint8_t **chosen, uint8_t *chosen_size,
                           const uint8_t *offered, unsigned offered_size, void *data)
{
    static const uint8_t ours[] = "\x08http/1.1";
    (void)ssl;
    (void)data;
    uint8_t *found;
    if (SSL_select_next_proto(&found, chosen_size, ours, sizeof ours - 1, offered, offered_size) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK;
    *chosen = found;
    return SSL_TLSEXT_ERR_OK;
}

/* 0, or why a file that must be read cannot be. */
static int check_readable(const char *file, char why[static TLS_WHY_SIZE])
{
    if (access(file, R_OK) == 0)
        return 0;
    int error = errno;
    return explain(-error, why, "%s: %s", file, strerrordesc_np(error));
}

static int load_identity(SSL_CTX *ssl, const char *certificate, const char *key,
                         char why[static TLS_WHY_SIZE])
{
    int error = check_readable(certificate, why);
    if (!error)
        error = check_readable(key, why);
    if (error)
        return error;

    ERR_clear_error();
    if (!SSL_CTX_use_certificate_chain_file(ssl, certificate))
        return explain(-EINVAL, why, "%s: no certificate in PEM form", certificate);
    if (SSL_CTX_use_PrivateKey_file(ssl, key, SSL_FILETYPE_PEM))
        return 0;
    if (ERR_GET_LIB(ERR_peek_last_error()) == ERR_LIB_X509)
        return explain(-EINVAL, why, "%s: not the key of the certificate", key);
    return explain(-EINVAL, why, "%s: no private key in PEM form", key);
}

int tls_server_open(struct tls_context **out, const char *certificate, const char *key,
                    char why[static TLS_WHY_SIZE])
{
    *out = NULL;
    struct tls_context *context = new_context();
    if (!context)
        return explain(-ENOMEM, why, "out of memory");

    int error = load_identity(context->ssl, certificate, key, why);
    if (error) {
        tls_context_close(context);
        return error;
    }
    SSL_CTX_set_session_cache_mode(context->ssl, SSL_SESS_CACHE_OFF); /* tickets need none */
    SSL_CTX_set_alpn_select_cb(context->ssl, choose_protocol, NULL);
    *out = context;
    return 0;
}

/* ---- clients ---- */

static int load_roots(SSL_CTX *ssl, const char *roots, char why[static TLS_WHY_SIZE])
{
    const char *folder = NULL;
    if (!roots && access(system_roots, R_OK) == 0)
        roots = system_roots;
    if (!roots)
        folder = system_roots_folder;

    int error = check_readable(roots ? roots : folder, why);
    if (error)
        return error;
    if (!SSL_CTX_load_verify_locations(ssl, roots, folder))
        return explain(-EINVAL, why, "%s: no certificates in PEM form", roots ? roots : folder);
    return 0;
}

static void drop_session(void *session)
{
    SSL_SESSION_free(session);
}

/* NULL: out of memory. */
static struct tls_context *new_client(void)
{
    static const uint8_t protocols[] = "\x08http/1.1";

    struct tls_context *context = new_context();
    if (!context)
        return NULL;
    if (session_cache_open(&context->cache, drop_session) ||
        SSL_CTX_set_alpn_protos(context->ssl, protocols, sizeof protocols - 1)) {
        tls_context_close(context);
        return NULL;
    }
    SSL_CTX_set_session_cache_mode(context->ssl, SSL_SESS_CACHE_CLIENT);
    SSL_CTX_sess_set_new_cb(context->ssl, tls_keep_session);
    return context;
}

int tls_client_open(struct tls_context **out, const char *roots, char why[static TLS_WHY_SIZE])
{
    *out = NULL;
    struct tls_context *context = new_client();
    if (!context)
        return explain(-ENOMEM, why, "out of memory");
    int error = load_roots(context->ssl, roots, why);
    if (error) {
        tls_context_close(context);
        return error;
    }
    *out = context;
    return 0;
}

/* ---- clients that trust something else, or show who they are ---- */

static int take_chain(SSL_CTX *ssl, STACK_OF(X509) * chain, char why[static TLS_WHY_SIZE])
{
    bool is_taken = SSL_CTX_use_certificate(ssl, sk_X509_value(chain, 0));
    for (size_t i = 1; is_taken && i < sk_X509_num(chain); i++)
        is_taken = SSL_CTX_add1_chain_cert(ssl, sk_X509_value(chain, i));
    return is_taken ? 0 : explain(-EINVAL, why, "has a certificate that cannot be used for TLS");
}

static int take_key(SSL_CTX *ssl, const char *pem, char why[static TLS_WHY_SIZE])
{
    EVP_PKEY *key;
    int error = private_key_parse(&key, slice_str(pem), why);
    if (error)
        return error;
    ERR_clear_error();
    bool is_taken = SSL_CTX_use_PrivateKey(ssl, key);
    EVP_PKEY_free(key);
    if (is_taken)
        return 0;
    if (ERR_GET_LIB(ERR_peek_last_error()) == ERR_LIB_X509)
        return explain(-EINVAL, why, "is not the key of the certificate");
    return explain(-EINVAL, why, "is no key that can be used for TLS");
}

static int show_identity(SSL_CTX *ssl, const char *certificate, const char *key,
                         char why[static TLS_WHY_SIZE])
{
    STACK_OF(X509) * chain;
    int error = trust_open_certificates(certificate, &chain, why);
    if (error)
        return error;
    error = take_chain(ssl, chain, why);
    if (!error && key)
        error = take_key(ssl, key, why);
    trust_free_certificates(chain);
    ERR_clear_error();
    return error;
}

int tls_check_identity(const char *certificate, const char *key, char why[static TLS_WHY_SIZE])
{
    SSL_CTX *ssl = SSL_CTX_new(TLS_method());
    int error =
        ssl ? show_identity(ssl, certificate, key, why) : explain(-ENOMEM, why, "out of memory");
    SSL_CTX_free(ssl);
    return error;
}

static int take_roots(SSL_CTX *ssl, const char *roots, SSL_CTX *usual,
                      char why[static TLS_WHY_SIZE])
{
    X509_STORE *store = SSL_CTX_get_cert_store(usual);
    int error = roots ? trust_open_roots(roots, &store, why) : 0;
    if (error)
        return error;
    if (!roots)
        X509_STORE_up_ref(store);
    SSL_CTX_set_cert_store(ssl, store);
    return 0;
}

int tls_client_open_trusting(struct tls_context **out, struct tls_context *usual,
                             const struct trust *trust, char why[static TLS_WHY_SIZE])
{
    *out = NULL;
    must(trust->pin_count <= TRUST_PINS_MAX);
    struct tls_context *context = new_client();
    if (!context)
        return explain(-ENOMEM, why, "out of memory");

    int error = take_roots(context->ssl, trust->roots, usual->ssl, why);
    if (!error && trust->certificate)
        error = show_identity(context->ssl, trust->certificate, trust->key, why);
    if (error) {
        tls_context_close(context);
        return error;
    }
    if (trust->version_min == TRUST_TLS_1_3)
        must(SSL_CTX_set_min_proto_version(context->ssl, TLS1_3_VERSION));
    context->pin_count = trust->pin_count;
    for (unsigned i = 0; i < trust->pin_count; i++)
        context->pins[i] = trust->pins[i];
    if (context->pin_count > 0)
        SSL_CTX_set_cert_verify_callback(context->ssl, tls_judge, NULL);
    *out = context;
    return 0;
}
