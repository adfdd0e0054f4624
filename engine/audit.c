/* audit.c - see audit.h. The document of the chain, "audit_chain":
 *
 *   {"head":{"seq":7,"hash":"HEX","at_ms":N},"anchor":{"seq":0,"hash":"HEX","at_ms":0}}
 */
#include "audit.h"

#include "access_key.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/units.h"
#include "net/address.h"
#include "store/bytes.h"
#include "store/documents.h"

#include <errno.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>

_Static_assert((int)AUDIT_HASH_SIZE == SHA256_DIGEST_LENGTH, "the chain's hash is SHA-256");

enum {
    CHAIN_SIZE = 512,
    SEQ_SIZE = 8,
    TIME_SIZE = 24,                      /* 2026-01-31T12:00:00.000Z */
    TAIL_SIZE = 2 * AUDIT_HASH_SIZE + 2, /* HEX"} */
    PRUNE_STEP = 256,                    /* records */
};

static const char chain_kind[] = "audit_chain", record_kind[] = "audit";

/* ---- the chain's document ---- */

static void print_link(struct text *text, const struct audit_link *link)
{
    text_printf(text, "{\"seq\":%llu,\"hash\":\"", (unsigned long long)link->seq);
    text_hex(text, link->hash, sizeof link->hash);
    text_printf(text, "\",\"at_ms\":%llu}", (unsigned long long)link->at_ms);
}

static void batch_put_chain(const struct audit *audit, struct batch *batch,
                            const struct audit_link *head, const struct audit_link *anchor)
{
    char document[CHAIN_SIZE];
    struct text text;
    text_init(&text, document, sizeof document);
    text_put(&text, SLICE("{\"head\":"));
    print_link(&text, head);
    text_put(&text, SLICE(",\"anchor\":"));
    print_link(&text, anchor);
    text_char(&text, '}');
    must(text_ok(&text));
    documents_batch_put(audit->db, batch, chain_kind, SLICE("head"), text_slice(&text));
}

static bool parse_link(struct json_value document, const char *name, struct audit_link *link)
{
    struct json_value value, member;
    struct slice hex;
    return json_get(document, name, &value) && json_get(value, "seq", &member) &&
           json_u64(member, &link->seq) && json_get(value, "at_ms", &member) &&
           json_u64(member, &link->at_ms) && json_get(value, "hash", &member) &&
           json_string(member, &hex) && units_parse_hex(hex, link->hash, sizeof link->hash) == 0;
}

static int parse_chain(struct audit *audit, struct slice document)
{
    char padded[CHAIN_SIZE + JSON_PADDING] = {0}, why[JSON_WHY_SIZE];
    struct json_value root;
    struct json *json;
    if (document.size > CHAIN_SIZE)
        return -EBADMSG;
    memcpy(padded, document.at, document.size);
    int error = json_open(&json);
    if (error)
        return error;
    error = json_read(json, slice_of(padded, document.size), &root, why);
    if (error == -EINVAL || (!error && (!parse_link(root, "head", &audit->head) ||
                                        !parse_link(root, "anchor", &audit->anchor))))
        error = -EBADMSG;
    json_close(json);
    return error;
}

int audit_open(struct audit *audit, struct db *db)
{
    struct db_value document;
    *audit = (struct audit){.db = db};
    int error = documents_get(db, chain_kind, SLICE("head"), &document);
    if (error)
        return error == -ENOENT ? 0 : error;
    error = parse_chain(audit, document.bytes);
    db_value_give(&document);
    return error;
}

/* ---- a record ---- */

static struct slice name_of(uint64_t seq, char name[static SEQ_SIZE])
{
    bytes_put_u64_big(name, seq);
    return slice_of(name, SEQ_SIZE);
}

static void put_id(struct text *text, const char *name, const char *prefix, const struct id *id)
{
    char digits[ID_TEXT_SIZE];
    if (id)
        text_printf(text, ",\"%s\":\"%s\"", name, id_print(id, prefix, digits).at);
    else
        text_printf(text, ",\"%s\":null", name);
}

static void put_actor(struct text *text, const struct audit_entry *entry)
{
    char address[ADDRESS_TEXT_SIZE];
    if (entry->key) {
        put_id(text, "actor", "key", &entry->key->id);
        text_put(text, SLICE(",\"actor_name\":"));
        text_json(text, slice_str(entry->key->name));
    } else {
        text_put(text, SLICE(",\"actor\":\"engine\",\"actor_name\":\"engine\""));
    }
    if (entry->peer)
        text_printf(text, ",\"remote_address\":\"%s\"", address_print_ip(entry->peer, address).at);
    else
        text_put(text, SLICE(",\"remote_address\":null"));
}

static void put_object(struct text *text, const char *name, struct slice object)
{
    uint8_t hash[AUDIT_HASH_SIZE];
    text_printf(text, ",\"%s\":", name);
    if (object.size == 0) {
        text_put(text, SLICE("null"));
    } else if (object.size <= AUDIT_OBJECT_MAX) {
        text_put(text, object);
    } else {
        SHA256((const uint8_t *)object.at, object.size, hash);
        text_printf(text, "{\"omitted_bytes\":%zu,\"sha256\":\"", object.size);
        text_hex(text, hash, sizeof hash);
        text_put(text, SLICE("\"}"));
    }
}

