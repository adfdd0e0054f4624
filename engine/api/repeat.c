/* repeat.c - see repeat.h. Control's thread. */
#include "repeat.h"

#include "answers.h"
#include "base/clock.h"
#include "envelope.h"

#include <errno.h>
#include <openssl/sha.h>

_Static_assert((int)ANSWER_HASH_SIZE == SHA256_DIGEST_LENGTH, "requests are known by SHA-256");

static const struct slice repeated = {"Idempotent-Replayed: true\r\n", 27};

static void add(SHA256_CTX *context, struct slice part)
{
    uint64_t size = part.size;
    SHA256_Update(context, &size, sizeof size);
    if (part.size)
        SHA256_Update(context, part.at, part.size);
}

/* Fills in by what the answer is found. */
static void name_answer(const struct call *call, struct slice key, struct answer *answer)
{
    const struct http_request *request = call->request;
    SHA256_CTX context;
    SHA256_Init(&context);
    add(&context, slice_of(&call->key->id, sizeof call->key->id));
    add(&context, key);
    SHA256_Final(answer->key, &context);

    SHA256_Init(&context);
    add(&context, request->head->method);
    add(&context, request->path);
    add(&context, request->query);
    add(&context, slice_of(&call->tenant, sizeof call->tenant));
    add(&context, request->body);
    SHA256_Final(answer->request, &context);
    answer->tenant = call->tenant;
}

static void answer_again(struct call *call, struct answers *answers, const struct answer_note *note)
{
    struct answer read;
    struct text *text = call_text(call, ANSWER_TEXT_MAX + repeated.size);
    int error = text_ok(text) ? answers_read(answers, note, text, &read) : -ENOMEM;
    if (error == -ENOMEM) {
        call_busy(call);
    } else if (error == -EIO) {
        call_problem(call, 500, "the answer could not be read");
    } else if (error) {
        call_problem(call, 409, "this was done, and its answer cannot be read any more");
    } else {
        char headers[CALL_HEADERS_MAX + 32];
        struct text both;
        text_init(&both, headers, sizeof headers);
        text_put(&both, read.headers);
        text_put(&both, repeated);
        const struct http_response response = {
            .status = read.status,
            .content_type = read.body.size ? SLICE("application/json") : SLICE(""),
            .headers = text_slice(&both),
            .body = read.body,
        };
        http_server_reply(call->api->server, call->ticket, &response);
    }
}

bool repeat_begin(struct call *call)
{
    struct answers *answers = call->api->parts.changes->answers;
    const struct http_header *field = http_find(call->request->head, "Idempotency-Key");
    char key[LIMIT_NAME_SIZE];
    size_t size;
    if (!field)
        return true;
    if (envelope_key_from_field(field->value, key, sizeof key, &size)) {
        call_problem(call, 400, "Idempotency-Key must be 1 to 256 bytes, bare or a quoted string");
        return false;
    }
    name_answer(call, slice_of(key, size), &call->answer);
    const struct answer_note *note = answers_find(answers, call->answer.key, clock_wall_ms());
    call->is_kept = note == NULL;
    if (!note)
        return true;
    if (memcmp(note->request, call->answer.request, sizeof note->request) != 0)
        call_problem(call, 422, "this Idempotency-Key was given with another request");
    else if (note->is_due)
        http_server_problem(call->api->server, call->ticket, 409, "this request is being done",
                            SLICE("Retry-After: 1\r\n"));
    else
        answer_again(call, answers, note);
    return false;
}
