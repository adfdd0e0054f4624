/* trace_context.c - see trace_context.h. Section numbers are those of the recommendation.
 *
 * traceparent (3.2)                tracestate (3.3): at most 32 of key=value, with commas between
 *   offset size
 *        0    2  version             key    a-z, then a-z 0-9 _ - * /: 256 in all; or
 * tenant@system, 3   32  trace id                   whose tenant, of 241, may begin with a digit,
 * and whose 36   16  parent id                  system has 14 at most 53    2  flags value  1 to
 * 256 of printable ASCII but , and =; no space at its 55       -..., if its version       end is
 * higher than 00
 *
 * Numbers are in lower-case hex, with a dash between.
 */
#include "trace_context.h"

#include "net/http_parse.h"

enum {
    TRACE_ID_AT = 3,
    TRACE_ID_SIZE = 32,
    PARENT_ID_AT = 36,
    PARENT_ID_SIZE = 16,
    FLAGS_AT = 53,
    FLAGS_SIZE = 2,
    MEMBERS_MAX = 32,
    KEY_MAX = 256,
    TENANT_MAX = 241,
    SYSTEM_MAX = 14,
    VALUE_MAX = 256,
};

_Static_assert(FLAGS_AT + FLAGS_SIZE == LIMIT_TRACE_PARENT_SIZE, "the flags are the last");

enum trace_field trace_field_of(struct slice name)
{
    if (slice_equal_nocase(name, SLICE("traceparent")))
        return TRACE_PARENT;
    return slice_equal_nocase(name, SLICE("tracestate")) ? TRACE_STATE : TRACE_NEITHER;
}

/* ---- traceparent ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_hex(struct slice text)
{
    for (size_t i = 0; i < text.size; i++)
        if (!is_digit(text.at[i]) && !(text.at[i] >= 'a' && text.at[i] <= 'f'))
            return false;
    return true;
}

static bool is_zero(struct slice text)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.at[i] != '0')
            return false;
    return true;
}

static bool is_id(struct slice text)
{
    return is_hex(text) && !is_zero(text);
}

static bool is_parent(struct slice text)
{
    if (text.size < LIMIT_TRACE_PARENT_SIZE)
        return false;
    struct slice version = slice_of(text.at, 2);
    bool goes_on = text.size > LIMIT_TRACE_PARENT_SIZE;
    if (goes_on && (is_zero(version) || text.at[LIMIT_TRACE_PARENT_SIZE] != '-'))
        return false;
    return is_hex(version) && !slice_equal(version, SLICE("ff")) &&
           text.at[TRACE_ID_AT - 1] == '-' &&
           is_id(slice_of(text.at + TRACE_ID_AT, TRACE_ID_SIZE)) &&
           text.at[PARENT_ID_AT - 1] == '-' &&
           is_id(slice_of(text.at + PARENT_ID_AT, PARENT_ID_SIZE)) &&
           text.at[FLAGS_AT - 1] == '-' && is_hex(slice_of(text.at + FLAGS_AT, FLAGS_SIZE));
}

/* Of the flags of a higher version only the lowest, "sampled", is known. */
static void lower_version(char *parent)
{
    if (is_zero(slice_of(parent, 2)))
        return;
    char last = parent[FLAGS_AT + 1];
    unsigned digit = (unsigned)(is_digit(last) ? last - '0' : last - 'a' + 10);
    parent[0] = parent[1] = parent[FLAGS_AT] = '0';
    parent[FLAGS_AT + 1] = digit & 1 ? '1' : '0';
}

/* ---- tracestate ---- */

static bool is_key_part(struct slice part, size_t max, bool may_begin_with_digit)
{
    if (part.size == 0 || part.size > max)
        return false;
    if (!is_letter(part.at[0]) && !(may_begin_with_digit && is_digit(part.at[0])))
        return false;
    for (size_t i = 1; i < part.size; i++)
        if (!is_letter(part.at[i]) && !is_digit(part.at[i]) &&
            slice_find(SLICE("_-*/"), part.at[i]) == 4)
            return false;
    return true;
}

static bool is_key(struct slice key)
{
    size_t at = slice_find(key, '@');
    if (at == key.size)
        return is_key_part(key, KEY_MAX, false);
    return is_key_part(slice_of(key.at, at), TENANT_MAX, true) &&
           is_key_part(slice_skip(key, at + 1), SYSTEM_MAX, false);
}

/* Its end is not white space: the member has been trimmed. */
static bool is_value(struct slice value)
{
    if (value.size == 0 || value.size > VALUE_MAX)
        return false;
    for (size_t i = 0; i < value.size; i++)
        if (value.at[i] < ' ' || value.at[i] > '~' || value.at[i] == '=')
            return false;
    return true;
}

/* Members may be empty, and have white space around them. */
static bool is_state(struct slice text)
{
    unsigned count = 0;
    while (text.size > 0) {
        struct slice member = slice_trim(slice_of(text.at, slice_find(text, ',')));
        text = slice_skip(text, slice_find(text, ',') + 1);
        if (member.size == 0)
            continue;
        size_t sign = slice_find(member, '=');
        if (++count > MEMBERS_MAX || !is_key(slice_of(member.at, sign)) ||
            !is_value(slice_skip(member, sign + 1)))
            return false;
    }
    return count > 0;
}

/* ---- both ---- */

void trace_context_reset(struct trace_context *trace)
{
    trace->parent = trace->state = SLICE("");
    trace->parents = 0;
    trace->is_parent = false;
    text_init(&trace->states, trace->state_text, sizeof trace->state_text);
}

void trace_context_hear(struct trace_context *trace, enum trace_field field, struct slice value)
{
    value = slice_trim(value);
    if (field == TRACE_PARENT) {
        trace->parents++;
        trace->is_parent = is_parent(value);
        if (trace->is_parent)
            memcpy(trace->parent_text, value.at, sizeof trace->parent_text);
    } else if (field == TRACE_STATE && value.size > 0) {
        if (trace->states.size > 0)
            text_char(&trace->states, ',');
        text_put(&trace->states, value);
    }
}

void trace_context_settle(struct trace_context *trace)
{
    if (trace->parents != 1 || !trace->is_parent)
        return;
    lower_version(trace->parent_text);
    trace->parent = slice_of(trace->parent_text, sizeof trace->parent_text);
    if (text_ok(&trace->states) && is_state(text_slice(&trace->states)))
        trace->state = text_slice(&trace->states);
}

void trace_context_read(struct trace_context *trace, const struct http_head *head)
{
    trace_context_reset(trace);
    for (unsigned i = 0; i < head->header_count; i++)
        trace_context_hear(trace, trace_field_of(head->headers[i].name), head->headers[i].value);
    trace_context_settle(trace);
}
