/* The audit log, on a real database, held against a verifier that knows nothing but what
 * tools/docs/audit.md says. The clock is the test's. */
#include "audit.h"

#include "../store/scratch.h"
#include "access_key.h"
#include "base/clock.h"
#include "base/random.h"
#include "net/address.h"
#include "store/bytes.h"
#include "store/documents.h"

#include <criterion/new/assert.h>
#include <errno.h>
#include <openssl/sha.h>

enum { SEED = 11, STEPS = 400, LINES_MAX = 1024, HASH_DIGITS = 64, TAIL = 75 };

static struct scratch scratch;
static struct audit audit;
static uint64_t now_ms = UINT64_C(1700000000000);
static char zeros[HASH_DIGITS + 1];

uint64_t clock_wall_ms(void)
{
    return now_ms;
}

uint64_t clock_monotonic_ns(void)
{
    return 0;
}

static void open_audit(void)
{
    memset(zeros, '0', HASH_DIGITS);
    scratch_open(&scratch, 1);
    cr_assert(eq(int, audit_open(&audit, scratch.db), 0));
}

static void close_audit(void)
{
    scratch_close(&scratch);
}

TestSuite(audit, .init = open_audit, .fini = close_audit);

static void reopen(void)
{
    scratch_reopen(&scratch);
    cr_assert(eq(int, audit_open(&audit, scratch.db), 0));
}

/* So many times, in one batch. */
static int put_times(const struct audit_entry *entry, unsigned times, bool is_written)
{
    struct batch *batch;
    int error = 0;
    cr_assert(eq(int, batch_open(&batch), 0));
    audit_begin(&audit);
    for (unsigned i = 0; i < times && !error; i++)
        error = audit_batch_put(&audit, batch, entry);
    if (!error && is_written) {
        cr_assert(eq(int, db_write(scratch.db, batch, true), 0));
        audit_written(&audit);
    }
    batch_close(batch);
    return error;
}

static int put(const struct audit_entry *entry, bool is_written)
{
    return put_times(entry, 1, is_written);
}

/* ---- what is exported ---- */

struct export
{
    char *lines[LINES_MAX];
    size_t sizes[LINES_MAX];
    unsigned count;
};

static void export_all(struct export *into)
{
    into->count = 0;
    for (uint64_t seq = audit.anchor.seq + 1; seq <= audit.head.seq; seq++) {
        struct db_value record;
        cr_assert(eq(int, audit_get(&audit, seq, &record), 0));
        into->lines[into->count] = strndup(record.bytes.at, record.bytes.size);
        into->sizes[into->count++] = record.bytes.size;
        db_value_give(&record);
    }
}

static void export_free(struct export *export)
{
    for (unsigned i = 0; i < export->count; i++)
        free(export->lines[i]);
}

/* ---- the obviously right verifier ---- */

static void hex_of_hash(const char *bytes, size_t size, char hex[static HASH_DIGITS + 1])
{
    uint8_t hash[SHA256_DIGEST_LENGTH];
    SHA256((const uint8_t *)bytes, size, hash);
    for (unsigned i = 0; i < sizeof hash; i++)
        snprintf(hex + (size_t)i * 2, 3, "%02x", hash[i]);
}

/* Of a line by itself. */
static bool is_whole(const char *line, size_t size)
{
    char tail[TAIL + 1], hex[HASH_DIGITS + 1];
    if (size <= TAIL || memchr(line, '\n', size))
        return false;
    hex_of_hash(line, size - TAIL, hex);
    snprintf(tail, sizeof tail, ",\"hash\":\"%s\"}", hex);
    return memcmp(line + size - TAIL, tail, TAIL) == 0;
}

/* The index of the first line that is wrong; `count` if none is. */
static unsigned first_wrong(const struct export *export, uint64_t seq, const char *previous)
{
    char head[64], link[128], last[HASH_DIGITS + 1];
    snprintf(last, sizeof last, "%s", previous);
    for (unsigned i = 0; i < export->count; i++) {
        const char *line = export->lines[i];
        size_t size = export->sizes[i];
        int head_size = snprintf(head, sizeof head, "{\"seq\":%llu,", (unsigned long long)++seq);
        int link_size = snprintf(link, sizeof link, ",\"previous\":\"%s\"", last);
        if (!is_whole(line, size) || memcmp(line, head, (size_t)head_size) != 0 ||
            memcmp(line + size - TAIL - (size_t)link_size, link, (size_t)link_size) != 0)
            return i;
        memcpy(last, line + size - HASH_DIGITS - 2, HASH_DIGITS);
    }
    return export->count;
}

