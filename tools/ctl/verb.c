/* verb.c - finds things in the table; see verb.h. */
#include "tools/ctl/verb.h"

static bool is_named(struct slice name, const char *wanted)
{
    return slice_equal(name, slice_str(wanted));
}

const struct noun *noun_find(struct slice name)
{
    struct slice single = name;
    if (single.size > 1 && single.at[single.size - 1] == 's')
        single.size--;
    for (const struct noun *noun = nouns; noun->name; noun++)
        if (is_named(name, noun->name) || (!noun_alone(noun) && is_named(single, noun->name)))
            return noun;
    return NULL;
}

const struct verb *verb_find(const struct noun *noun, struct slice name)
{
    for (const struct verb *verb = noun->verbs; verb->help; verb++)
        if (verb->name && is_named(name, verb->name))
            return verb;
    return NULL;
}

const struct verb *noun_alone(const struct noun *noun)
{
    return noun->verbs->name ? NULL : noun->verbs;
}

const struct option *verb_next_option(const struct verb *verb, size_t *cursor)
{
    const struct option *const lists[] = {
        verb->options,
        verb->takes & TAKES_FIELDS ? field_options : NULL,
        verb->takes & TAKES_PAGES ? page_options : NULL,
    };
    size_t at = *cursor;
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        for (const struct option *option = lists[i]; option && option->name; option++) {
            if (at-- > 0)
                continue;
            ++*cursor;
            return option;
        }
    }
    return NULL;
}

const struct option *verb_option(const struct verb *verb, struct slice name)
{
    size_t cursor = 0;
    const struct option *option;
    while ((option = verb_next_option(verb, &cursor)))
        if (is_named(name, option->name))
            return option;
    return NULL;
}
