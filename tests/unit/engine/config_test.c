/* Settings: what wins over what, and that whatever is wrong is named with its place. */
#include "config.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct config config;
static char out_text[16 * 1024], err_text[4096];
static char path[] = "/tmp/config_test.XXXXXX";

static void clear_environment(void)
{
    clearenv();
}

TestSuite(config, .init = clear_environment);

/* Loads with the arguments given, which end with NULL. */
static enum config_result load(const char *const *arguments)
{
    char *argv[32] = {(char *)(uintptr_t) "grapnel"};
    int argc = 1;
    for (; arguments[argc - 1]; argc++)
        argv[argc] = (char *)(uintptr_t)arguments[argc - 1];
    memset(out_text, 0, sizeof out_text);
    memset(err_text, 0, sizeof err_text);
    FILE *out = fmemopen(out_text, sizeof out_text, "w"),
         *err = fmemopen(err_text, sizeof err_text, "w");
    enum config_result result = config_load(&config, argc, argv, out, err);
    fclose(out);
    fclose(err);
    return result;
}

#define LOAD(...) load((const char *const[]){__VA_ARGS__, NULL})

static void write_file(const char *text)
{
    memcpy(path + strlen(path) - 6, "XXXXXX", 6);
    int fd = mkstemp(path);
    cr_assert(ge(int, fd, 0));
    cr_assert(eq(sz, (size_t)write(fd, text, strlen(text)), strlen(text)));
    close(fd);
}

Test(config, has_the_documented_defaults)
{
    char text[ADDRESS_TEXT_SIZE];
    cr_assert(eq(int, load((const char *const[]){NULL}), CONFIG_RUN));
    cr_assert_str_eq(config.data, "./data");
    cr_assert_str_eq(address_print(&config.ingest, text).at, "127.0.0.1:8480");
    cr_assert_str_eq(address_print(&config.admin, text).at, "127.0.0.1:8481");
    cr_assert(lt(u32, 0, config.shards), "the cores it may run on");
    cr_assert(not(config.relaxed));
    cr_assert(not(config.sandbox));
    cr_assert(eq(u64, config.memory_bytes, UINT64_C(1) << 30));
    cr_assert(eq(u64, config.event_bytes_max, 1048576));
    cr_assert(eq(u64, config.idempotency_window_ms, 86400000));
    cr_assert(eq(u64, config.retention_ms, UINT64_C(7) * 86400000));
    cr_assert(eq(int, config.log_level, LOG_INFO));
}

Test(config, takes_flags_with_a_space_and_with_an_equals_sign)
{
    cr_assert(eq(int, LOAD("--data", "/srv/a", "--shards=3", "--sandbox", "--durability=relaxed"),
                 CONFIG_RUN));
    cr_assert_str_eq(config.data, "/srv/a");
    cr_assert(eq(u32, config.shards, 3));
    cr_assert(config.sandbox);
    cr_assert(config.relaxed);
}

Test(config, lets_a_flag_beat_the_environment_which_beats_the_file)
{
    write_file("shards = 2\nmemory = 256M\nlog_level = debug\n");
    setenv("GRAPNEL_SHARDS", "3", 1);
    setenv("GRAPNEL_MEMORY", "512M", 1);
    cr_assert(eq(int, LOAD("--config", path, "--shards", "4"), CONFIG_RUN));
    unlink(path);
    cr_assert(eq(u32, config.shards, 4));
    cr_assert(eq(u64, config.memory_bytes, UINT64_C(512) << 20));
    cr_assert(eq(int, config.log_level, LOG_DEBUG));
}

Test(config, replaces_a_list_and_does_not_add_to_it)
{
    write_file("# comment\nallow_network = 10.0.0.0/8\nallow_network = 192.168.0.0/16\n");
    setenv("GRAPNEL_CONFIG", path, 1);
    cr_assert(eq(int, load((const char *const[]){NULL}), CONFIG_RUN));
    cr_assert(eq(u32, config.allowed.count, 2));
    cr_assert(eq(int, LOAD("--allow-network", "127.0.0.0/8"), CONFIG_RUN));
    unlink(path);
    cr_assert(eq(u32, config.allowed.count, 1));
}

