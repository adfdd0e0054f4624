/* nouns.c - the table of nouns and verbs; see verb.h. */
#include "tools/ctl/run.h"
#include "tools/ctl/verb.h"

#define OPTIONS(...)        \
    (const struct option[]) \
    {                       \
        __VA_ARGS__,        \
        {                   \
            0               \
        }                   \
    }
#define COLUMNS(...)        \
    (const struct column[]) \
    {                       \
        __VA_ARGS__,        \
        {                   \
            0               \
        }                   \
    }

#define TENANTS       "/api/v1/tenants"
#define KEYS          "/api/v1/keys"
#define SUBSCRIPTIONS "/api/v1/webhooks/subscriptions"
#define EVENT_TYPES   "/api/v1/webhooks/event-types"
#define EVENTS        "/api/v1/webhooks/events"
#define DELIVERIES    "/api/v1/webhooks/deliveries"
#define DEAD_LETTERS  "/api/v1/webhooks/dead-letters"
#define REPLAYS       "/api/v1/webhooks/replays"
#define AUDIT         "/api/v1/audit"

#define DELIVERY_STATUSES "pending|retrying|delivered|dead|cancelled|failed"
#define SCHEMES           "standard|ed25519|timestamped|stripe|github|hex|template|none"

// clang-format off

const struct option global_options[] = {
    [GLOBAL_URL]      = {"url",      "URL",   OPTION_OWN, NULL, NULL, "the engine's admin port; before the noun, or where the verb has no --url of its own (GRAPNEL_URL; http://127.0.0.1:8481)"},
    [GLOBAL_KEY]      = {"key",      "KEY",   OPTION_OWN, NULL, NULL, "the access key (GRAPNEL_KEY, which other users of the machine cannot see)"},
    [GLOBAL_KEY_FILE] = {"key-file", "FILE",  OPTION_OWN, NULL, NULL, "a file with the key, such as DATA/admin.key (GRAPNEL_KEY_FILE)"},
    [GLOBAL_TENANT]   = {"tenant",   "ID",    OPTION_OWN, NULL, NULL, "act for this tenant, by id or by name; an admin key's privilege (GRAPNEL_TENANT)"},
    [GLOBAL_CA_FILE]  = {"ca-file",  "FILE",  OPTION_OWN, NULL, NULL, "PEM certificates to trust in place of the system's"},
    [GLOBAL_OUTPUT]   = {"output",   "KIND",  OPTION_OWN, NULL, "table|json", "-o: a table for people, which is the default, or json for programs"},
    [GLOBAL_TIMEOUT]  = {"timeout",  "TIME",  OPTION_OWN, NULL, NULL, "how long an answer may take: 30s"},
    [GLOBAL_HELP]     = {"help",     NULL,    OPTION_OWN, NULL, NULL, "-h: says what a command does and what it takes"},
    [GLOBAL_VERSION]  = {"version",  NULL,    OPTION_OWN, NULL, NULL, "the version of this program"},
    {0},
};

const struct option page_options[] = {
    {"limit",  "N",      OPTION_OWN,   NULL, NULL, "at most so many, over as many pages as it takes (50)"},
    {"all",    NULL,     OPTION_OWN,   NULL, NULL, "all there are"},
    {"cursor", "CURSOR", OPTION_OWN,   NULL, NULL, "go on from the next_cursor of an earlier list"},
    {0},
};

const struct option field_options[] = {
    {"set",  "FIELD=VALUE", OPTION_OWN, NULL, NULL, "a field of the body by its path (retry.jitter=0.2): JSON, or else a string; may be repeated"},
    {"data", "FILE",        OPTION_OWN, NULL, NULL, "the body as JSON from a file, or from standard input (-); other options change it"},
    {0},
};

/* ---- tenant, key ---- */

static const struct column tenant_columns[] = {{"ID", "id", COLUMN_TEXT}, {"NAME", "name", COLUMN_TEXT}, {"RATE", "ingest.per_second", COLUMN_NUMBER}, {"DESCRIPTION", "description", COLUMN_TEXT}, {"CREATED", "created_at", COLUMN_TIME}, {0}};

