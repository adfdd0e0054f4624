/* call.h - one request on its way through the API, and the answers it may get.
 *
 * Every route ends in exactly one answer. Functions here that return bool have answered when they
 * return false. Everything in a call is valid while its route runs; what answers later keeps the
 * ticket (call_reply_later()).
 */
#ifndef API_CALL_H
#define API_CALL_H

#include "api.h"
#include "backups.h"
#include "base/json.h"
#include "base/random.h"
#include "faults.h"
#include "figures.h"
#include "store/backlog.h"
#include "tag.h"
#include "trend.h"

enum {
    CALL_BODY_MAX = 256 * 1024,
    CALL_IMPORT_MAX = 4 * 1024 * 1024, /* of a document to import */
    CALL_HEADERS_MAX = 512,            /* of an answer, with its tag */
    API_STATS_MAX = 16,                /* questions to shards at a time */
    PAGE_LIMIT = 50,
    PAGE_LIMIT_MAX = 250,
    PAGE_BYTES_MAX = 2 * 1024 * 1024, /* a page ends early when its text has so many */
};

/* A question to a shard how an endpoint stands, and what else was asked. */
struct api_stats {
    struct mail_stats mail;
    struct trend_query query;
};

struct api {
    struct api_parts parts;
    struct http_server *server;
    struct buddy buddy;
    struct json *json, *other; /* two trees at a time */
    struct event_reader *events;
    struct random random;
    struct text answer; /* grows; one call's at a time */
    struct figures figures;
    unsigned publishing; /* with shards */
    uint64_t published;  /* by turns */
    struct api_stats stats[API_STATS_MAX];
    struct backups backups;
    struct http_ticket rekey_ticket; /* who waits for the one that is running */
};

struct call {
    struct api *api;
    struct http_ticket ticket;
    const struct http_request *request;
    struct slice id; /* what stands for {id} in the route's path */
    const struct access_key *key;
    struct id tenant;   /* whose resources are meant */
    char tag[TAG_SIZE]; /* of what the answer shows; "": none */
    bool is_kept;       /* the answer, if something is changed: `answer` names it (repeat.h) */
    struct answer answer;
    const void *filter; /* of a list: what it is to show; the file of the resource knows */
};

/* ---- what was asked ---- */

/* Finds the key and checks its scopes (one of `scopes`, or admin) and the tenant. */
MUST_CHECK bool call_let_in(struct call *call, unsigned scopes);

/* The media type alone, without parameters (RFC 9110 section 8.3.1); empty: none was given. */
struct slice call_media_type(const struct call *call);

/* The body as JSON, with `parser` (which keeps it); it has to be an object. `patch`: merge patches
 * are welcome too. */
MUST_CHECK bool call_read_body(struct call *call, struct json *parser, bool patch,
                               struct json_value *root);

/* Whether a change may be begun now. */
MUST_CHECK bool call_has_room(struct call *call);

/* What the path names has been found, in this revision (tag.h). Checks that the request's If-Match
 * and, unless it only reads, If-None-Match allow it: else answers 412. */
MUST_CHECK bool call_found(struct call *call, uint64_t revision);

/* What a change that this call makes is called (changes.h). Its answer has to be made before, by
 * call_reply_later(): a request with an Idempotency-Key keeps it. */
struct mutation call_mutation(struct call *call, const char *action);

struct page {
    unsigned limit;
    bool has_cursor;
    struct id cursor;
    uint64_t number; /* a cursor that is one */
};

/* Checks that the parameters are limit, cursor, and those of `others` (NULL-terminated, or NULL),
 * and reads the first two. `prefix`: of the ids in cursors; NULL: cursors are numbers. */
MUST_CHECK bool call_page(struct call *call, const char *prefix, const char *const *others,
                          struct page *page);

/* Checks that there are no parameters but these (NULL-terminated). */
MUST_CHECK bool call_query_known(struct call *call, const char *const *names);

/* An optional parameter of at least one character that fits `room` with its NUL. */
MUST_CHECK bool call_query_text(struct call *call, const char *name, char *value, size_t room,
                                bool *has);

/* An optional parameter that is an id, a time or a number: `has` says whether it was there. */
MUST_CHECK bool call_query_id(struct call *call, const char *name, const char *prefix,
                              struct id *id, bool *has);
MUST_CHECK bool call_query_time(struct call *call, const char *name, uint64_t *wall_ms);
MUST_CHECK bool call_query_number(struct call *call, const char *name, uint64_t *number, bool *has);

/* Shards take in events: one of them does, as if the request had come by its port, and answers.
 * `subscription`: the event is for this one of the call's tenant alone; NULL: for all that match.
 */
void call_publish(struct call *call, const struct http_request *request,
                  const struct id *subscription);

/* ---- the answer ---- */

/* An empty text to print the answer into. It has room for `room` bytes; call_reserve() makes sure
 * of more. Out of memory shows as text_ok() being false. */
struct text *call_text(struct call *call, size_t room);
void call_reserve(struct call *call, size_t room);

/* The text shows a resource in this revision: the answer carries its tag. To be said before the
 * reply is made. */
void call_tag(struct call *call, uint64_t revision);

/* Answers with the text, or with 304 if the request has the tag. `headers`: each ended by CRLF, or
 * empty. */
void call_reply(struct call *call, int status, struct slice headers);
void call_reply_as(struct call *call, struct slice content_type); /* 200, of another type */
void call_no_content(struct call *call);
void call_problem(struct call *call, int status, const char *detail);
void call_busy(struct call *call); /* 503 with Retry-After */

/* 422 with the list. */
void call_faults(struct call *call, const struct faults *faults);
void call_fault(struct call *call, const char *pointer, const char *detail);

/* The answer to give when a change is done: as call_reply() would now. Pass it as the context of
 * reply_send(). NULL: out of memory, which has been answered. */
struct reply;
struct reply *call_reply_later(struct call *call, int status, struct slice headers);
void reply_send(void *reply);
void reply_drop(struct reply *reply);

/* Answers for a change that could not be begun, and drops its reply (NULL: that has answered). */
void call_not_stored(struct call *call, struct reply *reply, int error);

/* Writes the documents in `batch` (which is cleared) as one change, for what no shard has to know,
 * and answers: with `reply`, which it takes over (NULL: that has answered), or that it could not.
 */
MUST_CHECK bool call_write(struct call *call, const char *action, const struct subject *subject,
                           struct batch *batch, struct reply *reply);

/* A list of what is on a shelf, newest first, as a page. */
struct shelf;
struct listed {
    const struct shelf *shelf;
    const char *prefix;            /* of the ids */
    size_t item_room;              /* the most that an item prints */
    const char *const *parameters; /* more than limit and cursor; NULL: none */
    const void *filter;            /* the call's while it is listed */
    bool (*sees)(const struct call *call, const void *item);
    void (*print)(const void *item, struct text *text);
};

void call_list(struct call *call, const struct listed *listed);

/* Prints the end of a page: "],"next_cursor":...}. */
void page_end(struct text *text, bool more, const char *prefix, const struct id *last);

#endif
