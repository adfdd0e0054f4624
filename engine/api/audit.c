/* audit.c - /api/v1/audit: what was changed, by whom and how. A record is shown as it is kept, byte
 * for byte (audit.h).
 *
 * A tenant's keys see what is the tenant's; an admin key sees all, or with Grapnel-Tenant what is
 * that tenant's. A list looks at so many records at a time: a page may end early, also without an
 * entry, and then has a cursor to go on from.
 */
#include "audit.h"
#include "base/units.h"
#include "call.h"
#include "query.h"
#include "router.h"

#include <errno.h>
#include <stdio.h>

enum {
    LOOKED_AT_MAX = 2000,                  /* records for one page */
    LOOKED_AT_BYTES_MAX = 4 * 1024 * 1024, /* and their bytes */
    EXPORT_LINES = 1000,
    EXPORT_LINES_MAX = 10000,
    FILTER_SIZE = AUDIT_NAME_MAX + 1,
};

/* ---- the list ---- */

struct filter {
    char tenant[ID_TEXT_SIZE]; /* "": any */
    char action[FILTER_SIZE], resource[FILTER_SIZE], actor[FILTER_SIZE];
    uint64_t since_ms, until_ms;
};

static bool sees_all(const struct call *call)
{
    return (call->key->scopes & SCOPE_ADMIN) && !http_find(call->request->head, "Grapnel-Tenant");
}

static bool read_word(struct call *call, const char *name, char word[static FILTER_SIZE])
{
    char why[64];
    word[0] = '\0';
    if (query_get(call->request->query, name, word, FILTER_SIZE) >= 0)
        return true;
    snprintf(why, sizeof why, "query parameter %s is not well written", name);
    call_problem(call, 422, why);
    return false;
}

static bool read_filter(struct call *call, struct filter *filter)
{
    *filter = (struct filter){.until_ms = UINT64_MAX};
    if (!sees_all(call))
        id_print(&call->tenant, "ten", filter->tenant);
    return read_word(call, "action", filter->action) &&
           read_word(call, "resource", filter->resource) &&
           read_word(call, "actor", filter->actor) &&
           call_query_time(call, "since", &filter->since_ms) &&
           call_query_time(call, "until", &filter->until_ms);
}

/* "subscription.*" is all of a kind. */
static bool fits(const char *wanted, struct slice word)
{
    struct slice all = slice_str(wanted);
    if (all.size > 1 && all.at[all.size - 1] == '*' && all.at[all.size - 2] == '.')
        return slice_starts_with(word, slice_of(all.at, all.size - 1));
    return all.size == 0 || slice_equal(all, word);
}

static bool member_fits(struct json_value record, const char *name, const char *wanted)
{
    struct json_value value;
    struct slice word;
    return wanted[0] == '\0' ||
           (json_get(record, name, &value) && json_string(value, &word) && fits(wanted, word));
}

static bool passes(const struct filter *filter, struct json_value record, uint64_t at_ms)
{
    return at_ms >= filter->since_ms && at_ms < filter->until_ms &&
           member_fits(record, "tenant", filter->tenant) &&
           member_fits(record, "action", filter->action) &&
           member_fits(record, "resource", filter->resource) &&
           member_fits(record, "actor", filter->actor);
}

/* Prints the record if it passes. False: neither it nor any before it can. */
static bool print_if(struct call *call, const struct filter *filter, struct slice record,
                     bool *printed)
{
    struct text *text = &call->api->answer;
    char why[JSON_WHY_SIZE];
    struct json_value root, at;
    struct slice word;
    uint64_t at_ms;
    size_t begin = text->size, comma = text->at[begin - 1] == '}';

    call_reserve(call, record.size + JSON_PADDING + 1);
    if (comma)
        text_char(text, ',');
    text_put(text, record);
    if (!text_ok(text))
        return false;
    *printed = false;
    if (json_read(call->api->json, slice_of(text->at + begin + comma, record.size), &root, why) ==
            0 &&
        json_get(root, "at", &at) && json_string(at, &word) &&
        units_parse_time(word, &at_ms) == 0) {
        *printed = passes(filter, root, at_ms);
        if (at_ms < filter->since_ms) {
            text->size = begin;
            return false;
        }
    }
    if (!*printed)
        text->size = begin;
    return true;
}