static const struct option tenant_fields[] = {
    {"name",        "NAME",       OPTION_TEXT, NULL, NULL, "its name"},
    {"uid",         "ID",         OPTION_TEXT, NULL, NULL, "an id of your own"},
    {"description", "TEXT",       OPTION_TEXT, NULL, NULL, "for people"},
    {"metadata",    "NAME=VALUE", OPTION_PAIR, NULL, NULL, "of your own; may be repeated"},
    {"rate",        "N",          OPTION_JSON, "ingest.per_second", NULL, "events a second that it may send"},
    {"burst",       "N",          OPTION_JSON, "ingest.burst", NULL, "events that it may send at once"},
    {"allow",       "CIDR,...",   OPTION_LIST, "egress.allow", NULL, "networks that its deliveries may go to"},
    {"deny",        "CIDR,...",   OPTION_LIST, "egress.deny", NULL, "networks that they may not go to"},
    {"https-only",  "BOOL",       OPTION_JSON, "https_only", "true|false", "whether its receivers must be https"},
    {"enforcement", "MODE",       OPTION_TEXT, "event_types.enforcement", "off|warn|reject", "what becomes of events that are not as the catalogue says"},
    {0},
};

static const struct verb tenant_verbs[] = {
    {.name = "list",   .help = "Lists tenants, newest first.", .method = "GET", .path = TENANTS, .takes = TAKES_PAGES, .answer = ANSWER_LIST,
     .options = OPTIONS({"uid", "ID", OPTION_QUERY, NULL, NULL, "with this uid"}, {"name", "NAME", OPTION_QUERY, NULL, NULL, "with this name"}), .columns = tenant_columns},
    {.name = "get",    .help = "Shows a tenant.", .method = "GET", .path = TENANTS "/{id}", .argument = "ID"},
    {.name = "create", .help = "Makes a tenant.", .method = "POST", .path = TENANTS, .argument = "[NAME]", .field = "name", .takes = TAKES_FIELDS, .options = tenant_fields},
    {.name = "update", .help = "Changes the fields of a tenant that are given.", .method = "PATCH", .path = TENANTS "/{id}", .argument = "ID", .takes = TAKES_FIELDS, .options = tenant_fields},
    {.name = "replace", .help = "Replaces a tenant: fields that are not given are as if it were new.", .method = "PUT", .path = TENANTS "/{id}", .argument = "ID", .takes = TAKES_FIELDS, .options = tenant_fields},
    {.name = "delete", .help = "Deletes a tenant with all that it has.", .method = "DELETE", .path = TENANTS "/{id}", .argument = "ID"},
    {0},
};

#define KEY_FIELDS \
    {"name",       "NAME",       OPTION_TEXT, NULL, NULL, "what it is for"}, \
    {"metadata",   "NAME=VALUE", OPTION_PAIR, NULL, NULL, "of your own; may be repeated"}, \
    {"allow-from", "CIDR,...",   OPTION_LIST, "allow_from", NULL, "networks that it may be used from; else from anywhere"}, \
    {"expires-at", "TIME",       OPTION_TEXT, "expires_at", NULL, "when it ends: 2026-01-31T12:00:00Z; else never"}

static const struct verb key_verbs[] = {
    {.name = "list",   .help = "Lists the tenant's keys, newest first.", .method = "GET", .path = KEYS, .takes = TAKES_PAGES, .answer = ANSWER_LIST,
     .columns = COLUMNS({"ID", "id", COLUMN_TEXT}, {"NAME", "name", COLUMN_TEXT}, {"SCOPES", "scopes", COLUMN_TEXT}, {"USED", "last_used_at", COLUMN_TIME}, {"EXPIRES", "expires_at", COLUMN_TIME}, {"CREATED", "created_at", COLUMN_TIME})},
    {.name = "get",    .help = "Shows a key, but not the key itself.", .method = "GET", .path = KEYS "/{id}", .argument = "ID"},
    {.name = "create", .help = "Makes a key. The answer alone has the key itself.", .method = "POST", .path = KEYS, .argument = "[NAME]", .field = "name", .takes = TAKES_FIELDS,
     .options = OPTIONS(KEY_FIELDS, {"scopes", "SCOPE,...", OPTION_LIST, NULL, "ingest|read|manage|admin", "what it may do"})},
    {.name = "update", .help = "Changes the fields of a key that are given.", .method = "PATCH", .path = KEYS "/{id}", .argument = "ID", .takes = TAKES_FIELDS, .options = OPTIONS(KEY_FIELDS)},
    {.name = "rotate", .help = "Makes a key that takes its place, beside which it is of use for a while. The answer alone has the new key.", .method = "POST", .path = KEYS "/{id}/rotate", .argument = "ID", .takes = TAKES_FIELDS,
     .options = OPTIONS({"overlap", "TIME", OPTION_TEXT, NULL, NULL, "how long (24h)"}, {"expires-at", "TIME", OPTION_TEXT, "expires_at", NULL, "when the new one ends (as the old one)"})},
    {.name = "delete", .help = "Deletes a key, which is refused from then on.", .method = "DELETE", .path = KEYS "/{id}", .argument = "ID"},
    {0},
};