Test(config, takes_lists_of_headers_pointers_and_patterns)
{
    cr_assert(eq(int, load((const char *const[]){NULL}), CONFIG_RUN));
    cr_assert(strstr(config.record_headers, "\nretry-after\n") != NULL);
    cr_assert_str_eq(config.redact_patterns, "");
    write_file("record_header = x-a, x-b\nrecord_header = x-c*\n"
               "redact_pattern = Bearer *\nredact_pattern = a, b\nredact_pointer = /a b/c\n");
    cr_assert(eq(int, LOAD("--config", path), CONFIG_RUN), "%s", err_text);
    unlink(path);
    cr_assert_str_eq(config.record_headers, "x-a\nx-b\nx-c*\n");
    cr_assert_str_eq(config.redact_patterns, "Bearer *\na, b\n");
    cr_assert_str_eq(config.redact_pointers, "/a b/c\n");
    setenv("GRAPNEL_REDACT_POINTER", "/a\n/b", 1);
    cr_assert(eq(int, LOAD("--record-header="), CONFIG_RUN));
    cr_assert_str_eq(config.redact_pointers, "/a\n/b\n");
    cr_assert_str_eq(config.record_headers, "");
}

Test(config, takes_so_many_patterns_and_no_more)
{
    char text[64 * 8] = "";
    for (unsigned i = 0; i < 32; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "p%u\n", i);
    setenv("GRAPNEL_REDACT_PATTERN", text, 1);
    cr_assert(eq(int, load((const char *const[]){NULL}), CONFIG_RUN));
    snprintf(text + strlen(text), sizeof text - strlen(text), "more");
    setenv("GRAPNEL_REDACT_PATTERN", text, 1);
    cr_assert(eq(int, load((const char *const[]){NULL}), CONFIG_WRONG));
    cr_assert(strstr(err_text, "too many values of redact_pattern") != NULL, "%s", err_text);
}

