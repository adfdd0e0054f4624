/* access_key.h - an access key: what it may, from where and until when. An immutable object like a
 * subscription (subscription.h), made and freed by control, read by every thread; but for when it
 * was last used, which is control's alone.
 *
 * A key's time of making is that of its id; the built-in key, whose id is zero, has none.
 */
#ifndef ENGINE_ACCESS_KEY_H
#define ENGINE_ACCESS_KEY_H

#include "base/id.h"
#include "base/json.h"
#include "base/text.h"
#include "keyring.h"
#include "net/address.h"

enum scope { SCOPE_ADMIN = 1, SCOPE_MANAGE = 2, SCOPE_INGEST = 4, SCOPE_READ = 8 };

enum {
    KEY_NAME_SIZE = 64,
    KEY_NETWORKS_MAX = 32,
    KEY_DOCUMENT_MAX = 8 * 1024, /* the most that the two functions below print */
};

struct access_key {
    uint8_t hash[KEY_HASH_SIZE]; /* SHA-256 of the key's text */
    struct id id, tenant; /* of an admin key: the tenant it acts for when it names no other */
    unsigned scopes;
    unsigned network_count; /* 0: it may be used from anywhere */
    struct network *networks;
    uint64_t expires_ms, updated_ms; /* 0: never */
    struct id successor;             /* zero: it was not rotated */
    char *metadata;                  /* a JSON object; NULL: {} */
    char name[KEY_NAME_SIZE];        /* for people; may be empty */

    uint64_t used_ms, used_kept_ms; /* control's own; 0: never. The second is what is stored */
};

void access_key_free(struct access_key *key); /* NULL is allowed */

/* NULL: out of memory. */
struct access_key *access_key_copy(const struct access_key *key);

/* Moves with each change; not when it is used. */
uint64_t access_key_revision(const struct access_key *key);

/* `after` was changed now: later than `before` was, whatever the clock says. */
void access_key_touch(struct access_key *after, const struct access_key *before, uint64_t wall_ms);

/* Whether it lets somebody in now. `peer` NULL: nobody knows from where. */
enum key_verdict { KEY_LETS_IN, KEY_IS_OVER, KEY_IS_ELSEWHERE };
enum key_verdict access_key_judge(const struct access_key *key, uint64_t wall_ms,
                                  const struct address *peer);

/* The detail of the 403 for KEY_IS_ELSEWHERE. */
enum { KEY_ELSEWHERE_SIZE = 128 };
void access_key_elsewhere(const struct address *peer, char detail[static KEY_ELSEWHERE_SIZE]);

/* ---- documents ---- */

/* "admin", "manage", "ingest", "read" in a JSON array. */
void scopes_print(unsigned scopes, struct text *text);

/* As it is shown: of the hash only the beginning. `shown` is the key's text for the one who makes
 * it, or NULL. */
void access_key_print(const struct access_key *key, const char *shown, struct text *text);

/* A whole key from an API body: a new one, or one that takes the place of `before`, of which it
 * keeps id, tenant, scopes and hash. What is absent or null gets its default. 0; -EINVAL with
 * faults; -ENOMEM. The caller sets id, tenant and hash of a new one, and updated_ms. */
struct faults;
MUST_CHECK int access_key_parse(struct json_value body, const struct access_key *before,
                                uint64_t wall_ms, struct access_key **made, struct faults *faults);

/* When a key is to end, which has to be after `after_ms`; else a fault is noted. */
uint64_t access_key_parse_end(struct json_value value, const char *pointer, uint64_t after_ms,
                              struct faults *faults);

/* The document in `meta`. 0; -EINVAL: not such a document; -ENOMEM. */
void access_key_print_stored(const struct access_key *key, struct text *text);
MUST_CHECK int access_key_parse_stored(struct json_value document, struct access_key **made);

#endif
