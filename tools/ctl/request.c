/* request.c - verbs that are one request: its body, and showing what comes back. */
#include "tools/ctl/request.h"

#include "tools/ctl/run.h"
#include "tools/ctl/view.h"

#include <stdio.h>
#include <stdlib.h>

enum { LIMIT_USUAL = 50, PAGE_MAX = 250 };

/* ---- the body ---- */

static int load_file(struct fields *fields, const char *path)
{
    char why[FIELDS_WHY_SIZE];
    char *at;
    size_t size;
    int status = session_read_file(path, &at, &size);
    if (status)
        return status;
    int error = fields_load(fields, slice_of(at, size), why);
    free(at);
    return error ? session_complain("%s %s", path, why) : EXIT_DONE;
}

/* NAME=VALUE of an option: VALUE under NAME, a string. */
static int put_pair(struct fields *fields, const char *field, struct slice pair, char *why)
{
    char path[512];
    struct text text;
    size_t equals = slice_find(pair, '=');
    text_init(&text, path, sizeof path);
    text_printf(&text, "%s.", field);
    for (size_t i = 0; i < equals; i++) {
        if (pair.at[i] == '.')
            text_char(&text, '\\');
        text_char(&text, pair.at[i]);
    }
    if (equals == 0 || equals == pair.size || !text_ok(&text)) {
        snprintf(why, FIELDS_WHY_SIZE, "must be NAME=VALUE");
        return -1;
    }
    return fields_set_text(fields, text_slice(&text), slice_skip(pair, equals + 1), why);
}

static int put_set(struct fields *fields, struct slice pair, char *why)
{
    size_t equals = slice_find(pair, '=');
    if (equals == pair.size) {
        snprintf(why, FIELDS_WHY_SIZE, "must be FIELD=VALUE");
        return -1;
    }
    return fields_set(fields, slice_of(pair.at, equals), slice_skip(pair, equals + 1), why);
}

static int put_option(struct fields *fields, const struct given *given)
{
    const struct option *option = given->option;
    struct slice value = slice_str(given->value);
    const char *field = option->field ? option->field : option->name;
    char why[FIELDS_WHY_SIZE], moment[SESSION_MOMENT_SIZE];
    int error = 0;
    if (option == &field_options[0])
        error = put_set(fields, value, why);
    else if (option->use == OPTION_TEXT)
        error = fields_set_text(fields, slice_str(field), value, why);
    else if (option->use == OPTION_MOMENT)
        error =
            fields_set_text(fields, slice_str(field), session_moment(given->value, moment), why);
    else if (option->use == OPTION_JSON)
        error = fields_set_json(fields, slice_str(field), value, why);
    else if (option->use == OPTION_LIST)
        error = fields_add_texts(fields, slice_str(field), value, why);
    else if (option->use == OPTION_PAIR)
        error = put_pair(fields, field, value, why);
    return error ? session_complain("--%s: %s", option->name, why) : EXIT_DONE;
}

int request_fields(const struct line *line, struct fields *fields)
{
    const char *data = line_option(line, "data");
    char why[FIELDS_WHY_SIZE];
    int status = data ? load_file(fields, data) : EXIT_DONE;
    if (!status && line->argument && line->verb->field &&
        fields_set_text(fields, slice_str(line->verb->field), slice_str(line->argument), why) < 0)
        status = session_complain("%s", why);
    for (unsigned i = 0; !status && i < line->count; i++)
        status = put_option(fields, &line->given[i]);
    return status;
}

/* ---- one answer ---- */

/* All that has a body without a name for it is JSON. */
static void show_raw(struct slice answer)
{
    fwrite(answer.at, 1, answer.size, stdout);
    if (answer.size && answer.at[answer.size - 1] != '\n')
        putchar('\n');
}

static void show_array(struct json_value root, const struct column *columns)
{
    struct json_value data, each;
    struct grid grid;
    uint64_t cursor = 0;
    view_grid(&grid);
    view_columns(&grid, columns);
    if (json_get(root, "data", &data))
        while (json_next(data, &cursor, NULL, &each))
            view_row(&grid, columns, each);
    grid_flush(&grid, stdout);
    grid_close(&grid);
}

static int show(struct session *session, struct slice answer)
{
    struct json_value root;
    const struct verb *verb = session->line->verb;
    if (!answer.size || line_wants_json(session->line)) {
        show_raw(answer);
        return EXIT_DONE;
    }
    int status = session_read(session, answer, &root);
    if (status)
        return status;
    if (verb->answer == ANSWER_ARRAY)
        show_array(root, verb->columns);
    else
        view_object(root);
    return EXIT_DONE;
}

static int send_body(struct session *session, struct slice body, struct slice content_type)
{
    const struct line *line = session->line;
    char buffer[SESSION_TARGET_SIZE];
    struct text target;
    text_init(&target, buffer, sizeof buffer);
    int status = session_target(line, &target);
    struct server_call call = {.method = line->verb->method,
                               .target = text_slice(&target),
                               .body = body,
                               .content_type = content_type};
    if (!status)
        status = session_ask(session, &call);
    if (!status)
        status = show(session, call.answer);
    return status;
}

