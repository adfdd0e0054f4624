/* tls.c - TLS by BoringSSL. Only this file and tls_context.c include its ssl.h.
 *
 * The library reads and writes through a BIO of our own that never waits: it reads what was fed and
 * appends to the output.
 *
 *     tls_feed(bytes) --> feed, then unread --> BIO --> SSL --> tls_read()
 *     tls_write()     --> SSL --> BIO --> filling --(tls_output(), when sending is empty)-->
 * sending
 *
 * `feed` is the caller's memory and so used only inside tls_feed(); what is left of it is copied to
 * `unread`. The output has two buffers because the kernel may still be reading one: `sending` never
 * grows or moves until all of it is sent, and what is written meanwhile goes to `filling`.
 *
 * Sessions that can be resumed are kept by host and by whether the certificate was verified, since
 * resuming skips the verification. Those of TLS 1.3 are used once (RFC 8446, appendix C.4).
 *
 * Where keys are pinned they are looked for in the chain that was found to hold: what was sent may
 * have anybody's certificate in it.
 *
 * Threads: a context and its sessions belong to one thread.
 * Limits: UNREAD_MAX, OUTPUT_MAX, HOSTS_MAX, SESSIONS_PER_HOST. A session that would pass one of
 * the first two fails; of the others the oldest is forgotten.
 */
#include "net/tls_context.h"

#include "net/buffer.h"

#include <errno.h>
#include <limits.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    HOST_MAX = 255,
    UNREAD_MAX = 1 << 20,
    OUTPUT_MAX = 64 << 20,
};

struct tls {
    SSL *ssl;
    struct tls_context *context;
    enum tls_state state;
    struct slice feed;
    struct buffer unread;
    struct buffer sending, filling;
    char why[TLS_WHY_SIZE];
    bool verify;
    size_t host_size;
    char key[1 + HOST_MAX + 1]; /* clients: 'v' if verified, else '-', and the host with a NUL */
};

/* ---- the library's input and output ---- */

static int read_fed(BIO *bio, char *out, int room)
{
    struct tls *tls = BIO_get_data(bio);
    struct slice unread = buffer_slice(&tls->unread);
    struct slice source = unread.size > 0 ? unread : tls->feed;
    size_t size = room < 0 ? 0 : (size_t)room;
    if (!source.at || source.size == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }

    if (size > source.size)
        size = source.size;
    memcpy(out, source.at, size);
    if (unread.size > 0)
        buffer_skip(&tls->unread, size);
    else
        tls->feed = slice_skip(tls->feed, size);
    return (int)size;
}

static int write_output(BIO *bio, const char *bytes, int size)
{
    struct tls *tls = BIO_get_data(bio);
    if (size <= 0 || !buffer_add(&tls->filling, slice_of(bytes, (size_t)size), OUTPUT_MAX))
        return -1;
    return size;
}

static long control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

BIO_METHOD *tls_new_bio_method(void)
{
    BIO_METHOD *method = BIO_meth_new(0, "grapnel");
    if (!method)
        return NULL;
    if (BIO_meth_set_read(method, read_fed) && BIO_meth_set_write(method, write_output) &&
        BIO_meth_set_ctrl(method, control))
        return method;
    BIO_meth_free(method);
    return NULL;
}

/* ---- sessions to resume ---- */

static struct slice session_key(const struct tls *tls)
{
    return slice_of(tls->key, 1 + tls->host_size);
}

int tls_keep_session(SSL *ssl, SSL_SESSION *session)
{
    struct tls *tls = SSL_get_app_data(ssl);
    return session_cache_put(&tls->context->cache, session_key(tls), session);
}

/* Offers the newest session of the host, if there is one. */
static void offer_session(struct tls *tls)
{
    struct session_cache *cache = &tls->context->cache;
    SSL_SESSION *session = session_cache_newest(cache, session_key(tls));
    if (!session)
        return;
    SSL_set_session(tls->ssl, session); /* if it fails: a full handshake */
    if (SSL_SESSION_should_be_single_use(session))
        session_cache_drop_newest(cache, session_key(tls));
}

/* ---- certificates ---- */

/* Does it matter which certificate is shown? */
static bool is_judged(const struct tls *tls)
{
    return tls->verify || tls->context->pin_count > 0;
}

static bool has_pin(const struct tls_context *context, const X509 *certificate)
{
    return trust_has_pin(context->pins, context->pin_count, certificate);
}

