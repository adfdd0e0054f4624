/* The table against an array that is searched from end to end. */
#include "base/table.h"

#include "base/list.h"
#include "base/random.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <signal.h>

struct item {
    struct table_node node;
    uint64_t key;
    bool in_table;
    unsigned seen;
};

static struct table table;

static void start(void)
{
    cr_assert(eq(int, table_open(&table, 0), 0));
}

static void stop(void)
{
    table_close(&table);
}

TestSuite(table, .init = start, .fini = stop);

static struct item *item_of(struct table_node *node)
{
    return node ? container_of(node, struct item, node) : NULL;
}

Test(table, finds_nothing_when_empty)
{
    cr_assert(eq(ptr, table_first(&table, 0), NULL));
    cr_assert(eq(ptr, table_walk(&table, NULL), NULL));
    cr_assert(eq(sz, table.count, 0));
}

Test(table, lists_all_nodes_of_one_hash)
{
    struct item items[3] = {0};
    for (size_t i = 0; i < 3; i++)
        table_put(&table, &items[i].node, 42);
    unsigned found = 0;
    for (struct table_node *node = table_first(&table, 42); node; node = table_next(node))
        found++;
    cr_assert(eq(uint, found, 3));
    cr_assert(eq(ptr, table_first(&table, 43), NULL));
}

Test(table, opened_with_room_never_grows)
{
    enum { ROOM = 1000 };
    static struct item items[ROOM];
    table_close(&table);
    cr_assert(eq(int, table_open(&table, ROOM), 0));
    struct table_node **buckets = table.buckets;
    for (size_t i = 0; i < ROOM; i++)
        table_put(&table, &items[i].node, table_hash(&i, sizeof i));
    cr_assert(eq(ptr, table.buckets, buckets));
}

Test(table, grows_with_what_it_holds)
{
    enum { MANY = 10000 };
    static struct item items[MANY];
    for (size_t i = 0; i < MANY; i++)
        table_put(&table, &items[i].node, table_hash(&i, sizeof i));
    cr_assert(ge(sz, table.bucket_count, MANY));
    for (size_t i = 0; i < MANY; i++)
        cr_assert(table_first(&table, table_hash(&i, sizeof i)) == &items[i].node);
}

/* A shard's table holds only keys whose hashes agree in what chose the shard. */
Test(table, spreads_hashes_that_agree_in_some_bits)
{
    enum { ITEMS = 1024 };
    static struct item items[ITEMS];
    static const struct {
        uint64_t factor, offset;
    } kinds[] = {{64, 3}, {UINT64_C(1) << 48, 5}, {1, 0}};

    for (size_t kind = 0; kind < sizeof kinds / sizeof kinds[0]; kind++) {
        table_close(&table);
        cr_assert(eq(int, table_open(&table, ITEMS), 0));
        for (size_t i = 0; i < ITEMS; i++)
            table_put(&table, &items[i].node, i * kinds[kind].factor + kinds[kind].offset);
        size_t longest = 0;
        for (size_t i = 0; i < table.bucket_count; i++) {
            size_t length = 0;
            for (struct table_node *node = table.buckets[i]; node; node = node->next)
                length++;
            longest = length > longest ? length : longest;
        }
        cr_assert(le(sz, longest, 8), "kind %zu: %zu in one bucket", kind, longest);
    }
}

Test(table, reports_that_memory_is_short)
{
    struct table huge;
    cr_assert(eq(int, table_open(&huge, SIZE_MAX), -ENOMEM));
    table_close(&huge);
}

/* In a suite of its own, since what start() allocates would be lost when the process stops. */
Test(table_misuse, stops_at_dropping_what_is_not_in_it, .signal = SIGABRT)
{
    struct table_node *buckets[16] = {NULL}, node = {0};
    struct table borrowed = {.buckets = buckets, .bucket_count = 16};
    table_drop(&borrowed, &node);
}

Test(table, hashes_as_xxh3_does)
{
    cr_assert(eq(u64, table_hash("", 0), UINT64_C(0x2d06800538d394c2)));
    cr_assert(ne(u64, table_hash("a", 1), table_hash("b", 1)));
}

enum { ITEMS = 500, STEPS = 50000 };
static struct item items[ITEMS];

/* Each item that is in the table is found once under its hash, and once by a walk. */
static void check_all(void)
{
    size_t expected = 0, walked = 0;
    for (size_t i = 0; i < ITEMS; i++) {
        unsigned found = 0;
        struct table_node *node = table_first(&table, items[i].key);
        for (; node; node = table_next(node)) {
            cr_assert(item_of(node)->key == items[i].key);
            found += item_of(node) == &items[i];
        }
        cr_assert(found == items[i].in_table);
        expected += items[i].in_table;
        items[i].seen = 0;
    }
    for (struct table_node *node = NULL; (node = table_walk(&table, node)); walked++)
        cr_assert(item_of(node)->in_table && item_of(node)->seen++ == 0);
    cr_assert(eq(sz, walked, expected));
    cr_assert(eq(sz, table.count, expected));
}

Test(table, agrees_with_a_simple_model)
{
    struct random random;
    random_init(&random, 31);
    for (size_t i = 0; i < ITEMS; i++) /* few keys, so that many are equal */
        items[i].key = random_below(&random, ITEMS / 2) << 40;

    for (unsigned step = 0; step < STEPS; step++) {
        struct item *item = &items[random_below(&random, ITEMS)];
        if (item->in_table)
            table_drop(&table, &item->node);
        else
            table_put(&table, &item->node, item->key);
        item->in_table = !item->in_table;
        if (step % 500 == 0)
            check_all();
    }
    check_all();
}
