/* admin.c - see admin.h. */
#include "bench/load/admin.h"

#include "base/clock.h"
#include "base/text.h"

#include <errno.h>
#include <stdio.h>

enum { REQUEST_MAX = 8192 };

static const uint64_t deadline_ns = UINT64_C(30) * 1000000000;

static void on_open(struct lane *lane)
{
    (void)lane;
}

static void on_answer(struct lane *lane, const struct lane_answer *answer)
{
    struct admin *admin = container_of(lane, struct admin, lane);
    admin->is_done = true;
    admin->status = answer->status;
    admin->answer_size = answer->body.size;
}

static void on_down(struct lane *lane, bool was_busy, int error)
{
    struct admin *admin = container_of(lane, struct admin, lane);
    (void)was_busy;
    admin->is_down = true;
    admin->error = error ? error : -ECONNRESET;
}

int admin_open(struct admin *admin, const struct lane_target *target, struct slice key)
{
    *admin = (struct admin){.target = *target, .key = key};
    admin->lane.target = &admin->target;
    admin->lane.on_open = on_open;
    admin->lane.on_answer = on_answer;
    admin->lane.on_down = on_down;
    admin->lane.body = admin->answer;
    admin->lane.body_room = ADMIN_ANSWER_MAX;
    return json_open(&admin->json);
}

void admin_close(struct admin *admin)
{
    lane_close(&admin->lane);
    while (admin->lane.state != LANE_CLOSED)
        loop_turn(admin->target.loop, UINT64_MAX);
    json_close(admin->json);
    admin->json = NULL;
}

/* Turns until the connection is open. */
static int connect_lane(struct admin *admin, uint64_t until_ns)
{
    while (admin->lane.state != LANE_IDLE) {
        if (admin->lane.state == LANE_CLOSED) {
            admin->is_down = false;
            int error = lane_open(&admin->lane);
            if (error)
                return error;
        }
        loop_turn(admin->target.loop, until_ns);
        if (admin->is_down)
            return admin->error;
        if (clock_monotonic_ns() >= until_ns)
            return -ETIMEDOUT;
    }
    return 0;
}

static int exchange(struct admin *admin, struct slice request)
{
    uint64_t until_ns = clock_monotonic_ns() + deadline_ns;
    int error = connect_lane(admin, until_ns);
    if (error)
        return error;

    admin->is_done = admin->is_down = false;
    lane_send(&admin->lane, request.at, request.size);
    while (!admin->is_done && !admin->is_down && clock_monotonic_ns() < until_ns)
        loop_turn(admin->target.loop, until_ns);
    if (admin->is_done)
        return 0;
    return admin->is_down ? admin->error : -ETIMEDOUT;
}

int admin_ask(struct admin *admin, const char *method, const char *path, struct slice body,
              char why[static ADMIN_WHY_SIZE])
{
    char request[REQUEST_MAX];
    struct text text;
    text_init(&text, request, sizeof request);
    text_printf(&text, "%s %s HTTP/1.1\r\nHost: %.*s\r\nAuthorization: Bearer %.*s\r\n", method,
                path, SLICE_ARGS(admin->target.host), SLICE_ARGS(admin->key));
    if (body.size)
        text_printf(&text, "Content-Type: application/json\r\nContent-Length: %zu\r\n", body.size);
    text_put(&text, SLICE("\r\n"));
    text_put(&text, body);
    if (!text_ok(&text)) {
        snprintf(why, ADMIN_WHY_SIZE, "%s %s: the request is too long", method, path);
        return -ENOBUFS;
    }

    int error = exchange(admin, text_slice(&text));
    if (error) {
        lane_close(&admin->lane);
        snprintf(why, ADMIN_WHY_SIZE, "%s %s: %s", method, path, strerror(-error));
        return error;
    }
    if (admin->status < 200 || admin->status > 299) {
        int shown = admin->answer_size < 300 ? (int)admin->answer_size : 300;
        snprintf(why, ADMIN_WHY_SIZE, "%s %s: answered %d %.*s", method, path, admin->status, shown,
                 admin->answer);
        return -EPROTO;
    }
    return 0;
}

int admin_member(struct admin *admin, const char *name, char out[static ADMIN_MEMBER_SIZE])
{
    char why[JSON_WHY_SIZE];
    struct json_value root, member;
    struct slice string;
    int error = json_read(admin->json, slice_of(admin->answer, admin->answer_size), &root, why);
    if (error)
        return error;
    if (!json_get(root, name, &member) || !json_string(member, &string) ||
        string.size >= ADMIN_MEMBER_SIZE)
        return -EINVAL;
    snprintf(out, ADMIN_MEMBER_SIZE, "%.*s", SLICE_ARGS(string));
    return 0;
}

int admin_subscribe(struct admin *admin, const struct admin_subscription *wish,
                    struct signature_key *key, char why[static ADMIN_WHY_SIZE])
{
    char body[REQUEST_MAX / 2];
    struct text text;
    text_init(&text, body, sizeof body);
    text_put(&text, SLICE("{\"url\":"));
    text_json(&text, slice_str(wish->url));
    text_put(&text, SLICE(",\"events\":["));
    text_json(&text, slice_str(wish->type));
    text_printf(&text, "],\"uid\":\"%s\"", wish->uid);
    if (wish->extra) {
        text_char(&text, ',');
        text_put(&text, slice_str(wish->extra));
    }
    text_char(&text, '}');

    int error = admin_ask(admin, "POST", "/api/v1/webhooks/subscriptions", text_slice(&text), why);
    if (error)
        return error;
    char secret[ADMIN_MEMBER_SIZE];
    error = admin_member(admin, "secret", secret);
    if (!error)
        error = signature_key_parse(slice_str(secret), key);
    if (error)
        snprintf(why, ADMIN_WHY_SIZE, "the answer to the new subscription has no good secret");
    return error;
}
