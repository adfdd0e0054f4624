/* Rotations against a model: a list of all secrets that there ever were, each with its end. */
#include "rotation.h"

#include "base/random.h"
#include "changes.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { STEPS = 5000, SEED = 23, NAMES = 7, HOUR_MS = 3600 * 1000, SHELF_SIZE = 2500 };
static const uint64_t start_ms = UINT64_C(1700000000000);

static struct subscription *make(const char *secret)
{
    struct subscription *made = calloc(1, sizeof *made);
    made->channels = strdup("");
    made->headers = strdup("");
    made->description = strdup("");
    made->metadata = strdup("{}");
    made->url_text = strdup("https://a.example/");
    made->patterns = calloc(1, sizeof *made->patterns);
    made->scheme = SIGNATURE_GITHUB;
    made->secrets[0].text = strdup(secret);
    made->secret_count = 1;
    made->updated_ms = start_ms;
    return made;
}

/* The answer of rotation_make(); in the place of *subscription, if it is 0. */
static int rotate(struct subscription **subscription, const char *secret, uint64_t overlap_ms,
                  uint64_t now_ms)
{
    struct subscription *after = NULL;
    int error = rotation_make(*subscription, slice_str(secret), overlap_ms, now_ms, &after);
    if (error)
        return error;
    cr_assert(after->updated_ms > (*subscription)->updated_ms);
    subscription_free(*subscription);
    *subscription = after;
    return 0;
}

static const char *text_of(const struct subscription *subscription, unsigned index)
{
    return subscription->secrets[index].text;
}

Test(rotation, the_new_secret_is_current_and_the_old_one_ends)
{
    struct subscription *subscription = make("old");
    cr_assert(zero(u64, rotation_ends_ms(subscription, start_ms)));
    cr_assert(zero(int, rotate(&subscription, "new", HOUR_MS, start_ms)));
    cr_assert(eq(uint, subscription->secret_count, 2));
    cr_assert_str_eq(text_of(subscription, 0), "new");
    cr_assert_str_eq(text_of(subscription, 1), "old");
    cr_assert(zero(u64, subscription->secrets[0].until_ms));
    cr_assert(eq(u64, subscription->secrets[1].until_ms, start_ms + HOUR_MS));
    cr_assert(eq(u64, rotation_ends_ms(subscription, start_ms), start_ms + HOUR_MS));
    cr_assert(zero(u64, rotation_ends_ms(subscription, start_ms + HOUR_MS)));
    subscription_free(subscription);
}

Test(rotation, without_an_overlap_all_that_were_before_end_at_once)
{
    struct subscription *subscription = make("a");
    cr_assert(zero(int, rotate(&subscription, "b", HOUR_MS, start_ms)));
    cr_assert(zero(int, rotate(&subscription, "c", 0, start_ms + 1)));
    cr_assert(eq(uint, subscription->secret_count, 1));
    cr_assert_str_eq(text_of(subscription, 0), "c");
    subscription_free(subscription);
}

Test(rotation, no_more_are_live_than_there_is_room_for)
{
    struct subscription *subscription = make("0");
    char name[2] = "1";
    for (; name[0] < '0' + LIMIT_SECRETS; name[0]++)
        cr_assert(zero(int, rotate(&subscription, name, HOUR_MS, start_ms)));
    cr_assert(eq(int, rotate(&subscription, "x", HOUR_MS, start_ms), -EBUSY));
    cr_assert(eq(uint, subscription->secret_count, LIMIT_SECRETS), "it is as it was");
    cr_assert(zero(int, rotate(&subscription, "1", HOUR_MS, start_ms)), "one comes back");
    cr_assert_str_eq(text_of(subscription, 0), "1");
    cr_assert(eq(int, rotate(&subscription, "x", HOUR_MS, start_ms + HOUR_MS - 1), -EBUSY));
    cr_assert(zero(int, rotate(&subscription, "x", HOUR_MS, start_ms + HOUR_MS)));
    cr_assert(eq(uint, subscription->secret_count, 2));
    subscription_free(subscription);
}

/* ---- against a model ---- */

struct was {
    unsigned name;
    uint64_t until_ms;
};
static struct was model[STEPS + 1]; /* oldest first; the last is the current one */
static unsigned model_count;

static bool model_is_live(unsigned index, uint64_t now_ms)
{
    return index == model_count - 1 || model[index].until_ms > now_ms;
}

/* The same name again: that which was ends. */
static void model_rotate(unsigned name, uint64_t overlap_ms, uint64_t now_ms)
{
    model[model_count - 1].until_ms = now_ms + overlap_ms;
    for (unsigned i = 0; i < model_count; i++)
        if (overlap_ms == 0 || model[i].name == name)
            model[i].until_ms = 0;
    model[model_count++] = (struct was){.name = name};
}

