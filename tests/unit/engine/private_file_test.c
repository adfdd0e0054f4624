/* Small files that only their owner may read. */
#include "private_file.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64], path[128], other[128], read_back[PRIVATE_FILE_MAX];

static void make_folder(void)
{
    snprintf(folder, sizeof folder, "/tmp/grapnel-private-XXXXXX");
    cr_assert(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/a.key", folder);
    snprintf(other, sizeof other, "%s/a.key.new", folder);
}

static void remove_folder(void)
{
    unlink(path);
    unlink(other);
    rmdir(folder);
}

TestSuite(private_file, .init = make_folder, .fini = remove_folder);

static void expect_content(const char *expected)
{
    size_t size = 0;
    cr_assert(zero(int, private_file_read(path, read_back, &size)));
    cr_expect(eq(sz, size, strlen(expected)));
    cr_expect(zero(int, memcmp(read_back, expected, size)));
}

static void fill(const char *at, size_t size, mode_t mode)
{
    static char bytes[2 * PRIVATE_FILE_MAX];
    int fd = open(at, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    cr_assert(ge(int, fd, 0));
    cr_assert(eq(sz, (size_t)write(fd, bytes, size), size));
    close(fd);
}

Test(private_file, reads_what_it_wrote_with_an_end_of_line)
{
    cr_assert(zero(int, private_file_write(folder, "a.key", SLICE("secret"))));
    expect_content("secret\n");
}

Test(private_file, is_for_its_owner_alone)
{
    struct stat file;
    umask(0);
    cr_assert(zero(int, private_file_write(folder, "a.key", SLICE("secret"))));
    cr_assert(zero(int, stat(path, &file)));
    cr_assert(eq(u32, file.st_mode & 0777, 0600));
}

Test(private_file, takes_the_place_of_the_one_before)
{
    struct stat file;
    fill(path, 100, 0644);
    cr_assert(zero(int, private_file_write(folder, "a.key", SLICE("new"))));
    expect_content("new\n");
    cr_assert(zero(int, stat(path, &file)));
    cr_assert(eq(u32, file.st_mode & 0777, 0600));
}

/* As a crash between the two steps would have left it. */
Test(private_file, is_not_hindered_by_a_half_written_one)
{
    struct stat file;
    fill(other, 100, 0644);
    cr_assert(zero(int, private_file_write(folder, "a.key", SLICE("new"))));
    expect_content("new\n");
    cr_assert(zero(int, stat(path, &file)));
    cr_assert(eq(u32, file.st_mode & 0777, 0600));
    cr_assert(ne(int, access(other, F_OK), 0));
}

Test(private_file, does_not_follow_a_link_that_was_laid_in_its_way)
{
    char target[128];
    snprintf(target, sizeof target, "%s/target", folder);
    cr_assert(zero(int, symlink(target, other)));
    cr_assert(eq(int, private_file_write(folder, "a.key", SLICE("secret")), -ELOOP));
    cr_assert(ne(int, access(target, F_OK), 0));
}

Test(private_file, says_why_it_cannot_write)
{
    cr_assert(eq(int, private_file_write("/nobody/is/here", "a.key", SLICE("x")), -ENOENT));
}

Test(private_file, says_why_it_cannot_read)
{
    size_t size;
    cr_assert(eq(int, private_file_read(path, read_back, &size), -ENOENT));
    cr_assert(eq(int, private_file_read(folder, read_back, &size), -EISDIR));
}

Test(private_file, reads_up_to_its_limit_and_no_more)
{
    size_t size = 1;
    fill(path, 0, 0600);
    expect_content("");
    fill(path, PRIVATE_FILE_MAX - 1, 0600);
    cr_assert(zero(int, private_file_read(path, read_back, &size)));
    cr_assert(eq(sz, size, PRIVATE_FILE_MAX - 1));
    fill(path, PRIVATE_FILE_MAX + 1, 0600);
    cr_assert(eq(int, private_file_read(path, read_back, &size), -EFBIG));
}
