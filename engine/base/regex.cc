/* regex.cc - see regex.h. RE2 itself throws nothing, but its allocator may. */
#include <re2/re2.h>

#include <cerrno>
#include <cstdio>
#include <new>

#pragma GCC diagnostic ignored "-Wpedantic" /* slice.h has C's compound literals */
extern "C" {
#include "base/regex.h"
}

struct regex {
    RE2 compiled;
    regex(const re2::StringPiece &pattern, const RE2::Options &options) : compiled(pattern, options)
    {
    }
};

int regex_open(struct regex **regex, struct slice pattern, char why[REGEX_WHY_SIZE])
try {
    RE2::Options options;
    options.set_max_mem(REGEX_MEMORY);
    options.set_log_errors(false);
    *regex = new struct regex(re2::StringPiece(pattern.at, pattern.size), options);
    if ((*regex)->compiled.ok())
        return 0;
    snprintf(why, REGEX_WHY_SIZE, "%s", (*regex)->compiled.error().c_str());
    delete *regex;
    *regex = nullptr;
    return -EINVAL;
} catch (const std::bad_alloc &) {
    *regex = nullptr;
    return -ENOMEM;
}

void regex_close(struct regex *regex)
{
    delete regex;
}

unsigned regex_cost(const struct regex *regex)
{
    int size = regex->compiled.ProgramSize();
    return size > 0 ? static_cast<unsigned>(size) : 1;
}

bool regex_matches(const struct regex *regex, struct slice text)
try {
    return RE2::PartialMatch(re2::StringPiece(text.at, text.size), regex->compiled);
} catch (const std::bad_alloc &) {
    const bool has_memory = false;
    must(has_memory);
    return false;
}
