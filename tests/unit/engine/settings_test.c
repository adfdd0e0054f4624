/* The rows of the table of settings, one at a time: what each kind takes, how it is bounded, and
 * what a person is told that it has to look like. Which source wins is config_test.c's. */
#include "settings.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdlib.h>

static struct config config;

static void clear(void)
{
    settings_clear(&config);
}

TestSuite(settings, .init = clear);

static const struct setting *row(const char *name)
{
    const struct setting *setting = setting_find(slice_str(name), '_', false);
    cr_assert(setting != NULL, "%s", name);
    return setting;
}

static int parse(const char *name, const char *value)
{
    return setting_parse(&config, row(name), slice_str(value));
}

#define REFUSES(name, value) cr_expect(eq(int, parse(name, value), -EINVAL), "%s", value)
#define TAKES(name, value)   cr_assert(zero(int, parse(name, value)), "%s", value)

/* ---- the table ---- */

Test(settings, are_called_by_one_name_only_and_explained)
{
    cr_assert(le(sz, settings_count, (size_t)SETTINGS_MAX));
    cr_expect_str_eq(settings[0].name, "config");
    for (size_t i = 0; i < settings_count; i++) {
        cr_expect(setting_find(slice_str(settings[i].name), '_', false) == &settings[i], "%s",
                  settings[i].name);
        cr_expect(lt(sz, strlen(settings[i].name), (size_t)SETTING_NAME_SIZE));
        cr_expect(settings[i].help != NULL);
    }
}

/* A list is parsed on its own copy when it is reloaded; the others are copied. */
Test(settings, that_are_reloaded_are_no_lists)
{
    for (size_t i = 0; i < settings_count; i++)
        cr_expect(not(settings[i].reloadable && setting_is_list(&settings[i])), "%s",
                  settings[i].name);
}

Test(settings, are_found_as_keys_flags_and_variables)
{
    const struct setting *level = row("log_level");
    cr_expect(setting_find(SLICE("log-level"), '-', false) == level);
    cr_expect(setting_find(SLICE("LOG_LEVEL"), '_', true) == level);
    cr_expect(setting_find(SLICE("log_level"), '-', false) == NULL);
    cr_expect(setting_find(SLICE("log_level"), '_', true) == NULL);
    cr_expect(setting_find(SLICE("log_leve"), '_', false) == NULL);
    cr_expect(setting_find(SLICE("log_levels"), '_', false) == NULL);
}

/* ---- kinds ---- */

Test(settings, take_a_count_within_its_bounds)
{
    TAKES("connections_max", "1");
    TAKES("connections_max", "1000000");
    cr_expect(eq(u32, config.connections_max, 1000000));
    REFUSES("connections_max", "0");
    REFUSES("connections_max", "1000001");
    REFUSES("connections_max", "-1");
    REFUSES("connections_max", "4294967297");
    REFUSES("connections_max", "12x");
    REFUSES("connections_max", "");
    cr_expect(eq(u32, config.connections_max, 1000000), "is as it was");
}

Test(settings, take_a_size_within_its_bounds)
{
    TAKES("memory", "128M");
    cr_expect(eq(u64, config.memory_bytes, 128 << 20));
    REFUSES("memory", "127M");
    REFUSES("memory", "2T");
    REFUSES("memory", "1s");
}

Test(settings, take_a_duration_within_its_bounds)
{
    TAKES("head_timeout", "100ms");
    cr_expect(eq(u64, config.head_timeout_ms, 100));
    REFUSES("head_timeout", "99ms");
    REFUSES("head_timeout", "3601s");
    REFUSES("head_timeout", "1M");
    TAKES("shutdown_timeout", "0s");
    cr_expect(zero(u64, config.shutdown_timeout_ms));
}

Test(settings, take_the_words_of_a_switch)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};
    for (unsigned i = 0; i < 8; i++) {
        config.sandbox = i % 2 == 0;
        TAKES("sandbox", words[i]);
        cr_expect(eq(int, config.sandbox, i % 2), "%s", words[i]);
    }
    REFUSES("sandbox", "2");
    REFUSES("sandbox", "True");
    REFUSES("sandbox", "");
}

/* Into fields of one byte and of four. */
Test(settings, take_one_of_the_choices)
{
    TAKES("durability", "relaxed");
    cr_expect(config.relaxed);
    TAKES("durability", "fsync");
    cr_expect(not(config.relaxed));
    TAKES("log_level", "error");
    cr_expect(eq(int, (int)config.log_level, LOG_ERROR));
    REFUSES("log_level", "erro");
    REFUSES("log_level", "");
}