/* The record, and its hash. */
static void print_record(struct text *text, const struct audit_entry *entry,
                         const struct audit_link *previous, struct audit_link *link)
{
    text_printf(text, "{\"seq\":%llu,\"at\":\"", (unsigned long long)link->seq);
    text_time(text, link->at_ms);
    text_char(text, '"');
    put_actor(text, entry);
    put_id(text, "tenant", "ten", entry->tenant);
    text_printf(text, ",\"action\":\"%s\",\"resource\":", entry->action);
    text_json(text, entry->resource);
    put_object(text, "before", entry->before);
    put_object(text, "after", entry->after);
    text_put(text, SLICE(",\"previous\":\""));
    text_hex(text, previous->hash, sizeof previous->hash);
    text_char(text, '"');
    SHA256((const uint8_t *)text->at, text->size, link->hash);
    text_put(text, SLICE(",\"hash\":\""));
    text_hex(text, link->hash, sizeof link->hash);
    text_put(text, SLICE("\"}"));
}

void audit_begin(struct audit *audit)
{
    audit->next = audit->head;
}

int audit_batch_put(struct audit *audit, struct batch *batch, const struct audit_entry *entry)
{
    const struct audit_link previous = audit->next;
    char *record = malloc(AUDIT_RECORD_MAX), name[SEQ_SIZE];
    uint64_t now_ms = clock_wall_ms();
    struct text text;
    if (!record)
        return -ENOMEM;
    must(entry->resource.size <= AUDIT_NAME_MAX);
    audit->next.seq = previous.seq + 1;
    audit->next.at_ms = now_ms > previous.at_ms ? now_ms : previous.at_ms;
    text_init(&text, record, AUDIT_RECORD_MAX);
    print_record(&text, entry, &previous, &audit->next);
    must(text_ok(&text));
    documents_batch_put(audit->db, batch, record_kind, name_of(audit->next.seq, name),
                        text_slice(&text));
    batch_put_chain(audit, batch, &audit->next, &audit->anchor);
    free(record);
    return 0;
}

void audit_written(struct audit *audit)
{
    must(audit->next.seq > audit->head.seq);
    audit->head = audit->next;
}

int audit_get(const struct audit *audit, uint64_t seq, struct db_value *record)
{
    char name[SEQ_SIZE];
    return documents_get(audit->db, record_kind, name_of(seq, name), record);
}

/* ---- the end of old records ---- */

/* The place in the chain of a record, from its own text. */
static int read_link(const struct audit *audit, uint64_t seq, struct audit_link *link)
{
    struct db_value record;
    char head[64];
    link->seq = seq;
    int error = audit_get(audit, seq, &record);
    if (error)
        return error == -ENOENT ? -EBADMSG : error;
    int size = snprintf(head, sizeof head, "{\"seq\":%llu,\"at\":\"", (unsigned long long)seq);
    struct slice text = record.bytes, at = slice_skip(text, (size_t)size);
    bool is_record = slice_starts_with(text, slice_of(head, (size_t)size)) &&
                     at.size > TIME_SIZE + TAIL_SIZE &&
                     units_parse_time(slice_of(at.at, TIME_SIZE), &link->at_ms) == 0 &&
                     units_parse_hex(slice_of(text.at + text.size - TAIL_SIZE, TAIL_SIZE - 2),
                                     link->hash, sizeof link->hash) == 0;
    db_value_give(&record);
    return is_record ? 0 : -EBADMSG;
}

/* Puts the end of what is to go into the batch; *anchor gets the last of it. */
static int batch_prune(struct audit *audit, struct batch *batch, uint64_t oldest_ms,
                       uint64_t count_max, struct audit_link *anchor)
{
    char name[SEQ_SIZE];
    struct audit_link next;
    for (unsigned i = 0; i < PRUNE_STEP && anchor->seq < audit->head.seq; i++) {
        int error = read_link(audit, anchor->seq + 1, &next);
        if (error)
            return error;
        if (next.at_ms >= oldest_ms && audit->head.seq - anchor->seq <= count_max)
            return 0;
        documents_batch_drop(audit->db, batch, record_kind, name_of(next.seq, name));
        *anchor = next;
    }
    return 0;
}

int audit_prune(struct audit *audit, uint64_t oldest_ms, uint64_t count_max)
{
    struct audit_link anchor = audit->anchor;
    struct batch *batch;
    int error = batch_open(&batch);
    if (error)
        return error;
    error = batch_prune(audit, batch, oldest_ms, count_max, &anchor);
    if (!error && anchor.seq > audit->anchor.seq) {
        batch_put_chain(audit, batch, &audit->head, &anchor);
        error = db_write(audit->db, batch, true);
        if (!error)
            audit->anchor = anchor;
    }
    batch_close(batch);
    return error;
}

/* ---- moments ---- */

uint64_t audit_seq_before(const struct audit *audit, uint64_t at_ms)
{
    uint64_t low = audit->anchor.seq, high = audit->head.seq; /* it is one of low to high */
    struct audit_link link;
    while (low < high) {
        uint64_t middle = high - (high - low) / 2;
        if (read_link(audit, middle, &link))
            return audit->head.seq;
        if (link.at_ms < at_ms)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}
