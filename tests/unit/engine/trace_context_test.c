/* Which traces are passed on, and which are not: the recommendation's own cases, and random texts
 * against regular expressions that say the same. */
#include "trace_context.h"

#include "base/random.h"
#include "net/http_parse.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>

#define TRACE_ID "4bf92f3577b34da6a3ce929d0e0e4736"
#define SPAN_ID  "00f067aa0ba902b7"
#define PARENT   "00-" TRACE_ID "-" SPAN_ID "-01"

static struct trace_context trace;
static struct http_head head;

static void begin(void)
{
    memset(&trace, 0xee, sizeof trace); /* nothing may be left over from before */
    head.header_count = 0;
}

TestSuite(trace_context, .init = begin);

static void add(const char *name, const char *value)
{
    head.headers[head.header_count++] = (struct http_header){slice_str(name), slice_str(value)};
}

static void hear(enum trace_field field, const char *value)
{
    trace_context_hear(&trace, field, slice_str(value));
}

static void read_both(struct slice parent, struct slice state)
{
    trace_context_reset(&trace);
    trace_context_hear(&trace, TRACE_PARENT, parent);
    trace_context_hear(&trace, TRACE_STATE, state);
    trace_context_settle(&trace);
}

#define EXPECT(parent_text, state_text)                                              \
    do {                                                                             \
        cr_expect(slice_equal(trace.parent, slice_str(parent_text)), "%.*s, not %s", \
                  SLICE_ARGS(trace.parent), parent_text);                            \
        cr_expect(slice_equal(trace.state, slice_str(state_text)), "%.*s, not %s",   \
                  SLICE_ARGS(trace.state), state_text);                              \
    } while (0)

Test(trace_context, is_read_from_fields_in_capitals_or_not)
{
    add("Host", "x");
    add("TraceParent", PARENT);
    add("TRACESTATE", "a=1");
    trace_context_read(&trace, &head);
    EXPECT(PARENT, "a=1");
}

Test(trace_context, is_none_if_nothing_is_said)
{
    add("x-traceparent", PARENT);
    add("traceparen", PARENT);
    trace_context_read(&trace, &head);
    EXPECT("", "");
}

Test(trace_context, is_that_of_the_request_at_hand)
{
    add("traceparent", PARENT);
    add("tracestate", "a=1");
    trace_context_read(&trace, &head);
    head.header_count = 0;
    trace_context_read(&trace, &head);
    EXPECT("", "");
}

Test(trace_context, with_a_parent_that_comes_twice_is_none)
{
    add("traceparent", PARENT);
    add("tracestate", "a=1");
    add("traceparent", PARENT);
    trace_context_read(&trace, &head);
    EXPECT("", "");
}

Test(trace_context, with_a_wrong_parent_is_none_whatever_comes_first)
{
    static const char *const orders[][2] = {{PARENT, "wrong"}, {"wrong", PARENT}};
    for (size_t i = 0; i < 2; i++) {
        trace_context_reset(&trace);
        hear(TRACE_PARENT, orders[i][0]);
        hear(TRACE_PARENT, orders[i][1]);
        trace_context_settle(&trace);
        EXPECT("", "");
    }
}

Test(trace_context, has_no_state_without_a_parent)
{
    add("tracestate", "a=1");
    trace_context_read(&trace, &head);
    EXPECT("", "");
    read_both(SLICE("00-0-0-0"), SLICE("a=1"));
    EXPECT("", "");
}

Test(trace_context, has_states_of_several_fields_in_order)
{
    add("tracestate", "a=1, b=2");
    add("traceparent", PARENT);
    add("tracestate", "");
    add("tracestate", "c=3,");
    trace_context_read(&trace, &head);
    EXPECT(PARENT, "a=1, b=2,c=3,");
}

Test(trace_context, keeps_its_parent_where_the_state_is_wrong)
{
    read_both(SLICE(PARENT), SLICE("a=1,B=2"));
    EXPECT(PARENT, "");
}

