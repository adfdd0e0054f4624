/* audit_chain.h - follows the chain of an audit log, record by record, and finds where it breaks
 * (tools/docs/audit.md tells what is hashed). Written apart from the engine's own, which it is to
 * check.
 */
#ifndef CTL_AUDIT_CHAIN_H
#define CTL_AUDIT_CHAIN_H

#include "base/json.h"

enum { AUDIT_CHAIN_DIGITS = 64, AUDIT_CHAIN_WHY_SIZE = 256 };

struct audit_chain {
    struct json *json;
    bool has_begun;
    uint64_t first, seq; /* of the first and of the last record */
    uint64_t count;
    char hash[AUDIT_CHAIN_DIGITS + 1]; /* of the last record */
    uint64_t expected;                 /* a record whose hash is known; 0: none */
    char expected_hash[AUDIT_CHAIN_DIGITS + 1];
    const char *wanted; /* a hash to look for; NULL: none */
    uint64_t found;     /* the seq of the record that has it; 0: none so far */
};

/* 0, or -ENOMEM. Without an anchor the first record may be any: what was before it is not known. */
MUST_CHECK int audit_chain_open(struct audit_chain *chain);
void audit_chain_close(struct audit_chain *chain);

/* The record before the first one is this. */
void audit_chain_anchor(struct audit_chain *chain, uint64_t seq, struct slice hash);

/* The record with this number has to have this hash: the head that the engine tells of. */
void audit_chain_expect(struct audit_chain *chain, uint64_t seq, struct slice hash);

/* Takes the next record, a line without its end, with JSON_PADDING bytes behind it. 0, or -EBADMSG
 * and `why`: the chain breaks here. */
MUST_CHECK int audit_chain_take(struct audit_chain *chain, struct slice line,
                                char why[static AUDIT_CHAIN_WHY_SIZE]);

#endif
