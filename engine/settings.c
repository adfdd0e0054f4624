/* settings.c - the table of settings: parsing and printing by kind. Printing and parsing are
 * inverse: config_print() writes what setting_parse() reads. No state; any thread.
 */
#include "settings.h"

#include "base/units.h"
#include "budget.h"
#include "lines.h"
#include "redaction.h"
#include "store/db.h"

#include <errno.h>

enum { HELP_COLUMN = 34 };

/* Nothing in them is secret or personal. */
#define RECORD_HEADERS                                                                            \
    "age, allow, cache-control, connection, content-encoding, content-language, content-length, " \
    "content-type, date, host, ratelimit*, request-id, retry-after, server, server-timing, "      \
    "traceparent, tracestate, transfer-encoding, user-agent, vary, via, webhook-id, "             \
    "webhook-timestamp, www-authenticate, x-amzn-requestid, x-amzn-trace-id, x-cache, "           \
    "x-correlation-id, x-ratelimit-*, x-request-id, x-webhook-attempt, x-webhook-event, "         \
    "x-webhook-timestamp, x-webhook-version, cf-ray"

static const char *const durabilities[] = {"fsync", "relaxed", NULL};
static const char *const proxy_uses[] = {"tunnel", "forward", NULL};
static const char *const levels[] = {"debug", "info", "warn", "error", "off", NULL};
static const char *const formats[] = {"text", "json", NULL};

#define FIELD(field) \
    .offset = offsetof(struct config, field), .size = sizeof((struct config *)0)->field
#define SECONDS(n)   (UINT64_C(1000) * (n))
#define DAYS(n)      (SECONDS(86400) * (n))
#define MEBIBYTES(n) (UINT64_C(1048576) * (n))

