/* audit_log.c - grapnelctl audit export and audit verify: the log as lines, and whether its chain
 * holds, of an engine or of an export that was kept.
 */
#include "tools/ctl/audit_chain.h"
#include "tools/ctl/run.h"
#include "tools/ctl/session.h"
#include "tools/ctl/view.h"

#include <stdio.h>
#include <stdlib.h>

#define EXPORT "/api/v1/audit/export"
#define CHAIN  "/api/v1/audit/chain"

enum { TARGET_SIZE = 128 };

/* Takes the next line off `text`. */
static struct slice take_line(struct slice *text)
{
    struct slice line = slice_of(text->at, slice_find(*text, '\n'));
    *text = slice_skip(*text, line.size + 1);
    return line;
}

/* The lines behind `after`; none: there are no more. */
static int ask_lines(struct session *session, uint64_t after, struct slice *lines)
{
    char buffer[TARGET_SIZE], number[24];
    struct text target;
    text_init(&target, buffer, sizeof buffer);
    text_put(&target, SLICE(EXPORT));
    snprintf(number, sizeof number, "%llu", (unsigned long long)after);
    session_parameter(&target, "after", slice_str(number));
    struct server_call call = {.method = "GET", .target = text_slice(&target)};
    int status = session_ask(session, &call);
    *lines = call.answer;
    return status;
}

/* ---- exporting ---- */

static int last_seq(struct session *session, struct slice lines, uint64_t *seq)
{
    struct slice last = SLICE("");
    struct json_value root, value;
    while (lines.size)
        last = take_line(&lines);
    int status = session_read(session, last, &root);
    if (!status && (!json_get(root, "seq", &value) || !json_u64(value, seq))) {
        session_complain("a line of the export has no seq");
        status = EXIT_UNREACHABLE;
    }
    return status;
}

static int read_after(const struct line *line, uint64_t *after)
{
    const char *given = line_option(line, "after");
    unsigned long seq = 0;
    if (given && !slice_to_u64(slice_str(given), &seq))
        return session_complain("--after: '%s' is not a number", given);
    *after = seq;
    return EXIT_DONE;
}

int run_audit_export(const struct line *line)
{
    struct session session;
    struct slice lines;
    uint64_t after = 0;
    int status = read_after(line, &after);
    if (status)
        return status;
    status = session_open(&session, line);
    while (!status && !(status = ask_lines(&session, after, &lines)) && lines.size) {
        fwrite(lines.at, 1, lines.size, stdout);
        status = last_seq(&session, lines, &after);
    }
    session_close(&session);
    return status;
}

/* ---- verifying ---- */

/* EXIT_REFUSED: the chain breaks, which has been said. */
static int follow(struct audit_chain *chain, struct slice lines)
{
    char why[AUDIT_CHAIN_WHY_SIZE];
    while (lines.size) {
        if (audit_chain_take(chain, take_line(&lines), why) == 0)
            continue;
        session_complain("the chain breaks: %s", why);
        return EXIT_REFUSED;
    }
    return EXIT_DONE;
}

static int follow_file(struct audit_chain *chain, const char *path)
{
    char *at;
    size_t size;
    int status = session_read_file(path, &at, &size);
    if (status)
        return status;
    status = follow(chain, slice_of(at, size));
    free(at);
    return status;
}

struct link {
    uint64_t seq;
    char hash[AUDIT_CHAIN_DIGITS + 1];
};

static bool read_link(struct json_value ends, const char *name, struct link *link)
{
    struct json_value end, value;
    struct slice hash;
    if (!json_get(ends, name, &end) || !json_get(end, "seq", &value) ||
        !json_u64(value, &link->seq) || !json_get(end, "hash", &value) ||
        !json_string(value, &hash))
        return false;
    snprintf(link->hash, sizeof link->hash, "%.*s", SLICE_ARGS(hash));
    return true;
}

static int ask_ends(struct session *session, struct link *anchor, struct link *head)
{
    struct server_call call = {.method = "GET", .target = SLICE(CHAIN)};
    struct json_value root;
    int status = session_ask(session, &call);
    if (!status)
        status = session_read(session, call.answer, &root);
    if (!status && (!read_link(root, "anchor", anchor) || !read_link(root, "head", head))) {
        session_complain("the engine does not say where its chain ends");
        status = EXIT_UNREACHABLE;
    }
    return status;
}

/* From the anchor to the head, which was asked for first: the log may grow meanwhile. */
static int follow_between(struct audit_chain *chain, struct session *session)
{
    struct slice lines;
    struct link anchor = {0}, head = {0};
    int status = ask_ends(session, &anchor, &head);
    if (status)
        return status;
    audit_chain_anchor(chain, anchor.seq, slice_str(anchor.hash));
    audit_chain_expect(chain, head.seq, slice_str(head.hash));
    while (!(status = ask_lines(session, chain->seq, &lines)) && lines.size) {
        status = follow(chain, lines);
        if (status)
            return status;
    }
    if (status || chain->seq >= head.seq)
        return status;
    session_complain("the chain breaks: it ends with record %llu, and its head is %llu",
                     (unsigned long long)chain->seq, (unsigned long long)head.seq);
    return EXIT_REFUSED;
}

static int follow_engine(struct audit_chain *chain, const struct line *line)
{
    struct session session;
    int status = session_open(&session, line);
    if (!status)
        status = follow_between(chain, &session);
    session_close(&session);
    return status;
}

static int show(const struct audit_chain *chain, bool is_json)
{
    if (chain->wanted && !chain->found) {
        session_complain("no record has the hash %s: the log was cut off or written anew",
                         chain->wanted);
        return EXIT_REFUSED;
    }
    if (is_json)
        printf("{\"valid\":true,\"records\":%llu,\"first\":%llu,\"last\":%llu,\"hash\":\"%s\"}\n",
               (unsigned long long)chain->count, (unsigned long long)chain->first,
               (unsigned long long)chain->seq, chain->hash);
    else if (chain->count == 0)
        puts("there are no records");
    else
        printf("%llu records, %llu to %llu, and the chain holds; the head's hash is\n%s\n",
               (unsigned long long)chain->count, (unsigned long long)chain->first,
               (unsigned long long)chain->seq, chain->hash);
    return EXIT_DONE;
}

int run_audit_verify(const struct line *line)
{
    struct audit_chain chain;
    must(audit_chain_open(&chain) == 0);
    chain.wanted = line_option(line, "hash");
    int status = line->argument ? follow_file(&chain, line->argument) : follow_engine(&chain, line);
    if (!status)
        status = show(&chain, line_wants_json(line));
    audit_chain_close(&chain);
    return status;
}
