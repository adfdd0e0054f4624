/* A shard's view of what is configured: what is there after each change, by each way of asking. */
#include "directory.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <signal.h>
#include <stdlib.h>

static struct directory directory;

static void open_directory(void)
{
    cr_assert(zero(int, directory_open(&directory)));
}

static void close_directory(void)
{
    directory_close(&directory);
}

TestSuite(directory, .init = open_directory, .fini = close_directory);

static const struct id acme_id = {{1}}, other_id = {{2}};
static struct tenant acme = {.id = {{1}}, .name = "acme"}, other = {.id = {{2}}, .name = "other"};
static char *a_star[] = {(char[]){"a.*"}}, *b_only[] = {(char[]){"b"}};

static void change(enum directory_kind kind, const void *before, const void *after)
{
    directory_apply(&directory,
                    &(struct mail_directory){.kind = kind, .before = before, .after = after});
}

static struct subscription subscription_of(uint8_t number, struct id tenant, char **patterns)
{
    return (struct subscription){
        .id = {{number}}, .tenant = tenant, .patterns = patterns, .pattern_count = 1};
}

static unsigned matches(const struct id *tenant, const char *type)
{
    const struct subscription *found[4];
    return directory_match(&directory, tenant, slice_str(type), SLICE(""), found, 4);
}

Test(directory, finds_nothing_at_first)
{
    uint8_t hash[32] = {0};
    cr_assert(directory_tenant(&directory, &acme_id) == NULL);
    cr_assert(directory_key(&directory, hash) == NULL);
    cr_assert(directory_subscription(&directory, &acme_id) == NULL);
    cr_assert(zero(u32, matches(&acme_id, "a.b")));
}

Test(directory, finds_a_tenant_by_its_id_until_it_is_dropped)
{
    change(DIRECTORY_TENANT, NULL, &acme);
    cr_assert(directory_tenant(&directory, &acme_id) == &acme);

    change(DIRECTORY_TENANT, &acme, NULL);
    cr_assert(directory_tenant(&directory, &acme_id) == NULL);
}

Test(directory, keeps_a_tenants_subscriptions_when_it_changes)
{
    struct tenant renamed = {.id = acme_id, .name = "renamed"};
    struct subscription wish = subscription_of(9, acme_id, a_star);
    change(DIRECTORY_TENANT, NULL, &acme);
    change(DIRECTORY_SUBSCRIPTION, NULL, &wish);

    change(DIRECTORY_TENANT, &acme, &renamed);
    cr_assert(directory_tenant(&directory, &acme_id) == &renamed);
    cr_assert(eq(u32, matches(&acme_id, "a.b"), 1));
}

Test(directory, finds_a_key_by_all_of_its_hash)
{
    /* Alike in what the table goes by, the first eight bytes. */
    static const struct access_key one = {.hash = {1, 2, 3, [31] = 4}};
    static const struct access_key twin = {.hash = {1, 2, 3, [31] = 5}};
    static const uint8_t stranger[32] = {1, 2, 3, [31] = 6};
    change(DIRECTORY_KEY, NULL, &one);
    change(DIRECTORY_KEY, NULL, &twin);

    cr_assert(directory_key(&directory, one.hash)->key == &one);
    cr_assert(directory_key(&directory, twin.hash)->key == &twin);
    cr_assert(directory_key(&directory, stranger) == NULL);

    change(DIRECTORY_KEY, &one, NULL);
    cr_assert(directory_key(&directory, one.hash) == NULL);
    cr_assert(directory_key(&directory, twin.hash)->key == &twin);
}

Test(directory, puts_a_changed_key_in_the_place_of_the_old)
{
    static const struct access_key before = {.hash = {7}, .scopes = SCOPE_READ};
    static const struct access_key after = {.hash = {7}, .scopes = SCOPE_ADMIN};
    change(DIRECTORY_KEY, NULL, &before);
    change(DIRECTORY_KEY, &before, &after);

    cr_assert(directory_key(&directory, before.hash)->key == &after);
    change(DIRECTORY_KEY, &after, NULL);
    cr_assert(directory_key(&directory, before.hash) == NULL);
}

