/* private_key.h - private keys from PEM (RFC 7468): PKCS #8, and the older forms of RSA (PKCS #1)
 * and EC (SEC 1) keys. */
#ifndef NET_PRIVATE_KEY_H
#define NET_PRIVATE_KEY_H

#include "base/must.h"
#include "base/slice.h"

struct evp_pkey_st; /* EVP_PKEY */

enum { PRIVATE_KEY_PEM_MAX = 8192, PRIVATE_KEY_WHY_SIZE = 96 };

/* 0 and a key for EVP_PKEY_free(), which wipes it; or -EINVAL and `why`, which tells nothing of the
 * text. */
MUST_CHECK int private_key_parse(struct evp_pkey_st **key, struct slice pem,
                                 char why[static PRIVATE_KEY_WHY_SIZE]);

#endif