const struct setting settings[] = {
    {"config", PATH, FIELD(file), .group = "Where things are",
     .help = "read settings from this file"},
    {"data", PATH, FIELD(data), .standard = "./data",
     .help = "directory of everything that is kept"},
    {"backup_directory", PATH, FIELD(backup_directory),
     .help = "where backups are made, each in a directory of its own; else none are"},
    {"secret_key_file", PATH, FIELD(secret_key_file),
     .help = "the key that stored secrets are encrypted by; else it is in DATA/secret.key"},
    {"ingest", ADDRESS, FIELD(ingest), .standard = "127.0.0.1:8480",
     .help = "where events come in (port 0: a free one)"},
    {"admin", ADDRESS, FIELD(admin), .standard = "127.0.0.1:8481",
     .help = "where the engine is managed (port 0: a free one)"},
    {"tls_cert", PATH, FIELD(tls_cert),
     .help = "PEM certificate chain: both ports then speak TLS only"},
    {"tls_key", PATH, FIELD(tls_key), .help = "PEM key of --tls-cert"},

    {"allow_network", NETWORKS, FIELD(allowed), .group = "Receivers",
     .help = "deliver also to this private network (CIDR); may be repeated"},
    {"tenant_network", NETWORKS, FIELD(tenant_networks),
     .help =
         "a tenant's egress.allow may open this private network (CIDR) for it; may be repeated"},
    {"https_only", SWITCH, FIELD(https_only), .standard = "false",
     .help = "deliver to https URLs alone"},
    {"ca_file", PATH, FIELD(ca_file), .help = "PEM roots for receivers, in place of the system's"},
    {"dns_server", SERVERS, FIELD(dns_servers),
     .help = "ask this server (ADDR:PORT), in place of resolv.conf's; may be repeated"},
    {"egress_proxy", PROXY, FIELD(egress_proxy),
     .help = "reach receivers through this HTTP proxy: http://[user:password@]host[:port]"},
    {"egress_proxy_http", CHOICE, FIELD(egress_proxy.forwards), .standard = "tunnel",
     .choices = proxy_uses,
     .help = "how http goes through it; with forward the proxy looks up names itself"},
    {"sandbox", SWITCH, FIELD(sandbox), .standard = "false",
     .help = "receive webhooks too, for trying things out: /webhook/..."},

    {"shards", COUNT, FIELD(shards), .standard = "0", .max = DB_SHARDS_MAX, .group = "Resources",
     .help = "threads that take in and deliver; 0: one for each core"},
    {"memory", SIZE, FIELD(memory_bytes), .standard = "1G", .min = BUDGET_MEMORY_MIN,
     .max = MEBIBYTES(1048576), .help = "the most memory to use"},
    {"connections_max", COUNT, FIELD(connections_max), .standard = "4096", .min = 1, .max = 1000000,
     .help = "open connections on each port"},
    {"head_timeout", DURATION, FIELD(head_timeout_ms), .standard = "10s", .min = 100,
     .max = SECONDS(3600), .help = "for a request's head to arrive"},
    {"idle_timeout", DURATION, FIELD(idle_timeout_ms), .standard = "60s", .min = 100,
     .max = SECONDS(86400), .help = "for a connection without a request"},
    {"shutdown_timeout", DURATION, FIELD(shutdown_timeout_ms), .standard = "10s",
     .max = SECONDS(3600), .help = "for what is in flight when asked to stop"},

    {"durability", CHOICE, FIELD(relaxed), .standard = "fsync", .choices = durabilities,
     .group = "What is kept", .help = "fsync: 202 means on disk; relaxed: with the kernel"},
    {"retention", DURATION, FIELD(retention_ms), .standard = "7d", .min = SECONDS(60),
     .max = DAYS(3650), .help = "of events, deliveries and attempts"},
    {"disable_after", DURATION, FIELD(disable_after_ms), .standard = "5d", .min = SECONDS(1),
     .max = DAYS(365), .help = "of nothing but failures a subscription is disabled"},
    {"retention_bytes", SIZE, FIELD(retention_bytes), .standard = "0", .max = INT64_MAX,
     .help = "of events and attempts on disk; 0: no limit by size"},
    {"idempotency_window", DURATION, FIELD(idempotency_window_ms), .standard = "24h",
     .min = SECONDS(1), .max = DAYS(365), .help = "for which an idempotency key is remembered"},
    {"audit_retention", DURATION, FIELD(audit_retention_ms), .standard = "365d", .min = SECONDS(60),
     .max = DAYS(36500), .help = "of records in the audit log"},
    {"audit_records_max", COUNT, FIELD(audit_records_max), .standard = "1000000", .min = 1000,
     .max = 1000000000, .help = "records in the audit log; the oldest go first"},
    {"record_header", HEADERS, FIELD(record_headers), .standard = RECORD_HEADERS,
     .help = "keep this header's value with attempts (a* for all in a...); may be repeated"},
    {"redact_pointer", POINTERS, FIELD(redact_pointers),
     .help = "strike this value (JSON pointer) out of response bodies; may be repeated"},
    {"redact_pattern", PATTERNS, FIELD(redact_patterns),
     .help = "strike this (# digit, ? any, * word) out of responses; may be repeated"},

    {"event_bytes_max", SIZE, true, FIELD(event_bytes_max), .standard = "1M", .min = 1024,
     .max = MEBIBYTES(64), .group = "Limits", .help = "body of a request with one event"},
    {"batch_bytes_max", SIZE, true, FIELD(batch_bytes_max), .standard = "16M", .min = 1024,
     .max = MEBIBYTES(256), .help = "body of a request with a batch of events"},
    {"replay_rate", COUNT, true, FIELD(replay_rate), .standard = "2000", .max = 1000000,
     .help = "deliveries a second that replays hand over; 0: no limit"},
    {"storage_free_min", SIZE, true, FIELD(storage_free_min_bytes), .standard = "512M",
     .max = INT64_MAX, .help = "with less free on the disk nothing is accepted"},

    {"log_level", CHOICE, true, FIELD(log_level), .standard = "info", .choices = levels,
     .group = "Log", .help = "debug, info, warn, error or off"},
    {"log_format", CHOICE, FIELD(log_format), .standard = "text", .choices = formats,
     .help = "text or json, on stderr"},
};
const size_t settings_count = sizeof settings / sizeof settings[0];
_Static_assert(sizeof settings / sizeof settings[0] <= SETTINGS_MAX, "SETTINGS_MAX is too low");

