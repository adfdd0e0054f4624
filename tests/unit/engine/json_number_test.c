/* Numbers of JSON: whole ones are exact up to 64 bits, against 128 bits; others are doubles. */
#include "json_number.h"

#include "base/random.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

enum { SEED = 3, ROUNDS = 20000 };

static struct json *jsons[2];

static void open_parsers(void)
{
    for (unsigned i = 0; i < 2; i++)
        cr_assert(zero(int, json_open(&jsons[i])));
}

static void close_parsers(void)
{
    for (unsigned i = 0; i < 2; i++)
        json_close(jsons[i]);
}

TestSuite(json_number, .init = open_parsers, .fini = close_parsers);

static struct json_value read(unsigned which, const char *text)
{
    char padded[128 + JSON_PADDING] = {0}, why[JSON_WHY_SIZE];
    struct json_value value;
    snprintf(padded, 128, "%s", text);
    cr_assert(zero(int, json_read(jsons[which], slice_of(padded, strlen(text)), &value, why)),
              "%s: %s", text, why);
    return value;
}

static enum json_order compare(const char *a, const char *b)
{
    return json_number_compare(read(0, a), read(1, b));
}

static bool is_multiple(const char *a, const char *b)
{
    return json_number_is_multiple(read(0, a), read(1, b));
}

Test(json_number, compares_as_numbers_whatever_they_look_like)
{
    cr_expect(eq(int, (int)compare("1", "1.0"), JSON_SAME));
    cr_expect(eq(int, (int)compare("1e2", "100"), JSON_SAME));
    cr_expect(eq(int, (int)compare("-0", "0.0"), JSON_SAME));
    cr_expect(eq(int, (int)compare("-1", "18446744073709551615"), JSON_BELOW));
    cr_expect(eq(int, (int)compare("0.1", "0.2"), JSON_BELOW));
    cr_expect(eq(int, (int)compare("1e300", "-1e300"), JSON_ABOVE));
    cr_expect(eq(int, (int)compare("\"1\"", "1"), JSON_NO_NUMBER));
    cr_expect(eq(int, (int)compare("1", "null"), JSON_NO_NUMBER));
}

Test(json_number, knows_what_is_whole)
{
    static const char *const whole[] = {"0", "-1", "1.0", "1e300", "18446744073709551615"};
    static const char *const others[] = {"0.5", "1e-1", "\"1\"", "[]", "true"};
    for (unsigned i = 0; i < 5; i++) {
        cr_expect(json_number_is_whole(read(0, whole[i])), "%s", whole[i]);
        cr_expect(eq(int, json_number_is_whole(read(0, others[i])), false), "%s", others[i]);
    }
}

Test(json_number, knows_what_is_a_multiple)
{
    static const char *const good[][2] = {{"0.3", "0.1"},       {"19.99", "0.01"}, {"-7.5", "2.5"},
                                          {"0", "0.7"},         {"1e300", "10"},   {"\"a\"", "2"},
                                          {"123456.78", "0.01"}};
    static const char *const bad[][2] = {{"0.35", "0.1"}, {"1", "0.3"}, {"7", "2"}, {"-7", "2"}};
    for (unsigned i = 0; i < sizeof good / sizeof good[0]; i++)
        cr_expect(is_multiple(good[i][0], good[i][1]), "%s of %s", good[i][0], good[i][1]);
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++)
        cr_expect(eq(int, is_multiple(bad[i][0], bad[i][1]), false), "%s of %s", bad[i][0],
                  bad[i][1]);
}

__extension__ typedef __int128 wide;

/* Whole numbers of 64 bits, most of them where doubles are too coarse, or near to each other. */
static wide draw(struct random *dice, wide near, char text[64])
{
    wide number = near + (int)random_below(dice, 5) - 2;
    if (random_below(dice, 2)) {
        uint64_t bits = random_u64(dice) >> random_below(dice, 64);
        number = random_below(dice, 2) ? bits : -(wide)(bits >> 1);
    }
    number = number > UINT64_MAX ? UINT64_MAX : number < INT64_MIN ? INT64_MIN : number;
    if (number < 0)
        snprintf(text, 64, "%lld", (long long)number);
    else
        snprintf(text, 64, "%llu", (unsigned long long)number);
    return number;
}

Test(json_number, whole_numbers_are_exact)
{
    struct random dice;
    char texts[2][64];
    wide a = 0, b = 0;
    random_init(&dice, SEED);
    for (unsigned i = 0; i < ROUNDS; i++) {
        a = draw(&dice, b, texts[0]);
        b = draw(&dice, a, texts[1]);
        enum json_order expected = a < b ? JSON_BELOW : a > b ? JSON_ABOVE : JSON_SAME;
        bool is_mixed = (a < 0 && b > INT64_MAX) || (b < 0 && a > INT64_MAX);
        cr_assert(eq(int, (int)compare(texts[0], texts[1]), (int)expected), "seed %d: %s to %s",
                  SEED, texts[0], texts[1]);
        if (b > 0 && !is_mixed)
            cr_assert(eq(int, is_multiple(texts[0], texts[1]), a % b == 0), "seed %d: %s of %s",
                      SEED, texts[0], texts[1]);
    }
}
