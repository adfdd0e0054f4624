/* sandbox.c - see sandbox.h.
 *
 * A request is kept as one allocation in one ring; a bin is only a name in it, so the bounds are
 * for all of them together. Whether a signature is right is judged when the request comes, by the
 * secrets of that moment.
 */
#include "sandbox.h"

#include "base/clock.h"
#include "query.h"
#include "signature.h"

#include <errno.h>
#include <openssl/base64.h>
#include <stdio.h>
#include <stdlib.h>

enum { ANSWER_SIZE = 256, VALUE_SIZE = 32 };

enum verdict { NO_SECRET, VALID, INVALID };

struct kept {
    uint64_t received_ms;
    char bin[SANDBOX_BIN_SIZE + 1], method[16];
    enum verdict verdict;
    struct slice headers, body; /* behind the struct */
    size_t size;                /* of all of it */
};

struct sandbox {
    const struct registry *registry;
    struct kept *ring[SANDBOX_REQUESTS_MAX];
    unsigned oldest, count; /* ring[oldest] is the first of `count`, which may go round the end */
    size_t bytes;
    struct signer_scratch scratch;
};

int sandbox_open(struct sandbox **made, const struct registry *registry)
{
    struct sandbox *sandbox = calloc(1, sizeof *sandbox);
    if (!sandbox)
        return -ENOMEM;
    sandbox->registry = registry;
    *made = sandbox;
    return 0;
}

/* The place of the request that came `index`th among those that are kept. */
static struct kept **place(struct sandbox *sandbox, unsigned index)
{
    return &sandbox->ring[(sandbox->oldest + index) % SANDBOX_REQUESTS_MAX];
}

static void drop_oldest(struct sandbox *sandbox)
{
    struct kept *oldest = *place(sandbox, 0);
    sandbox->oldest = (sandbox->oldest + 1) % SANDBOX_REQUESTS_MAX;
    sandbox->count--;
    sandbox->bytes -= oldest->size;
    free(oldest);
}

void sandbox_close(struct sandbox *sandbox)
{
    if (!sandbox)
        return;
    while (sandbox->count)
        drop_oldest(sandbox);
    signer_scratch_close(&sandbox->scratch);
    free(sandbox);
}

/* ---- signatures ---- */

/* Takes the next "Name: value\n" off `headers`. */
static bool next_header(struct slice *headers, struct slice *name, struct slice *value)
{
    if (headers->size == 0)
        return false;
    struct slice line = slice_of(headers->at, slice_find(*headers, '\n'));
    *headers = slice_skip(*headers, line.size + 1);
    *name = slice_of(line.at, slice_find(line, ':'));
    *value = slice_trim(slice_skip(line, name->size + 1));
    return true;
}

static struct slice find_header(struct slice headers, struct slice wanted)
{
    struct slice name, value;
    while (next_header(&headers, &name, &value))
        if (slice_equal_nocase(name, wanted))
            return value;
    return SLICE("");
}

/* Does the subscription deliver to this path of ours, wherever we are reachable? */
static bool points_at(const struct subscription *subscription, struct slice path)
{
    struct slice target = subscription->url.target;
    target.size = slice_find(target, '?');
    return target.size >= path.size &&
           slice_equal(slice_skip(target, target.size - path.size), path);
}

static enum verdict judge(struct sandbox *sandbox, const struct mail_ask *ask)
{
    const struct message message = {
        .id = find_header(ask->headers, SLICE("webhook-id")),
        .timestamp = find_header(ask->headers, SLICE("webhook-timestamp")),
        .body = ask->body,
        .at_ms = clock_wall_ms(),
        .scratch = &sandbox->scratch,
    };
    const struct shelf *shelf = &sandbox->registry->subscriptions;
    enum verdict verdict = NO_SECRET;

    for (size_t i = 0; i < shelf->count && verdict != VALID; i++) {
        const struct subscription *subscription = shelf->items[i];
        struct signer signers[LIMIT_SECRETS];
        if (subscription->scheme == SIGNATURE_NONE || !points_at(subscription, ask->path))
            continue;
        struct slice value = find_header(ask->headers, signature_header(subscription));
        signature_make_signers(subscription, signers);
        verdict = signature_verify(subscription, signers, &message, value) ? VALID : INVALID;
        explicit_bzero(signers, sizeof signers);
    }
    return verdict;
}

