/* tls.h - TLS by BoringSSL, as a machine between ciphertext and plaintext that knows no socket.
 *
 * Contexts are made at start (or at a reload) and belong to one thread each. A session is fed what
 * was received and says what is to be sent. TLS 1.2 at least, ALPN "http/1.1", no renegotiation, no
 * early data. Clients verify the chain against the roots and the name (or the IP address) they
 * connect to, and resume sessions per name.
 */
#ifndef NET_TLS_H
#define NET_TLS_H

#include "base/must.h"
#include "base/slice.h"
#include "net/trust.h"

#include <stdbool.h>
#include <stddef.h>

enum { TLS_WHY_SIZE = TRUST_WHY_SIZE };

struct tls_context;
struct tls;

/* `certificate` and `key`: PEM files, the chain leaf first. 0, or -errno and `why`, which names the
 * file. */
MUST_CHECK int tls_server_open(struct tls_context **context, const char *certificate,
                               const char *key, char why[static TLS_WHY_SIZE]);

/* `roots`: a PEM file, or NULL for the system's (/etc/ssl/certs/ca-certificates.crt, or the
 * directory). */
MUST_CHECK int tls_client_open(struct tls_context **context, const char *roots,
                               char why[static TLS_WHY_SIZE]);

/* A client that does what `trust` says, and beyond that what `usual` does. It resumes no session of
 * another context. 0; -EINVAL and `why`; -ENOMEM. */
MUST_CHECK int tls_client_open_trusting(struct tls_context **context, struct tls_context *usual,
                                        const struct trust *trust, char why[static TLS_WHY_SIZE]);

/* Can a client show this certificate, and is this its key (NULL: not asked)? 0; -EINVAL and `why`;
 * -ENOMEM. */
MUST_CHECK int tls_check_identity(const char *certificate, const char *key,
                                  char why[static TLS_WHY_SIZE]);

/* Sessions that are open keep what they need: a context may be closed before them. NULL is allowed.
 */
void tls_context_close(struct tls_context *context);

/* A session. `host` (clients only): what the certificate must be for; `host_is_ip`: verify as an
 * address and send no SNI. `verify` false accepts any certificate, unless keys are pinned. 0, or
 * -ENOMEM. */
MUST_CHECK int tls_open_server(struct tls **tls, struct tls_context *context);
MUST_CHECK int tls_open_client(struct tls **tls, struct tls_context *context, struct slice host,
                               bool host_is_ip, bool verify);
void tls_close(struct tls *tls);

enum tls_state {
    TLS_HANDSHAKE, /* not yet open: send what tls_output() has, feed what comes */
    TLS_OPEN,
    TLS_ENDED,  /* the peer said close_notify */
    TLS_FAILED, /* tls_why() says why; an alert may be in tls_output() */
};

/* Begins or goes on with the handshake, with `size` more bytes of ciphertext (0 to begin). All of
 * them are taken. */
enum tls_state tls_feed(struct tls *tls, const char *cipher, size_t size);

/* Plaintext that has arrived: copies up to `room` bytes and returns the count; 0 when there is no
 * more for now; -errno. */
MUST_CHECK long tls_read(struct tls *tls, char *plain, size_t room);

/* Encrypts all of it into the output. 0, or -errno. The session must be open. */
MUST_CHECK int tls_write(struct tls *tls, const char *plain, size_t size);

/* Queues close_notify. */
void tls_end(struct tls *tls);

/* What is to be sent; after sending (or handing over) `count` bytes of it call tls_output_sent().
 * While bytes are with the kernel nothing may be added to the output that moves them: see the note
 * in tls.c on its two buffers. */
struct slice tls_output(struct tls *tls);
void tls_output_sent(struct tls *tls, size_t count);

enum tls_state tls_state(const struct tls *tls);
bool tls_resumed(const struct tls *tls);

/* A short reason for people: "certificate has expired", "host name does not match", "handshake
 * failed: ...". */
const char *tls_why(const struct tls *tls);

#endif
