/* call.c - see call.h. Control's thread. */
#include "call.h"

#include "base/clock.h"
#include "base/units.h"
#include "query.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { VALUE_SIZE = 256, PROBLEM_SIZE = 8 * 1024, ANSWER_KEPT_MAX = 1024 * 1024 };

struct reply {
    struct http_server *server;
    struct http_ticket ticket;
    int status;
    size_t headers_size, body_size;
    struct answers *answers; /* that it is kept in by `key`; NULL: it is not */
    uint8_t key[ANSWER_HASH_SIZE];
    char bytes[]; /* headers, then body */
};

/* ---- letting in ---- */

static void unauthorized(struct call *call, const char *detail)
{
    http_server_problem(call->api->server, call->ticket, 401, detail,
                        SLICE("WWW-Authenticate: Bearer\r\n"));
}

/* The tenant that header Grapnel-Tenant names, by id or by name; an admin key's privilege. */
static bool choose_tenant(struct call *call)
{
    const struct http_header *named = http_find(call->request->head, "Grapnel-Tenant");

    call->tenant = call->key->tenant;
    if (!named)
        return true;
    const struct tenant *tenant = registry_find_tenant(call->api->parts.registry, named->value);
    bool is_own = tenant && id_equal(&tenant->id, &call->key->tenant);
    if (!tenant || (!is_own && !(call->key->scopes & SCOPE_ADMIN))) {
        call_problem(call, 404, "no such tenant");
        return false;
    }
    call->tenant = tenant->id;
    return true;
}

bool call_let_in(struct call *call, unsigned scopes)
{
    const struct http_header *field = http_find(call->request->head, "Authorization");
    struct access_key *key;
    struct slice text = field ? key_of_authorization(field->value) : SLICE("");
    uint8_t hash[KEY_HASH_SIZE];
    char detail[KEY_ELSEWHERE_SIZE];

    if (text.size == 0) {
        unauthorized(call, "a key is needed: Authorization: Bearer KEY");
        return false;
    }
    key_hash(text, hash);
    call->key = key = registry_key(call->api->parts.registry, hash);
    if (!key) {
        unauthorized(call, "the key is not known");
        return false;
    }
    uint64_t wall_ms = clock_wall_ms();
    switch (access_key_judge(key, wall_ms, call->request->peer)) {
    case KEY_IS_OVER:
        unauthorized(call, "the key has expired");
        return false;
    case KEY_IS_ELSEWHERE:
        access_key_elsewhere(call->request->peer, detail);
        call_problem(call, 403, detail);
        return false;
    case KEY_LETS_IN:
        break;
    }
    if (wall_ms > key->used_ms)
        key->used_ms = wall_ms;
    if (!(key->scopes & (scopes | SCOPE_ADMIN))) {
        call_problem(call, 403, "the key's scopes do not allow this");
        return false;
    }
    return choose_tenant(call);
}

/* ---- what was asked ---- */

struct slice call_media_type(const struct call *call)
{
    const struct http_header *field = http_find(call->request->head, "Content-Type");
    if (!field)
        return SLICE("");
    return slice_trim(slice_of(field->value.at, slice_find(field->value, ';')));
}

bool call_read_body(struct call *call, struct json *parser, bool patch, struct json_value *root)
{
    struct slice type = call_media_type(call);
    char why[JSON_WHY_SIZE];

    if (!slice_equal_nocase(type, SLICE("application/json")) &&
        !(patch && slice_equal_nocase(type, SLICE("application/merge-patch+json")))) {
        call_problem(call, 415,
                     patch ? "Content-Type must be application/json or application/merge-patch+json"
                           : "Content-Type must be application/json");
        return false;
    }
    int error = json_read(parser, call->request->body, root, why);
    if (error == -ENOMEM)
        call_busy(call);
    else if (error)
        call_problem(call, 400, why);
    else if (json_kind(*root) != JSON_OBJECT)
        call_fault(call, "", "must be an object");
    else
        return true;
    return false;
}

static bool is_reading(const struct call *call)
{
    struct slice method = call->request->head->method;
    return slice_equal(method, SLICE("GET")) || slice_equal(method, SLICE("HEAD"));
}