int request_send(const struct line *line, struct slice body, struct slice content_type)
{
    struct session session;
    int status = session_open(&session, line);
    if (!status)
        status = send_body(&session, body, content_type);
    session_close(&session);
    return status;
}

static int ask_once(struct session *session)
{
    const struct line *line = session->line;
    struct text body = {0};
    struct fields fields;
    int status = EXIT_DONE;
    must(fields_open(&fields) == 0);
    if (!slice_equal(slice_str(line->verb->method), SLICE("GET")))
        status = request_fields(line, &fields);
    bool has_body = fields.first || line->verb->takes & TAKES_FIELDS;
    if (!status && has_body)
        body = fields_print(&fields);
    if (!status)
        status = send_body(session, text_slice(&body), SLICE("application/json"));
    free(body.at);
    fields_close(&fields);
    return status;
}

/* ---- pages ---- */

enum { CURSOR_SIZE = 512 };

struct pages {
    struct session *session;
    uint64_t left; /* of what is still wanted */
    unsigned count;
    bool has_rows;
    struct grid grid;
    char next[CURSOR_SIZE]; /* "": there are no more */
};

static int show_element(void *context, struct slice raw)
{
    struct pages *pages = context;
    if (pages->left == 0)
        return 0;
    printf("%s%.*s", pages->has_rows ? "," : "", SLICE_ARGS(raw));
    pages->has_rows = true;
    pages->left--;
    return 0;
}

static int show_json(struct pages *pages, struct slice answer)
{
    if (pages->count == 0)
        fputs("{\"data\":[", stdout);
    return session_each(pages->session, answer, show_element, pages);
}

static int show_rows(struct pages *pages, struct json_value root)
{
    const struct column *columns = pages->session->line->verb->columns;
    struct json_value data, each;
    uint64_t cursor = 0;
    if (json_get(root, "data", &data)) {
        while (pages->left > 0 && json_next(data, &cursor, NULL, &each)) {
            view_row(&pages->grid, columns, each);
            pages->has_rows = true;
            pages->left--;
        }
    }
    grid_flush(&pages->grid, stdout);
    return EXIT_DONE;
}

static int ask_page(struct pages *pages, struct server_call *call)
{
    char buffer[SESSION_TARGET_SIZE], limit[24];
    struct text target;
    text_init(&target, buffer, sizeof buffer);
    int status = session_target(pages->session->line, &target);
    if (status)
        return status;
    snprintf(limit, sizeof limit, "%u", pages->left < PAGE_MAX ? (unsigned)pages->left : PAGE_MAX);
    session_parameter(&target, "limit", slice_str(limit));
    if (pages->next[0])
        session_parameter(&target, "cursor", slice_str(pages->next));
    *call = (struct server_call){.method = "GET", .target = text_slice(&target)};
    return session_ask(pages->session, call);
}

/* Asks for a page and shows it. */
static int take_page(struct pages *pages)
{
    struct server_call call;
    struct json_value root, next;
    struct slice cursor = SLICE("");
    int status = ask_page(pages, &call);
    if (!status)
        status = session_read(pages->session, call.answer, &root);
    if (status)
        return status;
    if (json_get(root, "next_cursor", &next) && !json_string(next, &cursor))
        cursor = SLICE("");
    snprintf(pages->next, sizeof pages->next, "%.*s", SLICE_ARGS(cursor));
    bool is_json = line_wants_json(pages->session->line);
    status = is_json ? show_json(pages, call.answer) : show_rows(pages, root);
    pages->count++;
    return status;
}

static void end_pages(const struct pages *pages)
{
    char buffer[6 * CURSOR_SIZE];
    struct text cursor;
    text_init(&cursor, buffer, sizeof buffer);
    text_json(&cursor, slice_str(pages->next));
    if (line_wants_json(pages->session->line))
        printf("],\"next_cursor\":%.*s}\n", pages->next[0] ? (int)cursor.size : 4,
               pages->next[0] ? cursor.at : "null");
    else if (!pages->has_rows)
        fputs("none\n", stderr);
    else if (pages->next[0])
        fprintf(stderr, "there are more: --all, or --cursor %s\n", pages->next);
}

static int ask_pages(struct session *session)
{
    const struct line *line = session->line;
    struct pages pages = {.session = session};
    const char *given = line_option(line, "limit"), *cursor = line_option(line, "cursor");
    unsigned long limit = LIMIT_USUAL;
    if (given && (!slice_to_u64(slice_str(given), &limit) || limit == 0))
        return session_complain("--limit: '%s' is not a number over 0", given);
    pages.left = line_option(line, "all") ? UINT64_MAX : limit;
    snprintf(pages.next, sizeof pages.next, "%s", cursor ? cursor : "");
    view_grid(&pages.grid);
    view_columns(&pages.grid, line->verb->columns);
    int status;
    do
        status = take_page(&pages);
    while (!status && pages.left > 0 && pages.next[0]);
    if (!status)
        end_pages(&pages);
    grid_close(&pages.grid);
    return status;
}

int run_request(const struct line *line)
{
    struct session session;
    int status = session_open(&session, line);
    if (!status)
        status = line->verb->answer == ANSWER_LIST ? ask_pages(&session) : ask_once(&session);
    session_close(&session);
    return status;
}
