/* tls.c - in place of net/tls.c: the simulator speaks plain HTTP, and reading the system's roots at
 * each start would take most of its time. */
#include "net/tls.h"

#include <stdlib.h>

struct tls_context {
    int nothing;
};

int tls_client_open(struct tls_context **context, const char *roots, char why[static TLS_WHY_SIZE])
{
    (void)roots, (void)why;
    *context = calloc(1, sizeof **context);
    must(*context);
    return 0;
}

int tls_client_open_trusting(struct tls_context **context, struct tls_context *usual,
                             const struct trust *trust, char why[static TLS_WHY_SIZE])
{
    (void)context, (void)usual, (void)trust, (void)why;
    must(false);
    return 0;
}

int tls_check_identity(const char *certificate, const char *key, char why[static TLS_WHY_SIZE])
{
    (void)certificate, (void)key, (void)why;
    must(false);
    return 0;
}

int tls_server_open(struct tls_context **context, const char *certificate, const char *key,
                    char why[static TLS_WHY_SIZE])
{
    (void)context, (void)certificate, (void)key, (void)why;
    must(false);
    return 0;
}

void tls_context_close(struct tls_context *context)
{
    free(context);
}

int tls_open_server(struct tls **tls, struct tls_context *context)
{
    (void)tls, (void)context;
    must(false);
    return 0;
}

int tls_open_client(struct tls **tls, struct tls_context *context, struct slice host,
                    bool host_is_ip, bool verify)
{
    (void)tls, (void)context, (void)host, (void)host_is_ip, (void)verify;
    must(false);
    return 0;
}

void tls_close(struct tls *tls)
{
    must(!tls);
}

enum tls_state tls_feed(struct tls *tls, const char *cipher, size_t size)
{
    (void)tls, (void)cipher, (void)size;
    must(false);
    return TLS_FAILED;
}

long tls_read(struct tls *tls, char *plain, size_t room)
{
    (void)tls, (void)plain, (void)room;
    must(false);
    return 0;
}

int tls_write(struct tls *tls, const char *plain, size_t size)
{
    (void)tls, (void)plain, (void)size;
    must(false);
    return 0;
}

void tls_end(struct tls *tls)
{
    must(!tls);
}

struct slice tls_output(struct tls *tls)
{
    must(!tls);
    return slice_of(NULL, 0);
}

void tls_output_sent(struct tls *tls, size_t count)
{
    (void)count;
    must(!tls);
}

enum tls_state tls_state(const struct tls *tls)
{
    must(!tls);
    return TLS_FAILED;
}

bool tls_resumed(const struct tls *tls)
{
    must(!tls);
    return false;
}

const char *tls_why(const struct tls *tls)
{
    must(!tls);
    return "";
}
