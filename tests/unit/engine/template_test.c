/* Templates: what is refused and how it is said, and filling in against a naive expander. */
#include "template.h"

#include "base/random.h"
#include "base/text.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static struct template_fault fault;

static void expect_fault(const char *content, const char *header, bool in_header, const char *why)
{
    struct template *made = NULL;
    cr_assert(
        eq(int, template_compile(slice_str(content), slice_str(header), &made, &fault), -EINVAL),
        "%s | %s", content, header);
    cr_assert(eq(int, fault.in_header, in_header), "%s | %s: %s", content, header, fault.why);
    cr_assert(strstr(fault.why, why) != NULL, "%s | %s: %s", content, header, fault.why);
}

#define GOOD_CONTENT "{id}.{timestamp}.{body}"
#define GOOD_HEADER  "X-Sig: t={timestamp},v1={hex}"

Test(template, is_cut_into_parts)
{
    struct template *made = NULL;
    cr_assert(zero(int, template_compile(SLICE(GOOD_CONTENT), SLICE(GOOD_HEADER), &made, &fault)));
    cr_assert(slice_equal(made->name, SLICE("X-Sig")));
    cr_assert(slice_equal(made->content_text, SLICE(GOOD_CONTENT)));
    cr_assert(slice_equal(made->header_text, SLICE(GOOD_HEADER)));
    cr_assert(eq(u32, made->content.count, 5));
    cr_assert(eq(u32, made->value.count, 4));
    cr_assert(parts_have(made->content, PART_ID));
    cr_assert(not(parts_have(made->content, PART_HEX)));
    cr_assert(slice_equal(made->value.list[0].text, SLICE("t=")));

    struct template *copy = template_copy(made);
    free(made);
    cr_assert(slice_equal(copy->name, SLICE("X-Sig")));
    cr_assert(slice_equal(copy->value.list[2].text, SLICE(",v1=")));
    free(copy);
}

Test(template, says_what_is_wrong_and_where)
{
    expect_fault("{body}{hex}", GOOD_HEADER, false, "{hex}, which is none of {id}");
    expect_fault("{Body}", GOOD_HEADER, false, "{Body}, which is none of");
    expect_fault("{ body}", GOOD_HEADER, false, "{ body}");
    expect_fault("{}{body}", GOOD_HEADER, false, "{}");
    expect_fault("{{body}}", GOOD_HEADER, false, "none of");
    expect_fault("{body}}", GOOD_HEADER, false, "closes nothing");
    expect_fault("{body}{", GOOD_HEADER, false, "not closed");
    expect_fault("{body}{id", GOOD_HEADER, false, "not closed");
    expect_fault("", GOOD_HEADER, false, "must have {body}");
    expect_fault("{id}{timestamp}", GOOD_HEADER, false, "must have {body}");
    expect_fault(GOOD_CONTENT, "", true, "Name: value");
    expect_fault(GOOD_CONTENT, "X-Sig {hex}", true, "Name: value");
    expect_fault(GOOD_CONTENT, "X-Sig: {body}{hex}", true, "{body}, which is none of");
    expect_fault(GOOD_CONTENT, "X-Sig: {signature}", true, "{signature}");
    expect_fault(GOOD_CONTENT, "X-Sig: t={timestamp}", true, "must have {hex} or {base64}");
    expect_fault(GOOD_CONTENT, "X-Sig: {hex}\r\nX-Other: 1", true, "cannot be sent");
    expect_fault(GOOD_CONTENT, "X-Sig: {hex}\x7f", true, "cannot be sent");
    expect_fault("{body}{id}{id}{id}{id}{id}{id}{id}{id}{id}{id}{id}{id}{id}{id}{id}{id}",
                 GOOD_HEADER, false, "too many");
    expect_fault(GOOD_CONTENT, "X: {hex}{hex}{hex}{hex}{hex}{hex}{hex}{hex}{hex}", true,
                 "too long");
    char longest[TEMPLATE_TEXT_MAX + 2];
    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    expect_fault(longest, GOOD_HEADER, false, "256");
    memcpy(longest, "X: {hex}", 8);
    expect_fault(GOOD_CONTENT, longest, true, "256");
}

/* ---- against a naive expander ---- */

static const char *const names[PART_KINDS] = {NULL,     "{id}",  "{timestamp}",
                                              "{body}", "{hex}", "{base64}"};
/* Values that would show a second expansion. */
static const struct slice values[PART_KINDS] = {
    {NULL, 0}, {"{body}", 6}, {"1{id}2", 6}, {"{timestamp}{hex}}{", 17}, {"{id", 3}, {"}", 1}};

static void expand_naively(const char *text, struct text *out)
{
    while (*text) {
        unsigned kind = PART_ID;
        while (kind < PART_KINDS && strncmp(text, names[kind], strlen(names[kind])) != 0)
            kind++;
        if (kind == PART_KINDS) {
            text_char(out, *text++);
        } else {
            text_put(out, values[kind]);
            text += strlen(names[kind]);
        }
    }
}

static void fill(struct parts parts, struct text *out)
{
    struct slice filled[PARTS_MAX];
    parts_fill(parts, values, filled);
    for (unsigned i = 0; i < parts.count; i++)
        text_put(out, filled[i]);
}

/* A text of up to 7 pieces, with `last` at its end. */
static void make(struct random *random, const char *const *pieces, unsigned count, const char *last,
                 char *out, size_t room)
{
    size_t size = 0;
    out[0] = '\0';
    for (uint64_t i = random_below(random, 8); i > 0; i--)
        size +=
            (size_t)snprintf(out + size, room - size, "%s", pieces[random_below(random, count)]);
    snprintf(out + size, room - size, "%s", last);
}

Test(template, fills_in_what_a_naive_expander_does)
{
    static const char *const in_content[] = {"{id}", "{timestamp}", "{body}",
                                             ".",    "id",          "\xc3\xa9"};
    static const char *const in_header[] = {"{id}", "{timestamp}", "{hex}", "{base64}", "=", "v1"};
    const char *given = getenv("TEMPLATE_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 10) : 20240229;
    struct random random;
    random_init(&random, seed);
    for (unsigned round = 0; round < 20000; round++) {
        char content[TEMPLATE_TEXT_MAX], value[TEMPLATE_TEXT_MAX], header[TEMPLATE_TEXT_MAX + 8];
        char got[1024], expected[1024];
        struct text got_text, expected_text;
        struct template *made;
        make(&random, in_content, 6, "{body}", content, sizeof content);
        make(&random, in_header, 6, "{hex}", value, sizeof value);
        snprintf(header, sizeof header, "X: %s", value);
        int error = template_compile(slice_str(content), slice_str(header), &made, &fault);
        if (error && strstr(fault.why, "too long"))
            continue;
        cr_assert(zero(int, error), "seed %llu: %s | %s: %s", (unsigned long long)seed, content,
                  header, fault.why);

        text_init(&got_text, got, sizeof got);
        text_init(&expected_text, expected, sizeof expected);
        fill(made->content, &got_text);
        expand_naively(content, &expected_text);
        text_char(&got_text, '\n');
        text_char(&expected_text, '\n');
        fill(made->value, &got_text);
        expand_naively(value, &expected_text);
        cr_assert(slice_equal(text_slice(&got_text), text_slice(&expected_text)),
                  "seed %llu, round %u: %s | %s", (unsigned long long)seed, round, content, header);
        free(made);
    }
}
