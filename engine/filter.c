/* filter.c - see filter.h: from JSON to nodes. Control's thread.
 *
 * The list of nodes is also the list of what is still to be done: a node that stands for a
 * condition is added with the JSON of it, and its children go to the end of the list when its turn
 * comes. So nothing recurs, however the text nests.
 */
#include "filter_program.h"

#include <errno.h>
#include <stdlib.h>

struct compiler {
    struct filter *filter;
    struct json_value sources[FILTER_NODES_MAX];
    bool is_condition[FILTER_NODES_MAX]; /* its source is still to be read */
    uint16_t last[FILTER_NODES_MAX];     /* its last child */
    struct faults *faults;
    const char *base;
    size_t strings_size;
    unsigned regex_count;
    bool out_of_memory, is_full;
};

static struct slice keep(struct compiler *compiler, struct slice string)
{
    char *kept = compiler->filter->strings + compiler->strings_size;
    if (string.size > 0)
        memcpy(kept, string.at, string.size);
    compiler->strings_size += string.size;
    return slice_of(kept, string.size);
}

static void fault(struct compiler *compiler, unsigned node, const char *what)
{
    char pointer[FAULT_POINTER_SIZE];
    filter_pointer(compiler->filter, node, compiler->base, pointer);
    faults_add(compiler->faults, pointer, "%s", what);
}

/* A child of `parent`, where the parent is in the text. 0: there are too many. */
static unsigned add(struct compiler *compiler, unsigned parent, enum filter_kind kind)
{
    struct filter *filter = compiler->filter;
    if (filter->count == FILTER_NODES_MAX) {
        if (!compiler->is_full)
            faults_add(compiler->faults, compiler->base, "has too many conditions: at most %d",
                       FILTER_NODES_MAX);
        compiler->is_full = true;
        return 0;
    }
    unsigned added = filter->count++;
    struct filter_node *node = &filter->nodes[added];
    node->kind = (uint8_t)kind;
    node->parent = (uint16_t)parent;
    node->depth = filter->nodes[parent].depth;
    node->is_outer = filter->nodes[parent].is_outer;
    if (filter->nodes[parent].first == 0)
        filter->nodes[parent].first = (uint16_t)added;
    else
        filter->nodes[compiler->last[parent]].next = (uint16_t)added;
    compiler->last[parent] = (uint16_t)added;
    return added;
}

/* A child that is one deeper in the text, at a name or at a place in an array. */
static unsigned add_within(struct compiler *compiler, unsigned parent, enum filter_kind kind)
{
    unsigned added = add(compiler, parent, kind);
    if (added == 0)
        return 0;
    struct filter_node *node = &compiler->filter->nodes[added];
    node->is_within = true;
    if (++node->depth > FILTER_DEPTH_MAX) {
        fault(compiler, parent, "nests too deep: at most 32 levels");
        compiler->is_full = true;
        return 0;
    }
    return added;
}

static unsigned add_named(struct compiler *compiler, unsigned parent, enum filter_kind kind,
                          struct slice name)
{
    unsigned added = add_within(compiler, parent, kind);
    if (added > 0)
        compiler->filter->nodes[added].name = keep(compiler, name);
    return added;
}

static unsigned add_indexed(struct compiler *compiler, unsigned parent, enum filter_kind kind,
                            unsigned index)
{
    unsigned added = add_within(compiler, parent, kind);
    if (added > 0) {
        compiler->filter->nodes[added].has_index = true;
        compiler->filter->nodes[added].index = (uint16_t)index;
    }
    return added;
}

/* The children of `node` will be what `source` says. */
static void set_condition(struct compiler *compiler, unsigned node, struct json_value source)
{
    if (node == 0)
        return;
    must(node < FILTER_NODES_MAX);
    compiler->sources[node] = source;
    compiler->is_condition[node] = true;
}

/* ---- operands ---- */