/* ---- one setting ---- */

static void *field_of(struct config *config, const struct setting *setting)
{
    return (char *)config + setting->offset;
}

static const void *field_in(const struct config *config, const struct setting *setting)
{
    return (const char *)config + setting->offset;
}

static int parse_text(struct slice value, char *into, size_t room)
{
    if (value.size >= room || memchr(value.at, '\0', value.size))
        return -EINVAL;
    memcpy(into, value.at, value.size);
    into[value.size] = '\0';
    return 0;
}

static int parse_count(struct slice value, uint64_t *number)
{
    unsigned long parsed;
    if (!slice_to_u64(value, &parsed))
        return -EINVAL;
    *number = parsed;
    return 0;
}

static int parse_switch(struct slice value, bool *on)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};
    for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (slice_equal(value, slice_str(words[i]))) {
            *on = i & 1;
            return 0;
        }
    }
    return -EINVAL;
}

/* Stores a number in a field of 1 (bool), 4 (unsigned, enum) or 8 bytes. */
static void store(void *field, size_t size, uint64_t number)
{
    bool flag = number != 0;
    unsigned word = (unsigned)number;
    must(size == sizeof flag || size == sizeof word || size == sizeof number);
    memcpy(field,
           size == sizeof flag   ? (void *)&flag
           : size == sizeof word ? (void *)&word
                                 : &number,
           size);
}

static uint64_t number_in(const struct config *config, const struct setting *setting)
{
    unsigned word;
    uint64_t number;
    const void *field = field_in(config, setting);
    if (setting->size == sizeof(bool))
        return *(const bool *)field;
    if (setting->size == sizeof word) {
        memcpy(&word, field, sizeof word);
        return word;
    }
    memcpy(&number, field, sizeof number);
    return number;
}

static int parse_choice(const struct setting *setting, struct slice value, void *field)
{
    for (unsigned i = 0; setting->choices[i]; i++) {
        if (slice_equal(value, slice_str(setting->choices[i]))) {
            store(field, setting->size, i);
            return 0;
        }
    }
    return -EINVAL;
}

static int parse_number(const struct setting *setting, struct slice value, void *field)
{
    uint64_t number = 0;
    int error = setting->kind == SIZE       ? units_parse_size(value, &number)
                : setting->kind == DURATION ? units_parse_duration(value, &number)
                                            : parse_count(value, &number);
    if (error || number < setting->min || number > setting->max)
        return -EINVAL;
    store(field, setting->size, number);
    return 0;
}

static int add_network(void *field, struct slice value)
{
    struct network_list *networks = field;
    if (networks->count == CONFIG_NETWORKS_MAX)
        return -ENOSPC;
    int error = network_parse(value, &networks->list[networks->count]);
    networks->count += error == 0;
    return error;
}

static int add_server(void *field, struct slice value)
{
    char *servers = field;
    struct address server;
    int error = address_parse(value, &server);
    if (error)
        error = address_parse_ip(value, 53, &server);
    if (error)
        return error;

    char text[ADDRESS_TEXT_SIZE];
    size_t used = strlen(servers), room = CONFIG_SERVERS_SIZE - used;
    int size =
        snprintf(servers + used, room, "%s%s", used ? "," : "", address_print(&server, text).at);
    if ((size_t)size >= room) {
        servers[used] = '\0';
        return -ENOSPC;
    }
    return 0;
}

/* "": none. */
static int parse_proxy(struct slice value, struct proxy *proxy)
{
    char why[PROXY_WHY_SIZE];
    struct proxy made = {0};
    int error = value.size ? proxy_parse(&made, value, why) : 0;
    made.forwards = proxy->forwards; /* a setting of its own */
    if (!error)
        *proxy = made;
    return error;
}

/* Gives each part of "a, b c" to `add`. */
static int add_parts(void *field, struct slice list, int (*add)(void *field, struct slice part))
{
    while (list.size) {
        struct slice part = lines_take(&list, ", \t");
        int error = part.size ? add(field, part) : 0;
        if (error)
            return error;
    }
    return 0;
}

