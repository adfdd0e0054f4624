/* The control thread over a database of its own: what it tells the shards at start, of changes and
 * at the end, and in which order. The clock and the disk's free space are the test's; shards,
 * writer and reader are mailboxes that it empties. */
#include "control.h"

#include "../store/scratch.h"
#include "base/clock.h"
#include "base/text.h"
#include "disk_space.h"
#include "mail.h"
#include "requester.h"
#include "store/documents.h"
#include "tenant.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <signal.h>

enum { SHARDS = 2, MAILS_MAX = 600, SETTLE_MS = 2000 };

static struct scratch scratch;
static struct crew crew;
static struct config config;
static struct control *control;
static const struct id tenant_id = {{8}};

/* ---- in place of clock.c and disk_space.c ---- */

static uint64_t now_ms = 1000000;
static bool disk_is_low;

uint64_t clock_monotonic_ns(void)
{
    return now_ms * 1000000;
}

uint64_t clock_wall_ms(void)
{
    return now_ms;
}

uint64_t clock_process_cpu_ns(void)
{
    return 0;
}

bool disk_space_is_low(const char *path, uint64_t least, bool was_low)
{
    (void)was_low;
    cr_assert_str_eq(path, scratch.path);
    cr_assert(eq(u64, least, config.storage_free_min_bytes));
    return disk_is_low;
}

uint64_t disk_space_free(const char *path)
{
    (void)path;
    return 0;
}

/* ---- the stage ---- */

static struct id subscription_id(unsigned number)
{
    return (struct id){{7, (uint8_t)(number >> 8), (uint8_t)number}};
}

static void store_tenant(void)
{
    char document[1024], name[ID_TEXT_SIZE];
    struct tenant tenant = {.id = tenant_id, .name = "default"};
    struct text text;
    text_init(&text, document, sizeof document);
    tenant_print(&tenant, &text);
    cr_assert(zero(int, documents_put(scratch.db, "tenant", id_print(&tenant_id, "ten", name),
                                      text_slice(&text))));
}

static void store_subscriptions(unsigned count)
{
    char document[256], name[ID_TEXT_SIZE], tenant[ID_TEXT_SIZE];
    struct batch *batch;
    id_print(&tenant_id, "ten", tenant);
    cr_assert(zero(int, batch_open(&batch)));
    for (unsigned i = 0; i < count; i++) {
        struct id id = subscription_id(i);
        struct slice key = id_print(&id, "sub", name);
        snprintf(document, sizeof document,
                 "{\"id\":\"%s\",\"tenant\":\"%s\",\"url\":\"http://example.com/\"}", name, tenant);
        documents_batch_put(scratch.db, batch, "subscription", key, slice_str(document));
    }
    cr_assert(zero(int, db_write(scratch.db, batch, true)));
    batch_close(batch);
}

static void open_scratch(void)
{
    static char words[][16] = {"grapnel", "--admin",     "127.0.0.1:0", "--shards",
                               "2",       "--log-level", "off",         "--data"};
    static char *arguments[] = {words[0], words[1], words[2], words[3],     words[4],
                                words[5], words[6], words[7], scratch.path, NULL};
    scratch_open(&scratch, SHARDS);
    crew_init(&crew, SHARDS);
    setenv("GRAPNEL_ADMIN_KEY", "gk_0123456789abcdef", 1);
    log_set(LOG_OFF, LOG_FORMAT_TEXT);
    cr_assert(eq(int, (int)config_load(&config, 9, arguments, stdout, stderr), CONFIG_RUN));
}

/* The next mail of a member but for alerts, which are not what is looked at here. */
static struct mail *any_mail_of(unsigned member)
{
    struct mail *mail = mailbox_take(&crew.members[member].mailbox);
    for (; mail && mail->kind == MAIL_PUBLISH; mail = mailbox_take(&crew.members[member].mailbox))
        free(container_of(mail, struct mail_publish, mail));
    return mail;
}