/* False: an object or an array. */
static bool take_plain(struct compiler *compiler, struct filter_node *node, struct json_value value)
{
    struct slice string;
    node->operand = (uint8_t)json_kind(value);
    switch (json_kind(value)) {
    case JSON_NULL:
        return true;
    case JSON_BOOL:
        return json_bool(value, &node->is_true);
    case JSON_NUMBER:
        return filter_read_number(value, &node->number);
    case JSON_STRING:
        if (json_string(value, &string))
            node->string = keep(compiler, string);
        return true;
    case JSON_ARRAY:
    case JSON_OBJECT:
        break;
    }
    return false;
}

static void add_equal(struct compiler *compiler, unsigned node, struct json_value value)
{
    if (node > 0 && !take_plain(compiler, &compiler->filter->nodes[node], value))
        fault(compiler, node, "must be a string, a number, true, false or null");
}

static void add_list(struct compiler *compiler, unsigned list, struct json_value value)
{
    struct json_value element;
    uint64_t cursor = 0;
    unsigned index = 0;
    if (list == 0)
        return;
    while (json_kind(value) == JSON_ARRAY && !compiler->is_full &&
           json_next(value, &cursor, NULL, &element))
        add_equal(compiler, add_indexed(compiler, list, FILTER_EQUAL, index++), element);
    if (index == 0)
        fault(compiler, list, "must be an array of at least one plain value");
}

/* ---- operators ---- */

/* Where an operator stands. */
struct site {
    unsigned holder;
    unsigned *group; /* the holder's ELEMENT, or 0 until there is one */
    struct slice name;
    struct json_value value;
    enum filter_kind kind;
};

static unsigned group_of(struct compiler *compiler, unsigned holder, unsigned *group)
{
    if (*group == 0)
        *group = add(compiler, holder, FILTER_ELEMENT);
    return *group;
}

/* The node of a comparison, in the holder's group. */
static unsigned add_comparison(struct compiler *compiler, const struct site *site)
{
    unsigned group = group_of(compiler, site->holder, site->group);
    return group ? add_named(compiler, group, site->kind, site->name) : 0;
}

static void take_equal(struct compiler *compiler, const struct site *site)
{
    add_equal(compiler, add_comparison(compiler, site), site->value);
}

static void take_in(struct compiler *compiler, const struct site *site)
{
    add_list(compiler, add_comparison(compiler, site), site->value);
}

/* Not one element that is equal. */
static unsigned add_negation(struct compiler *compiler, const struct site *site,
                             enum filter_kind kind)
{
    unsigned negation = add_named(compiler, site->holder, FILTER_NOT, site->name);
    unsigned element = negation ? add(compiler, negation, FILTER_ELEMENT) : 0;
    return element ? add(compiler, element, kind) : 0;
}

static void take_not_equal(struct compiler *compiler, const struct site *site)
{
    add_equal(compiler, add_negation(compiler, site, FILTER_EQUAL), site->value);
}

static void take_not_in(struct compiler *compiler, const struct site *site)
{
    add_list(compiler, add_negation(compiler, site, FILTER_SOME), site->value);
}

static void take_order(struct compiler *compiler, const struct site *site)
{
    unsigned node = add_comparison(compiler, site);
    enum json_kind kind = json_kind(site->value);
    if (node == 0)
        return;
    if ((kind != JSON_NUMBER && kind != JSON_STRING) ||
        !take_plain(compiler, &compiler->filter->nodes[node], site->value))
        fault(compiler, node, "must be a number or a string");
}

static bool take_string(struct compiler *compiler, unsigned node, struct json_value value)
{
    if (node == 0)
        return false;
    if (json_kind(value) == JSON_STRING)
        return take_plain(compiler, &compiler->filter->nodes[node], value);
    fault(compiler, node, "must be a string");
    return false;
}

static void take_affix(struct compiler *compiler, const struct site *site)
{
    (void)!take_string(compiler, add_comparison(compiler, site), site->value);
}

static void take_regex(struct compiler *compiler, const struct site *site)
{
    unsigned node = add_comparison(compiler, site);
    char why[REGEX_WHY_SIZE];
    if (!take_string(compiler, node, site->value))
        return;
    if (++compiler->regex_count > FILTER_REGEX_MAX) {
        fault(compiler, node, "is one too many: a filter has at most 8 regular expressions");
        return;
    }
    struct filter_node *made = &compiler->filter->nodes[node];
    int error = regex_open(&made->regex, made->string, why);
    if (error == -EINVAL)
        fault(compiler, node, why);
    else
        compiler->out_of_memory |= error != 0;
}

