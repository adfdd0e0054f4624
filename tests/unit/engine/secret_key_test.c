/* Where the secret key comes from: a file, the environment, or one that is made. */
#include "secret_key.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define ZEROS_HEX    "0000000000000000000000000000000000000000000000000000000000000000"
#define ZEROS_BASE64 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define ONES_HEX     "1111111111111111111111111111111111111111111111111111111111111111"

static struct secret_keys keys;
static char why[SECRET_KEY_WHY_SIZE], folder[256], path[512];

static void make_folder(void)
{
    const char *base = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/grapnel-key-XXXXXX", base ? base : "/tmp");
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/secret.key", folder);
    unsetenv("GRAPNEL_SECRET_KEY");
}

static void remove_folder(void)
{
    unlink(path);
    rmdir(folder);
}

TestSuite(secret_key, .init = make_folder, .fini = remove_folder);

Test(secret_key, is_read_as_hex_or_base64_the_current_one_first)
{
    const char *text = "# of this year\n" ONES_HEX "\n\n  # of last\n" ZEROS_BASE64 "\n";
    cr_assert(eq(int, secret_keys_parse(&keys, slice_str(text), why), 0), "%s", why);
    cr_assert(eq(u32, keys.count, 2));
    cr_assert(eq(u8, keys.list[0].bytes[31], 0x11));
    cr_assert(eq(u8, keys.list[1].bytes[31], 0));
    cr_assert(
        eq(ptr, (void *)secret_key_named(&keys, slice_str(keys.list[1].name)), &keys.list[1]));
    cr_assert_null(secret_key_named(&keys, SLICE("0123456789abcdef")));

    struct secret_keys same;
    cr_assert(eq(int, secret_keys_parse(&same, SLICE(ZEROS_HEX "," ONES_HEX), why), 0));
    cr_assert_str_eq(same.list[0].name, keys.list[1].name);
    cr_assert_str_eq(same.list[1].name, keys.list[0].name);
}

Test(secret_key, is_refused_when_it_is_no_key)
{
    static const char *const bad[] = {
        "",
        "# only a comment",
        "abc",
        "000000000000000000000000000000000000000000000000000000000000000g",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        ZEROS_HEX "0",
        ZEROS_HEX " short",
    };
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        cr_assert(eq(int, secret_keys_parse(&keys, slice_str(bad[i]), why), -EINVAL), "%s", bad[i]);
        cr_assert(eq(u32, keys.count, 0));
    }
}

Test(secret_key, is_made_in_a_file_that_only_its_owner_reads)
{
    struct secret_keys again;
    struct stat stat_of;
    cr_assert(eq(int, secret_keys_read(&keys, "", folder, why), -ENOENT));
    cr_assert(eq(int, secret_keys_make(&keys, folder, why), 0), "%s", why);
    cr_assert(eq(int, stat(path, &stat_of), 0));
    cr_assert(eq(u32, stat_of.st_mode & 0777, 0600));
    cr_assert(eq(int, secret_keys_read(&again, "", folder, why), 0), "%s", why);
    cr_assert(eq(int, memcmp(&keys, &again, sizeof keys), 0));
}

Test(secret_key, comes_from_the_environment_or_from_a_file_and_not_from_both)
{
    setenv("GRAPNEL_SECRET_KEY", ZEROS_BASE64, 1);
    cr_assert(eq(int, secret_keys_read(&keys, "", folder, why), 0), "%s", why);
    cr_assert(eq(int, secret_keys_read(&keys, path, folder, why), -EINVAL));
    cr_assert_not_null(strstr(why, "both"));
    unsetenv("GRAPNEL_SECRET_KEY");
    cr_assert(eq(int, secret_keys_read(&keys, path, folder, why), -EINVAL),
              "a file that is named has to be there");
    cr_assert_not_null(strstr(why, path));
}
