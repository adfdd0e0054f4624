/* keyring.c - see keyring.h. No state; any thread. */
#include "keyring.h"

#include "base/random.h"
#include "base/text.h"

#include <openssl/sha.h>

enum { KEY_RANDOM_SIZE = 32, DIGIT_BITS = 5 };

struct slice key_make(char out[static KEY_TEXT_SIZE])
{
    static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz"; /* Crockford's */
    uint8_t bytes[KEY_RANDOM_SIZE];
    unsigned bits = 0, held = 0;
    struct text text;

    random_secret(bytes, sizeof bytes);
    text_init(&text, out, KEY_TEXT_SIZE - 1);
    text_put(&text, SLICE("gk_"));
    for (size_t i = 0; i < sizeof bytes; i++) {
        held = (held << 8 | bytes[i]) & 0xfff;
        for (bits += 8; bits >= DIGIT_BITS; bits -= DIGIT_BITS)
            text_char(&text, digits[held >> (bits - DIGIT_BITS) & 31]);
    }
    text_char(&text, digits[held << (DIGIT_BITS - bits) & 31]);
    must(text_ok(&text));
    out[text.size] = '\0';
    return text_slice(&text);
}

bool key_is_text(struct slice text)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.at[i] <= ' ' || text.at[i] > '~')
            return false;
    return text.size >= KEY_TEXT_MIN && text.size <= KEY_TEXT_MAX;
}

void key_hash(struct slice text, uint8_t hash[static KEY_HASH_SIZE])
{
    SHA256((const uint8_t *)text.at, text.size, hash);
}

struct slice key_of_authorization(struct slice value)
{
    struct slice scheme = SLICE("Bearer ");
    if (value.size <= scheme.size || !slice_equal_nocase(slice_of(value.at, scheme.size), scheme))
        return SLICE("");
    return slice_trim(slice_skip(value, scheme.size));
}
