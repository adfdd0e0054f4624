/* filter_match.c - see filter.h: nodes against an event.
 *
 * A machine with a stack of its own. Each frame is a node that has children, and the value that it
 * asks about; the answer of a child decides whether the frame answers, takes its next child, or
 * begins anew with the next element of an array.
 */
#include "filter_program.h"

#include <stdio.h>

enum { FRAMES = 2 * FILTER_DEPTH_MAX + 4 };

/* A value: nothing, the event, a text, or a place in a document. */
struct datum {
    enum { DATUM_ABSENT, DATUM_EVENT, DATUM_TEXT, DATUM_JSON } kind;
    struct slice text;
    struct json_value json;
};

struct frame {
    unsigned node, child; /* the child that is being asked, or the next one */
    struct datum value;   /* what the children are asked about */
    struct json_value array;
    uint64_t cursor;
    bool is_array; /* FILTER_ELEMENT of `array`, which is read up to `cursor` */
};

struct machine {
    const struct filter_node *nodes;
    const struct filter_event *event;
    struct frame frames[FRAMES];
    unsigned depth;
    size_t steps;
    unsigned failed; /* the condition that made the last answer false */
};

/* ---- values ---- */

bool filter_read_number(struct json_value value, struct filter_number *number)
{
    int64_t whole;
    *number = (struct filter_number){0};
    if (!json_double(value, &number->real))
        return false;
    if (json_i64(value, &whole)) {
        number->is_whole = true;
        number->is_negative = whole < 0;
        number->magnitude = whole < 0 ? 0 - (uint64_t)whole : (uint64_t)whole;
    } else if (json_u64(value, &number->magnitude)) {
        number->is_whole = true;
    }
    return true;
}

static int compare_numbers(const struct filter_number *a, const struct filter_number *b)
{
    if (!a->is_whole || !b->is_whole)
        return (a->real > b->real) - (a->real < b->real);
    if (a->is_negative != b->is_negative)
        return a->is_negative ? -1 : 1;
    int order = (a->magnitude > b->magnitude) - (a->magnitude < b->magnitude);
    return a->is_negative ? -order : order;
}

