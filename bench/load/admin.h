/* admin.h - a few calls to the engine's admin port, one after another. Each turns the loop until
 * its answer is here, so it belongs before and after a measurement, not in it.
 */
#ifndef LOAD_ADMIN_H
#define LOAD_ADMIN_H

#include "base/json.h"
#include "bench/load/lane.h"
#include "bench/load/signature.h"

enum { ADMIN_WHY_SIZE = 512, ADMIN_ANSWER_MAX = 64 * 1024, ADMIN_MEMBER_SIZE = 256 };

struct admin {
    struct lane_target target;
    struct slice key;
    struct json *json;

    /* private */
    struct lane lane;
    bool is_done, is_down;
    int status, error;
    size_t answer_size;
    char answer[ADMIN_ANSWER_MAX + JSON_PADDING];
};

/* `target` and `key` must stay. 0, or -errno. */
MUST_CHECK int admin_open(struct admin *admin, const struct lane_target *target, struct slice key);
void admin_close(struct admin *admin);

/* Asks, with JSON or an empty body; the beginning of the answer is admin->answer. 0 for a 2xx, else
 * -errno with `why`. */
MUST_CHECK int admin_ask(struct admin *admin, const char *method, const char *path,
                         struct slice body, char why[static ADMIN_WHY_SIZE]);

/* A string that is a member of the answer. 0, or -EINVAL if there is none. */
MUST_CHECK int admin_member(struct admin *admin, const char *name,
                            char out[static ADMIN_MEMBER_SIZE]);

struct admin_subscription {
    const char *url, *type, *uid;
    const char *extra; /* more members, as JSON, or NULL */
};

/* Subscribes to events of one type, and takes the key of the signatures from the answer. */
MUST_CHECK int admin_subscribe(struct admin *admin, const struct admin_subscription *wish,
                               struct signature_key *key, char why[static ADMIN_WHY_SIZE]);

#endif
