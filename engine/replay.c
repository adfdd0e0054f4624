/* replay.c - see replay.h. */
#include "replay.h"

#include "base/units.h"
#include "limits.h"

#include <errno.h>

static const char *const kinds[] = {
    [REPLAY_WINDOW] = "replay",
    [REPLAY_REDELIVER] = "redeliver",
    [REPLAY_REQUEUE] = "requeue",
    [REPLAY_DISCARD] = "discard",
};
static const char *const statuses[] = {
    [REPLAY_RUNNING] = "running",
    [REPLAY_DONE] = "done",
    [REPLAY_CANCELLED] = "cancelled",
    [REPLAY_FAILED] = "failed",
};
static const char *const filters[] = {
    [REPLAY_ALL] = "all",
    [REPLAY_DELIVERED] = "delivered",
    [REPLAY_DEAD] = "dead",
    [REPLAY_GIVEN_UP] = "cancelled",
};
enum {
    KINDS = sizeof kinds / sizeof kinds[0],
    STATUSES = sizeof statuses / sizeof statuses[0],
    FILTERS = sizeof filters / sizeof filters[0],
};

const char *replay_kind_name(enum replay_kind kind)
{
    return kinds[kind];
}

const char *replay_filter_name(enum replay_filter filter)
{
    return filters[filter];
}

unsigned replay_statuses(enum replay_filter filter)
{
    switch (filter) {
    case REPLAY_ALL:
        return 1u << DELIVERY_DELIVERED | 1u << DELIVERY_DEAD | 1u << DELIVERY_CANCELLED;
    case REPLAY_DELIVERED:
        return 1u << DELIVERY_DELIVERED;
    case REPLAY_GIVEN_UP:
        return 1u << DELIVERY_CANCELLED;
    case REPLAY_DEAD:
        break;
    }
    return 1u << DELIVERY_DEAD;
}

/* The number of the name, or -1. */
static int number_of(struct slice name, const char *const *names, int count)
{
    for (int i = 0; i < count; i++)
        if (slice_equal(name, slice_str(names[i])))
            return i;
    return -1;
}

bool replay_filter_named(struct slice name, enum replay_filter *filter)
{
    if (slice_equal(name, SLICE("failed")))
        name = SLICE("dead");
    int number = number_of(name, filters, FILTERS);
    if (number >= 0)
        *filter = (enum replay_filter)number;
    return number >= 0;
}

/* ---- types ---- */

static bool is_glob(struct slice pattern)
{
    return pattern.size > 0 && pattern.at[pattern.size - 1] == '*';
}

static bool is_type(struct slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.at[i];
        bool is_letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!is_letter && (c == '\0' || !strchr("_-./:", c)))
            return false;
    }
    return text.size > 0 && text.size <= LIMIT_TYPE_SIZE;
}

static bool is_pattern(struct slice pattern)
{
    if (slice_equal(pattern, SLICE("*")))
        return true;
    if (!is_glob(pattern))
        return is_type(pattern);
    struct slice stem = slice_of(pattern.at, pattern.size - 1);
    return stem.size > 0 && stem.at[stem.size - 1] == '.' && is_type(stem);
}

int replay_add_type(struct replay *replay, struct slice pattern)
{
    size_t size = strlen(replay->types);
    if (!is_pattern(pattern))
        return -EINVAL;
    if (size + pattern.size + 2 > sizeof replay->types)
        return -ENOBUFS;
    memcpy(replay->types + size, pattern.at, pattern.size);
    replay->types[size + pattern.size] = '\n';
    replay->types[size + pattern.size + 1] = '\0';
    return 0;
}

static bool next_type(struct slice *rest, struct slice *pattern)
{
    if (rest->size == 0)
        return false;
    *pattern = slice_of(rest->at, slice_find(*rest, '\n'));
    *rest = slice_skip(*rest, pattern->size + 1);
    return true;
}

static bool matches(struct slice pattern, struct slice type)
{
    if (!is_glob(pattern))
        return slice_equal(pattern, type);
    size_t stem = pattern.size - 1;
    return type.size > stem && memcmp(type.at, pattern.at, stem) == 0;
}

