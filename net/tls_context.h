/* tls_context.h - what the sessions of one side have in common. Shared by tls_context.c (making
 * them) and tls.c (sessions); nobody else's business.
 */
#ifndef NET_TLS_CONTEXT_H
#define NET_TLS_CONTEXT_H

#include "net/session_cache.h"
#include "net/tls.h"

struct ssl_ctx_st;        /* SSL_CTX */
struct ssl_st;            /* SSL */
struct ssl_session_st;    /* SSL_SESSION */
struct bio_method_st;     /* BIO_METHOD */
struct x509_store_ctx_st; /* X509_STORE_CTX */

struct tls_context {
    struct ssl_ctx_st *ssl;
    struct bio_method_st *bio_method;
    unsigned references;
    /* clients only */
    struct session_cache cache;
    struct trust_pin pins[TRUST_PINS_MAX];
    unsigned pin_count;
};

/* How a session reads and writes. NULL: out of memory. */
struct bio_method_st *tls_new_bio_method(void);

/* The library's news of a session that can be resumed. 1: it is ours now. */
int tls_keep_session(struct ssl_st *ssl, struct ssl_session_st *session);

/* Judges a certificate where keys are pinned. 1: it is the right one. */
int tls_judge(struct x509_store_ctx_st *chain, void *context);

#endif
