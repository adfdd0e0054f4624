/* When keys were last used, as control keeps it, on a real database. */
#include "last_use.h"

#include "../store/scratch.h"
#include "store/documents.h"

#include <criterion/new/assert.h>
#include <stdlib.h>

enum { ROUND_MS = 30000, MANY = 2500 };

static struct scratch scratch;
static struct registry registry;
static struct last_use uses;
static const uint64_t start_ms = UINT64_C(1700000000000);

static void put_key(unsigned number)
{
    struct access_key *key = calloc(1, sizeof *key);
    key->id.bytes[0] = key->hash[0] = (uint8_t)(number >> 8);
    key->id.bytes[1] = key->hash[1] = (uint8_t)number;
    cr_assert(eq(int, registry_put_key(&registry, key), 0));
}

static void open_all(void)
{
    scratch_open(&scratch, 1);
    cr_assert(eq(int, registry_open(&registry), 0));
    put_key(1);
    put_key(2);
    cr_assert(eq(int, last_use_open(&uses, scratch.db, &registry), 0));
}

static void close_all(void)
{
    registry_close(&registry);
    scratch_close(&scratch);
}

TestSuite(last_use, .init = open_all, .fini = close_all);

static struct access_key *key_at(size_t i)
{
    return registry.keys.items[i];
}

static void use(size_t i, uint64_t at_ms)
{
    struct mail_uses mail = {.count = 1};
    mail.uses[0] = (struct key_use){key_at(i)->id, at_ms};
    last_use_take(&uses, &mail);
}

static void read_again(void)
{
    for (size_t i = 0; i < registry.keys.count; i++)
        key_at(i)->used_ms = key_at(i)->used_kept_ms = 0;
    cr_assert(eq(int, last_use_open(&uses, scratch.db, &registry), 0));
}

static int count_one(void *context, struct slice name, struct slice document)
{
    (void)name;
    (void)document;
    ++*(unsigned *)context;
    return 0;
}

static unsigned stored(void)
{
    unsigned count = 0;
    cr_assert(eq(int, documents_each(scratch.db, LAST_USE_KIND, count_one, &count), 0));
    return count;
}

Test(last_use, is_the_latest_that_was_told)
{
    use(0, start_ms + 5);
    use(0, start_ms + 3);
    cr_assert(eq(u64, key_at(0)->used_ms, start_ms + 5));
    cr_assert(zero(u64, key_at(1)->used_ms));
}

Test(last_use, of_a_key_that_is_gone_is_nobodys)
{
    struct mail_uses mail = {.count = 1};
    mail.uses[0] = (struct key_use){{{9}}, start_ms};
    last_use_take(&uses, &mail);
    cr_assert(zero(uint, stored()));
}

Test(last_use, goes_to_the_disk_once_a_round)
{
    last_use_sweep(&uses, start_ms);
    use(0, start_ms + 1);
    last_use_sweep(&uses, start_ms + ROUND_MS - 1);
    cr_assert(zero(uint, stored()));
    last_use_sweep(&uses, start_ms + ROUND_MS);
    cr_assert(eq(uint, stored(), 1));
    read_again();
    cr_assert(eq(u64, key_at(0)->used_ms, start_ms + 1));
    cr_assert(zero(u64, key_at(1)->used_ms));
}

Test(last_use, goes_on_when_the_clock_was_set_back)
{
    last_use_sweep(&uses, start_ms);
    use(0, start_ms + 1);
    last_use_sweep(&uses, start_ms - 5000);
    cr_assert(eq(uint, stored(), 1));
}

Test(last_use, of_many_keys_takes_steps_and_all_of_them_at_the_end)
{
    for (unsigned i = 3; i <= MANY; i++)
        put_key(i);
    for (size_t i = 0; i < MANY; i++)
        use(i, start_ms + i);
    last_use_sweep(&uses, start_ms);
    cr_assert(lt(uint, stored(), MANY));
    last_use_finish(&uses);
    cr_assert(eq(uint, stored(), MANY));
    read_again();
    for (size_t i = 0; i < MANY; i++)
        cr_assert(eq(u64, key_at(i)->used_ms, start_ms + i));
}

Test(last_use, forgets_keys_that_are_gone_and_what_is_no_document)
{
    use(0, start_ms);
    use(1, start_ms);
    last_use_finish(&uses);
    cr_assert(eq(int, documents_put(scratch.db, LAST_USE_KIND, SLICE("nobody"), SLICE("{}")), 0));
    struct access_key *gone = key_at(1);
    registry_drop_key(&registry, &gone->id);
    access_key_free(gone);
    read_again();
    cr_assert(eq(u64, key_at(0)->used_ms, start_ms));
    cr_assert(eq(uint, stored(), 1));
}