static void anchor_hash(char hex[static HASH_DIGITS + 1])
{
    for (unsigned i = 0; i < AUDIT_HASH_SIZE; i++)
        snprintf(hex + (size_t)i * 2, 3, "%02x", audit.anchor.hash[i]);
}

static unsigned expect_whole(void)
{
    struct export export;
    char previous[HASH_DIGITS + 1];
    anchor_hash(previous);
    export_all(&export);
    cr_assert(eq(uint, first_wrong(&export, audit.anchor.seq, previous), export.count));
    export_free(&export);
    return export.count;
}

/* ---- random entries ---- */

static struct id tenant = {{7}};
static struct access_key key = {.id = {{9}}, .name = "o\"ps\n"};
static struct address peer;

static struct audit_entry draw(struct random *dice, char *name, char *object)
{
    static const char *const actions[] = {"subscription.create", "key.delete", "tenant.update"};
    size_t size = random_below(dice, 300);
    snprintf(name, 32, "sub_%llu", (unsigned long long)random_below(dice, 1000));
    memset(object, ' ', size + 2);
    object[0] = '{';
    object[size + 1] = '}';
    cr_assert(eq(int, address_parse(SLICE("10.1.2.3:99"), &peer), 0));
    return (struct audit_entry){
        .action = actions[random_below(dice, 3)],
        .key = random_below(dice, 4) ? &key : NULL,
        .peer = random_below(dice, 4) ? &peer : NULL,
        .tenant = random_below(dice, 4) ? &tenant : NULL,
        .resource = slice_str(name),
        .before = random_below(dice, 2) ? slice_of(object, size + 2) : SLICE(""),
        .after = random_below(dice, 2) ? slice_of(object, size + 2) : SLICE(""),
    };
}

static void put_some(struct random *dice, unsigned count)
{
    char name[32], object[512];
    for (unsigned i = 0; i < count; i++) {
        const struct audit_entry entry = draw(dice, name, object);
        now_ms += random_below(dice, 5);
        cr_assert(eq(int, put(&entry, true), 0));
    }
}

/* ---- tests ---- */

Test(audit, prints_a_record_as_its_page_says)
{
    const struct audit_entry entry = {
        .action = "subscription.update",
        .key = &key,
        .peer = &peer,
        .tenant = &tenant,
        .resource = SLICE("sub_1"),
        .before = SLICE("{\"a\":1}"),
    };
    struct db_value record;
    char expected[1024], digits[2][ID_TEXT_SIZE], hex[HASH_DIGITS + 1];
    cr_assert(eq(int, address_parse(SLICE("10.1.2.3:99"), &peer), 0));
    cr_assert(eq(int, put(&entry, true), 0));
    int size = snprintf(expected, sizeof expected,
                        "{\"seq\":1,\"at\":\"2023-11-14T22:13:20.000Z\",\"actor\":\"%s\","
                        "\"actor_name\":\"o\\\"ps\\n\",\"remote_address\":\"10.1.2.3\","
                        "\"tenant\":\"%s\",\"action\":\"subscription.update\","
                        "\"resource\":\"sub_1\",\"before\":{\"a\":1},\"after\":null,"
                        "\"previous\":\"%s\"",
                        id_print(&key.id, "key", digits[0]).at,
                        id_print(&tenant, "ten", digits[1]).at, zeros);
    hex_of_hash(expected, (size_t)size, hex);
    snprintf(expected + size, sizeof expected - (size_t)size, ",\"hash\":\"%s\"}", hex);
    cr_assert(eq(int, audit_get(&audit, 1, &record), 0));
    cr_expect(slice_equal(record.bytes, slice_str(expected)), "%.*s", SLICE_ARGS(record.bytes));
    db_value_give(&record);
}

