/* requester.h - who waits for the answer to a request to publish: a connection of the shard's
 * ingest port, or one of the admin port, by way of control.
 */
#ifndef ENGINE_REQUESTER_H
#define ENGINE_REQUESTER_H

#include "base/id.h"
#include "mailbox.h"
#include "net/http_server.h"

struct shard;

/* A request to publish that came in by the admin port: made by control with malloc, sent to a
 * shard, and back with the answer. `head` and the slices point into the memory behind it; the body
 * has LOOP_SLACK readable bytes after it. */
struct mail_publish {
    struct mail mail;
    struct http_ticket ticket; /* control's */
    void *alert; /* control's own: an event of the engine's, of `tenant`; NULL: a request */
    struct http_head head;
    struct http_request request;
    struct address peer;
    /* An event for this subscription of the tenant alone, which control has let in; zero: of whose
     * key it is, and for all that match. */
    struct id subscription, tenant;
    /* the answer: text in `answer`, from malloc of the shard (NULL: there was no memory), freed by
     * control */
    struct http_response response;
    char *answer;
};

struct requester {
    struct http_ticket ticket;
    struct mail_publish *mail; /* NULL: a connection of this shard */
};

/* A copy of a request, into memory of requester_copy_size() bytes; the body has LOOP_SLACK readable
 * bytes after it. The query is left out. */
size_t requester_copy_size(const struct http_request *request);
const struct http_request *requester_copy_into(const struct http_request *request, void *memory);

/* A copy of the request for a shard, or NULL: out of memory. */
struct mail_publish *requester_copy(struct http_ticket ticket, const struct http_request *request);

/* Answers; what the response points at is copied. */
void requester_reply(struct shard *shard, const struct requester *requester,
                     const struct http_response *response);

/* 422 with the list. */
struct faults;
void requester_faults(struct shard *shard, const struct requester *requester,
                      const struct faults *faults);

/* RFC 9457, as http_server_problem(). */
void requester_problem(struct shard *shard, const struct requester *requester, int status,
                       const char *detail, struct slice headers);

#endif