/* ---- event-type ---- */

static const struct option event_type_fields[] = {
    {"description", "TEXT",       OPTION_TEXT, NULL, NULL, "for people"},
    {"deprecated",  "BOOL",       OPTION_JSON, NULL, "true|false", "whether it is to be used no more"},
    {"replaced-by", "TYPE",       OPTION_TEXT, "replaced_by", NULL, "what to use in its stead"},
    {"versions",    "JSON",       OPTION_JSON, NULL, NULL, "all of its versions: '[{\"version\":\"1\",\"schema\":{...}}]'"},
    {"metadata",    "NAME=VALUE", OPTION_PAIR, NULL, NULL, "of your own; may be repeated"},
    {0},
};

static const struct verb event_type_verbs[] = {
    {.name = "list",    .help = "Lists event types, newest first.", .method = "GET", .path = EVENT_TYPES, .takes = TAKES_PAGES, .answer = ANSWER_LIST,
     .columns = COLUMNS({"NAME", "name", COLUMN_TEXT}, {"DEPRECATED", "deprecated", COLUMN_TEXT}, {"DESCRIPTION", "description", COLUMN_TEXT}, {"CREATED", "created_at", COLUMN_TIME})},
    {.name = "get",     .help = "Shows an event type.", .method = "GET", .path = EVENT_TYPES "/{id}", .argument = "NAME"},
    {.name = "create",  .help = "Puts an event type into the catalogue.", .method = "POST", .path = EVENT_TYPES, .argument = "[NAME]", .field = "name", .takes = TAKES_FIELDS, .options = event_type_fields},
    {.name = "replace", .help = "Replaces an event type; what is not given gets its default.", .method = "PUT", .path = EVENT_TYPES "/{id}", .argument = "NAME", .takes = TAKES_FIELDS, .options = event_type_fields},
    {.name = "update",  .help = "Changes the fields of an event type that are given.", .method = "PATCH", .path = EVENT_TYPES "/{id}", .argument = "NAME", .takes = TAKES_FIELDS, .options = event_type_fields},
    {.name = "delete",  .help = "Takes an event type out of the catalogue.", .method = "DELETE", .path = EVENT_TYPES "/{id}", .argument = "NAME"},
    {.name = "import",  .help = "Makes event types of the webhooks in an OpenAPI 3.1 document, which is JSON: all of them, or none.", .method = "POST", .path = EVENT_TYPES "/import", .argument = "FILE", .run = run_event_type_import,
     .options = OPTIONS({"schema-version", "VERSION", OPTION_QUERY, "version", NULL, "which version of its event types it describes; else the last of each, or 1"}, {"dry-run", "BOOL", OPTION_QUERY, "dry_run", "true|false", "only say what would be done"})},
    {0},
};

/* ---- subscription ---- */

static const struct option subscription_fields[] = {
    {"url",         "URL",          OPTION_TEXT, NULL, NULL, "where deliveries go"},
    {"events",      "TYPE,...",     OPTION_LIST, NULL, NULL, "types, or globs such as order.*"},
    {"channels",    "CHANNEL,...",  OPTION_LIST, NULL, NULL, "channels, of which an event must have one"},
    {"filter",      "JSON",         OPTION_JSON, NULL, NULL, "a condition on the event"},
    {"uid",         "ID",           OPTION_TEXT, NULL, NULL, "an id of your own"},
    {"description", "TEXT",         OPTION_TEXT, NULL, NULL, "for people"},
    {"metadata",    "NAME=VALUE",   OPTION_PAIR, NULL, NULL, "of your own; may be repeated"},
    {"secret",      "SECRET",       OPTION_TEXT, NULL, NULL, "what signs; made if it is not given"},
    {"scheme",      "SCHEME",       OPTION_TEXT, "signature.scheme", SCHEMES, "how it is signed"},
    {"retry",       "JSON",         OPTION_JSON, "retry.schedule", NULL, "waits after failures: '[\"5s\",\"1m\"]', or '\"quick\"'"},
    {"timeout",     "TIME",         OPTION_TEXT, NULL, NULL, "how long a receiver may take: 15s"},
    {"method",      "METHOD",       OPTION_TEXT, NULL, "POST|PUT|PATCH", "of the requests"},
    {"header",      "NAME=VALUE",   OPTION_PAIR, "headers", NULL, "one more in each request; may be repeated"},
    {"rate",        "N",            OPTION_JSON, "rate_limit.per_second", NULL, "deliveries a second at most"},
    {"burst",       "N",            OPTION_JSON, "rate_limit.burst", NULL, "deliveries at once at most"},
    {"concurrency", "N",            OPTION_JSON, "concurrency.max", NULL, "requests at a time at most"},
    {"ordering",    "ORDER",        OPTION_TEXT, NULL, "none|strict", "whether each waits for the one before"},
    {"compression", "KIND",         OPTION_TEXT, NULL, "none|gzip", "of bodies"},
    {"status",      "STATUS",       OPTION_TEXT, NULL, "active|paused|disabled", "whether it is delivered to"},
    {0},
};

