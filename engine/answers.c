/* answers.c - see answers.h. A document "answer", named by the 32 bytes of its key:
 *
 *   {"tenant":"ten_...","at_ms":N,"request":"HEX","status":201,"headers_size":N,"sealed":[S,...]}
 *
 * The sealed texts together are headers and body.
 */
#include "answers.h"

#include "base/json.h"
#include "base/units.h"
#include "limits.h"
#include "store/documents.h"
#include "vault.h"

#include <errno.h>
#include <openssl/mem.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    PART_SIZE = 12 * 1024, /* of plain text sealed at a time */
    PARTS_MAX = ANSWER_TEXT_MAX / PART_SIZE + 1,
    DOCUMENT_MAX = 512 + PARTS_MAX * (PART_SIZE / 3 * 4 + SEAL_OVERHEAD + 3),
    TIDY_STEP = 256,
    FIELD_SIZE = 32,
};

static const char kind[] = "answer";

/* A tenant's. */
struct answer_owner {
    struct table_node node;
    struct id tenant;
    struct list_node oldest;
    unsigned count;
};

static struct slice name_of(const uint8_t key[static ANSWER_HASH_SIZE])
{
    return slice_of(key, ANSWER_HASH_SIZE);
}

static uint64_t hash_of(const uint8_t key[static ANSWER_HASH_SIZE])
{
    return table_hash(key, ANSWER_HASH_SIZE);
}

/* ---- what is known ---- */

static struct answer_note *find(const struct answers *answers,
                                const uint8_t key[static ANSWER_HASH_SIZE])
{
    struct table_node *node = table_first(&answers->notes, hash_of(key));
    for (; node; node = table_next(node)) {
        struct answer_note *note = container_of(node, struct answer_note, node);
        if (memcmp(note->key, key, sizeof note->key) == 0)
            return note;
    }
    return NULL;
}

static struct answer_owner *find_owner(const struct answers *answers, const struct id *tenant)
{
    struct table_node *node = table_first(&answers->owners, id_hash(tenant));
    for (; node; node = table_next(node)) {
        struct answer_owner *owner = container_of(node, struct answer_owner, node);
        if (id_equal(&owner->tenant, tenant))
            return owner;
    }
    return NULL;
}

/* NULL: out of memory. */
static struct answer_owner *owner_of(struct answers *answers, const struct id *tenant)
{
    struct answer_owner *owner = find_owner(answers, tenant);
    if (owner || !(owner = calloc(1, sizeof *owner)))
        return owner;
    owner->tenant = *tenant;
    list_init(&owner->oldest);
    table_put(&answers->owners, &owner->node, id_hash(tenant));
    return owner;
}

static void keep(struct answers *answers, struct answer_note *note)
{
    note->owner->count++;
    list_push_back(&answers->oldest, &note->link);
    list_push_back(&note->owner->oldest, &note->of_tenant);
    table_put(&answers->notes, &note->node, hash_of(note->key));
}

static void forget(struct answers *answers, struct answer_note *note)
{
    note->owner->count--;
    list_remove(&note->link);
    list_remove(&note->of_tenant);
    table_drop(&answers->notes, &note->node);
    free(note);
}

static void drop_owner_if_idle(struct answers *answers, struct answer_owner *owner)
{
    if (owner->count)
        return;
    table_drop(&answers->owners, &owner->node);
    free(owner);
}

static bool is_over(const struct answers *answers, const struct answer_note *note, uint64_t now_ms)
{
    return now_ms >= note->at_ms && now_ms - note->at_ms >= answers->window_ms;
}

struct answer_note *answers_find(const struct answers *answers,
                                 const uint8_t key[static ANSWER_HASH_SIZE], uint64_t now_ms)
{
    struct answer_note *note = find(answers, key);
    return note && !is_over(answers, note, now_ms) ? note : NULL;
}

/* ---- opening ---- */

struct loading {
    struct answers *answers;
    struct json *json;
    struct answer_note *notes[LIMIT_ANSWERS + 1];
    size_t count;
};