static void take_exist(struct compiler *compiler, const struct site *site)
{
    unsigned node = add_named(compiler, site->holder, FILTER_EXIST, site->name);
    if (node > 0 && !json_bool(site->value, &compiler->filter->nodes[node].is_true))
        fault(compiler, node, "must be true or false");
}

static void take_conditions(struct compiler *compiler, const struct site *site)
{
    unsigned list = add_named(compiler, site->holder, site->kind, site->name);
    struct json_value element;
    uint64_t cursor = 0;
    unsigned index = 0;
    if (list == 0)
        return;
    while (json_kind(site->value) == JSON_ARRAY && !compiler->is_full &&
           json_next(site->value, &cursor, NULL, &element))
        set_condition(compiler, add_indexed(compiler, list, FILTER_ALL, index++), element);
    if (index == 0)
        fault(compiler, list, "must be an array of at least one condition");
}

static void take_not(struct compiler *compiler, const struct site *site)
{
    set_condition(compiler, add_named(compiler, site->holder, FILTER_NOT, site->name), site->value);
}

static const struct word {
    const char *name;
    void (*take)(struct compiler *compiler, const struct site *site);
    enum filter_kind kind;
    bool is_outer; /* may be said of the event as a whole */
} words[] = {
    {"$eq", take_equal, FILTER_EQUAL, false},
    {"$neq", take_not_equal, FILTER_NOT, false},
    {"$gt", take_order, FILTER_GREATER, false},
    {"$gte", take_order, FILTER_AT_LEAST, false},
    {"$lt", take_order, FILTER_LESS, false},
    {"$lte", take_order, FILTER_AT_MOST, false},
    {"$in", take_in, FILTER_SOME, false},
    {"$nin", take_not_in, FILTER_NOT, false},
    {"$exist", take_exist, FILTER_EXIST, false},
    {"$startsWith", take_affix, FILTER_STARTS, false},
    {"$endsWith", take_affix, FILTER_ENDS, false},
    {"$regex", take_regex, FILTER_REGEX, false},
    {"$and", take_conditions, FILTER_ALL, true},
    {"$or", take_conditions, FILTER_SOME, true},
    {"$not", take_not, FILTER_NOT, true},
};

static const struct word *word_named(struct slice name)
{
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (slice_equal(name, slice_str(words[i].name)))
            return &words[i];
    return NULL;
}

/* ---- conditions ---- */

static void fault_at(struct compiler *compiler, unsigned node, struct slice name, const char *what)
{
    char pointer[FAULT_POINTER_SIZE], place[FAULT_POINTER_SIZE];
    filter_pointer(compiler->filter, node, compiler->base, pointer);
    pointer_member(place, pointer, name);
    faults_add(compiler->faults, place, "%s", what);
}

static void take_operator(struct compiler *compiler, struct site *site)
{
    const struct word *found = word_named(site->name);
    if (!found) {
        fault_at(compiler, site->holder, site->name, "unknown operator");
    } else if (compiler->filter->nodes[site->holder].is_outer && !found->is_outer) {
        fault_at(compiler, site->holder, site->name,
                 "is about a value: within \"payload\", \"metadata\", \"type\" or \"channels\"");
    } else {
        site->kind = found->kind;
        found->take(compiler, site);
    }
}

static void take_name(struct compiler *compiler, const struct site *site)
{
    bool is_outer = compiler->filter->nodes[site->holder].is_outer;
    bool is_metadata = slice_equal(site->name, SLICE("metadata"));
    if (is_outer && !is_metadata && !slice_equal(site->name, SLICE("payload")) &&
        !slice_equal(site->name, SLICE("type")) && !slice_equal(site->name, SLICE("channels"))) {
        fault_at(compiler, site->holder, site->name,
                 "unknown field: a filter is about \"payload\", \"metadata\", \"type\" and "
                 "\"channels\"");
        return;
    }
    compiler->filter->looks_at_metadata |= is_outer && is_metadata;
    unsigned parent = is_outer ? site->holder : group_of(compiler, site->holder, site->group);
    unsigned node = parent || is_outer ? add_named(compiler, parent, FILTER_MEMBER, site->name) : 0;
    if (node > 0)
        compiler->filter->nodes[node].is_outer = false;
    set_condition(compiler, node, site->value);
}

