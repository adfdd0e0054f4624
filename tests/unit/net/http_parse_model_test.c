/* The parser of requests against a slow one that is made of regular expressions, on randomly broken
 * heads. */
#include "net/http_parse.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <regex.h>
#include <stdlib.h>

enum { TEXT_MAX = 512 };

static struct http_head head;
static const char *why;

/* Parses a copy whose end is the end of its memory, so that reading over it is found out. */
static long parse(struct slice text)
{
    char *copy = malloc(text.size + 1);
    memcpy(copy + 1, text.at, text.size);
    why = NULL;
    long result = http_parse_request(&head, copy + 1, text.size, &why);
    free(copy);
    return result;
}

static regex_t request_line, field_line, coding_list, authority_form, number;

static void compile_model(void)
{
    int failed = 0;
    failed |=
        regcomp(&request_line, "^([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) ([!-\"$-~]+) HTTP/1\\.([01])$",
                REG_EXTENDED);
    failed |= regcomp(&field_line, "^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*[^ \t])?[ \t]*$",
                      REG_EXTENDED);
    failed |= regcomp(&coding_list, "^chunked$", REG_EXTENDED | REG_ICASE);
    failed |=
        regcomp(&authority_form,
                "^([0-9A-Za-z._~%!$&'()*+;=-]+|\\[[0-9a-fA-F:.]+\\])(:[0-9]{1,5})?$", REG_EXTENDED);
    failed |= regcomp(&number, "^[0-9]{1,19}$", REG_EXTENDED);
    cr_assert(eq(int, failed, 0));
}

struct model {
    bool valid, chunked, has_length, has_host, is_1_0;
    unsigned fields;
    uint64_t length;
};

static char *group(char *line, regmatch_t match)
{
    if (match.rm_so < 0)
        return line + strlen(line);
    line[match.rm_eo] = '\0';
    return line + match.rm_so;
}

static bool model_field(struct model *model, char *line)
{
    regmatch_t match[3];
    for (char *at = line; *at; at++)
        if (((unsigned char)*at < 0x20 && *at != '\t') || *at == 0x7f)
            return false;
    if (regexec(&field_line, line, 3, match, 0) != 0 || ++model->fields > HTTP_HEADERS_MAX)
        return false;
    char *value = group(line, match[2]), *name = group(line, match[1]);
    if (strcasecmp(name, "host") == 0) {
        if (model->has_host || regexec(&authority_form, value, 3, match, 0) != 0)
            return false;
        if (match[2].rm_so >= 0 && atoi(value + match[2].rm_so + 1) > UINT16_MAX)
            return false;
        model->has_host = true;
    }
    if (strcasecmp(name, "content-length") == 0) {
        if (model->has_length || regexec(&number, value, 0, NULL, 0) != 0)
            return false;
        model->has_length = true;
        model->length = strtoull(value, NULL, 10);
    }
    if (strcasecmp(name, "transfer-encoding") == 0) {
        if (model->chunked || model->is_1_0 || regexec(&coding_list, value, 0, NULL, 0) != 0)
            return false;
        model->chunked = true;
    }
    if (strcasecmp(name, "expect") == 0)
        return strcasecmp(value, "100-continue") == 0;
    return true;
}

/* Judges a head without its last CRLF, in lines. Targets are of one kind only in this test. */
static struct model model_request(struct slice text)
{
    struct model model = {0};
    static char copy[TEXT_MAX + 1];
    memcpy(copy, text.at, text.size);
    copy[text.size] = '\0';
    if (strlen(copy) != text.size)
        return model;
    char *line = copy, *end = strstr(line, "\r\n");
    regmatch_t match[4];
    if (!end)
        return model;
    *end = '\0';
    if (strlen(line) >= sizeof copy || regexec(&request_line, line, 4, match, 0) != 0)
        return model;
    model.is_1_0 = line[match[3].rm_so] == '0';
    char *target = group(line, match[2]), *method = group(line, match[1]);
    if (target[0] != '/' || strcmp(method, "CONNECT") == 0)
        return model;
    for (line = end + 2; *line; line = end + 2) {
        end = strstr(line, "\r\n");
        if (!end)
            return model;
        *end = '\0';
        if (!model_field(&model, line))
            return model;
    }
    model.valid = (model.has_host || model.is_1_0) && !(model.chunked && model.has_length);
    return model;
}