static bool chain_has_pin(const struct tls_context *context, X509_STORE_CTX *found)
{
    const STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(found);
    for (size_t i = 0; i < sk_X509_num(chain); i++)
        if (has_pin(context, sk_X509_value(chain, i)))
            return true;
    return false;
}

int tls_judge(X509_STORE_CTX *found, void *context)
{
    (void)context;
    SSL *ssl = X509_STORE_CTX_get_ex_data(found, SSL_get_ex_data_X509_STORE_CTX_idx());
    const struct tls *tls = SSL_get_app_data(ssl);
    if (tls->verify && X509_verify_cert(found) <= 0)
        return 0;
    if (tls->verify ? chain_has_pin(tls->context, found)
                    : has_pin(tls->context, X509_STORE_CTX_get0_cert(found)))
        return 1;
    X509_STORE_CTX_set_error(found, X509_V_ERR_APPLICATION_VERIFICATION);
    return 0;
}

/* ---- sessions ---- */

static struct tls *new_session(struct tls_context *context)
{
    struct tls *tls = calloc(1, sizeof *tls);
    if (!tls)
        return NULL;

    tls->context = context;
    context->references++;
    tls->ssl = SSL_new(context->ssl);
    BIO *bio = tls->ssl ? BIO_new(context->bio_method) : NULL;
    if (!bio) {
        tls_close(tls);
        return NULL;
    }
    BIO_set_data(bio, tls);
    BIO_set_init(bio, 1);
    SSL_set_bio(tls->ssl, bio, bio);
    SSL_set_app_data(tls->ssl, tls);
    return tls;
}

int tls_open_server(struct tls **out, struct tls_context *context)
{
    *out = new_session(context);
    if (!*out)
        return -ENOMEM;
    SSL_set_accept_state((*out)->ssl);
    return 0;
}

/* Copies the name without what only a URL or the DNS gives it: brackets, the dot at the end. */
static void set_host(struct tls *tls, struct slice host)
{
    if (host.size > 2 && host.at[0] == '[' && host.at[host.size - 1] == ']')
        host = slice_of(host.at + 1, host.size - 2);
    else if (host.size > 1 && host.at[host.size - 1] == '.')
        host.size--;
    must(host.size > 0 && host.size <= HOST_MAX);

    tls->key[0] = tls->verify ? 'v' : '-';
    memcpy(tls->key + 1, host.at, host.size);
    tls->key[1 + host.size] = '\0';
    tls->host_size = host.size;
}

static bool expect_host(struct tls *tls, bool host_is_ip)
{
    const char *host = tls->key + 1;
    X509_VERIFY_PARAM *expected = SSL_get0_param(tls->ssl);
    X509_VERIFY_PARAM_set_hostflags(expected, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    SSL_set_verify(tls->ssl, is_judged(tls) ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);

    if (host_is_ip)
        return !tls->verify || X509_VERIFY_PARAM_set1_ip_asc(expected, host);
    if (tls->verify && !X509_VERIFY_PARAM_set1_host(expected, host, tls->host_size))
        return false;
    return SSL_set_tlsext_host_name(tls->ssl, host);
}

int tls_open_client(struct tls **out, struct tls_context *context, struct slice host,
                    bool host_is_ip, bool verify)
{
    *out = NULL;
    struct tls *tls = new_session(context);
    if (!tls)
        return -ENOMEM;

    tls->verify = verify;
    set_host(tls, host);
    SSL_set_connect_state(tls->ssl);
    if (!expect_host(tls, host_is_ip)) {
        tls_close(tls);
        return -ENOMEM;
    }
    offer_session(tls);
    *out = tls;
    return 0;
}

void tls_close(struct tls *tls)
{
    if (!tls)
        return;
    SSL_free(tls->ssl);
    buffer_free(&tls->unread);
    buffer_free(&tls->sending);
    buffer_free(&tls->filling);
    tls_context_close(tls->context);
    free(tls);
}

/* ---- failing ---- */

static const char *certificate_text(long result)
{
    switch (result) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
        return "host name does not match";
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return "IP address does not match";
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
        return "issued by an unknown authority";
    case X509_V_ERR_APPLICATION_VERIFICATION:
        return "its public key is not one of those that are pinned";
    default:
        return X509_verify_cert_error_string(result);
    }
}

