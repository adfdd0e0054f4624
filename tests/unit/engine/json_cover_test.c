/* JSON pointers in texts that may be cut off: against documents of which it is known where each
 * value stands, since they were made here. */
#include "json_cover.h"

#include "base/random.h"
#include "base/text.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { COVERED = 2, TEXT_SIZE = 4096, SEED = 37, ROUNDS = 3000 };

/* The text with what the pointers name as '*'. */
static const char *struck(const char *const *pointers, unsigned count, const char *text)
{
    static char shown[TEXT_SIZE];
    struct pointer compiled[POINTERS_MAX];
    uint8_t covered[TEXT_SIZE] = {0};
    size_t size = strlen(text);
    for (unsigned i = 0; i < count; i++)
        cr_assert(zero(int, pointer_compile(slice_str(pointers[i]), &compiled[i])));
    json_cover(compiled, count, slice_str(text), COVERED, covered);
    for (size_t i = 0; i < size; i++)
        shown[i] = covered[i] ? '*' : text[i];
    shown[size] = '\0';
    return shown;
}

static void expect(const char *pointer, const char *text, const char *shown)
{
    cr_expect_str_eq(struck(&pointer, 1, text), shown, "%s of %s", pointer, text);
}

Test(json_cover, finds_values_of_every_kind)
{
    expect("/a", "{\"a\":\"x\",\"b\":\"x\"}", "{\"a\":***,\"b\":\"x\"}");
    expect("/a", "{\"b\":1, \"a\" : 12 }", "{\"b\":1, \"a\" : ** }");
    expect("/a", "{\"a\":{\"b\":[1,\"}\"]},\"c\":2}", "{\"a\":*************,\"c\":2}");
    expect("/a", "{\"a\":null}", "{\"a\":****}");
    expect("/a/b", "{\"a\":{\"b\":1,\"c\":{\"b\":2}},\"b\":3}",
           "{\"a\":{\"b\":*,\"c\":{\"b\":2}},\"b\":3}");
    expect("/1/x", "[{\"x\":1},{\"x\":2},{\"x\":3}]", "[{\"x\":1},{\"x\":*},{\"x\":3}]");
    expect("/*/x", "[{\"x\":1},[4],{\"x\":3}]", "[{\"x\":*},[4],{\"x\":*}]");
    expect("", "not even JSON", "*************");
    expect("/a", "\xef\xbb\xbf{\"a\":1}", "\xef\xbb\xbf{\"a\":*}");
}

Test(json_cover, reads_names_however_they_are_written)
{
    expect("/a~1b~0", "{\"a\\/b~\":1}", "{\"a\\/b~\":*}");
    expect("/pass", "{\"p\\u0061ss\":1,\"p\\u0061s\":2}", "{\"p\\u0061ss\":*,\"p\\u0061s\":2}");
    expect("/\xf0\x9f\x98\x80", "{\"\\ud83d\\ude00\":1}", "{\"\\ud83d\\ude00\":*}");
    expect("/\n", "{\"\\n\":1}", "{\"\\n\":*}");
    expect("/", "{\"\":1}", "{\"\":*}");
    expect("/a", "{\"a\":1,\"a\":2}", "{\"a\":*,\"a\":*}");
    expect("/a\"", "{\"a\\\"\":1}", "{\"a\\\"\":*}");
}

Test(json_cover, covers_what_is_no_json_any_more)
{
    expect("/a", "{\"b\":1,oops \"a\":2}", "{\"b\":1,***********");
    expect("/a", "{\"b\" 1,\"a\":2}", "{\"b\" ********");
    expect("/a", "[1}2]", "[1***");
    expect("/a", "<html>{\"a\":1}", "<html>{\"a\":1}");
    expect("/a", "{\"b\":1}\n{\"a\":1}\n", "{\"b\":1}\n{\"a\":*}\n");
}

Test(json_cover, follows_many_pointers_at_once)
{
    static const char *const pointers[] = {"/a/b", "/a/c/d", "/*/e", "/x"};
    cr_assert_str_eq(
        struck(pointers, 4, "{\"a\":{\"b\":1,\"c\":{\"d\":2,\"b\":3},\"e\":4},\"x\":[5],\"e\":6}"),
        "{\"a\":{\"b\":*,\"c\":{\"d\":*,\"b\":3},\"e\":*},\"x\":***,\"e\":6}");
}

Test(json_cover, refuses_pointers_that_are_none)
{
    static const char *const bad[] = {"a", "a/b", "/~", "/~2", "/1/2/3/4/5/6/7/8/9"};
    struct pointer pointer;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        cr_assert(eq(int, pointer_compile(slice_str(bad[i]), &pointer), -EINVAL), "%s", bad[i]);
    cr_assert(zero(int, pointer_compile(SLICE("/1/2/3/4/5/6/7/8"), &pointer)));
    char longest[POINTER_SIZE_MAX];
    memset(longest, '/', 1);
    memset(longest + 1, 'a', sizeof longest - 1);
    cr_assert(eq(int, pointer_compile(slice_of(longest, sizeof longest), &pointer), -EINVAL));
    cr_assert(zero(int, pointer_compile(slice_of(longest, sizeof longest - 1), &pointer)));
}

/* ---- documents that are made here ---- */

enum { NAMES = 5, DEPTH_MAX = 5, STEPS_MAX = DEPTH_MAX + 1, VALUES_MAX = 512 };

static const char *const names[NAMES] = {"a", "b", "ab", "a/b", "1"};

struct value {
    unsigned path[STEPS_MAX]; /* a name, or NAMES + an index */
    unsigned depth;
    size_t from, to;
};
static struct value values[VALUES_MAX];
static unsigned value_count;
static struct random chance;
static struct text document;
static unsigned path[STEPS_MAX];