Test(audit, names_the_engine_where_nobody_asked)
{
    const struct audit_entry entry = {.action = "subscription.disable", .resource = SLICE("sub_1")};
    const struct slice expected = SLICE("\"actor\":\"engine\",\"actor_name\":\"engine\","
                                        "\"remote_address\":null,\"tenant\":null,");
    struct db_value record;
    cr_assert(eq(int, put(&entry, true), 0));
    cr_assert(eq(int, audit_get(&audit, 1, &record), 0));
    cr_expect(memmem(record.bytes.at, record.bytes.size, expected.at, expected.size) != NULL,
              "%.*s", SLICE_ARGS(record.bytes));
    db_value_give(&record);
}

Test(audit, names_what_is_too_large_by_its_hash)
{
    static char large[AUDIT_OBJECT_MAX + 1];
    memset(large, 'x', sizeof large);
    const struct audit_entry entry = {.action = "tenant.update",
                                      .resource = SLICE("ten_1"),
                                      .before = slice_of(large, sizeof large),
                                      .after = slice_of(large, sizeof large - 1)};
    struct db_value record;
    char expected[160], hex[HASH_DIGITS + 1];
    hex_of_hash(large, sizeof large, hex);
    int size =
        snprintf(expected, sizeof expected,
                 ",\"before\":{\"omitted_bytes\":65537,\"sha256\":\"%s\"},\"after\":xx", hex);
    cr_assert(eq(int, put(&entry, true), 0));
    cr_assert(eq(int, audit_get(&audit, 1, &record), 0));
    cr_expect(memmem(record.bytes.at, record.bytes.size, expected, (size_t)size) != NULL);
    db_value_give(&record);
}

Test(audit, is_whole_whatever_is_written_dropped_or_started_again)
{
    struct random dice;
    char name[32], object[512];
    random_init(&dice, SEED);
    for (unsigned step = 0; step < STEPS; step++) {
        const struct audit_entry entry = draw(&dice, name, object);
        uint64_t seq = audit.head.seq;
        unsigned times = 1 + (unsigned)random_below(&dice, 3);
        bool is_written = random_below(&dice, 8) > 0;
        if (random_below(&dice, 10) == 0)
            now_ms -= 50; /* a clock that was set back */
        now_ms += random_below(&dice, 10);
        cr_assert(eq(int, put_times(&entry, times, is_written), 0));
        cr_assert(eq(u64, audit.head.seq, seq + (is_written ? times : 0)), "seed %d", SEED);
        if (random_below(&dice, 100) == 0)
            reopen();
    }
    cr_expect(eq(u64, expect_whole(), audit.head.seq));
    reopen();
    cr_expect(eq(u64, expect_whole(), audit.head.seq));
}

Test(audit, shows_a_byte_that_was_changed_at_its_record)
{
    struct random dice;
    struct export export;
    random_init(&dice, SEED);
    put_some(&dice, 50);
    export_all(&export);
    for (unsigned step = 0; step < 5000; step++) {
        unsigned line = (unsigned)random_below(&dice, export.count);
        size_t place = random_below(&dice, export.sizes[line]);
        char flip = (char)(1 + random_below(&dice, 255));
        export.lines[line][place] ^= flip;
        cr_assert(eq(uint, first_wrong(&export, 0, zeros), line), "seed %d, byte %zu of line %u",
                  SEED, place, line);
        export.lines[line][place] ^= flip;
    }
    cr_assert(eq(uint, first_wrong(&export, 0, zeros), export.count));
    export_free(&export);
}

Test(audit, shows_a_record_that_was_taken_out_or_made_up)
{
    struct random dice;
    struct export export;
    random_init(&dice, SEED);
    put_some(&dice, 20);
    export_all(&export);
    char *taken = export.lines[7];
    memmove(&export.lines[7], &export.lines[8], (export.count - 8) * sizeof export.lines[0]);
    memmove(&export.sizes[7], &export.sizes[8], (export.count - 8) * sizeof export.sizes[0]);
    export.count--;
    cr_expect(eq(uint, first_wrong(&export, 0, zeros), 7));
    free(taken);

    /* One that is whole by itself, in the place of another: the next says so. */
    char *line = export.lines[3], hex[HASH_DIGITS + 1];
    char *digit = strstr(line, "\"at\":\"20") + 8;
    *digit = '1';
    hex_of_hash(line, export.sizes[3] - TAIL, hex);
    memcpy(line + export.sizes[3] - HASH_DIGITS - 2, hex, HASH_DIGITS);
    cr_expect(eq(uint, first_wrong(&export, 0, zeros), 4));
    export_free(&export);
}

