/* filter.h - which events of its types a subscription wants: a condition in JSON, compiled once.
 *
 *   {"type": "order.paid", "channels": "eu", "payload": {"amount": {"$gte": 100}}}
 *
 * An object is a condition: all of its members hold. A member is a name of the value at hand, with
 * the condition on what stands there, or an operator. A plain value means {"$eq": value}.
 * tools/docs/filters.md has the language.
 *
 * Names and comparisons of one object hold for an array if they hold, all of them, for one of its
 * elements; $neq and $nin say that no element is equal. What is not there fulfils nothing but
 * {"$exist": false}, $neq, $nin and $not. There is no coercion: values of different kinds differ.
 *
 * Steps: a question asked, a member or an element passed over, a byte that an expression looks at.
 * An event that needs more of them than FILTER_STEPS_MAX is not looked at further, and counts as
 * wanted: a receiver can do without it, but nobody could bring it back.
 *
 * Ownership: made and dropped by control; immutable in between, borrowed by shards.
 * Memory: a match allocates nothing, but for what RE2 does (base/regex.h). Its stack is bounded.
 */
#ifndef ENGINE_FILTER_H
#define ENGINE_FILTER_H

#include "base/json.h"
#include "faults.h"

enum {
    FILTER_SIZE_MAX = 16 * 1024, /* of its text */
    FILTER_NODES_MAX = 256,
    FILTER_DEPTH_MAX = 32,
    FILTER_REGEX_MAX = 8,
    FILTER_REGEX_TEXT_MAX = 8 * 1024, /* longer strings match none */
    FILTER_STEPS_MAX = 100 * 1000,    /* of one event: 2 ms or so */
};

struct filter;

/* What filters look at. */
struct filter_event {
    struct slice type;
    struct json_value payload, channels, metadata;
    bool has_payload, has_channels, has_metadata; /* no JSON, none, or nobody asks */
};

/* Compiles `condition`, which stands at `pointer` in a body. 0; -EINVAL with faults; -ENOMEM. */
MUST_CHECK int filter_compile(struct json_value condition, const char *pointer,
                              struct filter **made, struct faults *faults);

/* One more owner; and one less (NULL is allowed). */
struct filter *filter_share(struct filter *filter);
void filter_drop(struct filter *filter);

/* As it was given, minified. */
struct slice filter_text(const struct filter *filter);

/* Whether it needs the event's metadata. */
bool filter_looks_at_metadata(const struct filter *filter);

enum filter_answer { FILTER_FAILS, FILTER_HOLDS, FILTER_UNDECIDED /* too many steps: it passes */ };

/* `failed` (may be NULL) is set to a JSON pointer into the filter, to the first condition that did
 * not hold, if it fails. */
enum filter_answer filter_judge(const struct filter *filter, const struct filter_event *event,
                                char *failed /* FAULT_POINTER_SIZE */);

#endif
