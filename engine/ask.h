/* ask.h - requests on the ingest port that control answers (the sandbox): there by mail, and back.
 */
#ifndef ENGINE_ASK_H
#define ENGINE_ASK_H

#include "mail.h"

struct shard;

/* Sends the request to control; it is answered when it comes back, or with 503 at once if there is
 * no memory. */
void ask_control(struct shard *shard, struct http_ticket ticket,
                 const struct http_request *request);

/* MAIL_ASK has come back. */
void ask_answered(struct shard *shard, struct mail_ask *ask);

#endif