static void close_control(void)
{
    for (unsigned shard = 0; shard < crew.shards; shard++)
        while (any_mail_of(shard))
            ;
    control_close(control);
    scratch_close(&scratch);
}

TestSuite(control, .init = open_scratch, .fini = close_control);

static void open_control(unsigned subscriptions)
{
    char why[CONTROL_WHY_SIZE];
    store_tenant();
    store_subscriptions(subscriptions);
    cr_assert(zero(int, control_open(&control, &config, &crew, scratch.db, why)), "%s", why);
}

/* The next mail of a member, which must be of this kind; NULL: none. */
static struct mail *mail_of(unsigned member, enum mail_kind kind)
{
    struct mail *mail = any_mail_of(member);
    if (mail)
        cr_assert(eq(int, (int)mail->kind, (int)kind));
    return mail;
}

static struct mail_directory *change_at(unsigned shard)
{
    struct mail *mail = mail_of(shard, MAIL_DIRECTORY);
    return mail ? container_of(mail, struct mail_directory, mail) : NULL;
}

static struct mail_stop *stop_at(unsigned member)
{
    struct mail *mail = mail_of(member, MAIL_STOP);
    return mail ? container_of(mail, struct mail_stop, mail) : NULL;
}

static void answer(unsigned member, struct mail *mail)
{
    crew_post(&crew, member, crew_control(&crew), mail);
}

/* All changes that are with the shard are answered; how many there were. */
static unsigned answer_changes(unsigned shard)
{
    unsigned count = 0;
    for (struct mail_directory *change; (change = change_at(shard)); count++)
        answer(shard, &change->mail);
    return count;
}

static void open_and_load(unsigned subscriptions)
{
    open_control(subscriptions);
    control_load_shards(control);
    for (unsigned i = 0; i < 10 && !control_is_loaded(control); i++) {
        for (unsigned shard = 0; shard < SHARDS; shard++)
            answer_changes(shard);
        control_tick(control);
    }
    cr_assert(control_is_loaded(control));
}

/* ---- starting ---- */

Test(control, tells_each_shard_everything_in_order)
{
    static const enum directory_kind kinds[] = {DIRECTORY_TENANT, DIRECTORY_KEY,
                                                DIRECTORY_SUBSCRIPTION, DIRECTORY_SUBSCRIPTION,
                                                DIRECTORY_STORAGE};
    open_control(2);
    control_load_shards(control);
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
            struct mail_directory *change = change_at(shard);
            cr_assert(change != NULL);
            cr_expect(eq(int, (int)change->kind, (int)kinds[i]));
            cr_expect(change->before == NULL);
            answer(shard, &change->mail);
        }
        cr_expect(change_at(shard) == NULL);
    }
}

Test(control, is_loaded_when_every_shard_has_everything)
{
    open_control(1);
    control_load_shards(control);
    answer_changes(0);
    control_tick(control);
    cr_assert(not(control_is_loaded(control)));
    answer_changes(1);
    control_tick(control);
    cr_assert(control_is_loaded(control));
}

Test(control, tells_many_in_portions)
{
    enum { SUBSCRIPTIONS = 400, PORTION = 256 };
    open_control(SUBSCRIPTIONS);
    control_load_shards(control);
    unsigned told = answer_changes(0);
    cr_assert(eq(u32, told, PORTION));
    control_tick(control);
    cr_assert(eq(u32, answer_changes(0), 0), "the other shard lags behind");
    answer_changes(1);
    control_tick(control);
    told += answer_changes(0);
    answer_changes(1);
    control_tick(control);
    cr_assert(eq(u32, told, 1 + 1 + SUBSCRIPTIONS + 1));
    cr_assert(control_is_loaded(control));
}

Test(control, gets_the_port_that_was_free)
{
    open_control(0);
    cr_assert(ne(u16, address_port(&config.admin), 0));
}

