/* secret_key.c - see secret_key.h. No state; control's thread. */
#include "secret_key.h"

#include "base/random.h"
#include "private_file.h"

#include <errno.h>
#include <openssl/base64.h>
#include <openssl/mem.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>

enum { PATH_SIZE = 1100, HEX_SIZE = 2 * SEAL_KEY_SIZE, BASE64_SIZE = 44 };

static void name_key(struct secret_key *key)
{
    static const char purpose[] = "grapnel secret key";
    uint8_t hash[SHA256_DIGEST_LENGTH];
    SHA256_CTX context;
    struct text text;
    SHA256_Init(&context);
    SHA256_Update(&context, purpose, sizeof purpose);
    SHA256_Update(&context, key->bytes, sizeof key->bytes);
    SHA256_Final(hash, &context);
    OPENSSL_cleanse(&context, sizeof context);

    text_init(&text, key->name, sizeof key->name - 1);
    text_hex(&text, hash, (SECRET_KEY_NAME_SIZE - 1) / 2);
    key->name[text.size] = '\0';
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static bool parse_hex(struct slice text, uint8_t bytes[static SEAL_KEY_SIZE])
{
    for (size_t i = 0; i < SEAL_KEY_SIZE; i++) {
        int high = hex_digit(text.at[2 * i]), low = hex_digit(text.at[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static bool parse_base64(struct slice text, uint8_t bytes[static SEAL_KEY_SIZE])
{
    uint8_t decoded[SEAL_KEY_SIZE + 1];
    size_t size;
    bool is_key =
        EVP_DecodeBase64(decoded, &size, sizeof decoded, (const uint8_t *)text.at, text.size) &&
        size == SEAL_KEY_SIZE;
    if (is_key)
        memcpy(bytes, decoded, SEAL_KEY_SIZE);
    OPENSSL_cleanse(decoded, sizeof decoded);
    return is_key;
}

static int add(struct secret_keys *keys, struct slice word, char *why)
{
    if (keys->count == SECRET_KEYS_MAX) {
        snprintf(why, SECRET_KEY_WHY_SIZE, "there are more than %d secret keys", SECRET_KEYS_MAX);
        return -EINVAL;
    }
    struct secret_key *key = &keys->list[keys->count];
    if ((word.size == HEX_SIZE && parse_hex(word, key->bytes)) ||
        (word.size == BASE64_SIZE && parse_base64(word, key->bytes))) {
        name_key(key);
        keys->count++;
        return 0;
    }
    snprintf(why, SECRET_KEY_WHY_SIZE,
             "secret key %u has to be 32 bytes, in 64 hex digits or in base64", keys->count + 1);
    return -EINVAL;
}

int secret_keys_parse(struct secret_keys *keys, struct slice text,
                      char why[static SECRET_KEY_WHY_SIZE])
{
    *keys = (struct secret_keys){.count = 0};
    size_t at = 0;
    int error = 0;
    while (at < text.size && !error) {
        if (text.at[at] == '#') {
            at += slice_find(slice_skip(text, at), '\n');
            continue;
        }
        size_t size = 0;
        while (at + size < text.size && !strchr(" \t\r\n,", text.at[at + size]))
            size++;
        if (size)
            error = add(keys, slice_of(text.at + at, size), why);
        at += size ? size : 1;
    }
    if (!error && keys->count == 0) {
        snprintf(why, SECRET_KEY_WHY_SIZE, "there is no secret key");
        error = -EINVAL;
    }
    if (error)
        secret_keys_close(keys);
    return error;
}

static int read_file(struct secret_keys *keys, const char *path,
                     char why[static SECRET_KEY_WHY_SIZE])
{
    char text[PRIVATE_FILE_MAX], reason[SECRET_KEY_WHY_SIZE];
    size_t size;
    int error = private_file_read(path, text, &size);
    if (error) {
        snprintf(why, SECRET_KEY_WHY_SIZE, "cannot read the secret key from %.120s: %s", path,
                 strerror(-error));
        return error;
    }
    error = secret_keys_parse(keys, slice_of(text, size), reason);
    if (error)
        snprintf(why, SECRET_KEY_WHY_SIZE, "%.120s: %.100s", path, reason);
    OPENSSL_cleanse(text, sizeof text);
    return error;
}

int secret_keys_read(struct secret_keys *keys, const char *file, const char *data,
                     char why[static SECRET_KEY_WHY_SIZE])
{
    const char *given = getenv("GRAPNEL_SECRET_KEY");
    char path[PATH_SIZE];
    *keys = (struct secret_keys){.count = 0};
    if (given && file[0]) {
        snprintf(why, SECRET_KEY_WHY_SIZE,
                 "secret_key_file and GRAPNEL_SECRET_KEY are both given: use one of them");
        return -EINVAL;
    }
    if (given)
        return secret_keys_parse(keys, slice_str(given), why);
    if (file[0]) {
        int error = read_file(keys, file, why);
        return error == -ENOENT ? -EINVAL : error;
    }
    snprintf(path, sizeof path, "%s/secret.key", data);
    return read_file(keys, path, why);
}

int secret_keys_make(struct secret_keys *keys, const char *data,
                     char why[static SECRET_KEY_WHY_SIZE])
{
    uint8_t bytes[SEAL_KEY_SIZE], base64[BASE64_SIZE + 1];
    random_secret(bytes, sizeof bytes);
    struct slice text = slice_of(base64, EVP_EncodeBlock(base64, bytes, sizeof bytes));
    int error = private_file_write(data, "secret.key", text);
    if (error)
        snprintf(why, SECRET_KEY_WHY_SIZE, "cannot write secret.key: %s", strerror(-error));
    else
        error = secret_keys_parse(keys, text, why);
    OPENSSL_cleanse(bytes, sizeof bytes);
    OPENSSL_cleanse(base64, sizeof base64);
    return error;
}

const struct secret_key *secret_key_named(const struct secret_keys *keys, struct slice name)
{
    for (unsigned i = 0; i < keys->count; i++)
        if (slice_equal(slice_str(keys->list[i].name), name))
            return &keys->list[i];
    return NULL;
}

void secret_keys_close(struct secret_keys *keys)
{
    OPENSSL_cleanse(keys, sizeof *keys);
    keys->count = 0;
}
