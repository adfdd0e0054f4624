/* line_test.c - command lines. */
#include "tools/ctl/line.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>

static struct line line;
static char why[LINE_WHY_SIZE];

/* The words up to NULL. */
#define READ(...) read_line((const char *[]){"grapnelctl", __VA_ARGS__, NULL})

static int read_line(const char **words)
{
    int count = 0;
    while (words[count])
        count++;
    return line_read(&line, count, (char **)(uintptr_t)words, why);
}

static void option_is(const char *name, const char *expected)
{
    const char *value = line_option(&line, name);
    cr_assert(value != NULL, "%s", name);
    cr_assert(eq(int, strcmp(value, expected), 0));
}

static void global_is(unsigned global, const char *expected)
{
    const char *value = line_global(&line, global);
    cr_assert(value != NULL);
    cr_assert(eq(int, strcmp(value, expected), 0));
}

static void says(const char *text)
{
    cr_assert(strstr(why, text) != NULL, "%s", why);
}

Test(line, has_noun_verb_argument_and_options)
{
    cr_assert(
        eq(int, READ("subscription", "update", "sub_1", "--url", "http://x/", "--rate=5"), 0));
    cr_assert(eq(int, strcmp(line.noun->name, "subscription"), 0));
    cr_assert(eq(int, strcmp(line.verb->name, "update"), 0));
    cr_assert(eq(int, strcmp(line.argument, "sub_1"), 0));
    option_is("url", "http://x/");
    option_is("rate", "5");
}

Test(line, before_the_noun_an_option_is_the_servers_and_behind_it_the_verbs)
{
    cr_assert(
        eq(int, READ("--url", "http://a/", "subscription", "create", "--url", "http://b/"), 0));
    global_is(GLOBAL_URL, "http://a/");
    option_is("url", "http://b/");
}

Test(line, a_global_option_may_stand_behind_a_verb_that_has_none_of_its_name)
{
    cr_assert(eq(int, READ("tenant", "list", "--url", "http://a/", "-o", "json"), 0));
    global_is(GLOBAL_URL, "http://a/");
    cr_assert(line_wants_json(&line));
    cr_assert(eq(int, READ("-ojson", "tenant", "list"), 0));
    cr_assert(line_wants_json(&line));
}

Test(line, of_an_option_that_is_given_twice_the_last_counts)
{
    cr_assert(eq(int, READ("tenant", "list", "--limit", "1", "--limit", "2"), 0));
    option_is("limit", "2");
}

Test(line, a_noun_may_be_given_in_the_plural)
{
    cr_assert(eq(int, READ("subscriptions", "list"), 0));
    cr_assert(eq(int, strcmp(line.noun->name, "subscription"), 0));
}

Test(line, a_noun_that_is_a_command_has_no_verb)
{
    cr_assert(eq(int, READ("completion", "bash"), 0));
    cr_assert(eq(int, strcmp(line.argument, "bash"), 0));
}

Test(line, two_dashes_end_the_options)
{
    cr_assert(eq(int, READ("tenant", "get", "--", "--odd"), 0));
    cr_assert(eq(int, strcmp(line.argument, "--odd"), 0));
    cr_assert(eq(int, READ("event", "send", "-"), 0));
}

Test(line, says_what_may_have_been_meant)
{
    cr_assert(eq(int, READ("tennant", "list"), -EINVAL));
    says("did you mean 'tenant'?");
    cr_assert(eq(int, READ("tenant", "lsit"), -EINVAL));
    says("did you mean 'list'?");
    cr_assert(eq(int, READ("tenant", "list", "--limti", "3"), -EINVAL));
    says("did you mean 'limit'?");
    cr_assert(eq(int, READ("tenant", "list", "--frobnicate"), -EINVAL));
    says("unknown option 'frobnicate'");
}

Test(line, what_is_missing_or_too_much_is_named)
{
    cr_assert(eq(int, READ("tenant"), -EINVAL));
    says("a verb is missing");
    cr_assert(eq(int, READ("tenant", "get"), -EINVAL));
    says("ID is missing");
    cr_assert(eq(int, READ("tenant", "get", "a", "b"), -EINVAL));
    says("'b'");
    cr_assert(eq(int, READ("tenant", "list", "--limit"), -EINVAL));
    says("'limit'");
    cr_assert(eq(int, READ("tenant", "list", "--all=1"), -EINVAL));
    says("'all'");
    cr_assert(eq(int, READ("tenant", "list", "-o", "xml"), -EINVAL));
    says("'xml'");
    cr_assert(eq(int, READ("-x"), -EINVAL));
    says("'-x'");
}

Test(line, with_help_nothing_is_missing)
{
    cr_assert(eq(int, READ("--help"), 0));
    cr_assert(eq(int, READ("tenant", "--help"), 0));
    cr_assert(eq(int, READ("tenant", "get", "-h"), 0));
    cr_assert(line_global(&line, GLOBAL_HELP) != NULL);
}