static const struct verb subscription_verbs[] = {
    {.name = "list",   .help = "Lists the tenant's subscriptions, newest first.", .method = "GET", .path = SUBSCRIPTIONS, .takes = TAKES_PAGES, .answer = ANSWER_LIST,
     .options = OPTIONS({"status", "STATUS", OPTION_QUERY, NULL, "active|paused|disabled", "that stand so"}, {"uid", "ID", OPTION_QUERY, NULL, NULL, "with this uid"}),
     .columns = COLUMNS({"ID", "id", COLUMN_TEXT}, {"STATUS", "status", COLUMN_STATUS}, {"URL", "url", COLUMN_TEXT}, {"EVENTS", "events", COLUMN_TEXT}, {"CREATED", "created_at", COLUMN_TIME})},
    {.name = "get",    .help = "Shows a subscription.", .method = "GET", .path = SUBSCRIPTIONS "/{id}", .argument = "ID"},
    {.name = "create", .help = "Makes a subscription. The answer has its secret.", .method = "POST", .path = SUBSCRIPTIONS, .takes = TAKES_FIELDS, .options = subscription_fields},
    {.name = "update", .help = "Changes the fields of a subscription that are given.", .method = "PATCH", .path = SUBSCRIPTIONS "/{id}", .argument = "ID", .takes = TAKES_FIELDS, .options = subscription_fields},
    {.name = "replace", .help = "Replaces a subscription: fields that are not given are as if it were new.", .method = "PUT", .path = SUBSCRIPTIONS "/{id}", .argument = "ID", .takes = TAKES_FIELDS, .options = subscription_fields},
    {.name = "delete", .help = "Deletes a subscription; what was on its way to it ends.", .method = "DELETE", .path = SUBSCRIPTIONS "/{id}", .argument = "ID"},
    {.name = "pause",  .help = "Sends nothing any more and keeps everything.", .method = "POST", .path = SUBSCRIPTIONS "/{id}/pause", .argument = "ID"},
    {.name = "resume", .help = "Delivers again, after a pause or when it was disabled.", .method = "POST", .path = SUBSCRIPTIONS "/{id}/resume", .argument = "ID"},
    {.name = "secret", .help = "Shows the secret that signs.", .method = "GET", .path = SUBSCRIPTIONS "/{id}/secret", .argument = "ID"},
    {.name = "rotate-secret", .help = "Gives it a new secret, beside which those before sign for a while.", .method = "POST", .path = SUBSCRIPTIONS "/{id}/rotate-secret", .argument = "ID", .takes = TAKES_FIELDS,
     .options = OPTIONS({"overlap", "TIME", OPTION_TEXT, NULL, NULL, "how long (24h)"}, {"secret", "SECRET", OPTION_TEXT, NULL, NULL, "the new one; made if it is not given"})},
    {.name = "test",   .help = "Sends it an event of its own, whatever types it asks for.", .method = "POST", .path = SUBSCRIPTIONS "/{id}/test", .argument = "ID", .takes = TAKES_FIELDS,
     .options = OPTIONS({"type", "TYPE", OPTION_TEXT, NULL, NULL, "of the event (grapnel.test)"}, {"payload", "JSON", OPTION_JSON, NULL, NULL, "what is delivered"})},
    {.name = "test-filter", .help = "Says whether a filter lets an event pass, and what is against it.", .method = "POST", .path = "/api/v1/webhooks/filters/test", .takes = TAKES_FIELDS,
     .options = OPTIONS({"filter", "JSON", OPTION_JSON, NULL, NULL, "the condition"}, {"event", "JSON", OPTION_JSON, NULL, NULL, "the event: '{\"type\":...,\"payload\":...}'"})},
    {.name = "stats",  .help = "Shows how it stands: breaker, backlog, what fails.", .method = "GET", .path = SUBSCRIPTIONS "/{id}/stats", .argument = "ID"},
    {0},
};

