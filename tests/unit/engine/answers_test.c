/* Answers that are kept, on a real database, held against a list of what was put and when. */
#include "answers.h"

#include "../store/scratch.h"
#include "base/random.h"
#include "limits.h"
#include "store/documents.h"
#include "vault.h"

#include <criterion/new/assert.h>
#include <errno.h>

enum { SEED = 5, STEPS = 3000, KEYS = 40, WINDOW_MS = 1000, BODY_SIZE = 64 };

/* ---- in place of vault.c: what is sealed reads FIELD|text, with other signs ---- */

struct vault {
    int prepare_error;
};
static struct vault vault;

/* So that it stands in a JSON string. */
static char swapped(char c)
{
    static const char signs[] = "\r^\n~\"'";
    const char *found = memchr(signs, c, sizeof signs - 1);
    return found ? signs[(found - signs) ^ 1] : c;
}

int vault_prepare(struct vault *with, const struct id *tenant)
{
    (void)tenant;
    return with->prepare_error;
}

void vault_seal(const struct vault *with, const struct vault_place *place, struct slice plain,
                struct text *out)
{
    (void)with;
    text_printf(out, "%s|", place->field);
    for (size_t i = 0; i < plain.size; i++)
        text_char(out, swapped(plain.at[i]));
}

int vault_unseal(struct vault *with, const struct vault_place *place, struct slice stored,
                 struct text *out)
{
    size_t bar = slice_find(stored, '|');
    (void)with;
    if (!slice_equal(slice_of(stored.at, bar), slice_str(place->field)))
        return -EBADMSG;
    for (size_t i = bar + 1; i < stored.size; i++)
        text_char(out, swapped(stored.at[i]));
    return 0;
}

/* ---- the stage ---- */

static struct scratch scratch;
static struct answers answers;
static uint64_t now_ms = UINT64_C(1700000000000);
static char room[ANSWER_TEXT_MAX];

static void open_answers(void)
{
    scratch_open(&scratch, 1);
    cr_assert(eq(int, answers_open(&answers, scratch.db, &vault, WINDOW_MS), 0));
}

static void close_answers(void)
{
    answers_close(&answers);
    scratch_close(&scratch);
}

TestSuite(answers, .init = open_answers, .fini = close_answers);

static void reopen(void)
{
    answers_close(&answers);
    scratch_reopen(&scratch);
    cr_assert(eq(int, answers_open(&answers, scratch.db, &vault, WINDOW_MS), 0));
}

static struct answer make(unsigned key, unsigned tenant, struct slice body)
{
    struct answer made = {.status = 201, .headers = SLICE("A: b\r\n"), .body = body};
    memcpy(made.key, &key, sizeof key);
    memcpy(made.request, &key, sizeof key);
    made.tenant.bytes[0] = 1;
    memcpy(made.tenant.bytes + 4, &tenant, sizeof tenant);
    return made;
}

static int put(const struct answer *answer, bool is_written)
{
    struct batch *batch;
    cr_assert(eq(int, batch_open(&batch), 0));
    int error = answers_batch_put(&answers, batch, answer, now_ms);
    if (!error && is_written) {
        cr_assert(eq(int, db_write(scratch.db, batch, false), 0));
        answers_written(&answers);
    }
    batch_close(batch);
    return error;
}

static int count_one(void *context, struct slice name, struct slice document)
{
    (void)name, (void)document;
    ++*(unsigned *)context;
    return 0;
}

static unsigned stored(void)
{
    unsigned count = 0;
    cr_assert(eq(int, documents_each(scratch.db, "answer", count_one, &count), 0));
    return count;
}

/* The body of what is found; empty: nothing is. */
static struct slice body_of(unsigned key)
{
    struct answer wanted = make(key, 0, SLICE("")), read;
    struct text text;
    const struct answer_note *note = answers_find(&answers, wanted.key, now_ms);
    if (!note)
        return SLICE("");
    cr_assert(zero(int, memcmp(note->request, wanted.request, sizeof note->request)));
    text_init(&text, room, sizeof room);
    cr_assert(eq(int, answers_read(&answers, note, &text, &read), 0));
    cr_assert(eq(int, read.status, 201));
    cr_assert(slice_equal(read.headers, SLICE("A: b\r\n")));
    return read.body;
}

Test(answers, are_those_that_were_written_within_the_window_whatever_happens)
{
    struct random dice;
    uint64_t put_ms[KEYS] = {0};
    char bodies[KEYS][BODY_SIZE];
    random_init(&dice, SEED);
    for (unsigned step = 0; step < STEPS; step++) {
        unsigned key = (unsigned)random_below(&dice, KEYS);
        bool is_known = put_ms[key] && now_ms - put_ms[key] < WINDOW_MS;
        struct slice expected = is_known ? slice_str(bodies[key]) : SLICE("");
        cr_assert(slice_equal(body_of(key), expected), "seed %d, step %u", SEED, step);
        if (!is_known) {
            char body[BODY_SIZE];
            snprintf(body, sizeof body, "{\"step\":%u}", step);
            struct answer made = make(key, key % 3, slice_str(body));
            bool is_written = random_below(&dice, 5) > 0;
            cr_assert(eq(int, put(&made, is_written), 0));
            if (is_written) {
                put_ms[key] = now_ms;
                memcpy(bodies[key], body, sizeof body);
            }
        }
        now_ms += random_below(&dice, 60);
        if (random_below(&dice, 10) == 0)
            cr_assert(eq(int, answers_tidy(&answers, now_ms), 0));
        if (random_below(&dice, 500) == 0)
            reopen();
    }
    now_ms += WINDOW_MS;
    cr_assert(eq(int, answers_tidy(&answers, now_ms), 0));
    cr_expect(zero(uint, stored()));
    cr_expect(zero(sz, answers.owners.count));
}