/* Prints what passes, from `seq` on backwards. Returns the seq to go on before; 0: there are no
 * more. */
static uint64_t print_some(struct call *call, const struct filter *filter, unsigned limit,
                           uint64_t seq)
{
    const struct audit *audit = call->api->parts.audit;
    size_t bytes = 0;
    unsigned found = 0;
    for (unsigned looked_at = 0; seq > audit->anchor.seq; seq--) {
        struct db_value record;
        bool printed = false;
        if (found == limit || looked_at++ == LOOKED_AT_MAX || bytes > LOOKED_AT_BYTES_MAX ||
            call->api->answer.size > PAGE_BYTES_MAX)
            return seq + 1;
        if (audit_get(audit, seq, &record))
            continue; /* who verifies the chain finds out */
        bytes += record.bytes.size;
        bool more = print_if(call, filter, record.bytes, &printed);
        db_value_give(&record);
        found += printed;
        if (!more)
            return 0;
    }
    return 0;
}

void audit_list(struct call *call)
{
    static const char *const others[] = {"action", "resource", "actor", "since", "until", NULL};
    const struct audit *audit = call->api->parts.audit;
    struct page page;
    struct filter filter;
    if (!call_page(call, NULL, others, &page) || !read_filter(call, &filter))
        return;
    uint64_t seq = audit_seq_before(audit, filter.until_ms);
    if (page.has_cursor && page.number <= seq)
        seq = page.number ? page.number - 1 : 0;
    struct text *text = call_text(call, 64);
    text_put(text, SLICE("{\"data\":["));
    uint64_t next = print_some(call, &filter, page.limit, seq);
    call_reserve(call, 64);
    if (next)
        text_printf(text, "],\"next_cursor\":\"%llu\"}", (unsigned long long)next);
    else
        text_put(text, SLICE("],\"next_cursor\":null}"));
    call_reply(call, 200, SLICE(""));
}

/* ---- the export ---- */

void audit_export(struct call *call)
{
    static const char *const names[] = {"after", "lines", NULL};
    const struct audit *audit = call->api->parts.audit;
    uint64_t after = 0, lines = EXPORT_LINES;
    bool has;
    if (!call_query_known(call, names) || !call_query_number(call, "after", &after, &has) ||
        !call_query_number(call, "lines", &lines, &has))
        return;
    if (lines < 1 || lines > EXPORT_LINES_MAX) {
        call_problem(call, 422, "query parameter lines must be a whole number from 1 to 10000");
        return;
    }
    struct text *text = call_text(call, 64);
    if (after < audit->anchor.seq)
        after = audit->anchor.seq;
    for (; lines > 0 && after < audit->head.seq && text->size < PAGE_BYTES_MAX; lines--) {
        struct db_value record;
        if (audit_get(audit, ++after, &record))
            continue;
        call_reserve(call, record.bytes.size + 1);
        text_put(text, record.bytes);
        text_char(text, '\n');
        db_value_give(&record);
    }
    call_reply_as(call, SLICE("application/x-ndjson"));
}

static void print_link(struct text *text, const char *name, const struct audit_link *link)
{
    text_printf(text, "\"%s\":{\"seq\":%llu,\"hash\":\"", name, (unsigned long long)link->seq);
    text_hex(text, link->hash, sizeof link->hash);
    text_put(text, SLICE("\"}"));
}

void audit_chain(struct call *call)
{
    const struct audit *audit = call->api->parts.audit;
    struct text *text = call_text(call, 512);
    text_char(text, '{');
    print_link(text, "anchor", &audit->anchor);
    text_char(text, ',');
    print_link(text, "head", &audit->head);
    text_char(text, '}');
    call_reply(call, 200, SLICE(""));
}
