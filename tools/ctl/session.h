/* session.h - one run of grapnelctl against one engine: where it is and with which key, by options
 * and environment; asking, and saying on standard error what went wrong.
 */
#ifndef CTL_SESSION_H
#define CTL_SESSION_H

#include "base/json.h"
#include "base/text.h"
#include "tools/ctl/line.h"
#include "tools/ctl/server.h"

enum { SESSION_KEY_SIZE = 4096, SESSION_TARGET_SIZE = 4096 };

struct session {
    const struct line *line;
    struct server *server;
    struct json *json;
    char key[SESSION_KEY_SIZE];
};

/* The exit status (run.h): when it is not EXIT_DONE, what is wrong has been said. */
MUST_CHECK int session_open(struct session *session, const struct line *line);
void session_close(struct session *session); /* of one that was not opened whole, too */

/* Asks. EXIT_DONE with a 2xx; else the problem has been said. */
MUST_CHECK int session_ask(struct session *session, struct server_call *call);

/* The answer as a tree, which the next answer takes the place of. */
MUST_CHECK int session_read(struct session *session, struct slice answer, struct json_value *root);

/* Gives the raw elements of a list's "data", byte by byte as they came, to `each` (as json_each()
 * does). EXIT_DONE, or EXIT_UNREACHABLE: the answer is no list. */
MUST_CHECK int session_each(struct session *session, struct slice answer,
                            int (*each)(void *context, struct slice raw), void *context);

/* A request's target: the verb's path with the argument in it, and the parameters that were given.
 * EXIT_DONE or EXIT_USAGE. */
MUST_CHECK int session_target(const struct line *line, struct text *target);

enum { SESSION_MOMENT_SIZE = 64 };

/* A time as it was given; a duration means so long ago, which is printed as a time. */
struct slice session_moment(const char *given, char out[static SESSION_MOMENT_SIZE]);

/* Adds a parameter to a target. */
void session_parameter(struct text *target, const char *name, struct slice value);

/* Reads all of a file, or of standard input ("-"), with JSON_PADDING behind it: `at` is to be given
 * to free(). EXIT_DONE or EXIT_USAGE. */
MUST_CHECK int session_read_file(const char *path, char **at, size_t *size);

/* "grapnelctl: ..." on standard error; returns EXIT_USAGE. */
int session_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
