/* rekey.h - keys changed while the engine runs (vault.h).
 *
 * Wrapping data keys by another secret key is one write. New data keys are more: after them every
 * document is sealed anew, some in each turn of control, and then the old data keys are dropped.
 * Documents that change meanwhile are under the new keys anyway. A crash leaves both keys and some
 * documents to do: rekey_finish() does those at the next start, and what is from before secrets
 * were sealed.
 *
 * Control's thread.
 */
#ifndef ENGINE_REKEY_H
#define ENGINE_REKEY_H

#include "registry.h"
#include "vault.h"

struct rekey {
    struct db *db;
    const struct registry *registry;
    struct vault *vault;
    bool is_running;
    struct id done; /* documents up to this one */
    unsigned keys_rewrapped, data_keys_made;
    uint64_t documents_sealed;
    void (*on_done)(void *context, int error);
    void *context;
};

void rekey_init(struct rekey *rekey, struct db *db, const struct registry *registry,
                struct vault *vault);

/* Seals what is not sealed by the present data keys, all of it, before it returns. */
MUST_CHECK int rekey_finish(struct rekey *rekey);

/* Reads the secret keys again and wraps the data keys by the current one. */
MUST_CHECK int rekey_wrap(struct rekey *rekey, char why[static VAULT_WHY_SIZE]);

/* Makes new data keys. On 0 the rest is done in rekey_turn(), and then `on_done` is called. Not
 * while it is running. */
MUST_CHECK int rekey_renew(struct rekey *rekey, void (*on_done)(void *context, int error),
                           void *context);

/* Does a part of what there is to do. True: there is more. */
bool rekey_turn(struct rekey *rekey);

#endif
