/* pattern.c - see pattern.h. Pure functions. */
#include "pattern.h"

#include <errno.h>

enum { NOWHERE = UINT16_MAX };

static uint8_t to_lower(char c)
{
    bool is_upper = c >= 'A' && c <= 'Z';
    return (uint8_t)(is_upper ? c | 0x20 : c);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
    return (to_lower(c) >= 'a' && to_lower(c) <= 'z') || is_digit(c) ||
           (c != '\0' && strchr("_-+/=.~%", c));
}

static bool fits(const struct pattern *pattern, unsigned place, char c)
{
    switch ((enum place_kind)pattern->places[place].kind) {
    case PLACE_LITERAL:
        return pattern->places[place].literal == to_lower(c);
    case PLACE_DIGIT:
        return is_digit(c);
    case PLACE_ANY:
        return true;
    case PLACE_RUN:
        return is_word(c);
    }
    return false;
}

int pattern_compile(struct slice text, struct pattern *pattern)
{
    bool says_something = false;
    pattern->count = 0;
    for (size_t i = 0; i < text.size; i++) {
        enum place_kind kind = text.at[i] == '#'   ? PLACE_DIGIT
                               : text.at[i] == '?' ? PLACE_ANY
                               : text.at[i] == '*' ? PLACE_RUN
                                                   : PLACE_LITERAL;
        if (text.at[i] == '\\' && ++i == text.size)
            return -EINVAL;
        if (pattern->count == PATTERN_PLACES_MAX)
            return -EINVAL;
        says_something |= kind == PLACE_LITERAL || kind == PLACE_DIGIT;
        pattern->places[pattern->count].kind = (uint8_t)kind;
        pattern->places[pattern->count++].literal = to_lower(text.at[i]);
    }
    return says_something ? 0 : -EINVAL;
}

/* Moves all matches on by one byte. began[p]: where the earliest of those began whose last byte is
 * in place p. */
static void step(const struct pattern *pattern, char c, uint16_t at, uint16_t *began)
{
    for (unsigned place = pattern->count; place-- > 0;) {
        uint16_t from = place > 0 ? began[place - 1] : at;
        if (pattern->places[place].kind == PLACE_RUN && began[place] < from)
            from = began[place];
        began[place] = from != NOWHERE && fits(pattern, place, c) ? from : NOWHERE;
    }
}

static uint16_t earliest(const uint16_t *began, unsigned count)
{
    uint16_t first = NOWHERE;
    for (unsigned i = 0; i < count; i++)
        if (began[i] < first)
            first = began[i];
    return first;
}

void pattern_cover(const struct pattern *pattern, struct slice text, bool is_cut, uint8_t mark,
                   uint8_t *covered)
{
    uint16_t began[PATTERN_PLACES_MAX], ended[PATTERN_TEXT_MAX];
    must(text.size <= PATTERN_TEXT_MAX);
    memset(began, 0xff, sizeof began);
    for (size_t i = 0; i < text.size; i++) {
        step(pattern, text.at[i], (uint16_t)i, began);
        ended[i] = began[pattern->count - 1];
    }
    if (is_cut && text.size > 0)
        ended[text.size - 1] = earliest(began, pattern->count);

    /* From the end: a byte is covered if a match that ends here or behind began here or before. */
    uint16_t reach = NOWHERE;
    for (size_t i = text.size; i-- > 0;) {
        if (ended[i] < reach)
            reach = ended[i];
        if (i >= reach)
            covered[i] = mark;
    }
}