static bool has_lines(const struct setting *setting)
{
    return setting->kind == HEADERS || setting->kind == POINTERS || setting->kind == PATTERNS;
}

void setting_clear_list(struct config *config, const struct setting *setting)
{
    memset(field_of(config, setting), 0, setting->size);
}

bool setting_is_list(const struct setting *setting)
{
    return setting->kind == NETWORKS || setting->kind == SERVERS || has_lines(setting);
}

bool setting_is_secret(const struct setting *setting)
{
    return setting->kind == PROXY;
}

int setting_parse(struct config *config, const struct setting *setting, struct slice value)
{
    void *field = field_of(config, setting);
    switch (setting->kind) {
    case PATH:
        return parse_text(value, field, setting->size);
    case ADDRESS:
        return address_parse(value, field);
    case COUNT:
    case SIZE:
    case DURATION:
        return parse_number(setting, value, field);
    case SWITCH:
        return parse_switch(value, field);
    case CHOICE:
        return parse_choice(setting, value, field);
    case NETWORKS:
        return add_parts(field, value, add_network);
    case SERVERS:
        return add_parts(field, value, add_server);
    case PROXY:
        return parse_proxy(value, field);
    case HEADERS: /* a row of names; the others may have commas and blanks in them */
        return lines_add(field, setting->size, value, ", \t\n", redaction_add_header);
    case POINTERS:
        return lines_add(field, setting->size, value, "\n", redaction_add_pointer);
    case PATTERNS:
        return lines_add(field, setting->size, value, "\n", redaction_add_pattern);
    }
    return -EINVAL;
}

/* ---- printing ---- */

static void print_size(uint64_t bytes, FILE *out)
{
    static const char units[] = {'\0', 'K', 'M', 'G', 'T'};
    unsigned unit = 0;
    while (bytes && bytes % 1024 == 0 && unit + 1 < sizeof units) {
        bytes /= 1024;
        unit++;
    }
    fprintf(out, "%llu%.1s", (unsigned long long)bytes, &units[unit]);
}

static void print_duration(uint64_t duration_ms, FILE *out)
{
    static const struct {
        const char *name;
        uint64_t ms;
    } units[] = {
        {"d", DAYS(1)}, {"h", SECONDS(3600)}, {"m", SECONDS(60)}, {"s", SECONDS(1)}, {"ms", 1}};
    unsigned unit = 0;
    while (duration_ms == 0 ? units[unit].ms != SECONDS(1) : duration_ms % units[unit].ms != 0)
        unit++;
    fprintf(out, "%llu%s", (unsigned long long)(duration_ms / units[unit].ms), units[unit].name);
}

static void print_networks(const struct network_list *networks, const char *name, FILE *out)
{
    char text[NETWORK_TEXT_SIZE];
    for (unsigned i = 0; i < networks->count; i++)
        fprintf(out, "%s = %s\n", name, network_print(&networks->list[i], text).at);
}

static void print_proxy(const struct proxy *proxy, FILE *out)
{
    char line[PROXY_TEXT_SIZE];
    struct text text;
    text_init(&text, line, sizeof line);
    if (proxy->host_size)
        proxy_print(proxy, &text);
    fprintf(out, "%.*s", (int)text.size, line);
}

static void print_scalar(const struct config *config, const struct setting *setting, FILE *out)
{
    char text[ADDRESS_TEXT_SIZE];
    bool has_number = setting->kind != PATH && setting->kind != ADDRESS && setting->kind != PROXY &&
                      !setting_is_list(setting);
    uint64_t number = has_number ? number_in(config, setting) : 0;
    switch (setting->kind) {
    case ADDRESS:
        fputs(address_print(field_in(config, setting), text).at, out);
        break;
    case COUNT:
        fprintf(out, "%llu", (unsigned long long)number);
        break;
    case SIZE:
        print_size(number, out);
        break;
    case DURATION:
        print_duration(number, out);
        break;
    case SWITCH:
        fputs(number ? "true" : "false", out);
        break;
    case CHOICE:
        fputs(setting->choices[number], out);
        break;
    case PROXY:
        print_proxy(field_in(config, setting), out);
        break;
    case PATH:
    case NETWORKS:
    case SERVERS:
    case HEADERS:
    case POINTERS:
    case PATTERNS:
        fputs(field_in(config, setting), out);
        break;
    }
}

