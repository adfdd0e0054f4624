/* sandbox.h - a receiver of webhooks inside the engine, for trying things out (--sandbox).
 *
 *   POST /webhook/receive[/{bin}]   keeps the request; ?status=503 is answered instead of 200
 *   GET  /webhook/history[/{bin}]   what a bin has got, newest first; ?limit=
 *
 * Shards forward these requests from the ingest port (MAIL_ASK). What is kept is bounded over all
 * bins, by number and by bytes; the oldest goes first. Nothing is on disk. Control's thread.
 */
#ifndef ENGINE_SANDBOX_H
#define ENGINE_SANDBOX_H

#include "mail.h"
#include "registry.h"

enum {
    SANDBOX_REQUESTS_MAX = 1000,
    SANDBOX_BYTES_MAX = 16 * 1024 * 1024,
    SANDBOX_BIN_SIZE = 64,
    SANDBOX_LIMIT = 50,
    SANDBOX_LIMIT_MAX = 250,
};

struct sandbox;

MUST_CHECK int sandbox_open(struct sandbox **sandbox, const struct registry *registry);
void sandbox_close(struct sandbox *sandbox); /* NULL is allowed */

/* Fills in the answer. */
void sandbox_answer(struct sandbox *sandbox, struct mail_ask *ask);

#endif