Test(audit, never_goes_back_in_time)
{
    struct random dice;
    struct export export;
    random_init(&dice, SEED);
    put_some(&dice, 5);
    now_ms -= 3600000;
    put_some(&dice, 5);
    export_all(&export);
    for (unsigned i = 1; i < export.count; i++) {
        const char *before = strstr(export.lines[i - 1], "\"at\":"),
                   *at = strstr(export.lines[i], "\"at\":");
        cr_expect(ge(int, memcmp(at, before, 31), 0));
    }
    export_free(&export);
}

Test(audit, finds_the_last_record_from_before_a_moment)
{
    struct random dice;
    uint64_t times[60] = {0};
    random_init(&dice, SEED);
    for (unsigned i = 0; i < 60; i++) {
        put_some(&dice, 1);
        times[i] = audit.head.at_ms;
    }
    cr_assert(eq(int, audit_prune(&audit, times[10], 1000), 0));
    for (uint64_t moment = times[0]; moment <= times[59] + 1; moment++) {
        uint64_t expected = audit.anchor.seq;
        while (expected < 60 && times[expected] < moment)
            expected++;
        cr_assert(eq(u64, audit_seq_before(&audit, moment), expected));
    }
    cr_expect(eq(u64, audit_seq_before(&audit, 0), audit.anchor.seq));
    cr_expect(eq(u64, audit_seq_before(&audit, UINT64_MAX), audit.head.seq));
}

Test(audit, loses_its_oldest_by_age_and_by_number_and_stays_whole)
{
    struct random dice;
    random_init(&dice, SEED);
    put_some(&dice, 100);
    uint64_t middle_ms = audit.head.at_ms + 1;
    now_ms = middle_ms + 10;
    put_some(&dice, 50);

    cr_assert(eq(int, audit_prune(&audit, 0, 1000), 0));
    cr_expect(zero(u64, audit.anchor.seq), "there is room for all");
    cr_assert(eq(int, audit_prune(&audit, middle_ms, 1000), 0));
    cr_expect(eq(u64, audit.anchor.seq, 100));
    cr_expect(eq(uint, expect_whole(), 50));
    cr_assert(eq(int, audit_prune(&audit, middle_ms, 20), 0));
    cr_expect(eq(u64, audit.anchor.seq, 130));
    cr_expect(eq(uint, expect_whole(), 20));

    reopen();
    cr_expect(eq(u64, audit.anchor.seq, 130));
    cr_expect(eq(uint, expect_whole(), 20));
    cr_assert(eq(int, audit_prune(&audit, UINT64_MAX, 1000), 0));
    cr_expect(eq(u64, audit.anchor.seq, audit.head.seq), "all of it is old");
    put_some(&dice, 3);
    cr_expect(eq(uint, expect_whole(), 3));
}

Test(audit, is_pruned_some_at_a_time)
{
    struct random dice;
    random_init(&dice, SEED);
    put_some(&dice, 300);
    cr_assert(eq(int, audit_prune(&audit, UINT64_MAX, 1000), 0));
    cr_expect(eq(u64, audit.anchor.seq, 256));
    cr_expect(eq(uint, expect_whole(), 44));
}

Test(audit, prunes_nothing_that_it_cannot_read)
{
    struct random dice;
    char name[8];
    random_init(&dice, SEED);
    put_some(&dice, 3);
    bytes_put_u64_big(name, 1);
    cr_assert(eq(int, documents_put(scratch.db, "audit", slice_of(name, 8), SLICE("{}")), 0));
    cr_expect(eq(int, audit_prune(&audit, UINT64_MAX, 1000), -EBADMSG));
    cr_assert(eq(int, documents_drop(scratch.db, "audit", slice_of(name, 8)), 0));
    cr_expect(eq(int, audit_prune(&audit, UINT64_MAX, 1000), -EBADMSG));
    cr_expect(zero(u64, audit.anchor.seq));
}

Test(audit, is_not_opened_over_what_is_no_head)
{
    cr_assert(eq(int, documents_put(scratch.db, "audit_chain", SLICE("head"), SLICE("{}")), 0));
    cr_expect(eq(int, audit_open(&audit, scratch.db), -EBADMSG));
}
