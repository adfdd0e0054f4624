/* routes.c - the table of routes: from it requests find their way (router.c), and /openapi.json
 * tells of them (openapi.c), so the two cannot disagree. */
#include "router.h"

#include "access_key.h"

enum { READERS = SCOPE_READ | SCOPE_MANAGE };

#define TENANTS       "/api/v1/tenants"
#define KEYS          "/api/v1/keys"
#define SUBSCRIPTIONS "/api/v1/webhooks/subscriptions"
#define EVENT_TYPES   "/api/v1/webhooks/event-types"
#define EVENTS        "/api/v1/webhooks/events"
#define DELIVERIES    "/api/v1/webhooks/deliveries"
#define DEAD_LETTERS  "/api/v1/webhooks/dead-letters"
#define REPLAYS       "/api/v1/webhooks/replays"

#define AUDIT "/api/v1/audit"

#define PAGE "limit cursor"

/* clang-format off */
static const struct api_route routes[] = {
    {"GET", "/healthz", 0, health_live,
     {"getHealth", "Whether the process answers", .answer = "Health"}},
    {"GET", "/readyz", 0, health_ready,
     {"getReadiness", "Whether it takes events", .answer = "Health"}},
    {"GET", "/metrics", 0, figures_get,
     {"getMetrics", "Figures for Prometheus", .answer = "#Metrics"}},
    {"GET", "/openapi.json", 0, openapi_get,
     {"getOpenapi", "This description", .answer = "Openapi"}},

    {"GET", TENANTS, READERS, tenants_list,
     {"listTenants", "Tenants, newest first", .query = PAGE " uid name", .answer = "[Tenant]"}},
    {"POST", TENANTS, SCOPE_ADMIN, tenants_create,
     {"createTenant", "Makes a tenant", .body = "NewTenant", .answer = "Tenant", .status = 201}},
    {"GET", TENANTS "/{id}", READERS, tenants_get,
     {"getTenant", "One tenant", .answer = "Tenant", .is_tagged = true}},
    {"PUT", TENANTS "/{id}", SCOPE_ADMIN, tenants_replace,
     {"replaceTenant", "Replaces a tenant; what is absent gets its default", .body = "NewTenant",
      .answer = "Tenant", .is_tagged = true}},
    {"PATCH", TENANTS "/{id}", SCOPE_ADMIN, tenants_patch,
     {"updateTenant", "Changes a tenant", .body = "TenantFields", .answer = "Tenant",
      .is_tagged = true}},
    {"DELETE", TENANTS "/{id}", SCOPE_ADMIN, tenants_delete,
     {"deleteTenant", "Deletes a tenant and all that it has", .status = 204, .is_tagged = true}},

    {"GET", KEYS, SCOPE_MANAGE, keys_list,
     {"listKeys", "Access keys, newest first", .query = PAGE, .answer = "[Key]"}},
    {"POST", KEYS, SCOPE_MANAGE, keys_create,
     {"createKey", "Makes an access key, which only this answer shows", .body = "NewKey",
      .answer = "KeyWithText", .status = 201}},
    {"GET", KEYS "/{id}", SCOPE_MANAGE, keys_get,
     {"getKey", "One access key", .answer = "Key", .is_tagged = true}},
    {"PATCH", KEYS "/{id}", SCOPE_MANAGE, keys_patch,
     {"updateKey", "Changes an access key", .body = "KeyFields", .answer = "Key",
      .is_tagged = true}},
    {"DELETE", KEYS "/{id}", SCOPE_MANAGE, keys_delete,
     {"deleteKey", "Ends an access key", .status = 204, .is_tagged = true}},
    {"POST", KEYS "/{id}/rotate", SCOPE_MANAGE, keys_rotate,
     {"rotateKey", "Makes its successor, which only this answer shows", .body = "KeyRotation",
      .answer = "KeyWithText", .status = 201, .is_tagged = true}},

    {"GET", SUBSCRIPTIONS, READERS, subscriptions_list,
     {"listSubscriptions", "Subscriptions, newest first", .query = PAGE " subscription_status uid",
      .answer = "[Subscription]"}},
    {"POST", SUBSCRIPTIONS, SCOPE_MANAGE, subscriptions_create,
     {"createSubscription", "Makes a subscription; the answer shows its secret",
      .body = "NewSubscription", .answer = "SubscriptionWithSecret", .status = 201}},
    {"GET", SUBSCRIPTIONS "/{id}", READERS, subscriptions_get,
     {"getSubscription", "One subscription", .answer = "Subscription", .is_tagged = true}},
    {"PUT", SUBSCRIPTIONS "/{id}", SCOPE_MANAGE, subscriptions_replace,
     {"replaceSubscription", "Replaces a subscription; what is absent gets its default",
      .body = "NewSubscription", .answer = "Subscription", .is_tagged = true}},
    {"PATCH", SUBSCRIPTIONS "/{id}", SCOPE_MANAGE, subscriptions_patch,
     {"updateSubscription", "Changes a subscription", .body = "SubscriptionFields",
      .answer = "Subscription", .is_tagged = true}},
    {"DELETE", SUBSCRIPTIONS "/{id}", SCOPE_MANAGE, subscriptions_delete,
     {"deleteSubscription", "Deletes a subscription; its open deliveries are cancelled",
      .status = 204, .is_tagged = true}},
    {"GET", SUBSCRIPTIONS "/{id}/secret", SCOPE_MANAGE, secrets_get,
     {"getSecret", "Its signing secret", .answer = "Secret"}},
    {"POST", SUBSCRIPTIONS "/{id}/rotate-secret", SCOPE_MANAGE, secrets_rotate,
     {"rotateSecret", "Gives it a new secret; the old one ends after the overlap",
      .body = "Rotation", .answer = "Secret", .is_tagged = true}},
    {"POST", SUBSCRIPTIONS "/{id}/pause", SCOPE_MANAGE, subscriptions_pause,
     {"pauseSubscription", "Sends nothing more to it, and keeps everything",
      .answer = "Subscription", .is_tagged = true}},
    {"POST", SUBSCRIPTIONS "/{id}/resume", SCOPE_MANAGE, subscriptions_resume,
     {"resumeSubscription", "Sends to it again", .answer = "Subscription", .is_tagged = true}},
    {"POST", SUBSCRIPTIONS "/{id}/test", SCOPE_MANAGE, subscriptions_test,
     {"testSubscription", "Sends it an event of its own", .body = "Trial", .answer = "Published",
      .status = 202, .is_tagged = true}},
    {"GET", SUBSCRIPTIONS "/{id}/stats", READERS, subscriptions_stats,
     {"getSubscriptionStats", "How its endpoint stands, and what came of its attempts",
      .query = "window resolution", .answer = "SubscriptionStats"}},
    {"GET", "/api/v1/webhooks/stats", READERS, tenant_stats_get,
     {"getStats", "What came of all attempts; or which subscriptions fail most",
      .query = PAGE " window resolution group_by", .answer = "Stats"}},
    {"GET", "/api/v1/webhooks/sla", READERS, sla_get,
     {"getSla", "Whether a tenant gets what it is promised", .answer = "Sla"}},

    {"GET", EVENT_TYPES, READERS, event_types_list,
     {"listEventTypes", "Event types, newest first", .query = PAGE, .answer = "[CatalogueEntry]"}},
    {"POST", EVENT_TYPES, SCOPE_MANAGE, event_types_create,
     {"createEventType", "Puts an event type into the catalogue", .body = "NewCatalogueEntry",
      .answer = "CatalogueEntry", .status = 201}},
    {"POST", EVENT_TYPES "/import", SCOPE_MANAGE, event_types_import,
     {"importEventTypes", "Makes event types of the webhooks in an OpenAPI 3.1 document",
      .query = "version dry_run", .body = "WebhookDocument", .answer = "CatalogueImport"}},
    {"GET", EVENT_TYPES "/{id}", READERS, event_types_get,
     {"getEventType", "One event type, by its name", .answer = "CatalogueEntry",
      .is_tagged = true}},
    {"PUT", EVENT_TYPES "/{id}", SCOPE_MANAGE, event_types_replace,
     {"replaceEventType", "Replaces an event type; what is absent gets its default",
      .body = "CatalogueFields", .answer = "CatalogueEntry", .is_tagged = true}},
    {"PATCH", EVENT_TYPES "/{id}", SCOPE_MANAGE, event_types_patch,
     {"updateEventType", "Changes an event type", .body = "CatalogueFields",
      .answer = "CatalogueEntry", .is_tagged = true}},
    {"DELETE", EVENT_TYPES "/{id}", SCOPE_MANAGE, event_types_delete,
     {"deleteEventType", "Takes an event type out of the catalogue", .status = 204,
      .is_tagged = true}},

    {"POST", "/api/v1/webhooks/filters/test", READERS, filters_test,
     {"testFilter", "Says whether a filter lets an event pass", .body = "FilterTrial",
      .answer = "FilterVerdict"}},

    {"GET", EVENTS, READERS, events_list,
     {"listEvents", "Events, newest first", .query = PAGE " type since until",
      .answer = "[Event]"}},
    {"POST", EVENTS, SCOPE_INGEST, events_publish,
     {"publishEvents", "Takes in one event or a batch, as the ingest port does",
      .body = "#Publication", .answer = "Published", .status = 202}},
    {"GET", EVENTS "/{id}", READERS, events_get,
     {"getEvent", "One event and its payload", .answer = "EventWithPayload"}},

    {"DELETE", EVENTS "/{id}/payload", SCOPE_MANAGE, events_expunge,
     {"expungeEvent", "Takes its payload out; what has not been delivered never will be",
      .status = 204}},

    {"GET", DELIVERIES, READERS, deliveries_list,
     {"listDeliveries", "Deliveries, newest first",
      .query = PAGE " status subscription event type since until", .answer = "[Delivery]"}},
    {"GET", DELIVERIES "/{id}", READERS, deliveries_get,
     {"getDelivery", "One delivery", .answer = "Delivery"}},
    {"GET", DELIVERIES "/{id}/attempts", READERS, deliveries_attempts,
     {"listAttempts", "Its attempts, first to last", .answer = "[Attempt]"}},
    {"POST", DELIVERIES "/{id}/redeliver", SCOPE_MANAGE, deliveries_redeliver,
     {"redeliver", "Delivers it once more", .answer = "Delivery", .status = 202}},
    {"DELETE", DELIVERIES "/{id}/responses", SCOPE_MANAGE, deliveries_expunge,
     {"expungeDelivery", "Takes out of its attempts what the receiver answered", .status = 204}},
    {"POST", DELIVERIES "/redeliver", SCOPE_MANAGE, deliveries_redeliver_all,
     {"redeliverAll", "Begins to deliver once more all that a filter names",
      .body = "RedeliverFilter", .answer = "Replay", .status = 202}},

    {"GET", DEAD_LETTERS, READERS, dead_letters_list,
     {"listDeadLetters", "Deliveries that were given up, newest first",
      .query = PAGE " subscription event type since until", .answer = "[Delivery]"}},
    {"POST", DEAD_LETTERS "/requeue", SCOPE_MANAGE, dead_letters_requeue,
     {"requeueDeadLetters", "Begins to deliver them once more", .body = "RequeueFilter",
      .answer = "Replay", .status = 202}},
    {"DELETE", DEAD_LETTERS, SCOPE_MANAGE, dead_letters_delete_all,
     {"deleteDeadLetters", "Begins to give them up for good; they become cancelled",
      .query = "subscription since until", .answer = "Replay", .status = 202}},
    {"DELETE", DEAD_LETTERS "/{id}", SCOPE_MANAGE, dead_letters_delete,
     {"deleteDeadLetter", "Gives one up for good", .status = 204}},

    {"GET", REPLAYS, READERS, replays_list,
     {"listReplays", "Jobs that deliver once more, newest first", .query = PAGE,
      .answer = "[Replay]"}},
    {"POST", REPLAYS, SCOPE_MANAGE, replays_create,
     {"createReplay", "Begins to deliver once more what a subscription had in a time",
      .body = "NewReplay", .answer = "Replay", .status = 202}},
    {"GET", REPLAYS "/{id}", READERS, replays_get,
     {"getReplay", "One job, with its progress", .answer = "Replay"}},
    {"DELETE", REPLAYS "/{id}", SCOPE_MANAGE, replays_delete,
     {"deleteReplay", "Cancels it; if it is over, forgets it", .status = 204}},

    {"GET", AUDIT, READERS, audit_list,
     {"listAudit", "Records of changes of configuration, newest first",
      .query = PAGE " action resource actor since until", .answer = "[AuditRecord]"}},
    {"GET", AUDIT "/export", SCOPE_ADMIN, audit_export,
     {"exportAudit", "Records of all tenants as lines, oldest first", .query = "after lines",
      .answer = "#AuditExport"}},
    {"GET", AUDIT "/chain", SCOPE_ADMIN, audit_chain,
     {"getAuditChain", "Where the chain of records begins and ends", .answer = "AuditChain"}},

    {"POST", "/api/v1/rekey", SCOPE_ADMIN, rekey_post,
     {"rekey", "Seals all secrets anew, by the present key", .answer = "Rekeyed"}},
    {"POST", "/api/v1/backup", SCOPE_ADMIN, backups_create,
     {"createBackup", "Copies all that is kept into the backup directory", .body = "NewBackup",
      .answer = "Backup", .status = 201}},
};
/* clang-format on */

const struct api_route *router_routes(size_t *count)
{
    *count = sizeof routes / sizeof routes[0];
    return routes;
}