/* ---- event, delivery ---- */

#define SINCE {"since", "TIME", OPTION_QUERY, NULL, NULL, "from then on: 2026-01-31T12:00:00Z, or 2h for two hours ago"}
#define UNTIL {"until", "TIME", OPTION_QUERY, NULL, NULL, "before then"}

#define WINDOW \
    {"since",   "TIME", OPTION_MOMENT, NULL, NULL, "of events from then on: 2026-01-31T12:00:00Z, or 2h for two hours ago"}, \
    {"until",   "TIME", OPTION_MOMENT, NULL, NULL, "of events before then"}, \
    {"dry-run", "BOOL", OPTION_JSON, "dry_run", "true|false", "count, and send nothing"}

static const struct option event_fields[] = {
    {"payload",        "FILE",        OPTION_OWN,  NULL, NULL, "a file with JSON, or standard input (-); {} if it is not given"},
    {"id",             "ID",          OPTION_TEXT, NULL, NULL, "an id of your own: the same id is accepted once"},
    {"correlation-id", "ID",          OPTION_TEXT, "correlation_id", NULL, "what it belongs to"},
    {"event-version",  "VERSION",     OPTION_TEXT, "version", NULL, "of its type"},
    {"timestamp",      "TIME",        OPTION_TEXT, NULL, NULL, "when it happened: 2026-01-31T12:00:00Z"},
    {"channels",       "CHANNEL,...", OPTION_LIST, NULL, NULL, "what subscriptions with channels choose by"},
    {"batch",          "FILE",        OPTION_OWN,  NULL, NULL, "in place of TYPE: events as lines of JSON, all or nothing"},
    {0},
};

static const struct verb event_verbs[] = {
    {.name = "list",   .help = "Lists the tenant's events, newest first.", .method = "GET", .path = EVENTS, .takes = TAKES_PAGES, .answer = ANSWER_LIST,
     .options = OPTIONS({"type", "TYPE", OPTION_QUERY, NULL, NULL, "of this type"}, SINCE, UNTIL),
     .columns = COLUMNS({"ID", "id", COLUMN_TEXT}, {"TYPE", "type", COLUMN_TEXT}, {"BYTES", "payload_bytes", COLUMN_NUMBER}, {"DELIVERIES", "deliveries", COLUMN_NUMBER}, {"CREATED", "created_at", COLUMN_TIME})},
    {.name = "get",    .help = "Shows an event with its payload.", .method = "GET", .path = EVENTS "/{id}", .argument = "ID"},
    {.name = "expunge", .help = "Takes an event's payload out; what has not been delivered never will be.", .method = "DELETE", .path = EVENTS "/{id}/payload", .argument = "ID"},
    {.name = "send",   .help = "Publishes an event. It is on disk when this ends with 0.", .method = "POST", .path = EVENTS, .argument = "[TYPE]", .field = "type", .options = event_fields, .run = run_event_send},
    {0},
};

static const struct column delivery_columns[] = {{"ID", "id", COLUMN_TEXT}, {"STATUS", "status", COLUMN_STATUS}, {"TYPE", "event_type", COLUMN_TEXT}, {"SUBSCRIPTION", "subscription_id", COLUMN_TEXT}, {"TRIES", "attempt_count", COLUMN_NUMBER}, {"HTTP", "last_attempt.http_status", COLUMN_NUMBER}, {"CREATED", "created_at", COLUMN_TIME}, {"NEXT", "next_attempt_at", COLUMN_TIME}, {0}};

#define DELIVERY_FILTERS \
    {"status",       "STATUS", OPTION_QUERY, NULL, DELIVERY_STATUSES, "that stand so"}, \
    {"subscription", "ID",     OPTION_QUERY, NULL, NULL, "to this one"}, \
    {"event",        "ID",     OPTION_QUERY, NULL, NULL, "of this one"}, \
    {"type",         "TYPE",   OPTION_QUERY, NULL, NULL, "of events of this type"}