/* ---- answers ---- */

static void answer(struct mail_ask *ask, int status, const char *content_type, struct slice text)
{
    ask->status = status;
    ask->content_type = content_type;
    ask->answer_size = text.size;
    ask->answer = malloc(text.size + 1);
    if (!ask->answer) {
        ask->status = 503;
        ask->answer_size = 0;
        return;
    }
    memcpy(ask->answer, text.at, text.size);
}

static void problem(struct mail_ask *ask, int status, const char *detail)
{
    char buffer[ANSWER_SIZE];
    struct text text;
    text_init(&text, buffer, sizeof buffer);
    text_printf(&text,
                "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"detail\":\"%s\"}",
                http_reason(status), status, detail);
    answer(ask, status, "application/problem+json", text_slice(&text));
}

static const char *verdict_name(enum verdict verdict)
{
    return verdict == VALID ? "true" : verdict == INVALID ? "false" : "null";
}

/* ---- receiving ---- */

static void copy_cut(char *to, size_t room, struct slice from)
{
    size_t size = from.size < room ? from.size : room - 1;
    memcpy(to, from.at, size);
    to[size] = '\0';
}

static struct kept *keep(struct sandbox *sandbox, const struct mail_ask *ask, struct slice bin)
{
    size_t size = sizeof(struct kept) + ask->headers.size + ask->body.size;
    struct kept *kept = malloc(size);
    if (!kept)
        return NULL;
    char *headers = (char *)(kept + 1), *body = headers + ask->headers.size;
    *kept = (struct kept){.received_ms = clock_wall_ms(),
                          .verdict = judge(sandbox, ask),
                          .headers = slice_of(headers, ask->headers.size),
                          .body = slice_of(body, ask->body.size),
                          .size = size};
    copy_cut(kept->bin, sizeof kept->bin, bin);
    copy_cut(kept->method, sizeof kept->method, ask->method);
    if (ask->headers.size)
        memcpy(headers, ask->headers.at, ask->headers.size);
    if (ask->body.size)
        memcpy(body, ask->body.at, ask->body.size);

    while (sandbox->count == SANDBOX_REQUESTS_MAX ||
           (sandbox->count && sandbox->bytes + size > SANDBOX_BYTES_MAX))
        drop_oldest(sandbox);
    *place(sandbox, sandbox->count++) = kept;
    sandbox->bytes += size;
    return kept;
}

/* A whole number in [min, max] from the query, or `standard` if there is none; -1 if it is wrong.
 */
static long number_of(const struct mail_ask *ask, const char *name, long standard, long min,
                      long max)
{
    char value[VALUE_SIZE];
    unsigned long number;
    int given = query_get(ask->query, name, value, sizeof value);
    if (given == 0)
        return standard;
    if (given < 0 || !slice_to_u64(slice_str(value), &number) || number < (unsigned long)min ||
        number > (unsigned long)max)
        return -1;
    return (long)number;
}

static void receive(struct sandbox *sandbox, struct mail_ask *ask, struct slice bin)
{
    long status = number_of(ask, "status", 200, 200, 599);
    if (status < 0) {
        problem(ask, 422, "query parameter status must be from 200 to 599");
        return;
    }
    const struct kept *kept = keep(sandbox, ask, bin);
    if (!kept) {
        problem(ask, 503, "out of memory");
        return;
    }
    char buffer[ANSWER_SIZE];
    struct text text;
    text_init(&text, buffer, sizeof buffer);
    text_printf(&text, "{\"bin\":\"%s\",\"signature_valid\":%s}", kept->bin,
                verdict_name(kept->verdict));
    answer(ask, (int)status, "application/json", text_slice(&text));
}

/* ---- history ---- */

static bool is_utf8(struct slice bytes)
{
    while (bytes.size) {
        size_t size = text_utf8_size(bytes);
        if (size == 0)
            return false;
        bytes = slice_skip(bytes, size);
    }
    return true;
}

static void put_headers(struct text *text, struct slice headers)
{
    const char *comma = "";
    struct slice name, value;
    text_put(text, SLICE("\"headers\":{"));
    while (next_header(&headers, &name, &value)) {
        text_put(text, slice_str(comma));
        text_json(text, name);
        text_char(text, ':');
        text_json(text, value);
        comma = ",";
    }
    text_put(text, SLICE("},"));
}

