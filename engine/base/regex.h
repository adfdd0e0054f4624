/* regex.h - the door to RE2: regular expressions that take time linear in the text, whatever they
 * are.
 *
 * Syntax: RE2's, without back references and look-around. A match may begin anywhere; ^ and $ are
 * the ends of the text. Texts and patterns are UTF-8.
 *
 * Memory: a regex has at most REGEX_MEMORY bytes, of which a match takes some and keeps them, under
 * a lock of RE2's own. Nothing is thrown out of here.
 * Threads: one regex may be matched by many at the same time.
 */
#ifndef BASE_REGEX_H
#define BASE_REGEX_H

#include "base/must.h"
#include "base/slice.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { REGEX_MEMORY = 64 * 1024, REGEX_WHY_SIZE = 96 };

struct regex;

/* 0; -EINVAL with `why`: malformed, or it needs more memory than it may have; -ENOMEM. */
MUST_CHECK int regex_open(struct regex **regex, struct slice pattern, char why[REGEX_WHY_SIZE]);
void regex_close(struct regex *regex); /* NULL is allowed */

/* About how many steps a byte of a text takes at worst; at least one. */
unsigned regex_cost(const struct regex *regex);

/* Whether the pattern is somewhere in the text. */
bool regex_matches(const struct regex *regex, struct slice text);

#ifdef __cplusplus
}
#endif

#endif
