/* vault.h - encryption at rest: two keys for each tenant, wrapped by the secret key.
 *
 *   secret key (secret_key.h)  wraps  the tenants' keys, documents "data_key", "log_key" of `meta`
 *   a tenant's data key        seals  the secrets in the tenant's documents (seal.h)
 *   a tenant's log key         seals  what the logs hold of it: store/record.h
 *
 * The log key is a tenant's for its whole life, for blocks are never written anew; it ends with the
 * tenant, and with it what is left of the tenant in blocks.
 *
 * Renewing data keys is safe at every step: first the new ones are stored, then documents are
 * sealed anew one after the other (rekey.h), and only when none needs them the old ones go. Both
 * open until then. What a crash leaves half done is finished at the next start.
 *
 * Control's thread. Keys are wiped when they go.
 */
#ifndef ENGINE_VAULT_H
#define ENGINE_VAULT_H

#include "base/id.h"
#include "seal.h"
#include "store/db.h"

enum { VAULT_WHY_SIZE = 256 };

struct vault;

/* Reads the secret keys and the data keys. `key_file`: the setting secret_key_file. Where no key is
 * given, DATA/secret.key is made, unless there are data keys already. 0, or -errno and `why`. */
MUST_CHECK int vault_open(struct vault **vault, struct db *db, const char *data,
                          const char *key_file, char why[static VAULT_WHY_SIZE]);
void vault_close(struct vault *vault); /* NULL is allowed */

/* Where a secret is: it opens nowhere else. */
struct vault_place {
    const struct id *tenant, *object;
    const char *field; /* a JSON pointer */
};

/* Makes the tenant's data key if it has none. 0, -EIO, -ENOMEM. */
MUST_CHECK int vault_prepare(struct vault *vault, const struct id *tenant);

/* The same of its log key. */
MUST_CHECK int vault_prepare_log(struct vault *vault, const struct id *tenant);

/* The tenant's log key: AEAD_KEY_SIZE bytes that stay until it is forgotten. NULL: it has none. */
const uint8_t *vault_log_key(const struct vault *vault, const struct id *tenant);

/* Prints `plain` sealed by the tenant's data key, which must have been prepared. */
void vault_seal(const struct vault *vault, const struct vault_place *place, struct slice plain,
                struct text *out);

/* Prints what was sealed; or the text itself, if it is from before secrets were sealed. 0,
 * -ENOKEY, -EBADMSG, -ENOBUFS. */
MUST_CHECK int vault_unseal(struct vault *vault, const struct vault_place *place,
                            struct slice stored, struct text *out);

/* Has anything been unsealed that was not under a tenant's present data key? */
bool vault_is_outdated(const struct vault *vault);

/* Reads the secret keys again and wraps all data keys by the current one. */
MUST_CHECK int vault_rewrap(struct vault *vault, unsigned *count, char why[static VAULT_WHY_SIZE]);

/* Makes a new data key for each tenant; what is sealed from now on is sealed by it. */
MUST_CHECK int vault_renew(struct vault *vault, unsigned *count);

/* Drops the data keys that are not present ones: nothing that is stored may need them. */
MUST_CHECK int vault_retire(struct vault *vault);

/* Ends all keys of a tenant: puts their end into `batch`, and, when that is durable, forgets
 * them. What they sealed opens nowhere any more. */
void vault_batch_drop(struct vault *vault, const struct id *tenant, struct batch *batch);
void vault_forget(struct vault *vault, const struct id *tenant);

/* The name of the secret key that wraps. */
const char *vault_secret_key(const struct vault *vault);

#endif
