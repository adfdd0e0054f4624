/* config.h - every setting of the engine: one table (name, kind, default, bounds, help), from which
 * the flags, the GRAPNEL_* variables, the keys of the configuration file, --help, --check-config
 * and the sample file all come.
 *
 * A flag beats the environment, which beats the file ("key = value" lines, '#' comments; lists
 * repeat the key). Anything unknown or out of bounds is an error that names it and where it stands.
 */
#ifndef ENGINE_CONFIG_H
#define ENGINE_CONFIG_H

#include "base/log.h"
#include "net/address.h"
#include "net/proxy.h"

#include <stdio.h>

enum {
    CONFIG_PATH_SIZE = 1024,
    CONFIG_NETWORKS_MAX = 64,
    CONFIG_SERVERS_SIZE = 512,
    CONFIG_LINES_SIZE = 4096,
};

struct network_list {
    struct network list[CONFIG_NETWORKS_MAX];
    unsigned count;
};

struct config {
    int argc; /* what it was read from, for reading it again */
    char **argv;
    char file[CONFIG_PATH_SIZE]; /* --config */
    char data[CONFIG_PATH_SIZE];
    char secret_key_file[CONFIG_PATH_SIZE];
    struct address ingest, admin;
    unsigned shards; /* 0 in the settings: the cores this process may run on */
    struct network_list allowed, tenant_networks;
    bool https_only;
    bool relaxed; /* durability */
    uint64_t memory_bytes;
    char tls_cert[CONFIG_PATH_SIZE], tls_key[CONFIG_PATH_SIZE], ca_file[CONFIG_PATH_SIZE];
    char dns_servers[CONFIG_SERVERS_SIZE]; /* comma-separated; "": resolv.conf */
    struct proxy egress_proxy;             /* host_size is 0: none */
    bool sandbox;
    enum log_level log_level;
    enum log_format log_format;
    uint64_t shutdown_timeout_ms;   /* 10s */
    uint64_t event_bytes_max;       /* 1M */
    uint64_t batch_bytes_max;       /* 16M */
    uint64_t idempotency_window_ms; /* 24h */
    uint64_t retention_ms;          /* 7d */
    uint64_t disable_after_ms;      /* 5d */
    uint64_t replay_rate;           /* 2000 a second; 0: no limit */
    uint64_t audit_retention_ms;    /* 365d */
    uint64_t audit_records_max;     /* 1000000 */
    uint64_t retention_bytes;       /* 0 */
    /* What of attempts is on record (redaction.h): an entry on each line. */
    char record_headers[CONFIG_LINES_SIZE];
    char redact_pointers[CONFIG_LINES_SIZE], redact_patterns[CONFIG_LINES_SIZE];
    uint64_t
        storage_free_min_bytes; /* 512M: with less free space on the disk nothing is accepted */
    unsigned connections_max;   /* on each port; 4096 */
    uint64_t head_timeout_ms;   /* 10s */
    uint64_t idle_timeout_ms;   /* 60s */
    char backup_directory[CONFIG_PATH_SIZE];
    bool check_only;     /* --check-config */
    const char *restore; /* --restore: of a backup; NULL: none */
};

enum config_result {
    CONFIG_RUN,
    CONFIG_DONE /* --help, --version, --print-config, --check-config: printed, exit 0 */,
    CONFIG_WRONG /* said why on `err`, exit 2 */
};

enum config_result config_load(struct config *config, int argc, char **argv, FILE *out, FILE *err);

/* Reads file and environment anew and takes over the settings marked reloadable. 0, or -EINVAL with
 * the reason printed on `err`. */
MUST_CHECK int config_reload(struct config *config, FILE *err);

/* The effective configuration, in the file's own syntax. */
void config_print(const struct config *config, FILE *out);

/* A sample file: every option explained. */
void config_print_sample(FILE *out);

#endif
