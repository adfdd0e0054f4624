/* Command lines: values land where the table says, and what is wrong is named. */
#include "bench/load/flags.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static bool tls;
static uint64_t events, rate, size, duration_ms;
static double chance;
static const char *url;
static struct flag_texts words;
static char why[FLAGS_WHY_SIZE];

static const struct flag table[] = {
    {"--tls", FLAG_SWITCH, &tls, 0, 0, NULL, ""},
    {"--events", FLAG_COUNT, &events, 1, 1000, "N", ""},
    {"--rate", FLAG_RATE, &rate, 0, 100, "N|max", ""},
    {"--payload", FLAG_SIZE, &size, 0, 0, "BYTES", ""},
    {"--duration", FLAG_DURATION, &duration_ms, 0, 0, "D", ""},
    {"--hang", FLAG_DECIMAL, &chance, 0, 1000000, "P", ""},
    {"--url", FLAG_TEXT, &url, 0, 0, "URL", ""},
    {"--word", FLAG_TEXTS, &words, 0, 0, "W", ""},
};
static const struct flags flags = {"program", "", table, sizeof table / sizeof *table};

/* Splits `line` at spaces. */
static int read_line(const char *line)
{
    static char copy[256];
    char *arguments[16];
    int count = 0;
    strcpy(copy, line);
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
        arguments[count++] = word;
    return flags_read(&flags, count, arguments, why);
}

Test(flags, stores_each_kind_in_its_own_unit)
{
    cr_assert(eq(int,
                 read_line("--tls --events 7 --rate 50 --payload 2K --duration 3s --hang 0.25 "
                           "--url=http://x/?a=b --word one --word two"),
                 0),
              "%s", why);
    cr_assert(tls);
    cr_assert(eq(u64, events, 7));
    cr_assert(eq(u64, rate, 50));
    cr_assert(eq(u64, size, 2048));
    cr_assert(eq(u64, duration_ms, 3000));
    cr_assert(ieee_ulp_eq(dbl, chance, 0.25, 1));
    cr_assert(eq(int, strcmp(url, "http://x/?a=b"), 0));
    cr_assert(eq(uint, words.count, 2));
    cr_assert(eq(int, strcmp(words.at[1], "two"), 0));
}

Test(flags, takes_max_for_no_rate)
{
    rate = 5;
    cr_assert(eq(int, read_line("--rate max"), 0));
    cr_assert(eq(u64, rate, 0));
}

Test(flags, asks_for_help_before_anything_else_can_be_wrong_behind_it)
{
    cr_assert(eq(int, read_line("--tls --help --nonsense"), 1));
}

Test(flags, names_what_is_wrong)
{
    static const struct {
        const char *line, *named;
    } wrong[] = {
        {"--nonsense", "--nonsense"}, {"word", "word"},           {"--events", "--events"},
        {"--events x", "'x'"},        {"--events 0", "--events"}, {"--events 1001", "--events"},
        {"--events -1", "'-1'"},      {"--tls=yes", "--tls"},     {"--payload 1Q", "'1Q'"},
        {"--duration 5", "'5'"},      {"--hang 1.5", "--hang"},   {"--hang nan", "'nan'"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        cr_assert(lt(int, read_line(wrong[i].line), 0), "%s", wrong[i].line);
        cr_assert(strstr(why, wrong[i].named) != NULL, "%s: %s", wrong[i].line, why);
    }
}