Test(directory, matches_within_one_tenant)
{
    struct subscription mine = subscription_of(9, acme_id, a_star);
    struct subscription theirs = subscription_of(8, other_id, a_star);
    change(DIRECTORY_TENANT, NULL, &acme);
    change(DIRECTORY_TENANT, NULL, &other);
    change(DIRECTORY_SUBSCRIPTION, NULL, &mine);
    change(DIRECTORY_SUBSCRIPTION, NULL, &theirs);

    const struct subscription *found[2];
    cr_assert(eq(u32, directory_match(&directory, &acme_id, SLICE("a.b"), SLICE(""), found, 2), 1));
    cr_assert(found[0] == &mine);
    cr_assert(
        eq(u32, directory_match(&directory, &other_id, SLICE("a.b"), SLICE(""), found, 2), 1));
    cr_assert(found[0] == &theirs);
    cr_assert(directory_subscription(&directory, &theirs.id) == &theirs);
}

Test(directory, routes_a_changed_subscription_by_its_new_patterns)
{
    struct subscription before = subscription_of(9, acme_id, a_star);
    struct subscription after = subscription_of(9, acme_id, b_only);
    change(DIRECTORY_TENANT, NULL, &acme);
    change(DIRECTORY_SUBSCRIPTION, NULL, &before);
    change(DIRECTORY_SUBSCRIPTION, &before, &after);

    cr_assert(directory_subscription(&directory, &before.id) == &after);
    cr_assert(zero(u32, matches(&acme_id, "a.b")));
    cr_assert(eq(u32, matches(&acme_id, "b"), 1));
}

Test(directory, forgets_a_deleted_subscription)
{
    struct subscription wish = subscription_of(9, acme_id, a_star);
    change(DIRECTORY_TENANT, NULL, &acme);
    change(DIRECTORY_SUBSCRIPTION, NULL, &wish);
    change(DIRECTORY_SUBSCRIPTION, &wish, NULL);

    cr_assert(directory_subscription(&directory, &wish.id) == NULL);
    cr_assert(zero(u32, matches(&acme_id, "a.b")));
}

Test(directory, finds_an_event_type_by_its_name_within_a_tenant)
{
    struct event_type type = {.id = {{3}}, .tenant = {{1}}, .name = "a.b"}, changed = type;
    change(DIRECTORY_EVENT_TYPE, NULL, &type);
    cr_expect(directory_event_type(&directory, &acme_id, SLICE("a.b")) == &type);
    cr_expect(directory_event_type(&directory, &acme_id, SLICE("a")) == NULL);
    cr_expect(directory_event_type(&directory, &other_id, SLICE("a.b")) == NULL);
    change(DIRECTORY_EVENT_TYPE, &type, &changed);
    cr_expect(directory_event_type(&directory, &acme_id, SLICE("a.b")) == &changed);
    change(DIRECTORY_EVENT_TYPE, &changed, NULL);
    cr_expect(directory_event_type(&directory, &acme_id, SLICE("a.b")) == NULL);
}

Test(directory, takes_up_several_event_types_at_once)
{
    struct event_type old = {.id = {{3}}, .tenant = {{1}}, .name = "a"}, changed = old;
    struct event_type made = {.id = {{4}}, .tenant = {{1}}, .name = "b"};
    struct directory_set *set = calloc(1, sizeof *set + 2 * sizeof set->list[0]);
    set->count = 2;
    set->list[0] = (struct directory_pair){&old, &changed};
    set->list[1] = (struct directory_pair){NULL, &made};
    change(DIRECTORY_EVENT_TYPE, NULL, &old);
    change(DIRECTORY_EVENT_TYPES, set, set);
    cr_expect(directory_event_type(&directory, &acme_id, SLICE("a")) == &changed);
    cr_expect(directory_event_type(&directory, &acme_id, SLICE("b")) == &made);
    free(set);
}

Test(directory, lets_what_is_not_its_own_pass)
{
    static const struct storage_state state = {.low = true};
    change(DIRECTORY_STORAGE, NULL, &state);
    cr_assert(directory_tenant(&directory, &acme_id) == NULL);
}

Test(directory, takes_no_subscription_of_a_tenant_it_does_not_know, .signal = SIGABRT)
{
    struct subscription wish = subscription_of(9, acme_id, a_star);
    change(DIRECTORY_SUBSCRIPTION, NULL, &wish);
}