static unsigned model_live(uint64_t now_ms, unsigned without)
{
    unsigned live = 0;
    for (unsigned i = 0; i < model_count; i++)
        live += model_is_live(i, now_ms) && model[i].name != without;
    return live;
}

static void check(const struct subscription *subscription, uint64_t now_ms)
{
    unsigned next = 0;
    for (unsigned i = model_count; i-- > 0;) {
        char name[16];
        if (!model_is_live(i, now_ms))
            continue;
        while (next > 0 && next < subscription->secret_count &&
               subscription->secrets[next].until_ms <= now_ms)
            next++;
        snprintf(name, sizeof name, "secret-%u", model[i].name);
        cr_assert(next < subscription->secret_count);
        cr_assert_str_eq(text_of(subscription, next), name);
        next++;
    }
    while (next < subscription->secret_count)
        cr_assert(subscription->secrets[next++].until_ms <= now_ms, "live, but not in the model");
}

Test(rotation, agrees_with_a_simple_model)
{
    struct subscription *subscription = make("secret-0");
    struct random random;
    uint64_t now_ms = start_ms;
    cr_log_info("seed %d", SEED);
    random_init(&random, SEED);
    model[model_count++] = (struct was){.name = 0};
    for (unsigned step = 0; step < STEPS; step++) {
        char name[16];
        unsigned number = (unsigned)random_below(&random, NAMES);
        uint64_t overlap_ms = random_below(&random, 4) * HOUR_MS;
        now_ms += random_below(&random, 2 * HOUR_MS);
        check(subscription, now_ms);
        if (number == model[model_count - 1].name)
            continue; /* which the API refuses */
        snprintf(name, sizeof name, "secret-%u", number);
        unsigned kept = model_live(now_ms, number) * (overlap_ms > 0);
        int error = rotate(&subscription, name, overlap_ms, now_ms);
        cr_assert(eq(int, error, kept == LIMIT_SECRETS ? -EBUSY : 0));
        if (!error)
            model_rotate(number, overlap_ms, now_ms);
        check(subscription, now_ms);
    }
    subscription_free(subscription);
}

/* ---- the sweep, with a fake of changes.c ---- */

static unsigned begun;
static bool has_room;

bool changes_have_room(const struct changes *changes)
{
    (void)changes;
    return has_room;
}

int changes_begin(struct changes *changes, const struct mutation *by, struct subscription *before,
                  struct subscription *after, void (*on_done)(void *context), void *context)
{
    cr_assert_str_eq(by->action, "subscription.end_secrets");
    cr_assert(by->key == NULL, "the engine itself");
    struct shelf *shelf = &changes->registry->subscriptions;
    cr_assert(zero(ptr, context));
    cr_assert(on_done == NULL);
    cr_assert(eq(uint, after->secret_count, 1));
    cr_assert_str_eq(text_of(after, 0), "new");
    cr_assert(eq(u64, after->updated_ms, before->updated_ms), "nobody sees a change");
    for (size_t i = 0; i < shelf->count; i++) {
        if (shelf->items[i] == before) {
            shelf->items[i] = after;
            begun++;
        }
    }
    subscription_free(before);
    return 0;
}

Test(rotation, sweeps_away_what_is_over_and_nothing_else)
{
    static void *items[SHELF_SIZE];
    struct registry registry = {.subscriptions = {.items = items, .count = SHELF_SIZE}};
    struct changes changes = {.registry = &registry};
    size_t cursor = 0;
    for (unsigned i = 0; i < SHELF_SIZE; i++) {
        struct subscription *made = make("old");
        if (i % 100 < 2)
            cr_assert(zero(int, rotate(&made, "new", i % 100 ? HOUR_MS : 2 * HOUR_MS, start_ms)));
        items[i] = made;
    }
    has_room = true;
    for (unsigned round = 0; round < 5; round++)
        rotation_sweep(&changes, &cursor, start_ms + HOUR_MS - 1);
    cr_assert(zero(uint, begun));
    has_room = false;
    for (unsigned round = 0; round < 5; round++)
        rotation_sweep(&changes, &cursor, start_ms + HOUR_MS);
    cr_assert(zero(uint, begun));
    has_room = true;
    for (unsigned round = 0; round < 5; round++)
        rotation_sweep(&changes, &cursor, start_ms + HOUR_MS);
    cr_assert(eq(uint, begun, SHELF_SIZE / 100));
    for (unsigned i = 0; i < SHELF_SIZE; i++) {
        const struct subscription *now = items[i];
        cr_assert(eq(uint, now->secret_count, i % 100 == 0 ? 2 : 1));
        subscription_free(items[i]);
    }
}
