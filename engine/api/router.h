/* router.h - the table of routes: method, path, who may, and the function that answers. */
#ifndef API_ROUTER_H
#define API_ROUTER_H

#include "base/slice.h"

struct call;

/* What /openapi.json says of a route. Names are of components in engine/api/openapi/. */
struct api_doc {
    const char *operation; /* unique: "listTenants" */
    const char *summary;
    const char *query;  /* parameters, parted by a space; NULL: none */
    const char *body;   /* of a schema, or "#NAME" of a requestBody; NULL: none */
    const char *answer; /* of a schema, "[NAME]" a page of it, "#NAME" a response; NULL: none */
    int status;         /* of success; 0: 200 */
    bool is_tagged;     /* what it is about has a tag: If-Match, or If-None-Match, is heeded */
};

struct api_route {
    const char *method;
    const char *path; /* "{id}" stands for one segment */
    unsigned scopes;  /* enum scope: any of these, or admin; 0: no key is asked for */
    void (*answer)(struct call *call);
    struct api_doc doc;
};

/* All of them; *count gets their number. */
const struct api_route *router_routes(size_t *count);

enum { ROUTER_ALLOW_SIZE = 128 };

enum router_result { ROUTER_FOUND, ROUTER_NO_PATH, ROUTER_NO_METHOD };

/* Finds the route; HEAD finds that of GET. `id` gets the segment for {id}. With ROUTER_NO_METHOD,
 * `allow` gets "Allow: GET, HEAD, POST\r\n". */
enum router_result router_find(struct slice method, struct slice path,
                               const struct api_route **route, struct slice *id,
                               char allow[static ROUTER_ALLOW_SIZE]);

/* The routes, by resource. */
void subscriptions_create(struct call *call);
void subscriptions_list(struct call *call);
void subscriptions_get(struct call *call);
void subscriptions_replace(struct call *call);
void subscriptions_patch(struct call *call);
void subscriptions_delete(struct call *call);
void secrets_get(struct call *call);
void secrets_rotate(struct call *call);
void subscriptions_pause(struct call *call);
void subscriptions_resume(struct call *call);
void subscriptions_stats(struct call *call);
void subscriptions_test(struct call *call);
void tenant_stats_get(struct call *call);
void event_types_list(struct call *call);
void event_types_create(struct call *call);
void event_types_get(struct call *call);
void event_types_replace(struct call *call);
void event_types_patch(struct call *call);
void event_types_delete(struct call *call);
void event_types_import(struct call *call);
void sla_get(struct call *call);
void filters_test(struct call *call);
void events_list(struct call *call);
void events_publish(struct call *call);
void events_get(struct call *call);
void deliveries_list(struct call *call);
void deliveries_get(struct call *call);
void deliveries_attempts(struct call *call);
void deliveries_redeliver(struct call *call);
void deliveries_expunge(struct call *call);
void events_expunge(struct call *call);
void deliveries_redeliver_all(struct call *call);
void dead_letters_list(struct call *call);
void dead_letters_requeue(struct call *call);
void dead_letters_delete(struct call *call);
void dead_letters_delete_all(struct call *call);
void replays_create(struct call *call);
void replays_list(struct call *call);
void replays_get(struct call *call);
void replays_delete(struct call *call);
void tenants_create(struct call *call);
void tenants_list(struct call *call);
void tenants_get(struct call *call);
void tenants_replace(struct call *call);
void tenants_patch(struct call *call);
void tenants_delete(struct call *call);
void keys_create(struct call *call);
void keys_list(struct call *call);
void keys_get(struct call *call);
void keys_patch(struct call *call);
void keys_delete(struct call *call);
void keys_rotate(struct call *call);
void rekey_post(struct call *call);
void backups_create(struct call *call);
void audit_list(struct call *call);
void audit_export(struct call *call);
void audit_chain(struct call *call);
void openapi_get(struct call *call);
void figures_get(struct call *call);
void health_live(struct call *call);
void health_ready(struct call *call);

#endif