static bool get_string(struct json_value root, const char *name, struct slice *text)
{
    struct json_value value;
    return json_get(root, name, &value) && json_string(value, text);
}

static bool get_u64(struct json_value root, const char *name, uint64_t *number)
{
    struct json_value value;
    return json_get(root, name, &value) && json_u64(value, number);
}

static int load_one(void *context, struct slice name, struct slice document)
{
    struct loading *loading = context;
    char why[JSON_WHY_SIZE];
    struct json_value root;
    struct slice tenant, request;
    struct id id;
    int error = json_read(loading->json, document, &root, why);
    if (error)
        return error == -EINVAL ? -EBADMSG : error;
    if (loading->count > LIMIT_ANSWERS)
        return -EBADMSG;
    struct answer_note *note = calloc(1, sizeof *note);
    if (!note)
        return -ENOMEM;
    loading->notes[loading->count++] = note;
    if (name.size != sizeof note->key || !get_string(root, "tenant", &tenant) ||
        id_parse(tenant, "ten", &id) || !get_u64(root, "at_ms", &note->at_ms) ||
        !get_string(root, "request", &request) ||
        units_parse_hex(request, note->request, sizeof note->request))
        return -EBADMSG;
    memcpy(note->key, name.at, sizeof note->key);
    note->owner = owner_of(loading->answers, &id);
    return note->owner ? 0 : -ENOMEM;
}

static int compare_age(const void *a, const void *b)
{
    const struct answer_note *first = *(struct answer_note *const *)a,
                             *second = *(struct answer_note *const *)b;
    return (first->at_ms > second->at_ms) - (first->at_ms < second->at_ms);
}

static int load(struct answers *answers)
{
    struct loading *loading = calloc(1, sizeof *loading);
    int error = loading ? json_open(&loading->json) : -ENOMEM;
    if (error) {
        free(loading);
        return error;
    }
    loading->answers = answers;
    error = documents_each(answers->db, kind, load_one, loading);
    qsort(loading->notes, loading->count, sizeof(void *), compare_age);
    for (size_t i = 0; i < loading->count; i++) {
        if (error)
            free(loading->notes[i]);
        else
            keep(answers, loading->notes[i]);
    }
    json_close(loading->json);
    free(loading);
    return error;
}

int answers_open(struct answers *answers, struct db *db, struct vault *vault, uint64_t window_ms)
{
    *answers = (struct answers){.db = db, .vault = vault, .window_ms = window_ms};
    list_init(&answers->oldest);
    int error = table_open(&answers->notes, 64);
    if (!error)
        error = table_open(&answers->owners, 16);
    if (!error)
        error = load(answers);
    if (error)
        answers_close(answers);
    return error;
}

void answers_close(struct answers *answers)
{
    if (!answers->db)
        return;
    while (list_is_linked(&answers->oldest))
        forget(answers, container_of(answers->oldest.next, struct answer_note, link));
    for (struct table_node *node;
         answers->owners.bucket_count && (node = table_walk(&answers->owners, NULL));)
        drop_owner_if_idle(answers, container_of(node, struct answer_owner, node));
    free(answers->coming);
    if (answers->notes.bucket_count)
        table_close(&answers->notes);
    if (answers->owners.bucket_count)
        table_close(&answers->owners);
    *answers = (struct answers){0};
}

/* ---- writing ---- */

static void place_of(const struct id *tenant, const uint8_t *key, struct id *object, unsigned part,
                     char field[static FIELD_SIZE], struct vault_place *place)
{
    memcpy(object, key, sizeof *object);
    snprintf(field, FIELD_SIZE, "/sealed/%u", part);
    *place = (struct vault_place){tenant, object, field};
}

static void put_sealed(const struct answers *answers, const struct answer *answer,
                       struct slice plain, struct text *text)
{
    char field[FIELD_SIZE];
    struct vault_place place;
    struct id object;
    for (unsigned part = 0; plain.size; part++) {
        struct slice next = slice_of(plain.at, plain.size < PART_SIZE ? plain.size : PART_SIZE);
        plain = slice_skip(plain, next.size);
        place_of(&answer->tenant, answer->key, &object, part, field, &place);
        text_put(text, part ? SLICE(",\"") : SLICE("\""));
        vault_seal(answers->vault, &place, next, text);
        text_char(text, '"');
    }
}