Test(control, does_not_open_where_another_listens)
{
    struct control *second = NULL;
    char why[CONTROL_WHY_SIZE] = "";
    open_control(0);
    struct crew others;
    crew_init(&others, SHARDS);
    cr_assert(eq(int, control_open(&second, &config, &others, scratch.db, why), -EADDRINUSE));
    cr_expect(strstr(why, "cannot listen on 127.0.0.1:") != NULL, "%s", why);
    cr_expect(strstr(why, "(admin)") != NULL, "%s", why);
}

/* ---- running ---- */

static struct mail_report report;

static void report_gone(unsigned subscription)
{
    report = (struct mail_report){.mail.kind = MAIL_REPORT,
                                  .what = REPORT_DISABLE,
                                  .reason = DISABLED_GONE,
                                  .subscription = subscription_id(subscription)};
    answer(1, &report.mail);
    control_tick(control);
}

Test(control, disables_a_subscription_whose_receiver_is_gone)
{
    open_and_load(2);
    report_gone(1);
    struct mail_directory *change = change_at(0);
    cr_assert(change != NULL);
    const struct subscription *before = change->before, *after = change->after;
    const struct id id = subscription_id(1);
    cr_expect(id_equal(&after->id, &id));
    cr_expect(eq(int, (int)before->status, SUBSCRIPTION_ACTIVE));
    cr_expect(eq(int, (int)after->status, SUBSCRIPTION_DISABLED));
    cr_expect(eq(int, (int)after->disabled_reason, DISABLED_GONE));
    cr_expect(eq(u64, after->updated_ms, now_ms));
    answer(0, &change->mail);
    answer(1, &change_at(1)->mail);
    cr_expect(mail_of(1, MAIL_REPORT) == &report.mail, "the shard may report again");
    control_tick(control);
}

Test(control, disables_once)
{
    open_and_load(2);
    report_gone(1);
    answer_changes(0);
    struct mail_directory *change = change_at(1);
    answer(1, &change->mail);
    mail_of(1, MAIL_REPORT);
    report_gone(1);
    cr_expect(change_at(0) == NULL);
    mail_of(1, MAIL_REPORT);
    report_gone(99); /* was deleted meanwhile */
    cr_expect(change_at(0) == NULL);
}

Test(control, answers_404_where_there_is_no_sandbox)
{
    struct mail_ask ask = {.mail.kind = MAIL_ASK, .answer_size = 5};
    open_and_load(0);
    answer(1, &ask.mail);
    control_tick(control);
    cr_assert(mail_of(1, MAIL_ASK) == &ask.mail);
    cr_expect(eq(int, ask.status, 404));
    cr_expect(ask.answer == NULL);
    cr_expect(zero(sz, ask.answer_size));
}

static void expect_storage(bool low)
{
    now_ms += SETTLE_MS;
    control_tick(control);
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        struct mail_directory *change = change_at(shard);
        cr_assert(change != NULL);
        cr_expect(eq(int, (int)change->kind, DIRECTORY_STORAGE));
        const struct storage_state *state = change->after;
        cr_expect(eq(int, state->low, low));
        answer(shard, &change->mail);
    }
}

Test(control, tells_shards_when_the_disk_is_full_and_when_it_is_not)
{
    open_and_load(0);
    disk_is_low = true;
    expect_storage(true);
    now_ms += SETTLE_MS;
    control_tick(control);
    cr_expect(change_at(0) == NULL, "it has not changed");
    disk_is_low = false;
    expect_storage(false);
}

Test(control, tells_shards_of_settings_that_were_read_again)
{
    open_and_load(0);
    control_reload(control);
    const struct config *fresh = NULL;
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        struct mail_directory *change = change_at(shard);
        cr_assert(change != NULL);
        cr_expect(eq(int, (int)change->kind, DIRECTORY_SETTINGS));
        fresh = change->after;
        cr_expect(eq(u64, fresh->event_bytes_max, config.event_bytes_max));
        answer(shard, &change->mail);
    }
    control_tick(control);
    control_reload(control); /* the copy that was used before is freed when this is used */
    answer_changes(0);
    answer_changes(1);
    control_tick(control);
}

/* ---- stopping ---- */