static const struct verb delivery_verbs[] = {
    {.name = "list",     .help = "Lists the tenant's deliveries, newest first.", .method = "GET", .path = DELIVERIES, .takes = TAKES_PAGES, .answer = ANSWER_LIST,
     .options = OPTIONS(DELIVERY_FILTERS, SINCE, UNTIL), .columns = delivery_columns},
    {.name = "get",      .help = "Shows a delivery and its last attempt.", .method = "GET", .path = DELIVERIES "/{id}", .argument = "ID"},
    {.name = "attempts", .help = "Lists the attempts of a delivery.", .method = "GET", .path = DELIVERIES "/{id}/attempts", .argument = "ID", .answer = ANSWER_ARRAY,
     .columns = COLUMNS({"NUMBER", "number", COLUMN_NUMBER}, {"AT", "at", COLUMN_TIME}, {"MS", "duration_ms", COLUMN_NUMBER}, {"OUTCOME", "outcome", COLUMN_STATUS}, {"HTTP", "http_status", COLUMN_NUMBER}, {"ADDRESS", "remote_address", COLUMN_TEXT}, {"ERROR", "error", COLUMN_TEXT})},
    {.name = "expunge", .help = "Takes out of its attempts what the receiver answered.", .method = "DELETE", .path = DELIVERIES "/{id}/responses", .argument = "ID"},
    {.name = "redeliver", .help = "Delivers once more what has ended, delivered or dead.", .method = "POST", .path = DELIVERIES "/{id}/redeliver", .argument = "ID"},
    {.name = "redeliver-all", .help = "Delivers once more what the options say, by a job.", .method = "POST", .path = DELIVERIES "/redeliver", .takes = TAKES_FIELDS,
     .options = OPTIONS({"subscription", "ID", OPTION_TEXT, NULL, NULL, "to this one"}, {"event", "ID", OPTION_TEXT, NULL, NULL, "of this one"}, {"type", "TYPE", OPTION_TEXT, NULL, NULL, "of events of this type"}, {"status", "STATUS", OPTION_TEXT, NULL, "failed|all|dead|delivered|cancelled", "how they ended (failed)"}, WINDOW)},
    {.name = "tail",     .help = "Shows deliveries as they come, until it is interrupted.", .method = "GET", .path = DELIVERIES, .answer = ANSWER_LIST, .run = run_delivery_tail,
     .options = OPTIONS(DELIVERY_FILTERS, {"limit", "N", OPTION_OWN, NULL, NULL, "end after so many"}, {"interval", "TIME", OPTION_OWN, NULL, NULL, "how often to ask (1s)"}), .columns = delivery_columns},
    {0},
};

/* ---- dead letter, replay ---- */

static const struct verb dead_letter_verbs[] = {
    {.name = "list",    .help = "Lists the tenant's dead letters, newest first.", .method = "GET", .path = DEAD_LETTERS, .takes = TAKES_PAGES, .answer = ANSWER_LIST,
     .options = OPTIONS({"subscription", "ID", OPTION_QUERY, NULL, NULL, "to this one"}, {"event", "ID", OPTION_QUERY, NULL, NULL, "of this one"}, {"type", "TYPE", OPTION_QUERY, NULL, NULL, "of events of this type"}, SINCE, UNTIL),
     .columns = COLUMNS({"ID", "id", COLUMN_TEXT}, {"TYPE", "event_type", COLUMN_TEXT}, {"SUBSCRIPTION", "subscription_id", COLUMN_TEXT}, {"TRIES", "attempt_count", COLUMN_NUMBER}, {"OUTCOME", "last_attempt.outcome", COLUMN_STATUS}, {"HTTP", "last_attempt.http_status", COLUMN_NUMBER}, {"CREATED", "created_at", COLUMN_TIME})},
    {.name = "requeue", .help = "Delivers dead letters once more, by a job.", .method = "POST", .path = DEAD_LETTERS "/requeue", .takes = TAKES_FIELDS,
     .options = OPTIONS({"subscription", "ID", OPTION_TEXT, NULL, NULL, "to this one; else to all"}, WINDOW)},
    {.name = "delete",  .help = "Gives one dead letter up.", .method = "DELETE", .path = DEAD_LETTERS "/{id}", .argument = "ID"},
    {.name = "delete-all", .help = "Gives dead letters up, by a job.", .method = "DELETE", .path = DEAD_LETTERS,
     .options = OPTIONS({"subscription", "ID", OPTION_QUERY, NULL, NULL, "to this one; else to all"}, SINCE, UNTIL)},
    {0},
};

