/* api.h - the HTTP API of the admin port, as control sees it.
 *
 * A request is found its route (router.h), is let in or not (call.h), and is answered by the
 * file of its resource. Answers that wait for shards (a change, a scrape) keep a ticket.
 * Control's thread.
 */
#ifndef API_API_H
#define API_API_H

#include "changes.h"
#include "config.h"
#include "net/http_server.h"

struct api;
struct control_metrics;
struct replays;
struct observer;
struct rekey;
struct watchdog;

/* How the engine is; control's, for /readyz. */
struct health {
    bool loaded, stopping, storage_low;
};

/* What control lends to the routes. */
struct api_parts {
    struct crew *crew;
    struct wheel *wheel;
    struct db *db;
    struct registry *registry;
    struct changes *changes;
    const struct audit *audit;
    struct rekey *rekey;
    struct replays *replays;
    struct observer *observer;
    const struct config *config;
    const struct health *health;
    struct control_metrics *metrics;
    const struct watchdog *watchdog;
};

MUST_CHECK int api_open(struct api **api, const struct api_parts *parts);

/* The server must have been stopped and be idle. NULL is allowed. */
void api_close(struct api *api);

/* For listening, draining and stopping. */
struct http_server *api_server(struct api *api);

/* A MAIL_PUBLISH came back. */
struct mail_publish;
void api_published(struct api *api, struct mail_publish *mail);

/* A MAIL_FORGET came back. */
void api_forgotten(struct mail_forget *mail);

/* A MAIL_FIGURES came back. */
void api_figures_answered(struct api *api, struct mail_figures *mail);

/* A MAIL_STATS came back. */
void api_stats_answered(struct api *api, struct mail_stats *mail);

#endif