/* The members told to stop now are exactly these; they are told so and have not answered. */
static struct mail_stop *told_alone(unsigned member)
{
    struct mail_stop *stop = stop_at(member);
    cr_assert(stop != NULL);
    for (unsigned other = 0; other < crew_count(&crew) - 1; other++)
        cr_assert(stop_at(other) == NULL);
    return stop;
}

/* From here on it is the writer and the reader, one after the other. */
static void expect_rest_of_stop(bool now)
{
    struct mail_stop *writer = told_alone(crew_writer(&crew));
    cr_expect(eq(int, writer->now, now));
    answer(crew_writer(&crew), &writer->mail);
    control_tick(control);
    struct mail_stop *reader = told_alone(crew_reader(&crew));
    answer(crew_reader(&crew), &reader->mail);
    for (unsigned i = 0; i < 100 && !control_is_stopped(control); i++) {
        control_tick(control);
        crew_turn(&crew, crew_control(&crew), now_ms * 1000000 + 1000000);
    }
    cr_assert(control_is_stopped(control));
}

Test(control, stops_shards_then_writer_then_reader)
{
    open_and_load(0);
    control_stop(control);
    control_tick(control);
    struct mail_stop *first = stop_at(0);
    struct mail_stop *second = told_alone(1);
    cr_assert(first != NULL);
    cr_expect(not(first->now));
    answer(1, &second->mail);
    control_tick(control);
    cr_assert(stop_at(crew_writer(&crew)) == NULL, "a shard may still write");
    answer(0, &first->mail);
    control_tick(control);
    expect_rest_of_stop(false);
}

Test(control, stops_nobody_while_a_change_is_on_its_way)
{
    open_and_load(1);
    report_gone(0);
    control_stop(control);
    control_tick(control);
    struct mail_directory *change = change_at(0);
    cr_assert(change != NULL);
    cr_assert(mailbox_take(&crew.members[0].mailbox) == NULL);
    answer(0, &change->mail);
    answer(1, &change_at(1)->mail);
    mail_of(1, MAIL_REPORT);
    control_tick(control);
    cr_assert(stop_at(0) != NULL);
    cr_assert(stop_at(1) != NULL);
}

/* A shard gets a second mail, for the first is with it still, and sends both back. */
static void expect_hurry(struct mail_stop *first)
{
    struct mail_stop *hurry = stop_at(1);
    cr_assert(hurry != NULL);
    cr_expect(hurry->now);
    cr_expect(stop_at(0) == NULL, "it has stopped already");
    answer(1, &first->mail);
    answer(1, &hurry->mail);
    control_tick(control);
}

/* One shard has stopped; what the other was told. */
static struct mail_stop *stop_half(void)
{
    open_and_load(0);
    control_stop(control);
    control_tick(control);
    answer(0, &stop_at(0)->mail);
    struct mail_stop *first = stop_at(1);
    cr_assert(first != NULL);
    control_tick(control);
    return first;
}

Test(control, hurries_at_a_second_stop)
{
    struct mail_stop *first = stop_half();
    control_stop(control);
    expect_hurry(first);
    expect_rest_of_stop(true);
}

Test(control, hurries_when_the_time_is_up)
{
    struct mail_stop *first = stop_half();
    now_ms += config.shutdown_timeout_ms - 1;
    cr_expect(eq(u64, control_tick(control), (now_ms + 1) * 1000000), "it is to be called then");
    cr_assert(stop_at(1) == NULL);
    now_ms++;
    control_tick(control);
    expect_hurry(first);
    expect_rest_of_stop(true);
}

Test(control, stops_at_a_signal)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    cr_assert(zero(int, sigprocmask(SIG_BLOCK, &set, NULL)));
    open_and_load(0);
    raise(SIGTERM);
    for (unsigned i = 0; i < 1000 && !stop_at(0); i++) {
        crew_turn(&crew, crew_control(&crew), now_ms * 1000000 + 1000000);
        control_tick(control);
    }
    cr_assert(stop_at(1) != NULL);
}
