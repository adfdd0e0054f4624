/* delivery_tail.c - grapnelctl delivery tail: deliveries as they come, and again when they change.
 *
 * Asks for the latest ones again and again, page by page until it meets one that it knows as it is,
 * and shows what is new, oldest first. What it knows is bounded: the SEEN_MAX that it met last.
 */
#include "base/clock.h"
#include "base/list.h"
#include "base/table.h"
#include "base/units.h"
#include "tools/ctl/run.h"
#include "tools/ctl/session.h"
#include "tools/ctl/view.h"

#include <stdlib.h>
#include <time.h>

enum {
    PAGE = 250,
    PAGES_MAX = 20,
    NEWS_MAX = PAGE * PAGES_MAX,
    SEEN_MAX = 2 * NEWS_MAX,
    ID_SIZE = 64
};

struct seen {
    struct table_node node;
    char id[ID_SIZE];
    uint64_t state; /* a hash of what may change */
};

struct tail {
    struct session *session;
    struct json *json; /* for one delivery at a time */
    struct table table;
    struct seen *seen; /* a ring of SEEN_MAX */
    size_t seen_count; /* ever */
    char *news[NEWS_MAX];
    size_t news_count, known_count;
    uint64_t left, interval_ms;
    char since[40], next[ID_SIZE];
    struct grid grid;
};

/* ---- what is known ---- */

static struct seen *find(const struct tail *tail, struct slice id)
{
    struct table_node *node = table_first(&tail->table, table_hash(id.at, id.size));
    for (; node; node = table_next(node)) {
        struct seen *seen = container_of(node, struct seen, node);
        if (slice_equal(slice_str(seen->id), id))
            return seen;
    }
    return NULL;
}

static struct seen *add(struct tail *tail, struct slice id)
{
    struct seen *seen = &tail->seen[tail->seen_count % SEEN_MAX];
    if (tail->seen_count++ >= SEEN_MAX)
        table_drop(&tail->table, &seen->node);
    *seen = (struct seen){0};
    snprintf(seen->id, sizeof seen->id, "%.*s", SLICE_ARGS(id));
    table_put(&tail->table, &seen->node, table_hash(id.at, id.size));
    return seen;
}

static uint64_t state_of(struct json_value delivery)
{
    struct json_value value;
    struct slice status = SLICE("");
    uint64_t attempts = 0;
    if (json_get(delivery, "status", &value) && !json_string(value, &status))
        status = SLICE("");
    if (json_get(delivery, "attempt_count", &value) && !json_u64(value, &attempts))
        attempts = 0;
    return table_hash(status.at, status.size) + attempts;
}

/* ---- asking ---- */

static int take(void *context, struct slice raw)
{
    struct tail *tail = context;
    char why[JSON_WHY_SIZE];
    struct json_value delivery, value;
    struct slice id;
    if (json_read(tail->json, raw, &delivery, why) || !json_get(delivery, "id", &value) ||
        !json_string(value, &id) || id.size >= ID_SIZE)
        return -1;
    struct seen *seen = find(tail, id);
    uint64_t state = state_of(delivery);
    if (seen && seen->state == state) {
        tail->known_count++;
        return 0;
    }
    if (!seen)
        seen = add(tail, id);
    seen->state = state;
    if (tail->news_count < NEWS_MAX) {
        char *kept = calloc(1, raw.size + JSON_PADDING);
        must(kept);
        memcpy(kept, raw.at, raw.size);
        tail->news[tail->news_count++] = kept;
    }
    return 0;
}

static int ask_page(struct tail *tail)
{
    char buffer[SESSION_TARGET_SIZE];
    struct text target;
    struct json_value root, next;
    struct slice cursor = SLICE("");
    text_init(&target, buffer, sizeof buffer);
    int status = session_target(tail->session->line, &target);
    if (status)
        return status;
    session_parameter(&target, "since", slice_str(tail->since));
    session_parameter(&target, "limit", SLICE("250"));
    if (tail->next[0])
        session_parameter(&target, "cursor", slice_str(tail->next));
    struct server_call call = {.method = "GET", .target = text_slice(&target)};
    status = session_ask(tail->session, &call);
    if (!status)
        status = session_read(tail->session, call.answer, &root);
    if (status)
        return status;
    if (json_get(root, "next_cursor", &next) && !json_string(next, &cursor))
        cursor = SLICE("");
    snprintf(tail->next, sizeof tail->next, "%.*s", SLICE_ARGS(cursor));
    return session_each(tail->session, call.answer, take, tail);
}

/* ---- showing ---- */

static void show(struct tail *tail, const char *raw)
{
    char why[JSON_WHY_SIZE];
    struct json_value delivery;
    if (tail->left > 0 && line_wants_json(tail->session->line))
        puts(raw);
    else if (tail->left > 0 && json_read(tail->json, slice_str(raw), &delivery, why) == 0)
        view_row(&tail->grid, tail->session->line->verb->columns, delivery);
    if (tail->left > 0)
        tail->left--;
}

static int poll_once(struct tail *tail)
{
    int status = EXIT_DONE;
    unsigned pages = 0;
    tail->known_count = 0;
    tail->next[0] = '\0';
    do
        status = ask_page(tail);
    while (!status && tail->next[0] && tail->known_count == 0 && ++pages < PAGES_MAX);
    if (!status && tail->next[0] && pages == PAGES_MAX)
        fputs("grapnelctl: more than can be shown: some are left out\n", stderr);
    while (tail->news_count > 0) {
        char *raw = tail->news[--tail->news_count];
        if (!status)
            show(tail, raw);
        free(raw);
    }
    grid_flush(&tail->grid, stdout);
    fflush(stdout);
    return status;
}

static int read_options(struct tail *tail)
{
    const struct line *line = tail->session->line;
    const char *limit = line_option(line, "limit"), *interval = line_option(line, "interval");
    unsigned long count = 0;
    struct text since;
    if (limit && (!slice_to_u64(slice_str(limit), &count) || count == 0))
        return session_complain("--limit: '%s' is not a number over 0", limit);
    tail->left = limit ? count : UINT64_MAX;
    tail->interval_ms = 1000;
    if (interval && (units_parse_duration(slice_str(interval), &tail->interval_ms) < 0 ||
                     tail->interval_ms == 0))
        return session_complain("--interval: '%s' is not a time such as 2s", interval);
    text_init(&since, tail->since, sizeof tail->since);
    text_time(&since, clock_wall_ms());
    text_char(&since, '\0');
    return EXIT_DONE;
}

static void follow(struct tail *tail, int *status)
{
    const struct timespec pause = {.tv_sec = (time_t)(tail->interval_ms / 1000),
                                   .tv_nsec = (long)(tail->interval_ms % 1000) * 1000000};
    while (!(*status = poll_once(tail)) && tail->left > 0)
        nanosleep(&pause, NULL);
}

int run_delivery_tail(const struct line *line)
{
    struct session session;
    int status = session_open(&session, line);
    if (status) {
        session_close(&session);
        return status;
    }
    struct tail *tail = calloc(1, sizeof *tail);
    must(tail);
    tail->session = &session;
    tail->seen = calloc(SEEN_MAX, sizeof *tail->seen);
    must(tail->seen && json_open(&tail->json) == 0 && table_open(&tail->table, SEEN_MAX) == 0);
    view_grid(&tail->grid);
    view_columns(&tail->grid, line->verb->columns);
    status = read_options(tail);
    if (!status)
        follow(tail, &status);
    grid_close(&tail->grid);
    table_close(&tail->table);
    json_close(tail->json);
    free(tail->seen);
    free(tail);
    session_close(&session);
    return status;
}