static void put_body(struct text *text, struct slice body)
{
    if (is_utf8(body)) {
        text_put(text, SLICE("\"body\":"));
        text_json(text, body);
        text_put(text, SLICE(",\"body_encoding\":\"text\","));
        return;
    }
    size_t size;
    text_put(text, SLICE("\"body\":\""));
    if (EVP_EncodedLength(&size, body.size) && size <= text->room - text->size)
        text->size +=
            EVP_EncodeBlock((uint8_t *)text->at + text->size, (const uint8_t *)body.at, body.size);
    text_put(text, SLICE("\",\"body_encoding\":\"base64\","));
}

/* The most bytes that put_kept() may print: each byte of a string may become six. */
static size_t printed_max(const struct kept *kept)
{
    return 512 + 6 * (kept->headers.size + kept->body.size);
}

static void put_kept(struct text *text, const struct kept *kept)
{
    text_put(text, SLICE("{\"received_at\":\""));
    text_time(text, kept->received_ms);
    text_printf(text, "\",\"bin\":\"%s\",\"method\":", kept->bin);
    text_json(text, slice_str(kept->method));
    text_char(text, ',');
    put_headers(text, kept->headers);
    put_body(text, kept->body);
    text_printf(text, "\"signature_valid\":%s}", verdict_name(kept->verdict));
}

static void show(struct sandbox *sandbox, struct mail_ask *ask, struct slice bin)
{
    long limit = number_of(ask, "limit", SANDBOX_LIMIT, 1, SANDBOX_LIMIT_MAX);
    if (limit < 0) {
        problem(ask, 422, "query parameter limit must be from 1 to 250");
        return;
    }
    const struct kept *shown[SANDBOX_LIMIT_MAX];
    long count = 0;
    size_t room = 64;
    for (unsigned i = sandbox->count; i > 0 && count < limit; i--) {
        const struct kept *kept = *place(sandbox, i - 1);
        if (!slice_equal(slice_str(kept->bin), bin))
            continue;
        shown[count++] = kept;
        room += printed_max(kept);
    }
    struct text text;
    char *buffer = malloc(room);
    if (!buffer) {
        problem(ask, 503, "out of memory");
        return;
    }
    text_init(&text, buffer, room);
    text_put(&text, SLICE("{\"data\":["));
    for (long i = 0; i < count; i++) {
        if (i)
            text_char(&text, ',');
        put_kept(&text, shown[i]);
    }
    text_put(&text, SLICE("]}"));
    must(text_ok(&text));
    answer(ask, 200, "application/json", text_slice(&text));
    free(buffer);
}

/* ---- which ---- */

/* Is `path` `base`, or `base`/bin? */
static bool is_under(struct slice path, struct slice base, struct slice *bin)
{
    if (!slice_starts_with(path, base))
        return false;
    struct slice rest = slice_skip(path, base.size);
    *bin = rest.size ? slice_skip(rest, 1) : SLICE("default");
    return rest.size == 0 || rest.at[0] == '/';
}

static bool is_bin(struct slice bin)
{
    for (size_t i = 0; i < bin.size; i++) {
        char c = bin.at[i], lower = (char)(c | 0x20);
        if (!(lower >= 'a' && lower <= 'z') && !(c >= '0' && c <= '9') && c != '_' && c != '-')
            return false;
    }
    return bin.size >= 1 && bin.size <= SANDBOX_BIN_SIZE;
}

void sandbox_answer(struct sandbox *sandbox, struct mail_ask *ask)
{
    struct slice bin;
    bool is_receive = is_under(ask->path, SLICE("/webhook/receive"), &bin);
    bool is_history = !is_receive && is_under(ask->path, SLICE("/webhook/history"), &bin);

    if ((!is_receive && !is_history) || !is_bin(bin))
        problem(ask, 404, "there is nothing at this path");
    else if (is_receive &&
             (slice_equal(ask->method, SLICE("POST")) || slice_equal(ask->method, SLICE("PUT")) ||
              slice_equal(ask->method, SLICE("PATCH"))))
        receive(sandbox, ask, bin);
    else if (is_history && slice_equal(ask->method, SLICE("GET")))
        show(sandbox, ask, bin);
    else
        problem(ask, 405, "this path does not have this method");
}