static const struct {
    const char *said, *kept;
} parents[] = {
    {PARENT, PARENT},
    {" \t" PARENT " ", PARENT},
    {"00-" TRACE_ID "-" SPAN_ID "-00", "00-" TRACE_ID "-" SPAN_ID "-00"},
    {"00-" TRACE_ID "-" SPAN_ID "-ff", "00-" TRACE_ID "-" SPAN_ID "-ff"},
    /* a higher version */
    {"01-" TRACE_ID "-" SPAN_ID "-01", PARENT},
    {"cc-" TRACE_ID "-" SPAN_ID "-01-what-the-future-will-be-like", PARENT},
    {"cc-" TRACE_ID "-" SPAN_ID "-01-", PARENT},
    {"fe-" TRACE_ID "-" SPAN_ID "-ff", PARENT},
    {"fe-" TRACE_ID "-" SPAN_ID "-2b", PARENT},
    {"fe-" TRACE_ID "-" SPAN_ID "-fe", "00-" TRACE_ID "-" SPAN_ID "-00"},
    {"cc-" TRACE_ID "-" SPAN_ID "-01.what-the-future-will-be-like", ""},
    {"cc-" TRACE_ID "-" SPAN_ID "-012", ""},
    {"cc-" TRACE_ID "-" SPAN_ID "-0", ""},
    {"ff-" TRACE_ID "-" SPAN_ID "-01", ""},
    {"ff-" TRACE_ID "-" SPAN_ID "-01-x", ""},
    /* version 00 is as long as it is */
    {PARENT "-", ""},
    {PARENT "-x", ""},
    {PARENT ".x", ""},
    {PARENT "0", ""},
    {"00-" TRACE_ID "-" SPAN_ID "-1", ""},
    {"00-" TRACE_ID "-" SPAN_ID "-", ""},
    {"00-" TRACE_ID "-" SPAN_ID, ""},
    {"", ""},
    {"0-" TRACE_ID "-" SPAN_ID "-001", ""},
    {"000" TRACE_ID "-" SPAN_ID "-01", ""},
    {"00-" TRACE_ID "0" SPAN_ID "-01", ""},
    {"00-" TRACE_ID "-" SPAN_ID "001", ""},
    {"00-" TRACE_ID "a-"
     "00f067aa0ba902b-01",
     ""},
    /* numbers */
    {"00-4BF92F3577B34DA6A3CE929D0E0E4736-" SPAN_ID "-01", ""},
    {"00-" TRACE_ID "-00F067AA0BA902B7-01", ""},
    {"0A-" TRACE_ID "-" SPAN_ID "-01", ""},
    {"00-" TRACE_ID "-" SPAN_ID "-0A", ""},
    {".0-" TRACE_ID "-" SPAN_ID "-01", ""},
    {"00-.bf92f3577b34da6a3ce929d0e0e4736-" SPAN_ID "-01", ""},
    {"00-" TRACE_ID "-.0f067aa0ba902b7-01", ""},
    {"00-" TRACE_ID "-" SPAN_ID "-.1", ""},
    {"00-00000000000000000000000000000000-" SPAN_ID "-01", ""},
    {"00-" TRACE_ID "-0000000000000000-01", ""},
    {"01-00000000000000000000000000000000-" SPAN_ID "-01", ""},
    {"00-00000000000000000000000000000001-0000000000000001-00",
     "00-00000000000000000000000000000001-0000000000000001-00"},
    {PARENT "," PARENT, ""},
};

Test(trace_context, has_a_parent_as_the_recommendation_says)
{
    for (size_t i = 0; i < sizeof parents / sizeof *parents; i++) {
        read_both(slice_str(parents[i].said), SLICE("a=1"));
        cr_expect(slice_equal(trace.parent, slice_str(parents[i].kept)), "%s: %.*s",
                  parents[i].said, SLICE_ARGS(trace.parent));
        cr_expect(eq(sz, trace.state.size, parents[i].kept[0] ? 3 : 0), "%s", parents[i].said);
    }
}

static const struct {
    const char *text;
    bool is_kept;
} states[] = {
    {"a=1", true},
    {"a=1,b=2", true},
    {"a=1 , \tb=2", true},
    {",a=1,,b=2,", true},
    {"a=1,a=2", true}, /* nobody is helped by dropping it */
    {"rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", true},
    {"a0_-*/=1", true},
    {"fw529a3039@dt=FfYtg", true},
    {"0fw@d0_-*/=1", true},
    {"a= 1", true},
    {"a=!\"#$%&'()*+-./:;<>?@[]^_`{|}~", true},
    {"", false},
    {",", false},
    {" , ", false},
    {"a", false},
    {"a=", false},
    {"a=1,b", false},
    {"=1", false},
    {"0a=1", false},
    {"_a=1", false},
    {"A=1", false},
    {"aB=1", false},
    {"a =1", false},
    {"a.b=1", false},
    {"@dt=1", false},
    {"a@=1", false},
    {"a@0=1", false},
    {"a@b@c=1", false},
    {"-a@b=1", false},
    {"a=1=2", false},
    {"a=\x7f", false},
    {"a=\xc3\xa9", false},
    {"a=b\tc", false},
};