static size_t mutate(char *text, size_t size)
{
    static const char alphabet[] = "\r\n\r\n\0 \t:,;/0159aAfx\x7f\x80\xff-+_\"#@[]";
    size_t at = (size_t)random() % size;
    char octet = alphabet[(size_t)random() % (sizeof alphabet - 1)];
    size_t run = 1 + (size_t)random() % 20;
    switch (random() % 4) {
    case 0:
        text[at] = octet;
        return size;
    case 1:
        memmove(text + at + 1, text + at, size - at);
        text[at] = octet;
        return size + 1;
    case 2:
        memmove(text + at, text + at + 1, size - at - 1);
        return size - 1;
    default: /* repeats a run */
        if (at + run > size)
            return size;
        memmove(text + at + run, text + at, size - at);
        return size + run;
    }
}

static const char *const seeds[] = {
    "POST /v1/events HTTP/1.1\r\nHost: a.example:80\r\nContent-Length: 12\r\nX: y\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
    "GET /x HTTP/1.0\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n",
    "GET /0123456789abcdef0123456789 HTTP/1.1\r\nHost:a\r\nX: 0123456789abcdef0123456789\r\n\r\n",
    "PUT / HTTP/1.1\r\nContent-Length:0\r\nContent-Length:0\r\nHost: a\r\n\r\n",
};

static void compare_with_model(struct slice text, unsigned round)
{
    struct slice rest = text;
    if (slice_starts_with(rest, SLICE("\r\n")))
        rest = slice_skip(rest, 2);
    char *end = rest.size ? memmem(rest.at, rest.size, "\r\n\r\n", 4) : NULL;
    long result = parse(text);
    if (!end) {
        cr_assert(result <= 0, "seed 7, round %u", round);
        return;
    }
    struct slice lines = slice_of(rest.at, (size_t)(end - rest.at) + 2);
    struct model model = model_request(lines);
    if (!model.valid) {
        cr_assert(result < 0, "seed 7, round %u: accepts %.*s", round, SLICE_ARGS(lines));
        return;
    }
    cr_assert(eq(long, result, end + 4 - text.at), "seed 7, round %u: %s", round, why ? why : "");
    cr_assert(eq(int, head.chunked, model.chunked));
    cr_assert(eq(int, head.has_length, model.has_length));
    cr_assert(eq(u64, head.length, model.length));
    cr_assert(eq(u32, head.header_count, model.fields));
    cr_assert(eq(int, head.http_1_0, model.is_1_0));
}

Test(http_parse_model, agrees_on_broken_heads)
{
    srandom(7);
    compile_model();
    unsigned accepted = 0;
    for (unsigned round = 0; round < 60000; round++) {
        char text[TEXT_MAX];
        const char *seed = seeds[(size_t)random() % (sizeof seeds / sizeof *seeds)];
        size_t size = strlen(seed);
        memcpy(text, seed, size);
        for (unsigned i = (unsigned)random() % 4; i > 0; i--)
            size = mutate(text, size);
        compare_with_model(slice_of(text, size), round);
        accepted += why == NULL;
    }
    cr_assert(accepted > 6000 && accepted < 54000, "the texts are neither all good nor all bad");
}

/* What a broken head comes to does not depend on how much of it has arrived. */
Test(http_parse_model, refuses_a_prefix_as_it_refuses_the_whole)
{
    srandom(8);
    for (unsigned round = 0; round < 3000; round++) {
        char text[TEXT_MAX];
        const char *seed = seeds[(size_t)random() % (sizeof seeds / sizeof *seeds)];
        size_t size = strlen(seed);
        memcpy(text, seed, size);
        for (unsigned i = (unsigned)random() % 4; i > 0; i--)
            size = mutate(text, size);
        long whole = parse(slice_of(text, size));
        size_t end = whole > 0 ? (size_t)whole : size;
        for (size_t cut = 0; cut < end; cut++) {
            long result = parse(slice_of(text, cut));
            cr_assert(result == 0 || (result < 0 && result == whole), "seed 8, round %u", round);
        }
    }
}