/* `plain` has room for headers and body. */
static void print_document(const struct answers *answers, const struct answer *answer,
                           uint64_t at_ms, char *plain, struct text *text)
{
    char digits[ID_TEXT_SIZE];
    struct text both;
    text_init(&both, plain, ANSWER_TEXT_MAX);
    text_put(&both, answer->headers);
    text_put(&both, answer->body);
    text_printf(text, "{\"tenant\":\"%s\",\"at_ms\":%llu,\"request\":\"",
                id_print(&answer->tenant, "ten", digits).at, (unsigned long long)at_ms);
    text_hex(text, answer->request, sizeof answer->request);
    text_printf(text, "\",\"status\":%d,\"headers_size\":%zu,\"sealed\":[", answer->status,
                answer->headers.size);
    put_sealed(answers, answer, text_slice(&both), text);
    text_put(text, SLICE("]}"));
    OPENSSL_cleanse(plain, both.size);
}

/* Which one has to go for a new one; NULL: none. */
static struct answer_note *find_victim(const struct answers *answers,
                                       const struct answer_owner *owner, const uint8_t *key)
{
    struct answer_note *before = find(answers, key); /* whose window is over */
    bool is_full = answers->notes.count >= LIMIT_ANSWERS;
    if (before)
        return before;
    if (owner->count && (is_full || owner->count >= LIMIT_ANSWERS_OF_TENANT))
        return container_of(owner->oldest.next, struct answer_note, of_tenant);
    return is_full ? container_of(answers->oldest.next, struct answer_note, link) : NULL;
}

static int make_note(struct answers *answers, const struct answer *answer, uint64_t now_ms)
{
    struct answer_note *note = calloc(1, sizeof *note);
    free(answers->coming); /* of a batch that was not written */
    answers->coming = note;
    if (!note || !(note->owner = owner_of(answers, &answer->tenant)))
        return -ENOMEM;
    memcpy(note->key, answer->key, sizeof note->key);
    memcpy(note->request, answer->request, sizeof note->request);
    note->at_ms = now_ms;
    note->is_due = true;
    answers->in_place_of = find_victim(answers, note->owner, answer->key);
    return 0;
}

int answers_batch_put(struct answers *answers, struct batch *batch, const struct answer *answer,
                      uint64_t now_ms)
{
    if (answer->headers.size + answer->body.size > ANSWER_TEXT_MAX)
        return -E2BIG;
    int error = vault_prepare(answers->vault, &answer->tenant);
    if (!error)
        error = make_note(answers, answer, now_ms);
    if (error)
        return error;
    char *plain = malloc(ANSWER_TEXT_MAX), *document = malloc(DOCUMENT_MAX);
    struct text text;
    if (plain && document) {
        text_init(&text, document, DOCUMENT_MAX);
        print_document(answers, answer, now_ms, plain, &text);
        must(text_ok(&text));
        if (answers->in_place_of)
            documents_batch_drop(answers->db, batch, kind, name_of(answers->in_place_of->key));
        documents_batch_put(answers->db, batch, kind, name_of(answer->key), text_slice(&text));
    } else {
        error = -ENOMEM;
    }
    free(plain);
    free(document);
    return error;
}

void answers_written(struct answers *answers)
{
    struct answer_owner *owner = answers->in_place_of ? answers->in_place_of->owner : NULL;
    must(answers->coming);
    if (owner)
        forget(answers, answers->in_place_of);
    keep(answers, answers->coming);
    if (owner)
        drop_owner_if_idle(answers, owner);
    answers->coming = answers->in_place_of = NULL;
}

void answers_batch_drop(struct answers *answers, struct batch *batch, const struct id *tenant)
{
    const struct answer_owner *owner = find_owner(answers, tenant);
    if (!owner)
        return;
    const struct list_node *node = owner->oldest.next;
    for (; node != &owner->oldest; node = node->next)
        documents_batch_drop(answers->db, batch, kind,
                             name_of(container_of(node, struct answer_note, of_tenant)->key));
}