Test(trace_context, has_a_state_as_the_recommendation_says)
{
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        read_both(SLICE(PARENT), slice_str(states[i].text));
        cr_expect(slice_equal(trace.state, slice_str(states[i].is_kept ? states[i].text : "")),
                  "%s: %.*s", states[i].text, SLICE_ARGS(trace.state));
        cr_expect(eq(sz, trace.parent.size, sizeof PARENT - 1));
    }
}

/* "aaa@bbb=ccc" with as many of each; no b, no sign. */
static bool keeps_member(int a, int b, int c)
{
    static const char many[] =
        "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
        "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
        "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
        "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk";
    char text[600];
    int size =
        snprintf(text, sizeof text, "%.*s%s%.*s=%.*s", a, many, b ? "@" : "", b, many, c, many);
    read_both(SLICE(PARENT), slice_of(text, (size_t)size));
    return trace.state.size == (size_t)size;
}

Test(trace_context, bounds_the_members_of_its_state)
{
    cr_expect(keeps_member(255, 0, 256));
    cr_expect(keeps_member(256, 0, 255));
    cr_expect(not(keeps_member(257, 0, 1)));
    cr_expect(keeps_member(241, 14, 1));
    cr_expect(not(keeps_member(242, 14, 1)));
    cr_expect(not(keeps_member(241, 15, 1)));
    cr_expect(keeps_member(1, 0, 256));
    cr_expect(not(keeps_member(1, 0, 257)));
}

Test(trace_context, bounds_the_number_of_members)
{
    char text[512] = "k=v";
    for (int i = 1; i < 32; i++)
        strcat(text, ",k=v");
    read_both(SLICE(PARENT), slice_str(text));
    EXPECT(PARENT, text);
    strcat(text, ",,");
    read_both(SLICE(PARENT), slice_str(text));
    EXPECT(PARENT, text);
    strcat(text, "k=v");
    read_both(SLICE(PARENT), slice_str(text));
    EXPECT(PARENT, "");
}

Test(trace_context, bounds_the_size_of_all_states_together)
{
    char half[257] = "k=";
    memset(half + 2, 'v', 254);
    add("traceparent", PARENT);
    add("tracestate", half); /* 256, and a comma between them */
    add("tracestate", half + 1);
    head.headers[2].value.at = half;
    trace_context_read(&trace, &head);
    cr_expect(eq(sz, trace.state.size, LIMIT_TRACE_STATE_SIZE));
    head.headers[2].value.size++;
    trace_context_read(&trace, &head);
    cr_expect(zero(sz, trace.state.size));
    char whole[LIMIT_TRACE_STATE_SIZE + 2];
    memset(whole, ' ', sizeof whole);
    memcpy(whole, "a=1,", 4);
    memcpy(whole + LIMIT_TRACE_STATE_SIZE - 3, "b=2", 3);
    read_both(SLICE(PARENT), slice_of(whole, LIMIT_TRACE_STATE_SIZE));
    cr_expect(eq(sz, trace.state.size, LIMIT_TRACE_STATE_SIZE));
    memcpy(whole + LIMIT_TRACE_STATE_SIZE - 2, "b=2", 3);
    read_both(SLICE(PARENT), slice_of(whole, LIMIT_TRACE_STATE_SIZE + 1));
    cr_expect(zero(sz, trace.state.size));
    cr_expect(eq(sz, trace.parent.size, LIMIT_TRACE_PARENT_SIZE));
}

/* ---- the model ---- */

static regex_t parent_form, old_form, zero_form, member_form, empty_form;

static void compile(regex_t *form, const char *pattern)
{
    cr_assert(zero(int, regcomp(form, pattern, REG_EXTENDED | REG_NOSUB)), "%s", pattern);
}

static bool fits(const regex_t *form, const char *text)
{
    return regexec(form, text, 0, NULL, 0) == 0;
}

static void open_model(void)
{
    begin();
    compile(&parent_form, "^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?$");
    compile(&old_form, "^00.{53}$|^0[^0]|^[^0f]|^f[^f]");
    compile(&zero_form, "^...0{32}|^.{36}0{16}");
    compile(&member_form, "^[ \t]*([a-z][-a-z0-9_*/]*|[a-z0-9][-a-z0-9_*/]*@[a-z][-a-z0-9_*/]*)="
                          "[^=\t]*[^= \t][ \t]*$");
    compile(&empty_form, "^[ \t]*$");
}

static void close_model(void)
{
    regex_t *all[] = {&parent_form, &old_form, &zero_form, &member_form, &empty_form};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        regfree(all[i]);
}

TestSuite(trace_context_model, .init = open_model, .fini = close_model);