bool replay_wants(const void *context, const struct event_record *event)
{
    const struct replay *replay = context;
    struct slice rest = slice_str(replay->types), pattern;
    if (rest.size == 0)
        return true;
    while (next_type(&rest, &pattern))
        if (matches(pattern, event->type))
            return true;
    return false;
}

/* ---- printing ---- */

static void put_id(struct text *text, const char *key, const char *prefix, const struct id *id)
{
    char digits[ID_TEXT_SIZE];
    if (id_is_zero(id))
        text_printf(text, "\"%s\":null,", key);
    else
        text_printf(text, "\"%s\":\"%s\",", key, id_print(id, prefix, digits).at);
}

static void put_time(struct text *text, const char *key, uint64_t wall_ms)
{
    if (!wall_ms) {
        text_printf(text, ",\"%s\":null", key);
        return;
    }
    text_printf(text, ",\"%s\":\"", key);
    text_time(text, wall_ms);
    text_char(text, '"');
}

static void put_types(struct text *text, const struct replay *replay)
{
    struct slice rest = slice_str(replay->types), pattern;
    const char *comma = "";
    text_put(text, SLICE("\"types\":["));
    while (next_type(&rest, &pattern)) {
        text_put(text, slice_str(comma));
        text_json(text, pattern);
        comma = ",";
    }
    text_char(text, ']');
}

static void put_counts(struct text *text, const struct replay *replay)
{
    if (replay->is_dry || replay->status == REPLAY_DONE)
        text_printf(text, ",\"total\":%lu", replay->matched);
    else
        text_put(text, SLICE(",\"total\":null"));
    text_printf(text, ",\"handed\":%lu,\"skipped\":%lu", replay->handed, replay->skipped);
    put_time(text, "handed_up_to", replay->seen_ms);
}

/* Without its end. */
static void put_public(struct text *text, const struct replay *replay)
{
    text_char(text, '{');
    put_id(text, "id", "rpl", &replay->id);
    text_printf(text, "\"kind\":\"%s\",\"status\":\"%s\",", kinds[replay->kind],
                statuses[replay->status]);
    put_id(text, "subscription_id", "sub", &replay->subscription);
    put_id(text, "event_id", "evt", &replay->event);
    put_types(text, replay);
    text_printf(text, ",\"status_filter\":\"%s\",\"dry_run\":%s", filters[replay->filter],
                replay->is_dry ? "true" : "false");
    put_time(text, "since", replay->since_ms);
    put_time(text, "until", replay->until_ms);
    put_counts(text, replay);
    text_put(text, SLICE(",\"error\":"));
    if (replay->why[0])
        text_json(text, slice_str(replay->why));
    else
        text_put(text, SLICE("null"));
    put_time(text, "created_at", replay->created_ms);
    put_time(text, "updated_at", replay->updated_ms);
    put_time(text, "finished_at", replay->finished_ms);
}

void replay_print(const struct replay *replay, struct text *text)
{
    put_public(text, replay);
    text_char(text, '}');
}

void replay_print_stored(const struct replay *replay, struct text *text)
{
    char digits[ID_TEXT_SIZE];
    put_public(text, replay);
    text_printf(text, ",\"matched\":%lu,", replay->matched);
    put_id(text, "tenant", "ten", &replay->tenant);
    put_id(text, "at", "sub", &replay->at);
    put_id(text, "after", "evt", &replay->place.after);
    text_put(text, SLICE("\"reached\":["));
    for (unsigned i = 0; i < replay->reached_count; i++) {
        text_put(text, i ? SLICE(",") : SLICE(""));
        text_printf(text, "\"%s\"", id_print(&replay->place.reached[i], "evt", digits).at);
    }
    text_put(text, SLICE("]}"));
}

/* ---- reading ---- */

/* Null and what is absent is zero. */
static bool read_id(struct json_value document, const char *key, const char *prefix, struct id *id)
{
    struct json_value value;
    struct slice text;
    memset(id, 0, sizeof *id);
    if (!json_get(document, key, &value) || json_kind(value) == JSON_NULL)
        return true;
    return json_string(value, &text) && id_parse(text, prefix, id) == 0;
}

