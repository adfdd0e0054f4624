/* nouns_test.c - what has to hold for every row of the table. */
#include "tools/ctl/verb.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

/* Calls `check` for each verb. */
static void each_verb(void (*check)(const struct noun *noun, const struct verb *verb))
{
    for (const struct noun *noun = nouns; noun->name; noun++)
        for (const struct verb *verb = noun->verbs; verb->help; verb++)
            check(noun, verb);
}

static void check_request(const struct noun *noun, const struct verb *verb)
{
    bool needs_id = verb->path && strstr(verb->path, "{id}");
    bool has_id = verb->argument && verb->argument[0] != '[';
    bool is_list = verb->answer != ANSWER_OBJECT;
    cr_assert(verb->run || (verb->method && verb->path), "%s %s", noun->name, verb->name);
    cr_assert(has_id || !needs_id, "%s %s", noun->name, verb->name);
    cr_assert(verb->columns || !is_list, "%s %s", noun->name, verb->name);
}

Test(nouns, every_verb_has_a_request_or_code_and_what_its_path_needs)
{
    each_verb(check_request);
}

static void check_options(const struct noun *noun, const struct verb *verb)
{
    size_t cursor = 0, count = 0;
    const struct option *option;
    while ((option = verb_next_option(verb, &cursor))) {
        cr_assert(option->help && option->help[0], "%s %s --%s", noun->name, verb->name,
                  option->name);
        cr_assert(eq(ptr, (void *)(uintptr_t)verb_option(verb, slice_str(option->name)),
                     (void *)(uintptr_t)option),
                  "%s %s --%s is there twice", noun->name, verb->name, option->name);
        cr_assert(option->use != OPTION_QUERY || option->argument, "%s", option->name);
        count++;
    }
    cr_assert(lt(sz, count, 64));
}

Test(nouns, every_option_has_a_name_of_its_own_and_help)
{
    each_verb(check_options);
}

Test(nouns, no_two_nouns_or_verbs_have_one_name)
{
    for (const struct noun *noun = nouns; noun->name; noun++) {
        cr_assert(
            eq(ptr, (void *)(uintptr_t)noun_find(slice_str(noun->name)), (void *)(uintptr_t)noun));
        for (const struct verb *verb = noun->verbs; verb->name; verb++)
            cr_assert(eq(ptr, (void *)(uintptr_t)verb_find(noun, slice_str(verb->name)),
                         (void *)(uintptr_t)verb));
    }
}
