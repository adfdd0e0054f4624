/* Folders as a whole: measured, removed, and files copied. */
#include "folder.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[64];

static void start(void)
{
    snprintf(root, sizeof root, "/tmp/grapnel-folder-XXXXXX");
    cr_assert(mkdtemp(root) != NULL);
}

static void end(void)
{
    cr_expect(zero(int, folder_remove(root)));
    cr_expect(ne(int, access(root, F_OK), 0));
}

TestSuite(folder, .init = start, .fini = end);

static const char *at(const char *name)
{
    static char paths[4][256];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", root, name);
    return path;
}

static void write_file(const char *name, size_t size)
{
    FILE *file = fopen(at(name), "w");
    cr_assert(file != NULL);
    for (size_t i = 0; i < size; i++)
        fputc((int)(i * 7 % 251), file);
    fclose(file);
}

Test(folder, is_measured_by_files_and_bytes)
{
    uint64_t files, bytes;
    write_file("a", 10);
    write_file("b", 1000);
    cr_assert(zero(int, folder_measure(root, &files, &bytes)));
    cr_assert(eq(u64, files, 2));
    cr_assert(eq(u64, bytes, 1010));
    cr_assert(eq(int, folder_measure(at("none"), &files, &bytes), -ENOENT));
}

Test(folder, is_removed_with_all_that_is_in_it)
{
    cr_assert(zero(int, mkdir(at("x"), 0700)));
    cr_assert(zero(int, mkdir(at("x/y"), 0700)));
    write_file("x/y/file", 5);
    write_file("x/file", 5);
    cr_assert(zero(int, folder_remove(at("x"))));
    cr_assert(ne(int, access(at("x"), F_OK), 0));
    cr_assert(zero(int, folder_remove(at("x"))));
}

Test(folder, what_a_link_points_at_stays)
{
    cr_assert(zero(int, mkdir(at("mine"), 0700)));
    write_file("mine/file", 5);
    cr_assert(zero(int, mkdir(at("x"), 0700)));
    cr_assert(zero(int, symlink(at("mine"), at("x/link"))));
    cr_assert(zero(int, folder_remove(at("x"))));
    cr_assert(zero(int, access(at("mine/file"), F_OK)));
}

Test(folder, a_nest_that_is_too_deep_is_an_error)
{
    char path[256] = "n";
    for (int i = 0; i < 10; i++) {
        cr_assert(zero(int, mkdir(at(path), 0700)));
        strncat(path, "/n", sizeof path - strlen(path) - 1);
    }
    cr_assert(eq(int, folder_remove(at("n")), -ELOOP));
    cr_assert(zero(int, folder_remove(at("n/n/n"))));
}

static int stop_at_b(void *context, const char *name)
{
    ++*(int *)context;
    return name[0] == 'b' ? 7 : 0;
}

Test(folder, a_walk_ends_with_what_its_caller_says)
{
    int count = 0;
    write_file("b", 1);
    cr_assert(eq(int, folder_each(root, stop_at_b, &count), 7));
    cr_assert(eq(int, count, 1));
    cr_assert(eq(int, folder_each(at("none"), stop_at_b, &count), -ENOENT));
}

Test(folder, a_copy_has_the_same_bytes_and_takes_no_place_that_is_taken)
{
    enum { SIZE = 200001 };
    static char bytes[SIZE], copied[SIZE + 1];
    write_file("a", SIZE);
    cr_assert(zero(int, folder_copy_file(at("a"), at("b"))));
    FILE *one = fopen(at("a"), "r"), *other = fopen(at("b"), "r");
    cr_assert(eq(sz, fread(bytes, 1, SIZE, one), SIZE));
    cr_assert(eq(sz, fread(copied, 1, SIZE + 1, other), SIZE));
    fclose(one);
    fclose(other);
    cr_assert(zero(int, memcmp(bytes, copied, SIZE)));
    cr_assert(eq(int, folder_copy_file(at("a"), at("b")), -EEXIST));
    cr_assert(eq(int, folder_copy_file(at("none"), at("c")), -ENOENT));
}
