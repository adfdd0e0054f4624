/* certificate.h - a certificate for 127.0.0.1 that signs itself, for measurements under TLS. */
#ifndef LOAD_CERTIFICATE_H
#define LOAD_CERTIFICATE_H

#include "base/must.h"

/* Writes two PEM files: the certificate, which is also the root to trust, and its key. 0, or
 * -EIO. */
MUST_CHECK int certificate_write(const char *certificate_path, const char *key_path);

#endif