static bool read_time(struct json_value document, const char *key, uint64_t *wall_ms)
{
    struct json_value value;
    struct slice text;
    *wall_ms = 0;
    if (!json_get(document, key, &value) || json_kind(value) == JSON_NULL)
        return true;
    return json_string(value, &text) && units_parse_time(text, wall_ms) == 0;
}

static bool read_u64(struct json_value document, const char *key, uint64_t *number)
{
    struct json_value value;
    return json_get(document, key, &value) && json_u64(value, number);
}

static bool read_name(struct json_value document, const char *key, const char *const *names,
                      int count, int *number)
{
    struct json_value value;
    struct slice text;
    *number = json_get(document, key, &value) && json_string(value, &text)
                  ? number_of(text, names, count)
                  : -1;
    return *number >= 0;
}

static bool read_names(struct json_value document, struct replay *replay)
{
    int kind, status, filter;
    if (!read_name(document, "kind", kinds, KINDS, &kind) ||
        !read_name(document, "status", statuses, STATUSES, &status) ||
        !read_name(document, "status_filter", filters, FILTERS, &filter))
        return false;
    replay->kind = (enum replay_kind)kind;
    replay->status = (enum replay_status)status;
    replay->filter = (enum replay_filter)filter;
    return true;
}

static bool read_types(struct json_value document, struct replay *replay)
{
    struct json_value types, element;
    struct slice pattern;
    uint64_t cursor = 0;
    if (!json_get(document, "types", &types))
        return false;
    while (json_next(types, &cursor, NULL, &element))
        if (!json_string(element, &pattern) || replay_add_type(replay, pattern))
            return false;
    return true;
}

static bool read_why(struct json_value document, struct replay *replay)
{
    struct json_value value;
    struct slice text;
    if (!json_get(document, "error", &value) || !json_string(value, &text))
        return true;
    if (text.size >= sizeof replay->why)
        return false;
    memcpy(replay->why, text.at, text.size);
    return true;
}

static bool read_reached(struct json_value document, struct replay *replay, unsigned room)
{
    struct json_value reached, element;
    struct slice text;
    uint64_t cursor = 0;
    unsigned count = 0;
    if (!json_get(document, "reached", &reached))
        return false;
    while (json_next(reached, &cursor, NULL, &element))
        if (count == room || !json_string(element, &text) ||
            id_parse(text, "evt", &replay->place.reached[count++]))
            return false;
    replay->reached_count = room;
    return true;
}

int replay_parse_stored(struct json_value document, struct replay *replay, unsigned room)
{
    struct json_value dry;
    struct id *reached = replay->place.reached;
    *replay = (struct replay){.place.reached = reached};
    memset(reached, 0, room * sizeof *reached);
    bool is_good = read_id(document, "id", "rpl", &replay->id) &&
                   read_id(document, "tenant", "ten", &replay->tenant) &&
                   read_id(document, "subscription_id", "sub", &replay->subscription) &&
                   read_id(document, "event_id", "evt", &replay->event) &&
                   read_id(document, "at", "sub", &replay->at) &&
                   read_id(document, "after", "evt", &replay->place.after) &&
                   read_names(document, replay) && read_types(document, replay) &&
                   read_time(document, "since", &replay->since_ms) &&
                   read_time(document, "until", &replay->until_ms) &&
                   read_time(document, "handed_up_to", &replay->seen_ms) &&
                   read_time(document, "created_at", &replay->created_ms) &&
                   read_time(document, "updated_at", &replay->updated_ms) &&
                   read_time(document, "finished_at", &replay->finished_ms) &&
                   read_u64(document, "matched", &replay->matched) &&
                   read_u64(document, "handed", &replay->handed) &&
                   read_u64(document, "skipped", &replay->skipped) && read_why(document, replay) &&
                   json_get(document, "dry_run", &dry) && json_bool(dry, &replay->is_dry) &&
                   read_reached(document, replay, room);
    return is_good ? 0 : -EBADMSG;
}