bool call_has_room(struct call *call)
{
    if (changes_have_room(call->api->parts.changes) && !call->api->parts.health->stopping)
        return true;
    call_busy(call);
    return false;
}

bool call_found(struct call *call, uint64_t revision)
{
    const struct http_head *head = call->request->head;
    const struct http_header *match = http_find(head, "If-Match"),
                             *none = http_find(head, "If-None-Match");
    char text[TAG_SIZE];
    struct slice tag = tag_print(revision, text);
    if ((!match || tag_is_in(match->value, tag, false)) &&
        (!none || is_reading(call) || !tag_is_in(none->value, tag, true)))
        return true;
    call_problem(call, 412, "it has been changed: its tag is another");
    return false;
}

struct mutation call_mutation(struct call *call, const char *action)
{
    return (struct mutation){.action = action,
                             .key = call->key,
                             .peer = call->request->peer,
                             .answer = call->is_kept && call->answer.status ? &call->answer : NULL};
}

static bool is_among(struct slice name, const char *const *list)
{
    for (; list && *list; list++)
        if (slice_equal(name, slice_str(*list)))
            return true;
    return false;
}

static bool query_fault(struct call *call, const char *name, const char *detail)
{
    char text[2 * FAULT_DETAIL_SIZE];
    snprintf(text, sizeof text, "query parameter %.64s %.200s", name, detail);
    call_problem(call, 422, text);
    return false;
}

/* Of two lists; each may be NULL. */
static bool knows_all(struct call *call, const char *const *names, const char *const *others)
{
    struct slice query = call->request->query, name;
    char unknown[VALUE_SIZE];
    while (query_next(&query, &name)) {
        if (is_among(name, names) || is_among(name, others))
            continue;
        snprintf(unknown, sizeof unknown, "%.*s", (int)(name.size < 64 ? name.size : 64), name.at);
        return query_fault(call, unknown, "is not known");
    }
    return true;
}

bool call_query_known(struct call *call, const char *const *names)
{
    return knows_all(call, names, NULL);
}

bool call_page(struct call *call, const char *prefix, const char *const *others, struct page *page)
{
    static const char *const own[] = {"limit", "cursor", NULL};
    char value[VALUE_SIZE];
    unsigned long limit = PAGE_LIMIT;

    if (!knows_all(call, own, others))
        return false;
    int given = query_get(call->request->query, "limit", value, sizeof value);
    if (given < 0 || (given && !slice_to_u64(slice_str(value), &limit)) || limit < 1 ||
        limit > PAGE_LIMIT_MAX)
        return query_fault(call, "limit", "must be a whole number from 1 to 250");
    page->limit = (unsigned)limit;
    page->has_cursor = false;
    if (prefix)
        return call_query_id(call, "cursor", prefix, &page->cursor, &page->has_cursor);
    return call_query_number(call, "cursor", &page->number, &page->has_cursor);
}

bool call_query_id(struct call *call, const char *name, const char *prefix, struct id *id,
                   bool *has)
{
    char value[VALUE_SIZE];
    int given = query_get(call->request->query, name, value, sizeof value);
    *has = given > 0;
    if (given < 0 || (given && id_parse(slice_str(value), prefix, id)))
        return query_fault(call, name, "must be an id of the right kind");
    return true;
}

bool call_query_number(struct call *call, const char *name, uint64_t *number, bool *has)
{
    char value[VALUE_SIZE];
    unsigned long parsed = 0;
    int given = query_get(call->request->query, name, value, sizeof value);
    *has = given > 0;
    if (given < 0 || (given && !slice_to_u64(slice_str(value), &parsed)))
        return query_fault(call, name, "must be a whole number");
    if (given)
        *number = parsed;
    return true;
}

bool call_query_text(struct call *call, const char *name, char *value, size_t room, bool *has)
{
    int given = query_get(call->request->query, name, value, room);
    *has = given > 0;
    if (given >= 0 && (!*has || value[0]))
        return true;
    return query_fault(call, name, "must be a text of the right length");
}