void answers_forget(struct answers *answers, const struct id *tenant)
{
    struct answer_owner *owner = find_owner(answers, tenant);
    if (!owner)
        return;
    for (struct list_node *node = owner->oldest.next, *next; node != &owner->oldest; node = next) {
        next = node->next;
        forget(answers, container_of(node, struct answer_note, of_tenant));
    }
    if (!answers->coming || answers->coming->owner != owner)
        drop_owner_if_idle(answers, owner);
}

void answers_given(struct answers *answers, const uint8_t key[static ANSWER_HASH_SIZE])
{
    struct answer_note *note = find(answers, key);
    if (note)
        note->is_due = false;
}

int answers_tidy(struct answers *answers, uint64_t now_ms)
{
    struct batch *batch;
    struct list_node *node = answers->oldest.next;
    struct answer_note *notes[TIDY_STEP];
    unsigned count = 0;
    for (; node != &answers->oldest && count < TIDY_STEP; node = node->next) {
        notes[count] = container_of(node, struct answer_note, link);
        if (!is_over(answers, notes[count], now_ms))
            break;
        count++;
    }
    int error = count ? batch_open(&batch) : 0;
    if (error || !count)
        return error;
    for (unsigned i = 0; i < count; i++)
        documents_batch_drop(answers->db, batch, kind, name_of(notes[i]->key));
    error = db_write(answers->db, batch, false);
    batch_close(batch);
    for (unsigned i = 0; i < count && !error; i++) {
        struct answer_owner *owner = notes[i]->owner;
        forget(answers, notes[i]);
        if (!answers->coming || answers->coming->owner != owner)
            drop_owner_if_idle(answers, owner);
    }
    return error;
}

/* ---- reading ---- */

static int unseal_all(struct answers *answers, const struct answer_note *note,
                      struct json_value root, struct text *text)
{
    char field[FIELD_SIZE];
    struct vault_place place;
    struct json_value sealed, value;
    struct slice part;
    struct id object;
    uint64_t cursor = 0;
    unsigned number = 0;
    int error = json_get(root, "sealed", &sealed) ? 0 : -EBADMSG;
    while (!error && json_next(sealed, &cursor, NULL, &value)) {
        place_of(&note->owner->tenant, note->key, &object, number++, field, &place);
        error =
            json_string(value, &part) ? vault_unseal(answers->vault, &place, part, text) : -EBADMSG;
    }
    return error;
}

static int read_document(struct answers *answers, const struct answer_note *note,
                         struct json_value root, struct text *text, struct answer *read)
{
    uint64_t status, headers_size;
    if (!get_u64(root, "status", &status) || !get_u64(root, "headers_size", &headers_size))
        return -EBADMSG;
    int error = unseal_all(answers, note, root, text);
    if (error)
        return error;
    if (!text_ok(text) || headers_size > text->size)
        return -EBADMSG;
    *read = (struct answer){
        .status = (int)status,
        .headers = slice_of(text->at, (size_t)headers_size),
        .body = slice_skip(text_slice(text), (size_t)headers_size),
    };
    return 0;
}

int answers_read(struct answers *answers, const struct answer_note *note, struct text *text,
                 struct answer *read)
{
    struct db_value document;
    struct json *json = NULL;
    struct json_value root;
    char why[JSON_WHY_SIZE], *padded = NULL;
    int error = documents_get(answers->db, kind, name_of(note->key), &document);
    if (error)
        return error == -ENOENT ? -EBADMSG : error;
    padded = calloc(1, document.bytes.size + JSON_PADDING);
    error = padded ? json_open(&json) : -ENOMEM;
    if (!error) {
        memcpy(padded, document.bytes.at, document.bytes.size);
        error = json_read(json, slice_of(padded, document.bytes.size), &root, why);
        error = error == -EINVAL ? -EBADMSG : error;
    }
    if (!error)
        error = read_document(answers, note, root, text, read);
    if (json)
        json_close(json);
    free(padded);
    db_value_give(&document);
    return error;
}
