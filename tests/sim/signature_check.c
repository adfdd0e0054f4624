/* signature_check.c - see signature_check.h: BoringSSL's HMAC and base64, called directly. */
#include "signature_check.h"

#include "base/must.h"
#include "world.h"

#include <openssl/base64.h>
#include <openssl/hmac.h>
#include <stdlib.h>

enum { SECRET_BYTES = 24, PREFIX = 6 /* "whsec_" */ };

void signature_draw_secret(char secret[64])
{
    uint8_t bytes[SECRET_BYTES];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)world_below(256);
    memcpy(secret, "whsec_", PREFIX);
    secret[PREFIX + EVP_EncodeBlock((uint8_t *)secret + PREFIX, bytes, sizeof bytes)] = '\0';
}

static void add(HMAC_CTX *context, struct slice part)
{
    must(HMAC_Update(context, (const uint8_t *)part.at, part.size) == 1);
}

void signature_check(const struct said *said, const char *secret)
{
    struct slice id = said_field(said, "webhook-id");
    struct slice timestamp = said_field(said, "webhook-timestamp");
    uint8_t key[64], digest[32];
    char expected[64] = "v1,";
    size_t key_size;
    unsigned long seconds;
    must(EVP_DecodeBase64(key, &key_size, sizeof key, (const uint8_t *)secret + PREFIX,
                          strlen(secret) - PREFIX) == 1);

    HMAC_CTX context;
    HMAC_CTX_init(&context);
    must(HMAC_Init_ex(&context, key, key_size, EVP_sha256(), NULL) == 1);
    add(&context, id);
    add(&context, SLICE("."));
    add(&context, timestamp);
    add(&context, SLICE("."));
    add(&context, said->body);
    must(HMAC_Final(&context, digest, NULL) == 1);
    HMAC_CTX_cleanup(&context);
    EVP_EncodeBlock((uint8_t *)expected + 3, digest, sizeof digest);

    if (!slice_equal(said_field(said, "webhook-signature"), slice_str(expected)))
        world_fail("the signature of %.*s is wrong", SLICE_ARGS(id));
    if (!slice_to_u64(timestamp, &seconds) || seconds > world_wall_ms() / 1000 + 3600)
        world_fail("the timestamp of %.*s is wrong", SLICE_ARGS(id));
}