static bool model_parent(const char *text, char *kept)
{
    if (!fits(&parent_form, text) || !fits(&old_form, text) || fits(&zero_form, text))
        return false;
    memcpy(kept, text, 55);
    if (strncmp(text, "00", 2) != 0) {
        memcpy(kept, "00", 2);
        memcpy(kept + 53, strchr("13579bdf", text[54]) ? "01" : "00", 2);
    }
    kept[55] = '\0';
    return true;
}

/* Of members short enough for their bounds not to matter, and with no other bytes than spoil()
 * brings. */
static bool model_state(char *text)
{
    unsigned count = 0;
    for (char *member; (member = strsep(&text, ",")) != NULL;) {
        if (fits(&empty_form, member))
            continue;
        if (++count > 32 || !fits(&member_form, member) || strpbrk(member, "\x1f\x7f\xc3"))
            return false;
    }
    return count > 0;
}

static struct random chance;

static char any_of(const char *choice)
{
    return choice[random_below(&chance, strlen(choice))];
}

/* A few letters changed, dropped or doubled. */
static void spoil(char *text, const char *letters)
{
    for (uint64_t i = random_below(&chance, 4); i > 0 && text[0]; i--) {
        size_t size = strlen(text), at = random_below(&chance, size);
        switch (random_below(&chance, 4)) {
        case 0:
            memmove(text + at, text + at + 1, size - at);
            break;
        case 1:
            memmove(text + at + 1, text + at, size - at + 1);
            break;
        default:
            text[at] = any_of(letters);
        }
    }
}

static void draw_parent(char *text)
{
    static const char *const versions[] = {"00", "00", "00", "01", "fe", "ff", "f0", "0f"};
    static const char *const tails[] = {"", "", "", "-", "-x", "x"};
    char digits[50];
    bool has_zeros = random_below(&chance, 3) == 0;
    for (size_t i = 0; i < sizeof digits; i++)
        digits[i] = has_zeros ? '0' : any_of("0123456789abcdef");
    if (has_zeros && random_below(&chance, 2))
        digits[random_below(&chance, sizeof digits)] = '1';
    snprintf(text, 100, "%s-%.32s-%.16s-%.2s%s", versions[random_below(&chance, 8)], digits,
             digits + 32, digits + 48, tails[random_below(&chance, 6)]);
}

static void draw_state(char *text)
{
    uint64_t members = random_below(&chance, random_below(&chance, 9) ? 4 : 36);
    for (; members > 0; members--) {
        *text++ = any_of("aabbyyzz0");
        for (uint64_t i = random_below(&chance, 3); i > 0; i--)
            *text++ = any_of("abz09_-*/ab09_-*/abz@");
        *text++ = '=';
        for (uint64_t i = random_below(&chance, 3); i > 0; i--)
            *text++ = any_of("!a0 ~-/<>");
        *text++ = any_of("!!aazz00~~//<<> ");
        if (members > 1)
            *text++ = ',';
    }
    *text = '\0';
}

Test(trace_context_model, says_the_same_of_random_texts)
{
    const char *given = getenv("SEED");
    uint64_t seed = given ? strtoull(given, NULL, 10) : 1;
    random_init(&chance, seed);
    unsigned kept_parents = 0, kept_states = 0, rounds = 20000;
    for (unsigned i = 0; i < rounds; i++) {
        char parent[100], state[400], copy[400], kept[56] = "";
        draw_parent(parent);
        draw_state(state);
        spoil(parent, "0189afgAF-. ");
        spoil(state, "az09AZ@=, \t-_*/.~\x7f\x1f\xc3");
        memcpy(copy, state, sizeof copy);
        read_both(slice_str(parent), slice_str(state));
        char *trimmed = parent + strspn(parent, " ");
        while (trimmed[0] && trimmed[strlen(trimmed) - 1] == ' ')
            trimmed[strlen(trimmed) - 1] = '\0';
        bool has_parent = model_parent(trimmed, kept), has_state = has_parent && model_state(copy);
        cr_assert(slice_equal(trace.parent, slice_str(kept)), "seed %llu: %s: %.*s",
                  (unsigned long long)seed, parent, SLICE_ARGS(trace.parent));
        cr_assert(eq(int, trace.state.size > 0, has_state), "seed %llu: %s: %s",
                  (unsigned long long)seed, parent, state);
        if (has_state)
            cr_assert(slice_equal(trace.state, slice_trim(slice_str(state))));
        kept_parents += has_parent;
        kept_states += has_state;
    }
    cr_assert(lt(u32, rounds / 20, kept_parents));
    cr_assert(lt(u32, kept_parents, rounds - rounds / 20));
    cr_assert(lt(u32, rounds / 50, kept_states));
}