bool call_query_time(struct call *call, const char *name, uint64_t *wall_ms)
{
    char value[VALUE_SIZE];
    int given = query_get(call->request->query, name, value, sizeof value);
    if (given < 0 || (given && units_parse_time(slice_str(value), wall_ms)))
        return query_fault(call, name, "must be a time like 2026-01-31T12:00:00Z");
    return true;
}

/* ---- the answer ---- */

struct text *call_text(struct call *call, size_t room)
{
    struct text *text = &call->api->answer;
    if (text->room > ANSWER_KEPT_MAX && room <= ANSWER_KEPT_MAX) {
        free(text->at);
        *text = (struct text){0};
    }
    text->size = 0;
    text->cut = false;
    call_reserve(call, room);
    return text;
}

void call_reserve(struct call *call, size_t room)
{
    struct text *text = &call->api->answer;
    if (text->room - text->size >= room)
        return;
    size_t wanted = 2 * text->room > text->size + room ? 2 * text->room : text->size + room;
    char *at = realloc(text->at, wanted);
    if (!at) {
        text->cut = true;
        return;
    }
    text->at = at;
    text->room = wanted;
}

static void reply_json(struct http_server *server, struct http_ticket ticket, int status,
                       struct slice headers, struct slice body)
{
    struct http_response response = {
        .status = status,
        .content_type = body.size ? SLICE("application/json") : SLICE(""),
        .headers = headers,
        .body = body,
    };
    http_server_reply(server, ticket, &response);
}

void call_tag(struct call *call, uint64_t revision)
{
    tag_print(revision, call->tag);
}

/* Headers and the tag. */
static struct slice put_headers(const struct call *call, struct slice headers,
                                char out[static CALL_HEADERS_MAX])
{
    struct text text;
    text_init(&text, out, CALL_HEADERS_MAX);
    text_put(&text, headers);
    if (call->tag[0])
        text_printf(&text, "ETag: %s\r\n", call->tag);
    must(text_ok(&text));
    return text_slice(&text);
}

static bool has_it_already(const struct call *call)
{
    const struct http_header *none =
        call->tag[0] && is_reading(call) ? http_find(call->request->head, "If-None-Match") : NULL;
    return none && tag_is_in(none->value, slice_str(call->tag), true);
}

void call_reply(struct call *call, int status, struct slice headers)
{
    char all[CALL_HEADERS_MAX];
    if (!text_ok(&call->api->answer)) {
        call_busy(call);
        return;
    }
    headers = put_headers(call, headers, all);
    if (has_it_already(call))
        reply_json(call->api->server, call->ticket, 304, headers, SLICE(""));
    else
        reply_json(call->api->server, call->ticket, status, headers,
                   text_slice(&call->api->answer));
}

void call_reply_as(struct call *call, struct slice content_type)
{
    const struct text *answer = &call->api->answer;
    const struct http_response response = {
        .status = 200, .content_type = content_type, .body = text_slice(answer)};
    if (text_ok(answer))
        http_server_reply(call->api->server, call->ticket, &response);
    else
        call_busy(call);
}

void call_no_content(struct call *call)
{
    reply_json(call->api->server, call->ticket, 204, SLICE(""), SLICE(""));
}

void call_problem(struct call *call, int status, const char *detail)
{
    http_server_problem(call->api->server, call->ticket, status, detail, SLICE(""));
}

void call_busy(struct call *call)
{
    http_server_problem(call->api->server, call->ticket, 503, "too much to do right now",
                        SLICE("Retry-After: 1\r\n"));
}

void call_faults(struct call *call, const struct faults *faults)
{
    struct text *text = call_text(call, PROBLEM_SIZE);
    text_put(text, SLICE("{\"type\":\"about:blank\",\"title\":\"Unprocessable Content\","
                         "\"status\":422,\"detail\":\"the body has faults\",\"errors\":"));
    call_reserve(call, 6 * sizeof faults->list); /* a byte may print as six */
    faults_print(faults, text);
    text_char(text, '}');
    struct http_response response = {
        .status = 422,
        .content_type = SLICE("application/problem+json"),
        .body = text_slice(text),
    };
    http_server_reply(call->api->server, call->ticket, &response);
}