Test(answers, may_be_as_large_as_any_answer)
{
    static char body[ANSWER_TEXT_MAX - 6];
    for (size_t i = 0; i < sizeof body; i++)
        body[i] = (char)('a' + i % 23);
    struct answer made = make(1, 1, slice_of(body, sizeof body));
    cr_assert(eq(int, put(&made, true), 0));
    cr_expect(slice_equal(body_of(1), made.body));
    static char larger[ANSWER_TEXT_MAX];
    made = make(2, 1, slice_of(larger, sizeof larger));
    cr_expect(eq(int, put(&made, true), -E2BIG));
}

Test(answers, are_due_until_they_are_given_but_not_after_a_restart)
{
    struct answer made = make(1, 1, SLICE("{}"));
    cr_assert(eq(int, put(&made, true), 0));
    cr_expect(answers_find(&answers, made.key, now_ms)->is_due);
    answers_given(&answers, made.key);
    cr_expect(not(answers_find(&answers, made.key, now_ms)->is_due));
    made = make(2, 1, SLICE("{}"));
    cr_assert(eq(int, put(&made, true), 0));
    reopen();
    cr_expect(not(answers_find(&answers, made.key, now_ms)->is_due));
}

Test(answers, of_one_tenant_push_out_none_of_another)
{
    for (unsigned i = 0; i < LIMIT_ANSWERS_OF_TENANT + 3; i++) {
        struct answer made = make(i, i == 1 ? 2 : 1, SLICE("{}"));
        cr_assert(eq(int, put(&made, true), 0));
    }
    cr_expect(eq(uint, stored(), LIMIT_ANSWERS_OF_TENANT + 1));
    cr_expect(zero(sz, body_of(0).size), "its oldest");
    cr_expect(slice_equal(body_of(1), SLICE("{}")), "another's");
    cr_expect(zero(sz, body_of(2).size));
    cr_expect(slice_equal(body_of(3), SLICE("{}")));
}

Test(answers, of_a_tenant_that_is_forgotten_are_all_gone)
{
    struct batch *batch;
    for (unsigned i = 0; i < 6; i++) {
        struct answer made = make(i, i % 2, SLICE("{}"));
        cr_assert(eq(int, put(&made, true), 0));
    }
    struct id gone = make(0, 0, SLICE("")).tenant;
    cr_assert(eq(int, batch_open(&batch), 0));
    answers_batch_drop(&answers, batch, &gone);
    cr_assert(eq(int, db_write(scratch.db, batch, false), 0));
    batch_close(batch);
    answers_forget(&answers, &gone);
    cr_expect(eq(uint, stored(), 3));
    for (unsigned i = 0; i < 6; i++)
        cr_expect(eq(sz, body_of(i).size, i % 2 ? 2 : 0), "number %u", i);
    answers_forget(&answers, &gone);
}

Test(answers, that_cannot_be_sealed_are_not_kept)
{
    struct answer made = make(1, 1, SLICE("{}"));
    vault.prepare_error = -EIO;
    cr_expect(eq(int, put(&made, true), -EIO));
    cr_expect(answers_find(&answers, made.key, now_ms) == NULL);
}

Test(answers, that_cannot_be_read_any_more_say_so)
{
    struct answer made = make(1, 1, SLICE("{}")), read;
    struct text text;
    cr_assert(eq(int, put(&made, true), 0));
    struct slice name = slice_of(made.key, sizeof made.key);
    const struct answer_note *note = answers_find(&answers, made.key, now_ms);
    text_init(&text, room, sizeof room);
    cr_assert(eq(int,
                 documents_put(scratch.db, "answer", name,
                               SLICE("{\"status\":201,\"headers_size\":1,\"sealed\":[\"x|y\"]}")),
                 0));
    cr_expect(eq(int, answers_read(&answers, note, &text, &read), -EBADMSG));
    cr_assert(eq(int, documents_drop(scratch.db, "answer", name), 0));
    cr_expect(eq(int, answers_read(&answers, note, &text, &read), -EBADMSG));
}

Test(answers, are_not_opened_over_what_is_none)
{
    answers_close(&answers);
    cr_assert(eq(int, documents_put(scratch.db, "answer", SLICE("short"), SLICE("{}")), 0));
    cr_expect(eq(int, answers_open(&answers, scratch.db, &vault, WINDOW_MS), -EBADMSG));
}
