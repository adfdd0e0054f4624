/* rotation.c - see rotation.h. Control's thread. */
#include "rotation.h"

#include "changes.h"
#include "secret.h"

#include <errno.h>
#include <stdlib.h>

enum { SWEEP_STEP = 1000 };

static void drop(struct subscription *subscription, unsigned index)
{
    struct secret *secrets = subscription->secrets;
    secret_erase(secrets[index].text);
    subscription->secret_count--;
    memmove(&secrets[index], &secrets[index + 1],
            (subscription->secret_count - index) * sizeof *secrets);
}

/* Drops those that are over; with `secret`, also the one that is the same. */
static void drop_over(struct subscription *subscription, uint64_t now_ms, struct slice secret)
{
    for (unsigned i = subscription->secret_count; i-- > 0;)
        if (!secret_is_live(&subscription->secrets[i], now_ms) ||
            slice_equal(slice_str(subscription->secrets[i].text), secret))
            drop(subscription, i);
}

/* Puts it before the others. There is room. */
static int put_first(struct subscription *subscription, struct slice secret)
{
    struct secret *secrets = subscription->secrets;
    char *text = strndup(secret.at, secret.size);
    if (!text)
        return -ENOMEM;
    memmove(&secrets[1], &secrets[0], subscription->secret_count * sizeof *secrets);
    secrets[0] = (struct secret){.text = text};
    subscription->secret_count++;
    return 0;
}

int rotation_make(const struct subscription *before, struct slice secret, uint64_t overlap_ms,
                  uint64_t now_ms, struct subscription **after)
{
    struct subscription *made = subscription_copy(before);
    if (!made)
        return -ENOMEM;
    subscription_touch(made, before, now_ms);
    made->secrets[0].until_ms = now_ms + overlap_ms;
    while (overlap_ms == 0 && made->secret_count > 0)
        drop(made, made->secret_count - 1);
    drop_over(made, now_ms, secret);

    int error = made->secret_count == LIMIT_SECRETS ? -EBUSY : put_first(made, secret);
    if (error)
        subscription_free(made);
    else
        *after = made;
    return error;
}

uint64_t rotation_ends_ms(const struct subscription *subscription, uint64_t now_ms)
{
    uint64_t ends_ms = 0;
    for (unsigned i = 1; i < subscription->secret_count; i++) {
        uint64_t until_ms = subscription->secrets[i].until_ms;
        if (until_ms > now_ms && until_ms > ends_ms)
            ends_ms = until_ms;
    }
    return ends_ms;
}

static bool has_over(const struct subscription *subscription, uint64_t now_ms)
{
    for (unsigned i = 1; i < subscription->secret_count; i++)
        if (!secret_is_live(&subscription->secrets[i], now_ms))
            return true;
    return false;
}

/* False: not now. */
static bool tidy(struct changes *changes, struct subscription *before, uint64_t now_ms)
{
    static const struct mutation sweeping = {.action = "subscription.end_secrets"};
    if (!changes_have_room(changes))
        return false;
    struct subscription *after = subscription_copy(before);
    if (!after)
        return false;
    drop_over(after, now_ms, SLICE(""));
    if (changes_begin(changes, &sweeping, before, after, NULL, NULL) == 0)
        return true;
    subscription_free(after);
    return false;
}

void rotation_sweep(struct changes *changes, size_t *cursor, uint64_t now_ms)
{
    const struct shelf *shelf = &changes->registry->subscriptions;
    for (unsigned i = 0; i < SWEEP_STEP && i < shelf->count; i++) {
        if (*cursor >= shelf->count)
            *cursor = 0;
        struct subscription *next = shelf->items[*cursor];
        if (has_over(next, now_ms) && !tidy(changes, next, now_ms))
            return;
        ++*cursor;
    }
}