/* Gives `holder` the children that its source asks for. */
static void expand(struct compiler *compiler, unsigned holder)
{
    struct json_value source = compiler->sources[holder];
    struct site site = {.holder = holder, .group = &(unsigned){0}};
    uint64_t cursor = 0;
    if (json_kind(source) != JSON_OBJECT) {
        if (compiler->filter->nodes[holder].is_outer)
            fault(compiler, holder, "must be an object");
        else
            add_equal(compiler, add(compiler, group_of(compiler, holder, site.group), FILTER_EQUAL),
                      source);
        return;
    }
    while (!compiler->is_full && json_next(source, &cursor, &site.name, &site.value)) {
        if (site.name.size > 0 && site.name.at[0] == '$')
            take_operator(compiler, &site);
        else
            take_name(compiler, &site);
    }
}

/* ---- the whole ---- */

static struct filter *make(struct json_value condition, const char *pointer, struct faults *faults,
                           bool *out_of_memory)
{
    char *text = malloc(FILTER_SIZE_MAX);
    struct filter *filter =
        calloc(1, sizeof *filter + FILTER_NODES_MAX * sizeof(struct filter_node));
    long size = text ? json_print(condition, text, FILTER_SIZE_MAX) : -ENOMEM;
    if (size == -ENOBUFS)
        faults_add(faults, pointer, "must have at most %d bytes", FILTER_SIZE_MAX);
    *out_of_memory = !text || !filter;
    if (!filter || size < 0) {
        free(text);
        free(filter);
        return NULL;
    }
    filter->owners = 1;
    filter->count = 1;
    filter->nodes[0] = (struct filter_node){.kind = FILTER_ALL, .is_outer = true};
    filter->text = strndup(text, (size_t)size);
    free(text);
    filter->size = (size_t)size;
    filter->strings = malloc((size_t)size);
    *out_of_memory = !filter->strings || !filter->text;
    if (!*out_of_memory)
        return filter;
    filter_drop(filter);
    return NULL;
}

int filter_compile(struct json_value condition, const char *pointer, struct filter **made,
                   struct faults *faults)
{
    unsigned before = faults->count;
    bool out_of_memory;
    *made = NULL;
    struct filter *filter = make(condition, pointer, faults, &out_of_memory);
    struct compiler *compiler = filter ? calloc(1, sizeof *compiler) : NULL;
    if (!compiler) {
        filter_drop(filter);
        return out_of_memory || filter ? -ENOMEM : -EINVAL;
    }
    compiler->filter = filter;
    compiler->faults = faults;
    compiler->base = pointer;
    compiler->sources[0] = condition;
    compiler->is_condition[0] = true;
    for (unsigned i = 0; i < filter->count && !compiler->is_full; i++)
        if (compiler->is_condition[i])
            expand(compiler, i);
    int error = compiler->out_of_memory ? -ENOMEM : faults->count > before ? -EINVAL : 0;
    free(compiler);
    if (error) {
        filter_drop(filter);
        return error;
    }
    struct filter *fit = realloc(filter, sizeof *filter + filter->count * sizeof filter->nodes[0]);
    *made = fit ? fit : filter;
    return 0;
}

struct filter *filter_share(struct filter *filter)
{
    if (filter)
        filter->owners++;
    return filter;
}

void filter_drop(struct filter *filter)
{
    if (!filter || --filter->owners > 0)
        return;
    for (unsigned i = 0; i < filter->count; i++)
        regex_close(filter->nodes[i].regex);
    free(filter->text);
    free(filter->strings);
    free(filter);
}

bool filter_looks_at_metadata(const struct filter *filter)
{
    return filter->looks_at_metadata;
}

struct slice filter_text(const struct filter *filter)
{
    return slice_of(filter->text, filter->size);
}
