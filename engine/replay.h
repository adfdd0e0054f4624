/* replay.h - a job that goes through deliveries which have ended, as its document says: what is
 * asked for, how far it has come, and what came of it.
 *
 * Plain data, from JSON and to JSON. What it points to is its holder's.
 */
#ifndef ENGINE_REPLAY_H
#define ENGINE_REPLAY_H

#include "base/json.h"
#include "base/text.h"
#include "store/selection.h"

enum {
    REPLAY_TYPES_MAX = 16,
    REPLAY_TYPES_SIZE = REPLAY_TYPES_MAX * 130, /* a pattern and its end each */
    REPLAY_WHY_SIZE = 64,
    REPLAY_TEXT_MAX = 8 * 1024, /* as people see it */
};

enum replay_kind {
    REPLAY_WINDOW,    /* a subscription's deliveries of a time */
    REPLAY_REDELIVER, /* those that a filter of the list names */
    REPLAY_REQUEUE,   /* dead letters */
    REPLAY_DISCARD,   /* dead letters, which are given up */
};

enum replay_status { REPLAY_RUNNING, REPLAY_DONE, REPLAY_CANCELLED, REPLAY_FAILED };

/* Ends of deliveries. */
enum replay_filter { REPLAY_ALL, REPLAY_DELIVERED, REPLAY_DEAD, REPLAY_GIVEN_UP };

struct replay {
    struct id id, tenant;
    struct id subscription, event; /* zero: all of them */
    enum replay_kind kind;
    enum replay_status status;
    enum replay_filter filter;
    bool is_dry;                   /* it counts, and changes nothing */
    char types[REPLAY_TYPES_SIZE]; /* patterns, each with '\n' behind it; "": all */
    uint64_t since_ms, until_ms;   /* of acceptance; since_ms 0: open */
    uint64_t created_ms, updated_ms, finished_ms;
    uint64_t matched;          /* those that have ended as is asked for */
    uint64_t handed;           /* of those, on their way again (or given up) */
    uint64_t skipped;          /* have not ended, or are not kept any more */
    uint64_t seen_ms;          /* the acceptance of the last one handed; 0: none */
    char why[REPLAY_WHY_SIZE]; /* with REPLAY_FAILED */

    struct id at; /* the subscription that it has come to, of many; zero: none yet */
    struct selection_place place;
    unsigned reached_count; /* of place.reached */
};

const char *replay_kind_name(enum replay_kind kind);
const char *replay_filter_name(enum replay_filter filter);

/* As its statuses; "failed" is another name of REPLAY_DEAD. */
unsigned replay_statuses(enum replay_filter filter);
bool replay_filter_named(struct slice name, enum replay_filter *filter);

/* Adds a pattern of event types: an exact type, a glob "a.*", or "*". -EINVAL: it is none;
 * -ENOBUFS: there are too many. */
MUST_CHECK int replay_add_type(struct replay *replay, struct slice pattern);

/* Whether the event is of a type that is asked for. `replay` is a struct replay: for
 * selection_filter.wants. */
bool replay_wants(const void *replay, const struct event_record *event);

/* As people see it; or, with its place, for the disk. */
void replay_print(const struct replay *replay, struct text *text);
void replay_print_stored(const struct replay *replay, struct text *text);

/* Reads a stored one. place.reached has room for `room` ids, which are zero where nothing is said.
 * 0 or -EBADMSG. */
MUST_CHECK int replay_parse_stored(struct json_value document, struct replay *replay,
                                   unsigned room);

#endif