void call_fault(struct call *call, const char *pointer, const char *detail)
{
    struct faults faults = {0};
    faults_add(&faults, pointer, "%s", detail);
    call_faults(call, &faults);
}

/* ---- later ---- */

/* The call's answer is this one; it lives as long. */
static void keep_answer(struct call *call, struct reply *reply)
{
    reply->answers = call->api->parts.changes->answers;
    memcpy(reply->key, call->answer.key, sizeof reply->key);
    call->answer.status = reply->status;
    call->answer.headers = slice_of(reply->bytes, reply->headers_size);
    call->answer.body = slice_of(reply->bytes + reply->headers_size, reply->body_size);
}

struct reply *call_reply_later(struct call *call, int status, struct slice headers)
{
    struct slice body = text_slice(&call->api->answer);
    char all[CALL_HEADERS_MAX];
    headers = put_headers(call, headers, all);
    struct reply *reply =
        text_ok(&call->api->answer) ? malloc(sizeof *reply + headers.size + body.size) : NULL;
    if (!reply) {
        call_busy(call);
        return NULL;
    }
    *reply = (struct reply){.server = call->api->server,
                            .ticket = call->ticket,
                            .status = status,
                            .headers_size = headers.size,
                            .body_size = body.size};
    if (headers.size)
        memcpy(reply->bytes, headers.at, headers.size);
    if (body.size)
        memcpy(reply->bytes + headers.size, body.at, body.size);
    if (call->is_kept)
        keep_answer(call, reply);
    return reply;
}

void reply_send(void *context)
{
    struct reply *reply = context;
    reply_json(reply->server, reply->ticket, reply->status,
               slice_of(reply->bytes, reply->headers_size),
               slice_of(reply->bytes + reply->headers_size, reply->body_size));
    if (reply->answers)
        answers_given(reply->answers, reply->key);
    free(reply);
}

void reply_drop(struct reply *reply)
{
    free(reply);
}

void call_not_stored(struct call *call, struct reply *reply, int error)
{
    if (!reply)
        return;
    reply_drop(reply);
    if (error == -ENOMEM)
        call_busy(call);
    else
        call_problem(call, 500, "the change could not be stored");
}

bool call_write(struct call *call, const char *action, const struct subject *subject,
                struct batch *batch, struct reply *reply)
{
    const struct mutation by = call_mutation(call, action);
    if (!reply)
        return false;
    int error = changes_write(call->api->parts.changes, &by, subject, batch);
    if (error)
        call_not_stored(call, reply, error);
    else
        reply_send(reply);
    return error == 0;
}

void page_end(struct text *text, bool more, const char *prefix, const struct id *last)
{
    char digits[ID_TEXT_SIZE];
    if (more)
        text_printf(text, "],\"next_cursor\":\"%s\"}", id_print(last, prefix, digits).at);
    else
        text_put(text, SLICE("],\"next_cursor\":null}"));
}

void call_list(struct call *call, const struct listed *listed)
{
    const struct shelf *shelf = listed->shelf;
    struct page page;
    if (!call_page(call, listed->prefix, listed->parameters, &page))
        return;

    call->filter = listed->filter;
    struct text *text = call_text(call, listed->item_room);
    const struct id *last = NULL;
    bool more = false;
    unsigned count = 0;
    text_put(text, SLICE("{\"data\":["));
    for (size_t i = shelf_before(shelf, page.has_cursor ? &page.cursor : NULL); i > 0; i--) {
        const void *next = shelf->items[i - 1];
        if (!listed->sees(call, next))
            continue;
        more = count == page.limit || text->size > PAGE_BYTES_MAX;
        if (more)
            break;
        call_reserve(call, listed->item_room);
        if (count++)
            text_char(text, ',');
        listed->print(next, text);
        last = shelf_id(shelf, i - 1);
    }
    page_end(text, more, listed->prefix, more ? last : NULL);
    call_reply(call, 200, SLICE(""));
}