/* The library's reasons are "LIKE_THIS". */
static void soften(char *text)
{
    for (; *text; text++) {
        if (*text == '_')
            *text = ' ';
        else if (*text >= 'A' && *text <= 'Z')
            *text = (char)(*text - 'A' + 'a');
    }
}

static void fail(struct tls *tls)
{
    const char *what = tls->state == TLS_HANDSHAKE ? "handshake failed" : "protocol error";
    long verified = SSL_get_verify_result(tls->ssl); /* ..._INVALID_CALL: it never came to that */
    tls->state = TLS_FAILED;
    if (is_judged(tls) && verified != X509_V_OK && verified != X509_V_ERR_INVALID_CALL) {
        snprintf(tls->why, sizeof tls->why, "certificate refused: %s", certificate_text(verified));
        return;
    }

    const char *reason = ERR_reason_error_string(ERR_peek_error());
    char text[TLS_WHY_SIZE / 2];
    snprintf(text, sizeof text, "%s", reason ? reason : "out of memory");
    soften(text);
    snprintf(tls->why, sizeof tls->why, "%s: %s", what, text);
}

/* Looks at a result of the library that is not success. True if it only wants more input. */
static bool wants_more(struct tls *tls, int result)
{
    int error = SSL_get_error(tls->ssl, result);
    if (error == SSL_ERROR_WANT_READ)
        return true;
    if (error == SSL_ERROR_ZERO_RETURN && tls->state == TLS_OPEN)
        tls->state = TLS_ENDED;
    else
        fail(tls);
    return false;
}

/* ---- feeding, reading, writing ---- */

static void shake_hands(struct tls *tls)
{
    ERR_clear_error();
    int result = SSL_do_handshake(tls->ssl);
    if (result == 1)
        tls->state = TLS_OPEN;
    else
        (void)wants_more(tls, result);
}

enum tls_state tls_feed(struct tls *tls, const char *cipher, size_t size)
{
    tls->feed = slice_of(cipher, size);
    if (tls->state == TLS_HANDSHAKE)
        shake_hands(tls);

    bool dropped = tls->state == TLS_ENDED || tls->state == TLS_FAILED;
    if (!dropped && !buffer_add(&tls->unread, tls->feed, UNREAD_MAX)) {
        tls->state = TLS_FAILED;
        snprintf(tls->why, sizeof tls->why, "protocol error: too much is unread");
    }
    tls->feed = slice_of(NULL, 0);
    return tls->state;
}

long tls_read(struct tls *tls, char *plain, size_t room)
{
    if (tls->state == TLS_FAILED)
        return -EPROTO;
    if (tls->state != TLS_OPEN)
        return 0;

    ERR_clear_error();
    int result = SSL_read(tls->ssl, plain, room < INT_MAX ? (int)room : INT_MAX);
    if (result > 0)
        return result;
    if (wants_more(tls, result) || tls->state == TLS_ENDED)
        return 0;
    return -EPROTO;
}

int tls_write(struct tls *tls, const char *plain, size_t size)
{
    must(tls->state != TLS_HANDSHAKE);
    if (tls->state == TLS_FAILED)
        return -EPROTO;

    ERR_clear_error();
    while (size > 0) {
        int result = SSL_write(tls->ssl, plain, size < INT_MAX ? (int)size : INT_MAX);
        if (result <= 0) {
            fail(tls);
            return -EPROTO;
        }
        plain += result;
        size -= (size_t)result;
    }
    return 0;
}

void tls_end(struct tls *tls)
{
    ERR_clear_error();
    if (tls->state == TLS_OPEN || tls->state == TLS_ENDED)
        (void)SSL_shutdown(tls->ssl);
    ERR_clear_error();
}

struct slice tls_output(struct tls *tls)
{
    if (buffer_slice(&tls->sending).size == 0) {
        struct buffer empty = tls->sending;
        tls->sending = tls->filling;
        tls->filling = empty;
    }
    return buffer_slice(&tls->sending);
}

void tls_output_sent(struct tls *tls, size_t count)
{
    buffer_skip(&tls->sending, count);
}

enum tls_state tls_state(const struct tls *tls)
{
    return tls->state;
}

bool tls_resumed(const struct tls *tls)
{
    return SSL_session_reused(tls->ssl);
}

const char *tls_why(const struct tls *tls)
{
    return tls->why;
}