Test(config, names_what_is_wrong_and_where)
{
    static const struct {
        const char *arguments[4], *said;
    } cases[] = {
        {{"--bogus", NULL}, "--bogus"},
        {{"--memory", "64M", NULL}, "from 128M"},
        {{"--memory=lots", NULL}, "option --memory"},
        {{"--shards", NULL}, "needs a value"},
        {{"--log-level", "loud", NULL}, "debug, info, warn, error, off"},
        {{"--allow-network", "10.0.0.1/8", NULL}, "10.0.0.1/8"},
        {{"--tls-cert", "cert.pem", NULL}, "without tls_key"},
        {{"--config", "/nonexistent/file", NULL}, "/nonexistent/file"},
        {{"data", NULL}, "data"},
        {{"--record-header", "a b:", NULL}, "names of headers"},
        {{"--redact-pointer", "user", NULL}, "a JSON pointer"},
        {{"--redact-pattern", "*", NULL}, "a pattern"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cr_assert(eq(int, load(cases[i].arguments), CONFIG_WRONG), "%s", cases[i].arguments[0]);
        cr_assert(strstr(err_text, cases[i].said) != NULL, "said \"%s\", not \"%s\"", err_text,
                  cases[i].said);
    }
}

Test(config, says_how_much_memory_events_of_the_largest_size_need)
{
    cr_assert(eq(int, LOAD("--shards=2", "--memory=512M", "--event-bytes-max=20M"), CONFIG_WRONG));
    cr_expect(strstr(err_text, "memory: 512M") != NULL, "%s", err_text);
    cr_expect(strstr(err_text, "event_bytes_max") != NULL, "%s", err_text);
    cr_expect(strstr(err_text, "1024M at least") != NULL, "%s", err_text);
    cr_expect(eq(int, LOAD("--shards=2", "--memory=512M", "--event-bytes-max=7M"), CONFIG_RUN));
    cr_expect(eq(int, LOAD("--shards=2", "--memory=1G", "--event-bytes-max=20M"), CONFIG_RUN));
    cr_expect(eq(int, LOAD("--shards=5", "--memory=128M"), CONFIG_WRONG));
    cr_expect(eq(int, LOAD("--memory=128M"), CONFIG_RUN));
    cr_expect(le(u32, config.shards, 4), "no more shards than there is memory for");
}

Test(config, names_the_line_of_an_unknown_key)
{
    write_file("shards = 1\n\ncolour = red\n");
    cr_assert(eq(int, LOAD("--config", path), CONFIG_WRONG));
    unlink(path);
    cr_assert(strstr(err_text, ":3: unknown key \"colour\"") != NULL, "%s", err_text);
}

Test(config, refuses_unknown_variables_but_not_those_of_its_tools)
{
    setenv("GRAPNEL_ADMIN_KEY", "x", 1);
    setenv("GRAPNEL_URL", "x", 1);
    setenv("GRAPNEL_KEY", "x", 1);
    cr_assert(eq(int, load((const char *const[]){NULL}), CONFIG_RUN));
    setenv("GRAPNEL_SHARD", "1", 1);
    cr_assert(eq(int, load((const char *const[]){NULL}), CONFIG_WRONG));
    cr_assert(strstr(err_text, "GRAPNEL_SHARD") != NULL);
}

Test(config, answers_questions_without_running)
{
    cr_assert(eq(int, LOAD("--version"), CONFIG_DONE));
    cr_assert_str_eq(out_text, "grapnel " GRAPNEL_VERSION "\n");
    cr_assert(eq(int, LOAD("--help"), CONFIG_DONE));
    cr_assert(strstr(out_text, "--idempotency-window TIME") != NULL);
    cr_assert(eq(int, LOAD("--check-config", "--shards", "0x2"), CONFIG_WRONG));
}

Test(config, prints_what_it_can_read_again)
{
    static char first[sizeof out_text];
    cr_assert(eq(int,
                 LOAD("--check-config", "--allow-network=10.0.0.0/8,fd00::/8", "--ingest=[::1]:0",
                      "--idle-timeout=1500ms", "--dns-server", "9.9.9.9", "--dns-server=1.1.1.1:54",
                      "--retention-bytes=3G", "--durability=relaxed", "--record-header=a,b",
                      "--redact-pattern=x y", "--redact-pattern=z"),
                 CONFIG_DONE));
    memcpy(first, out_text, sizeof first);
    write_file(first);
    cr_assert(eq(int, LOAD("--check-config", "--config", path), CONFIG_DONE), "%s", err_text);
    unlink(path);
    cr_assert_str_eq(strchr(out_text, '\n') + 1, first, "after the line with the file's name");
}

Test(config, reloads_only_what_may_change)
{
    char *argv[] = {(char *)(uintptr_t) "grapnel", (char *)(uintptr_t) "--config", path};
    write_file("shards = 1\nlog_level = info\nevent_bytes_max = 1M\n");
    cr_assert(eq(int, LOAD("--config", path), CONFIG_RUN));
    config.argc = 3;
    config.argv = argv;
    FILE *file = fopen(path, "w");
    fputs("shards = 2\nlog_level = debug\nevent_bytes_max = 2M\n", file);
    fclose(file);
    cr_assert(eq(int, config_reload(&config, stderr), 0));
    cr_assert(eq(u32, config.shards, 1));
    cr_assert(eq(int, config.log_level, LOG_DEBUG));
    cr_assert(eq(u64, config.event_bytes_max, 2 << 20));

    file = fopen(path, "w");
    fputs("memory = 8G\nlog_level = info\nevent_bytes_max = 64M\n", file);
    fclose(file);
    FILE *small = fmemopen(err_text, sizeof err_text, "w");
    cr_assert(eq(int, config_reload(&config, small), -EINVAL), "not with the memory that it has");
    fclose(small);
    cr_assert(strstr(err_text, "event_bytes_max") != NULL, "%s", err_text);
    cr_assert(eq(int, config.log_level, LOG_DEBUG));

    file = fopen(path, "w");
    fputs("log_level = loud\n", file);
    fclose(file);
    FILE *err = fmemopen(err_text, sizeof err_text, "w");
    cr_assert(eq(int, config_reload(&config, err), -EINVAL));
    fclose(err);
    unlink(path);
    cr_assert(eq(int, config.log_level, LOG_DEBUG), "kept as it was");
}

Test(config, takes_a_proxy_and_how_it_is_used)
{
    cr_assert(eq(int, LOAD("--shards", "1"), CONFIG_RUN));
    cr_assert(eq(sz, config.egress_proxy.host_size, 0), "none by default");
    cr_assert(not(config.egress_proxy.forwards));
    cr_assert(eq(int, LOAD("--egress-proxy-http", "forward", "--egress-proxy", "http://p.test:1"),
                 CONFIG_RUN));
    cr_assert(eq(u16, config.egress_proxy.port, 1));
    cr_assert(config.egress_proxy.forwards, "in whichever order they come");
    setenv("GRAPNEL_EGRESS_PROXY", "http://p.test:2", 1);
    cr_assert(eq(int, LOAD("--egress-proxy="), CONFIG_RUN));
    cr_assert(eq(sz, config.egress_proxy.host_size, 0), "a flag beats the environment");
}

Test(config, shows_no_password_of_a_proxy)
{
    setenv("GRAPNEL_EGRESS_PROXY", "http://me:secret@p.test:3128", 1);
    cr_assert(eq(int, LOAD("--check-config"), CONFIG_DONE));
    cr_assert_not_null(strstr(out_text, "egress_proxy = http://***@p.test:3128\n"), "%s", out_text);
    cr_assert_null(strstr(out_text, "secret@"));
    setenv("GRAPNEL_EGRESS_PROXY", "https://me:secret@p.test:3128", 1);
    cr_assert(eq(int, LOAD("--check-config"), CONFIG_WRONG));
    cr_assert_not_null(strstr(err_text, "GRAPNEL_EGRESS_PROXY"), "%s", err_text);
    cr_assert_null(strstr(err_text, "secret@"), "%s", err_text);
}