static void print_lines(struct slice lines, const struct setting *setting, FILE *out)
{
    while (lines.size) {
        struct slice line = lines_take(&lines, "\n");
        fprintf(out, "%s = %.*s\n", setting->name, SLICE_ARGS(line));
    }
}

void config_print(const struct config *config, FILE *out)
{
    if (config->file[0])
        fprintf(out, "# config = %s\n", config->file);
    for (size_t i = 1; i < settings_count; i++) { /* the first is the file itself */
        const struct setting *setting = &settings[i];
        bool is_empty =
            setting_is_list(setting) && *(const char *)field_in(config, setting) == '\0';
        if (setting->kind == NETWORKS) {
            print_networks(field_in(config, setting), setting->name, out);
        } else if (has_lines(setting) && !is_empty) {
            print_lines(slice_str(field_in(config, setting)), setting, out);
        } else if (setting->kind != SERVERS || !is_empty) {
            fprintf(out, "%s = ", setting->name);
            print_scalar(config, setting, out);
            fputc('\n', out);
        }
    }
}

void config_print_sample(FILE *out)
{
    fputs("# grapnel.conf - every setting, with its default. Flags (--log-level) and environment\n"
          "# variables (GRAPNEL_LOG_LEVEL) of the same names come before what stands here.\n",
          out);
    for (size_t i = 1; i < settings_count; i++) {
        const struct setting *setting = &settings[i];
        if (setting->group)
            fprintf(out, "\n# ---- %s ----\n", setting->group);
        fprintf(out, "\n# %s%s\n#%s =%s%s\n", setting->help,
                setting->reloadable ? " (SIGHUP reloads it)" : "", setting->name,
                setting->standard ? " " : "", setting->standard ? setting->standard : "");
    }
}

/* "shutdown_timeout" as a flag: "shutdown-timeout". */
static void flag_name(const char *name, char out[static SETTING_NAME_SIZE])
{
    size_t i = 0;
    for (; name[i] && i + 1 < SETTING_NAME_SIZE; i++) {
        out[i] = name[i];
        if (name[i] == '_')
            out[i] = '-';
    }
    out[i] = '\0';
}

static const char *value_name(enum setting_kind kind)
{
    static const char *const names[] = {
        [PATH] = "PATH",        [ADDRESS] = "ADDR:PORT", [COUNT] = "N",
        [SIZE] = "SIZE",        [DURATION] = "TIME",     [SWITCH] = NULL,
        [CHOICE] = "WORD",      [NETWORKS] = "CIDR",     [SERVERS] = "ADDR:PORT",
        [PROXY] = "URL",        [HEADERS] = "NAME",      [POINTERS] = "POINTER",
        [PATTERNS] = "PATTERN",
    };
    return names[kind];
}