static const struct verb replay_verbs[] = {
    {.name = "list",   .help = "Lists the tenant's replays, newest first.", .method = "GET", .path = REPLAYS, .takes = TAKES_PAGES, .answer = ANSWER_LIST,
     .columns = COLUMNS({"ID", "id", COLUMN_TEXT}, {"STATUS", "status", COLUMN_STATUS}, {"KIND", "kind", COLUMN_TEXT}, {"SUBSCRIPTION", "subscription_id", COLUMN_TEXT}, {"HANDED", "handed", COLUMN_NUMBER}, {"SKIPPED", "skipped", COLUMN_NUMBER}, {"TOTAL", "total", COLUMN_NUMBER}, {"CREATED", "created_at", COLUMN_TIME})},
    {.name = "get",    .help = "Shows how far a replay has come.", .method = "GET", .path = REPLAYS "/{id}", .argument = "ID"},
    {.name = "create", .help = "Delivers once more what a subscription was sent in a window of time, by a job.", .method = "POST", .path = REPLAYS, .takes = TAKES_FIELDS,
     .options = OPTIONS({"subscription", "ID", OPTION_TEXT, NULL, NULL, "which one"}, {"types", "TYPE,...", OPTION_LIST, NULL, NULL, "types, or globs; else all"}, {"status", "STATUS", OPTION_TEXT, NULL, "all|failed|dead|delivered|cancelled", "how they ended (all)"}, WINDOW)},
    {.name = "cancel", .help = "Cancels a replay, or forgets one that is over.", .method = "DELETE", .path = REPLAYS "/{id}", .argument = "ID"},
    {0},
};

/* ---- audit ---- */

static const struct verb audit_verbs[] = {
    {.name = "list",   .help = "Lists changes of configuration, newest first.", .method = "GET", .path = AUDIT, .takes = TAKES_PAGES, .answer = ANSWER_LIST,
     .options = OPTIONS({"action", "ACTION", OPTION_QUERY, NULL, NULL, "what was done: subscription.update, or subscription.* for all of a kind"}, {"resource", "ID", OPTION_QUERY, NULL, NULL, "to this one"}, {"actor", "ID", OPTION_QUERY, NULL, NULL, "by this key, or by engine"}, SINCE, UNTIL),
     .columns = COLUMNS({"SEQ", "seq", COLUMN_NUMBER}, {"AT", "at", COLUMN_TIME}, {"ACTION", "action", COLUMN_TEXT}, {"RESOURCE", "resource", COLUMN_TEXT}, {"BY", "actor", COLUMN_TEXT}, {"NAME", "actor_name", COLUMN_TEXT}, {"FROM", "remote_address", COLUMN_TEXT})},
    {.name = "export", .help = "Prints all records as lines, oldest first: what audit verify reads.", .method = "GET", .path = AUDIT "/export", .run = run_audit_export,
     .options = OPTIONS({"after", "SEQ", OPTION_OWN, NULL, NULL, "those behind this number"})},
    {.name = "verify", .help = "Follows the chain of the engine's audit log, or of an export in a file (- for standard input). Says where it breaks, and ends with 1 if it does.", .method = "GET", .path = AUDIT "/chain", .argument = "[FILE]", .run = run_audit_verify,
     .options = OPTIONS({"hash", "HASH", OPTION_OWN, NULL, NULL, "of a record that was noted down: it has to be there still"})},
    {0},
};

/* ---- commands ---- */

static const struct verb status_verbs[] = {
    {.help = "Shows whether the engine is ready, and what it is doing.", .run = run_status},
    {0},
};

static const struct verb verify_verbs[] = {
    {.help = "Checks the signature of a delivery whose body is on standard input, without the engine. Ends with 0 if it is right, and with 1 if not.", .run = run_verify,
     .options = OPTIONS(
         {"secret",  "SECRET",       OPTION_OWN, NULL, NULL, "the subscription's; may be repeated"},
         {"header",  "'NAME: VALUE'", OPTION_OWN, NULL, NULL, "a header of the request; may be repeated"},
         {"scheme",  "SCHEME",       OPTION_OWN, NULL, SCHEMES, "how it is signed; found by the headers if it is not given"},
         {"name",    "NAME",         OPTION_OWN, NULL, NULL, "the header with the signature, if it was renamed"},
         {"content", "TEMPLATE",     OPTION_OWN, NULL, NULL, "of scheme template: what is signed"},
         {"template", "TEMPLATE",    OPTION_OWN, NULL, NULL, "of scheme template: the header, 'X-Sig: t={timestamp},v1={hex}'"},
         {"ignore-time", NULL,       OPTION_OWN, NULL, NULL, "accept timestamps of any age, for what was recorded"})},
    {0},
};