Test(settings, take_a_path_that_has_room_with_its_end)
{
    char longest[CONFIG_PATH_SIZE + 1] = {0};
    memset(longest, 'x', CONFIG_PATH_SIZE - 1);
    TAKES("data", longest);
    cr_expect_str_eq(config.data, longest);
    longest[CONFIG_PATH_SIZE - 1] = 'x';
    REFUSES("data", longest);
}

Test(settings, take_networks_until_the_list_is_full)
{
    TAKES("allow_network", "10.0.0.0/8, 192.168.0.0/16\tfd00::/8");
    cr_expect(eq(u32, config.allowed.count, 3));
    REFUSES("allow_network", "10.0.0.1/8/8");
    cr_expect(eq(u32, config.allowed.count, 3));
    while (config.allowed.count < CONFIG_NETWORKS_MAX)
        TAKES("allow_network", "10.0.0.0/8");
    cr_expect(eq(int, parse("allow_network", "10.0.0.0/8"), -ENOSPC));
    setting_clear_list(&config, row("allow_network"));
    cr_expect(zero(u32, config.allowed.count));
    TAKES("allow_network", "10.0.0.0/8");
}

Test(settings, take_servers_with_or_without_a_port_until_the_list_is_full)
{
    TAKES("dns_server", "127.0.0.1:5353");
    TAKES("dns_server", "::1");
    cr_expect_str_eq(config.dns_servers, "127.0.0.1:5353,[::1]:53");
    REFUSES("dns_server", "localhost");
    int error;
    char before[CONFIG_SERVERS_SIZE];
    do {
        memcpy(before, config.dns_servers, sizeof before);
        error = parse("dns_server", "127.0.0.1");
    } while (error == 0);
    cr_expect(eq(int, error, -ENOSPC));
    cr_expect_str_eq(config.dns_servers, before, "no part of one is left");
}

Test(settings, keep_how_a_proxy_is_used_when_it_changes)
{
    TAKES("egress_proxy_http", "forward");
    TAKES("egress_proxy", "http://proxy.example:3128");
    cr_expect(config.egress_proxy.forwards);
    REFUSES("egress_proxy", "ftp://other.example:1");
    REFUSES("egress_proxy", "http://other.example:99999");
    cr_expect_str_eq(config.egress_proxy.host, "proxy.example", "is as it was");
    cr_expect(eq(u32, config.egress_proxy.port, 3128));
    TAKES("egress_proxy", "");
    cr_expect(zero(u32, config.egress_proxy.host_size));
    cr_expect(config.egress_proxy.forwards);
}

Test(settings, hide_the_proxy_alone)
{
    for (size_t i = 0; i < settings_count; i++)
        cr_expect(eq(int, setting_is_secret(&settings[i]),
                     strcmp(settings[i].name, "egress_proxy") == 0));
}

Test(settings, are_copied_one_at_a_time)
{
    static struct config other;
    settings_clear(&other);
    other.event_bytes_max = 4096;
    other.batch_bytes_max = 8192;
    setting_copy(&config, &other, row("event_bytes_max"));
    cr_expect(eq(u64, config.event_bytes_max, 4096));
    cr_expect(ne(u64, config.batch_bytes_max, 8192));
}

/* ---- for people ---- */

static char *text;
static size_t text_size;

static const char *expected(const char *name)
{
    free(text);
    FILE *out = open_memstream(&text, &text_size);
    setting_print_expected(row(name), out);
    fclose(out);
    return text;
}

Test(settings, say_what_a_value_has_to_look_like)
{
    cr_expect_str_eq(expected("durability"), "one of: fsync, relaxed");
    cr_expect_str_eq(expected("connections_max"), "a whole number from 1 to 1000000");
    cr_expect_str_eq(expected("memory"), "a size like 512M, from 128M to 1T");
    cr_expect_str_eq(expected("head_timeout"), "a time like 10s, from 100ms to 1h");
    cr_expect_str_eq(expected("shutdown_timeout"), "a time like 10s, from 0s to 1h");
    cr_expect_str_eq(expected("sandbox"), "true or false");
    for (size_t i = 0; i < settings_count; i++)
        cr_expect(lt(sz, 0, strlen(expected(settings[i].name))), "%s", settings[i].name);
    free(text);
}

Test(settings, are_all_in_the_help_as_flags_with_their_defaults)
{
    FILE *out = open_memstream(&text, &text_size);
    settings_print_help(out);
    fclose(out);
    for (size_t i = 0; i < settings_count; i++)
        cr_expect(strstr(text, settings[i].help) != NULL, "%s", settings[i].name);
    cr_expect(strstr(text, "  --log-level LEVEL ") != NULL ||
              strstr(text, "  --log-level ") != NULL);
    cr_expect(strstr(text, "--log_level") == NULL);
    cr_expect(strstr(text, "open connections on each port [4096]\n") != NULL);
    free(text);
}