static int compare_strings(struct slice a, struct slice b)
{
    size_t shared = a.size < b.size ? a.size : b.size;
    int order = shared > 0 ? memcmp(a.at, b.at, shared) : 0;
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

static bool string_of(const struct datum *value, struct slice *string)
{
    *string = value->text;
    return value->kind == DATUM_TEXT ||
           (value->kind == DATUM_JSON && json_string(value->json, string));
}

/* False: they cannot be compared. */
static bool compare(const struct filter_node *node, const struct datum *value, int *order)
{
    struct filter_number number;
    struct slice string;
    if (node->operand == JSON_STRING && string_of(value, &string)) {
        *order = compare_strings(string, node->string);
        return true;
    }
    if (node->operand != JSON_NUMBER || value->kind != DATUM_JSON ||
        !filter_read_number(value->json, &number))
        return false;
    *order = compare_numbers(&number, &node->number);
    return true;
}

static bool is_equal(const struct filter_node *node, const struct datum *value)
{
    int order;
    bool flag;
    if (node->operand == JSON_STRING || node->operand == JSON_NUMBER)
        return compare(node, value, &order) && order == 0;
    if (value->kind != DATUM_JSON || json_kind(value->json) != node->operand)
        return false;
    return node->operand == JSON_NULL || (json_bool(value->json, &flag) && flag == node->is_true);
}

static bool regex_holds(struct machine *machine, const struct filter_node *node, struct slice text)
{
    if (text.size > FILTER_REGEX_TEXT_MAX)
        return false;
    machine->steps += text.size;
    return regex_matches(node->regex, text);
}

static bool affix_holds(const struct filter_node *node, struct slice text)
{
    struct slice part = node->string;
    if (text.size < part.size)
        return false;
    size_t start = node->kind == FILTER_STARTS ? 0 : text.size - part.size;
    return slice_equal(slice_of(text.at + start, part.size), part);
}

static bool leaf_holds(struct machine *machine, const struct filter_node *node,
                       const struct datum *value)
{
    struct slice string;
    int order;
    if (node->kind == FILTER_EXIST)
        return (value->kind != DATUM_ABSENT) == node->is_true;
    if (node->kind == FILTER_EQUAL)
        return is_equal(node, value);
    if (node->kind == FILTER_REGEX)
        return string_of(value, &string) && regex_holds(machine, node, string);
    if (node->kind >= FILTER_STARTS)
        return string_of(value, &string) && affix_holds(node, string);
    if (!compare(node, value, &order))
        return false;
    switch ((enum filter_kind)node->kind) {
    case FILTER_LESS:
        return order < 0;
    case FILTER_GREATER:
        return order > 0;
    case FILTER_AT_MOST:
        return order <= 0;
    default:
        return order >= 0;
    }
}

static struct datum member_of_event(const struct filter_event *event, struct slice name)
{
    if (slice_equal(name, SLICE("type")))
        return (struct datum){.kind = DATUM_TEXT, .text = event->type};
    if (slice_equal(name, SLICE("channels")) && event->has_channels)
        return (struct datum){.kind = DATUM_JSON, .json = event->channels};
    if (slice_equal(name, SLICE("payload")) && event->has_payload)
        return (struct datum){.kind = DATUM_JSON, .json = event->payload};
    if (slice_equal(name, SLICE("metadata")) && event->has_metadata)
        return (struct datum){.kind = DATUM_JSON, .json = event->metadata};
    return (struct datum){.kind = DATUM_ABSENT};
}

/* With equal names, the first. */
static struct datum member_of(struct machine *machine, const struct datum *value, struct slice name)
{
    struct datum found = {.kind = DATUM_JSON};
    struct slice key;
    uint64_t cursor = 0;
    if (value->kind == DATUM_EVENT)
        return member_of_event(machine->event, name);
    if (value->kind == DATUM_JSON && json_kind(value->json) == JSON_OBJECT)
        while (json_next(value->json, &cursor, &key, &found.json)) {
            machine->steps++;
            if (slice_equal(key, name))
                return found;
        }
    return (struct datum){.kind = DATUM_ABSENT};
}

/* ---- the machine ---- */

/* Goes on to the next element. False: there is none. */
static bool take_element(struct machine *machine, struct frame *frame)
{
    if (!frame->is_array || !json_next(frame->array, &frame->cursor, NULL, &frame->value.json))
        return false;
    machine->steps++;
    frame->child = machine->nodes[frame->node].first;
    return true;
}

/* Asks a node about a value. True: it has answered. */
static bool ask(struct machine *machine, unsigned number, const struct datum *value, bool *answer)
{
    const struct filter_node *node = &machine->nodes[number];
    machine->steps++;
    if (node->kind >= FILTER_EXIST) {
        *answer = leaf_holds(machine, node, value);
        if (!*answer)
            machine->failed = number;
        return true;
    }
    must(machine->depth < FRAMES);
    struct frame *frame = &machine->frames[machine->depth++];
    *frame = (struct frame){.node = number, .child = node->first, .value = *value};
    if (node->kind == FILTER_MEMBER)
        frame->value = member_of(machine, value, node->name);
    if (node->kind != FILTER_ELEMENT || value->kind != DATUM_JSON ||
        json_kind(value->json) != JSON_ARRAY)
        return false;
    frame->is_array = true;
    frame->array = value->json;
    if (take_element(machine, frame))
        return false;
    *answer = false;
    machine->failed = number;
    machine->depth--;
    return true;
}

/* A child of the top frame has answered. True: so has the frame, with *answer. */
static bool absorb(struct machine *machine, struct frame *frame, bool *answer)
{
    const struct filter_node *node = &machine->nodes[frame->node];
    if (*answer != (node->kind == FILTER_SOME)) {
        frame->child = machine->nodes[frame->child].next;
        return false;
    }
    if (node->kind == FILTER_ELEMENT && take_element(machine, frame))
        return false;
    if (node->kind == FILTER_NOT)
        *answer = true;
    if (frame->is_array)
        machine->failed = frame->node;
    return true;
}

/* What the top frame answers when all of its children have, and none of them decided. */
static bool last_answer(struct machine *machine, const struct frame *frame)
{
    unsigned kind = machine->nodes[frame->node].kind;
    if (kind != FILTER_SOME && kind != FILTER_NOT)
        return true;
    machine->failed = frame->node;
    return false;
}

static enum filter_answer run(struct machine *machine)
{
    const struct datum event = {.kind = DATUM_EVENT};
    bool answer = true;
    bool is_answered = ask(machine, 0, &event, &answer);
    while (machine->depth > 0) {
        if (machine->steps > FILTER_STEPS_MAX)
            return FILTER_UNDECIDED;
        struct frame *frame = &machine->frames[machine->depth - 1];
        if (is_answered && !absorb(machine, frame, &answer)) {
            is_answered = false;
        } else if (is_answered) {
            machine->depth--;
        } else if (frame->child == 0) {
            answer = last_answer(machine, frame);
            is_answered = true;
            machine->depth--;
        } else {
            is_answered = ask(machine, frame->child, &frame->value, &answer);
        }
    }
    return answer ? FILTER_HOLDS : FILTER_FAILS;
}

enum filter_answer filter_judge(const struct filter *filter, const struct filter_event *event,
                                char *failed)
{
    struct machine machine;
    machine.nodes = filter->nodes;
    machine.event = event;
    machine.depth = 0;
    machine.steps = 0;
    machine.failed = 0;
    enum filter_answer answer = run(&machine);
    if (answer == FILTER_FAILS && failed)
        filter_pointer(filter, machine.failed, "", failed);
    return answer;
}

void filter_pointer(const struct filter *filter, unsigned node, const char *base,
                    char out[static FAULT_POINTER_SIZE])
{
    unsigned path[FRAMES + FILTER_DEPTH_MAX], count = 0;
    char above[FAULT_POINTER_SIZE];
    for (; node > 0; node = filter->nodes[node].parent)
        if (filter->nodes[node].is_within)
            path[count++] = node;
    snprintf(out, FAULT_POINTER_SIZE, "%s", base);
    while (count > 0) {
        const struct filter_node *step = &filter->nodes[path[--count]];
        memcpy(above, out, sizeof above);
        if (step->has_index)
            pointer_element(out, above, step->index);
        else
            pointer_member(out, above, step->name);
    }
}