static const struct verb stats_verbs[] = {
    {.help = "Shows what came of a tenant's attempts, over a time; or which of its subscriptions fail most.", .method = "GET", .path = "/api/v1/webhooks/stats",
     .options = OPTIONS({"window", "TIME", OPTION_QUERY, NULL, "5m|1h|24h|7d|30d", "how far back (1h)"}, {"resolution", "TIME", OPTION_QUERY, NULL, "10s|1m|1h", "of the series"}, {"group-by", "NAME", OPTION_QUERY, "group_by", "subscription", "which fail most"})},
    {0},
};

static const struct verb sla_verbs[] = {
    {.help = "Shows what part of its deliveries a tenant is promised, and whether it gets it.", .method = "GET", .path = "/api/v1/webhooks/sla"},
    {0},
};

static const struct verb backup_verbs[] = {
    {.help = "Copies all that is kept to a directory of this name under the engine's backup_directory. Without DIR it is called by the time.", .method = "POST", .path = "/api/v1/backup", .argument = "[DIR]", .field = "directory", .takes = TAKES_FIELDS, .timeout = "1h"},
    {0},
};

static const struct verb doctor_verbs[] = {
    {.help = "Looks at this host, as an engine on it would find it: kernel, limits, disk, clock, names. Changes nothing. Ends with 1 if something fails.", .run = run_doctor,
     .options = OPTIONS(
         {"data",   "DIR",       OPTION_OWN, NULL, NULL, "the data directory, or where it will be (./data)"},
         {"memory", "SIZE",      OPTION_OWN, NULL, NULL, "what the engine may use (1G)"},
         {"ingest", "ADDR:PORT", OPTION_OWN, NULL, NULL, "where events are to come in (127.0.0.1:8480)"},
         {"admin",  "ADDR:PORT", OPTION_OWN, NULL, NULL, "where it is to be managed (127.0.0.1:8481)"},
         {"name",   "HOST",      OPTION_OWN, NULL, NULL, "a name to look up (example.com)"})},
    {0},
};

static const struct verb rekey_verbs[] = {
    {.help = "Wraps the keys of stored secrets by the secret key that is now the first.", .method = "POST", .path = "/api/v1/rekey", .takes = TAKES_FIELDS,
     .options = OPTIONS({"data-keys", "BOOL", OPTION_JSON, "data_keys", "true|false", "make new data keys too, and seal all secrets anew"})},
    {0},
};

static const struct verb completion_verbs[] = {
    {.help = "Prints the completion for a shell: bash, zsh or fish.", .argument = "SHELL", .run = run_completion},
    {0},
};

static const struct verb manual_verbs[] = {
    {.help = "Prints the manual page (for man -l).", .run = run_manual},
    {0},
};

const struct noun nouns[] = {
    {"status",       "whether the engine is ready, and what it is doing", status_verbs},
    {"tenant",       "customers, each with what is its own", tenant_verbs},
    {"key",          "access keys to the API", key_verbs},
    {"event-type",   "the catalogue of event types, with their schemas", event_type_verbs},
    {"subscription", "which events go where, and how", subscription_verbs},
    {"event",        "what was published, and publishing", event_verbs},
    {"delivery",     "an event on its way to a subscription", delivery_verbs},
    {"dead-letter",  "deliveries that were given up", dead_letter_verbs},
    {"replay",       "what was delivered, delivered once more", replay_verbs},
    {"audit",        "who changed what, and whether that is true", audit_verbs},
    {"verify",       "checks a signature, offline", verify_verbs},
    {"stats",        "what came of deliveries, over time", stats_verbs},
    {"sla",          "what part of deliveries is promised, and kept", sla_verbs},
    {"backup",       "a copy of all that is kept", backup_verbs},
    {"doctor",       "looks at this host for what an engine needs", doctor_verbs},
    {"rekey",        "secrets at rest under other keys", rekey_verbs},
    {"completion",   "completion for a shell", completion_verbs},
    {"manual",       "the manual page", manual_verbs},
    {0},
};
