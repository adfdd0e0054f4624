/* credential.h - who publishes: the key that a request to publish carries, and the tenant that it
 * is for. A shard's; plain values, no allocation.
 */
#ifndef ENGINE_CREDENTIAL_H
#define ENGINE_CREDENTIAL_H

#include "access_key.h"
#include "net/http_server.h"

struct directory;

struct known_key;

struct credential {
    struct known_key *known;
    struct id tenant;
};

enum { CREDENTIAL_WHY_SIZE = KEY_ELSEWHERE_SIZE };

/* 0, or the status to refuse with (401, 403, 404) and why. */
MUST_CHECK int credential_check(struct credential *credential, struct directory *directory,
                                const struct http_request *request, uint64_t wall_ms,
                                char why[static CREDENTIAL_WHY_SIZE]);

#endif