static void put_white(void)
{
    while (random_below(&chance, 4) == 0)
        text_char(&document, " \n\t"[random_below(&chance, 3)]);
}

static void put_name(const char *name)
{
    text_char(&document, '"');
    for (; *name; name++) {
        if (random_below(&chance, 4) == 0)
            text_printf(&document, "\\u%04x", (unsigned)*name);
        else
            text_char(&document, *name);
    }
    text_char(&document, '"');
}

static void put_value(unsigned depth);

static void put_container(unsigned depth, bool is_array)
{
    unsigned count = (unsigned)random_below(&chance, 4);
    text_char(&document, is_array ? '[' : '{');
    for (unsigned i = 0; i < count; i++) {
        put_white();
        path[depth] = is_array ? NAMES + i : (unsigned)random_below(&chance, NAMES);
        if (!is_array) {
            put_name(names[path[depth]]);
            put_white();
            text_char(&document, ':');
            put_white();
        }
        put_value(depth + 1);
        put_white();
        if (i + 1 < count)
            text_char(&document, ',');
    }
    text_char(&document, is_array ? ']' : '}');
}

static void put_value(unsigned depth)
{
    static const char *const scalars[] = {"1",         "-2.5e3",
                                          "true",      "null",
                                          "\"\"",      "\"text, ]}\"",
                                          "\"\\\"{\"", "\"\\\\\"",
                                          "false",     "\"\\u00e9\xc3\xa9\""};
    size_t from = document.size;
    unsigned mine = value_count++;
    cr_assert(mine < VALUES_MAX);
    uint64_t kind = depth == 0 ? random_below(&chance, 2) : random_below(&chance, 4);
    if (kind < 2 && depth < DEPTH_MAX)
        put_container(depth, kind == 0);
    else
        text_put(&document, slice_str(scalars[random_below(&chance, 10)]));
    values[mine].depth = depth;
    memcpy(values[mine].path, path, sizeof path);
    values[mine].from = from;
    values[mine].to = document.size;
}

/* A pointer to one of the values, maybe with stars; as steps, a star being UINT32_MAX. */
static unsigned draw_pointer(unsigned *steps, struct pointer *compiled)
{
    const struct value *value = &values[random_below(&chance, value_count)];
    char buffer[POINTER_SIZE_MAX];
    struct text text;
    text_init(&text, buffer, sizeof buffer);
    for (unsigned i = 0; i < value->depth; i++) {
        steps[i] = random_below(&chance, 4) ? value->path[i] : UINT32_MAX;
        text_char(&text, '/');
        if (steps[i] == UINT32_MAX)
            text_char(&text, '*');
        else if (steps[i] >= NAMES)
            text_u64(&text, steps[i] - NAMES);
        else
            text_put(&text, steps[i] == 3 ? SLICE("a~1b") : slice_str(names[steps[i]]));
    }
    cr_assert(zero(int, pointer_compile(text_slice(&text), compiled)));
    return value->depth;
}

/* A name that is a number is also an index. */
static bool is_step(unsigned step, unsigned of_value)
{
    bool is_one = step == 4 || step == NAMES + 1;
    return step == UINT32_MAX || step == of_value ||
           (is_one && (of_value == 4 || of_value == NAMES + 1));
}

static void model_cover(const unsigned *steps, unsigned depth, uint8_t *covered)
{
    for (unsigned i = 0; i < value_count; i++) {
        bool fits = values[i].depth == depth;
        for (unsigned k = 0; fits && k < depth; k++)
            fits = is_step(steps[k], values[i].path[k]);
        if (fits)
            memset(covered + values[i].from, COVERED, values[i].to - values[i].from);
    }
}

Test(json_cover, agrees_with_what_is_known_of_a_document_wherever_it_is_cut)
{
    static char buffer[64 * 1024];
    static uint8_t covered[sizeof buffer], expected[sizeof buffer];
    cr_log_info("seed %d", SEED);
    random_init(&chance, SEED);
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct pointer pointers[POINTERS_MAX];
        unsigned count = 1 + (unsigned)random_below(&chance, 4);
        value_count = 0;
        text_init(&document, buffer, sizeof buffer);
        put_value(0);
        memset(expected, 0, document.size);
        for (unsigned i = 0; i < count; i++) {
            unsigned steps[STEPS_MAX];
            unsigned depth = draw_pointer(steps, &pointers[i]);
            model_cover(steps, depth, expected);
        }
        for (unsigned cut = 0; cut < 8; cut++) {
            size_t size = cut ? random_below(&chance, document.size + 1) : document.size;
            char *exact = malloc(size);
            memcpy(exact, buffer, size);
            memset(covered, 0, document.size);
            json_cover(pointers, count, slice_of(exact, size), COVERED, covered);
            cr_assert(zero(int, memcmp(covered, expected, size)), "%.*s", (int)size, buffer);
            free(exact);
        }
    }
}

Test(json_cover, reads_whatever_without_harm)
{
    static const char bytes[] = "{}[]\":,\\u0a1 \0x";
    struct pointer pointers[2];
    cr_assert(zero(int, pointer_compile(SLICE("/a/*/1"), &pointers[0])));
    cr_assert(zero(int, pointer_compile(SLICE("/*"), &pointers[1])));
    random_init(&chance, SEED);
    for (unsigned round = 0; round < 50000; round++) {
        size_t size = random_below(&chance, 40);
        char *exact = malloc(size);
        uint8_t *covered = calloc(1, size);
        for (size_t i = 0; i < size; i++)
            exact[i] = i == 0 ? '{' : bytes[random_below(&chance, sizeof bytes - 1)];
        json_cover(pointers, 2, slice_of(exact, size), COVERED, covered);
        free(covered);
        free(exact);
    }
}