void settings_print_help(FILE *out)
{
    fputs("grapnel - a webhook delivery engine\n\nusage: grapnel [option]...\n", out);
    for (size_t i = 0; i < settings_count; i++) {
        const struct setting *setting = &settings[i];
        char name[SETTING_NAME_SIZE], left[2 * SETTING_NAME_SIZE];
        flag_name(setting->name, name);
        const char *value = value_name(setting->kind);
        const char *standard = has_lines(setting) ? NULL : setting->standard;
        snprintf(left, sizeof left, "--%s%s%s", name, value ? " " : "", value ? value : "");
        if (setting->group)
            fprintf(out, "\n%s\n", setting->group);
        fprintf(out, "  %-*s%s%s%s%s\n", HELP_COLUMN, left, setting->help, standard ? " [" : "",
                standard ? standard : "", standard ? "]" : "");
    }
    fprintf(out,
            "\nInstead of starting\n"
            "  %-*sfill the empty data directory from a backup and exit\n  %-*sprint the effective "
            "configuration and exit\n"
            "  %-*sprint a sample configuration file, every setting explained, and exit\n"
            "  %-*sprint the version and exit\n  %-*sprint this and exit\n\n",
            HELP_COLUMN, "--restore DIR", HELP_COLUMN, "--check-config", HELP_COLUMN,
            "--print-config", HELP_COLUMN, "--version", HELP_COLUMN, "--help");
    fputs(
        "Each option is also an environment variable (GRAPNEL_LOG_LEVEL) and a key of the file\n"
        "(log_level = debug); a flag beats the environment, which beats the file. SIZE: 512M, 2G.\n"
        "TIME: 500ms, 10s, 5m, 24h, 7d. GRAPNEL_ADMIN_KEY sets the admin key, GRAPNEL_SECRET_KEY "
        "the\n"
        "key that stored secrets are encrypted by.\n",
        out);
}

/* ---- by name ---- */

static bool is_named(const struct setting *setting, struct slice name, char joint, bool upper)
{
    if (strlen(setting->name) != name.size)
        return false;
    for (size_t i = 0; i < name.size; i++) {
        char expected = setting->name[i];
        if (expected == '_')
            expected = joint;
        else if (upper && expected >= 'a' && expected <= 'z')
            expected = (char)(expected - 'a' + 'A');
        if (name.at[i] != expected)
            return false;
    }
    return true;
}

const struct setting *setting_find(struct slice name, char joint, bool upper)
{
    for (size_t i = 0; i < settings_count; i++)
        if (is_named(&settings[i], name, joint, upper))
            return &settings[i];
    return NULL;
}

void setting_print_expected(const struct setting *setting, FILE *out)
{
    static const char *const words[] = {
        [PATH] = "a path of less than 1024 bytes",
        [ADDRESS] = "an address and port, like 127.0.0.1:8480 or [::1]:8480",
        [SWITCH] = "true or false",
        [NETWORKS] = "a network, like 10.0.0.0/8",
        [SERVERS] = "an address and port, like 127.0.0.1:53",
        [PROXY] = "a URL like http://user:password@proxy.example:3128, percent-encoded",
        [HEADERS] = "names of headers, like x-request-id or x-ratelimit-*",
        [POINTERS] = "a JSON pointer of at most 8 names, like /user/email or /items/*/id",
        [PATTERNS] = "a pattern of at most 64 bytes that is more than ? and *, like sk_live_*",
    };
    switch (setting->kind) {
    case CHOICE:
        for (unsigned i = 0; setting->choices[i]; i++)
            fprintf(out, "%s%s", i ? ", " : "one of: ", setting->choices[i]);
        break;
    case COUNT:
        fprintf(out, "a whole number from %llu to %llu", (unsigned long long)setting->min,
                (unsigned long long)setting->max);
        break;
    case SIZE:
        fputs("a size like 512M, from ", out);
        print_size(setting->min, out);
        fputs(" to ", out);
        print_size(setting->max, out);
        break;
    case DURATION:
        fputs("a time like 10s, from ", out);
        print_duration(setting->min, out);
        fputs(" to ", out);
        print_duration(setting->max, out);
        break;
    case PATH:
    case ADDRESS:
    case SWITCH:
    case NETWORKS:
    case SERVERS:
    case PROXY:
    case HEADERS:
    case POINTERS:
    case PATTERNS:
        fputs(words[setting->kind], out);
        break;
    }
}

void settings_clear(struct config *config)
{
    memset(config, 0, sizeof *config);
    for (size_t i = 0; i < settings_count; i++)
        if (settings[i].standard)
            must(setting_parse(config, &settings[i], slice_str(settings[i].standard)) == 0);
}

void setting_copy(struct config *to, const struct config *from, const struct setting *setting)
{
    must(!setting_is_list(setting));
    memcpy(field_of(to, setting), field_in(from, setting), setting->size);
}
