/* audit_chain.c - see audit_chain.h. */
#include "tools/ctl/audit_chain.h"

#include "base/text.h"

#include <errno.h>
#include <openssl/sha.h>
#include <stdio.h>

/* ,"hash":"DIGITS"} */
enum { TAIL_SIZE = 9 + AUDIT_CHAIN_DIGITS + 2 };

struct record {
    uint64_t seq;
    struct slice previous, hash;
};

int audit_chain_open(struct audit_chain *chain)
{
    *chain = (struct audit_chain){0};
    return json_open(&chain->json);
}

void audit_chain_close(struct audit_chain *chain)
{
    json_close(chain->json);
    chain->json = NULL;
}

static void keep_hash(struct audit_chain *chain, struct slice hash)
{
    snprintf(chain->hash, sizeof chain->hash, "%.*s", SLICE_ARGS(hash));
}

void audit_chain_anchor(struct audit_chain *chain, uint64_t seq, struct slice hash)
{
    chain->has_begun = true;
    chain->seq = seq;
    chain->first = seq + 1;
    keep_hash(chain, hash);
}

void audit_chain_expect(struct audit_chain *chain, uint64_t seq, struct slice hash)
{
    chain->expected = seq;
    snprintf(chain->expected_hash, sizeof chain->expected_hash, "%.*s", SLICE_ARGS(hash));
}

static bool get_string(struct json_value record, const char *name, struct slice *text)
{
    struct json_value value;
    return json_get(record, name, &value) && json_string(value, text);
}

static bool read_record(struct audit_chain *chain, struct slice line, struct record *record)
{
    char why[JSON_WHY_SIZE];
    struct json_value root, seq;
    return json_read(chain->json, line, &root, why) == 0 && json_get(root, "seq", &seq) &&
           json_u64(seq, &record->seq) && get_string(root, "previous", &record->previous) &&
           get_string(root, "hash", &record->hash);
}

/* The hash has to stand at the end, and to be that of all before it. */
static bool has_its_hash(struct slice line, struct slice hash)
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    char buffer[TAIL_SIZE + 1];
    struct text tail;
    if (line.size < TAIL_SIZE || hash.size != AUDIT_CHAIN_DIGITS)
        return false;
    SHA256((const uint8_t *)line.at, line.size - TAIL_SIZE, digest);
    text_init(&tail, buffer, sizeof buffer);
    text_put(&tail, SLICE(",\"hash\":\""));
    text_hex(&tail, digest, sizeof digest);
    text_put(&tail, SLICE("\"}"));
    return slice_equal(text_slice(&tail), slice_skip(line, line.size - TAIL_SIZE));
}

static int say_order(const struct audit_chain *chain, uint64_t seq, char *why)
{
    if (seq > chain->seq + 1)
        snprintf(why, AUDIT_CHAIN_WHY_SIZE,
                 "behind record %llu, %llu missing: the next one is %llu",
                 (unsigned long long)chain->seq, (unsigned long long)(seq - chain->seq - 1),
                 (unsigned long long)seq);
    else
        snprintf(why, AUDIT_CHAIN_WHY_SIZE, "behind record %llu comes %llu, which was before it",
                 (unsigned long long)chain->seq, (unsigned long long)seq);
    return -EBADMSG;
}

static int check(const struct audit_chain *chain, struct slice line, const struct record *record,
                 char *why)
{
    static const char zeros[] = "0000000000000000000000000000000000000000000000000000000000000000";
    unsigned long long seq = record->seq;
    struct slice before = chain->has_begun ? slice_str(chain->hash) : record->previous;
    if (!chain->has_begun && record->seq == 1)
        before = slice_str(zeros);
    if (chain->has_begun && record->seq != chain->seq + 1)
        return say_order(chain, record->seq, why);
    if (!has_its_hash(line, record->hash))
        snprintf(why, AUDIT_CHAIN_WHY_SIZE, "record %llu was changed: its hash is another", seq);
    else if (!slice_equal(record->previous, before))
        snprintf(why, AUDIT_CHAIN_WHY_SIZE,
                 "record %llu does not follow the one before it, which was written anew", seq);
    else if (record->seq == chain->expected &&
             !slice_equal(record->hash, slice_str(chain->expected_hash)))
        snprintf(why, AUDIT_CHAIN_WHY_SIZE, "record %llu has not the hash of the head", seq);
    else
        return 0;
    return -EBADMSG;
}

int audit_chain_take(struct audit_chain *chain, struct slice line,
                     char why[static AUDIT_CHAIN_WHY_SIZE])
{
    struct record record;
    if (!read_record(chain, line, &record)) {
        snprintf(why, AUDIT_CHAIN_WHY_SIZE, "behind record %llu comes what is no record",
                 (unsigned long long)chain->seq);
        return -EBADMSG;
    }
    int error = check(chain, line, &record, why);
    if (error)
        return error;
    if (!chain->has_begun)
        chain->first = record.seq;
    chain->has_begun = true;
    chain->seq = record.seq;
    chain->count++;
    keep_hash(chain, record.hash);
    if (chain->wanted && slice_equal(slice_str(chain->wanted), record.hash))
        chain->found = record.seq;
    return 0;
}
