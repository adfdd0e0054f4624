/* shard_stage.h - a whole shard, number 0 of two, with everything around it in the test's hands:
 * the clock, the HTTP client (in the place of http_client.c: calls are taken down, and end as the
 * test says), the writer with a small disk, the reader of that disk, and control.
 *
 * Events come as blocks of shard 1, so what is due to their owner is seen in its mailbox.
 */
#ifndef TESTS_UNIT_ENGINE_SHARD_STAGE_H
#define TESTS_UNIT_ENGINE_SHARD_STAGE_H

#include "shard.h"

#include "base/clock.h"
#include "base/json.h"
#include "faults.h"
#include "store/recovery.h"
#include "tenant.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { STAGE_ROWS = 4096, STAGE_CALLS = 256, STAGE_EVENTS = 4096, STAGE_WALL_MS = 1769860800 };

static struct crew crew;
static struct config config;
static struct shard shard;
static uint64_t now_ms = 1000;
static uint64_t wall_creep; /* so much the wall clock goes on each time it is read */
static uint64_t wall_back;  /* so much it was set back */

/* ---- in place of clock.c ---- */

uint64_t clock_monotonic_ns(void)
{
    return now_ms * 1000000;
}

uint64_t clock_wall_ms(void)
{
    static uint64_t crept;
    crept += wall_creep;
    return STAGE_WALL_MS + now_ms + crept - wall_back;
}

uint64_t clock_process_cpu_ns(void)
{
    return 0;
}

/* ---- in place of http_client.c ---- */

struct http_origin {
    struct url url;
    struct http_origin_options options;
};

static struct {
    struct http_call *open[STAGE_CALLS]; /* oldest first */
    struct http_origin *to[STAGE_CALLS];
    unsigned count, begun, origins, retired;
    bool has_no_connection;
    bool takes_no_cancel; /* its calls have ended, and are not reported yet */
} client;

int http_client_open(struct http_client **made, struct loop *loop, struct wheel *wheel,
                     struct resolver *resolver, const struct http_client_options *options)
{
    (void)loop, (void)wheel, (void)resolver, (void)options;
    *made = (struct http_client *)&client;
    return 0;
}

struct http_origin *http_origin_take(struct http_client *from, const struct url *url,
                                     const struct http_origin_options *options)
{
    struct http_origin *origin = malloc(sizeof *origin);
    (void)from;
    origin->url = *url;
    origin->options = *options;
    client.origins++;
    return origin;
}

void http_origin_give(struct http_client *to, struct http_origin *origin)
{
    (void)to;
    client.origins--;
    free(origin);
}

void http_origin_retire(struct http_client *to, struct http_origin *origin)
{
    client.retired++;
    http_origin_give(to, origin);
}

/* Ends the call number `i` of those that are open. */
static inline void end_call(unsigned i, enum http_outcome outcome, int status)
{
    struct http_call *call = client.open[i];
    cr_assert(lt(u32, i, client.count));
    client.count--;
    for (; i < client.count; i++) {
        client.open[i] = client.open[i + 1];
        client.to[i] = client.to[i + 1];
    }
    call->outcome = outcome;
    call->status = status;
    call->start_ns = call->end_ns = clock_monotonic_ns();
    call->on_done(call);
}

void http_client_call(struct http_client *by, struct http_origin *origin, struct http_call *call)
{
    cr_assert(by == shard.client);
    cr_assert(lt(u32, client.count, STAGE_CALLS));
    client.to[client.count] = origin;
    client.open[client.count++] = call;
    client.begun++;
    if (client.has_no_connection)
        end_call(client.count - 1, HTTP_NO_CONNECTION, 0);
}

void http_client_cancel(struct http_client *by, struct http_call *call)
{
    (void)by;
    for (unsigned i = 0; i < client.count && !client.takes_no_cancel; i++)
        if (client.open[i] == call) {
            end_call(i, HTTP_CANCELLED, 0);
            return;
        }
}

void http_client_stop(struct http_client *stopped)
{
    (void)stopped;
}

bool http_client_idle(const struct http_client *asked)
{
    (void)asked;
    return true;
}

void http_client_close(struct http_client *closed)
{
    (void)closed;
    cr_assert(zero(u32, client.origins), "all are given back");
}

struct http_client_counters http_client_counters(const struct http_client *asked)
{
    (void)asked;
    return (struct http_client_counters){.open = client.count};
}

const struct histogram *http_client_handshakes(const struct http_client *asked)
{
    static const struct histogram none;
    (void)asked;
    return &none;
}

/* ---- the disk, and what the writer puts on it ---- */

static struct {
    struct key key;
    char value[DELIVERY_ROW_SIZE_MAX];
    size_t size;
} rows[STAGE_ROWS];
static unsigned row_count;
static struct attempt_record attempts[STAGE_EVENTS]; /* and notes; without their slices */
static unsigned attempt_count;
static struct tenant tenant = {.id = {{8}}, .name = "default"};
static char last_error[128]; /* of attempts: the batch is used again */

static inline int row_at(const struct key *key)
{
    for (unsigned i = 0; i < row_count; i++)
        if (slice_equal(key_slice(&rows[i].key), key_slice(key)))
            return (int)i;
    return -1;
}

static inline unsigned rows_of(enum row_kind kind)
{
    unsigned count = 0;
    for (unsigned i = 0; i < row_count; i++)
        count += rows[i].key.bytes[0] == (char)kind;
    return count;
}

static inline bool has_row(enum row_kind kind, const struct subscription *subscription,
                           const struct id *event)
{
    struct key key = key_row(kind, &subscription->id, event);
    return row_at(&key) >= 0;
}

static inline void change_row(struct slice key_bytes, struct slice value)
{
    struct key key = {.size = key_bytes.size};
    memcpy(key.bytes, key_bytes.at, key_bytes.size);
    int at = row_at(&key);
    if (!value.at) {
        if (at >= 0)
            rows[at] = rows[--row_count];
        return;
    }
    cr_assert(lt(u32, row_count, STAGE_ROWS));
    if (at < 0)
        at = (int)row_count++;
    rows[at].key = key;
    rows[at].size = value.size;
    memcpy(rows[at].value, value.at, value.size);
}

static inline void note_error(const struct attempt_record *attempt)
{
    char room[4096];
    struct attempt_record opened = *attempt;
    cr_assert(le(sz, attempt_record_open_size(attempt), sizeof room));
    cr_assert(zero(int, attempt_record_open(&opened, tenant.log_key, room)));
    snprintf(last_error, sizeof last_error, "%.*s", SLICE_ARGS(opened.error));
}

/* All outcomes that have been sent are on disk, and the shard is told. */
static inline void stage_write(void)
{
    struct mail *mail;
    while ((mail = mailbox_take(&crew.members[crew_writer(&crew)].mailbox))) {
        cr_assert(eq(u32, mail->kind, MAIL_OUTCOMES));
        struct outcome_batch *batch = container_of(mail, struct outcome_batch, mail);
        struct slice rest = slice_of(batch->journal.rows.at, batch->journal.rows.size);
        struct slice key, value;
        while (row_log_next(&rest, &key, &value))
            change_row(key, value);
        const struct block *block = &batch->journal.attempts;
        rest = slice_of(block->at + BLOCK_HEAD_SIZE, block->size - BLOCK_HEAD_SIZE);
        while (block_next(&rest, &value)) {
            cr_assert(lt(u32, attempt_count, STAGE_EVENTS));
            cr_assert(zero(int, attempt_record_decode(value, &attempts[attempt_count])));
            note_error(&attempts[attempt_count++]);
        }
        crew_post(&crew, crew_writer(&crew), 0, mail);
    }
}

/* ---- the reader ---- */

static bool reader_is_asleep;

static inline struct fetched_event *read_event(const struct id *event,
                                               const struct id *subscription)
{
    struct fetched_event *read = calloc(1, sizeof *read);
    struct key key = key_row(ROW_DELIVERY, subscription, event);
    int at = row_at(&key);
    read->event = (struct event_record){.event = *event,
                                        .type = SLICE("a.b"),
                                        .content_type = SLICE("application/json"),
                                        .payload = SLICE("{\"a\":1}")};
    if (at >= 0)
        cr_assert(
            zero(int, delivery_row_decode(slice_of(rows[at].value, rows[at].size), &read->row)));
    return read;
}

static inline bool is_before(const struct key *a, const struct key *b)
{
    return memcmp(a->bytes, b->bytes, a->size < b->size ? a->size : b->size) < 0;
}

/* Puts row `at` in its place among the first of the answer. */
static inline void insert_row(struct mail_fetch *fetch, struct key keys[static FETCH_ROWS_MAX],
                              unsigned at)
{
    int place = fetch->count;
    while (place > 0 && is_before(&rows[at].key, &keys[place - 1]))
        place--;
    if (place == fetch->max)
        return;
    fetch->count += fetch->count < fetch->max;
    memmove(&keys[place + 1], &keys[place], (size_t)(fetch->count - 1 - place) * sizeof keys[0]);
    keys[place] = rows[at].key;
}

static inline void read_rows(struct mail_fetch *fetch)
{
    struct key keys[FETCH_ROWS_MAX];
    bool is_retries = fetch->kind == FETCH_RETRIES;
    struct key from =
        is_retries ? key_retry(fetch->from_ms, &fetch->after_subscription, &fetch->after_event)
                   : key_row(ROW_PARKED, &fetch->subscription, &fetch->after_event);
    fetch->count = 0;
    for (unsigned i = 0; i < row_count; i++) {
        struct id subscription, event;
        uint64_t due_ms = 0;
        enum row_kind kind;
        if (is_retries ? key_parse_retry(key_slice(&rows[i].key), &due_ms, &subscription, &event)
                       : key_parse_row(key_slice(&rows[i].key), &kind, &subscription, &event))
            continue;
        bool is_after = !fetch->has_after || is_before(&from, &rows[i].key);
        if (is_retries
                ? is_after && due_ms >= fetch->from_ms && due_ms < fetch->below_ms
                : is_after && kind == ROW_PARKED && id_equal(&subscription, &fetch->subscription))
            insert_row(fetch, keys, i);
    }
    for (int i = 0; i < fetch->count; i++) {
        struct backlog_row *row = &fetch->rows[i];
        struct wait_row wait;
        enum row_kind kind;
        const struct slice key = key_slice(&keys[i]);
        int at = row_at(&keys[i]);
        cr_assert(zero(int, wait_row_decode(slice_of(rows[at].value, rows[at].size), &wait)));
        row->attempt_count = wait.attempt_count;
        cr_assert(zero(
            int, is_retries ? key_parse_retry(key, &row->due_ms, &row->subscription, &row->event)
                            : key_parse_row(key, &kind, &row->subscription, &row->event)));
        fetch->events[i] = is_retries ? NULL : read_event(&row->event, &row->subscription);
    }
    fetch->more = fetch->count == fetch->max;
}

static inline void stage_read(void)
{
    struct mail *mail;
    while (!reader_is_asleep && (mail = mailbox_take(&crew.members[crew_reader(&crew)].mailbox))) {
        if (mail->kind == MAIL_GIVE_BACK) {
            free(container_of(mail, struct fetched_event, mail));
            continue;
        }
        struct mail_fetch *fetch = container_of(mail, struct mail_fetch, mail);
        if (fetch->kind == FETCH_RETRIES || fetch->kind == FETCH_PARKED)
            read_rows(fetch);
        else if (fetch->kind == FETCH_EVENT)
            fetch->events[0] = read_event(&fetch->rows[0].event, &fetch->rows[0].subscription);
        crew_post(&crew, crew_reader(&crew), 0, mail); /* no backlogs, and nothing to be erased */
    }
}

/* ---- time ---- */

static inline void tick(void)
{
    shard_tick(&shard);
}

/* All that can be done without time passing. */
static inline void settle(void)
{
    for (unsigned i = 0; i < 5; i++) {
        tick();
        outcomes_flush(&shard, true);
        stage_write();
        stage_read();
    }
    tick();
}

/* In steps, as a thread would wake up. */
static inline void pass(uint64_t ms)
{
    uint64_t until_ms = now_ms + ms;
    while (now_ms < until_ms) {
        now_ms = until_ms - now_ms < 100 ? until_ms : now_ms + 100;
        settle();
    }
}

/* ---- control ---- */

static struct subscription *subscriptions[8];
static unsigned subscription_count;
static struct mail_directory change_mail;
static struct mail_serve serve_mail;
static struct mail_stop stop_mail;

static inline void post(struct mail *mail, enum mail_kind kind)
{
    mail->kind = kind;
    crew_post(&crew, crew_control(&crew), 0, mail);
    tick();
}

static inline struct mail *at_control(void)
{
    return mailbox_take(&crew.members[crew_control(&crew)].mailbox);
}

static inline void change(enum directory_kind kind, const void *before, const void *after)
{
    change_mail = (struct mail_directory){.kind = kind, .before = before, .after = after};
    post(&change_mail.mail, MAIL_DIRECTORY);
    struct mail *mail = at_control();
    for (; mail && mail->kind == MAIL_REPORT; mail = at_control())
        post(mail, MAIL_REPORT); /* of what was seen before */
    cr_assert(mail == &change_mail.mail);
}

/* A subscription as the API would make it, whose home is here; it is not put in. */
static inline struct subscription *make_subscription(const char *body)
{
    static char padded[4096];
    struct json *json;
    struct json_value root;
    struct faults faults;
    struct subscription *made = NULL;
    char why[JSON_WHY_SIZE];
    cr_assert(zero(int, json_open(&json)));
    memset(padded, 0, sizeof padded);
    snprintf(padded, sizeof padded - JSON_PADDING, "%s", body);
    cr_assert(zero(int, json_read(json, slice_of(padded, strlen(padded)), &root, why)), "%s", why);
    cr_assert(zero(int, subscription_parse(root, NULL, &made, &faults)), "%s %s",
              faults.list[0].pointer, faults.list[0].detail);
    json_close(json);
    made->tenant = tenant.id;
    made->id.bytes[0] = (uint8_t)(7 + subscription_count);
    while (keys_home(&made->id, crew.shards) != 0)
        made->id.bytes[15]++;
    subscriptions[subscription_count++] = made;
    return made;
}

static inline struct subscription *subscribe(const char *body)
{
    struct subscription *made = make_subscription(body);
    change(DIRECTORY_SUBSCRIPTION, NULL, made);
    return made;
}

/* ---- events, by blocks of shard 1 ---- */

static struct {
    struct event_block *block;
    struct block_share *share;
    char memory[1024];
} * events[STAGE_EVENTS];
static unsigned event_count;

/* An event for the subscription comes; its id. */
static inline struct id publish(const struct subscription *subscription)
{
    unsigned number = event_count;
    cr_assert(lt(u32, number, STAGE_EVENTS));
    events[number] = calloc(1, sizeof *events[0]);
    struct event_block *block =
        calloc(1, sizeof *block + 2 * sizeof block->shares[0]); /* freed at the end */
    struct block_share *share = &block->shares[0];
    struct event_record event = {
        .event = {{0, (uint8_t)(number >> 8), (uint8_t)number, 1}},
        .tenant = tenant.id,
        .type = SLICE("a.b"),
        .content_type = SLICE("application/json"),
        .payload = SLICE("{\"a\":1}"),
        .subscriptions = &subscription->id,
        .subscription_count = 1,
    };
    events[number]->block = block;
    events[number]->share = share;
    block_init(&block->journal.block, BLOCK_EVENTS, 1, number, events[number]->memory,
               sizeof events[number]->memory);
    event_record_encode(&event, block_append(&block->journal.block, event_record_size(&event), 0));
    *share = (struct block_share){
        .block = block,
        .released.kind = MAIL_RELEASED,
        .settled.kind = MAIL_SETTLED,
        .rest = slice_of(block->journal.block.at + BLOCK_HEAD_SIZE,
                         block->journal.block.size - BLOCK_HEAD_SIZE),
        .wanted = true,
    };
    list_init(&share->link);
    share->mail.kind = MAIL_BLOCK;
    event_count++;
    crew_post(&crew, 1, 0, &share->mail);
    tick();
    return event.event;
}

/* ---- beginning and end ---- */

static inline void stage_open(void)
{
    static char words[][20] = {"grapnel", "--memory", "256M", "--log-level",
                               "off",     "--shards", "2"};
    static char *arguments[] = {words[0], words[1], words[2], words[3],
                                words[4], words[5], words[6], NULL};
    static struct recovery_report report;
    struct address bound;
    char why[SHARD_WHY_SIZE];
    log_set(LOG_OFF, LOG_FORMAT_TEXT);
    cr_assert(eq(int, (int)config_load(&config, 7, arguments, stdout, stderr), CONFIG_RUN));
    config.shutdown_timeout_ms = 10000;
    crew_init(&crew, 2);
    cr_assert(zero(int, shard_open(&shard, 0, &crew, &config, &report, why)), "%s", why);
    change(DIRECTORY_TENANT, NULL, &tenant);
    struct address address;
    cr_assert(zero(int, address_parse(SLICE("127.0.0.1:0"), &address)));
    serve_mail.listener = loop_listen(&address, false, &bound);
    cr_assert(ge(int, serve_mail.listener, 0));
    post(&serve_mail.mail, MAIL_SERVE);
    cr_assert(at_control() == &serve_mail.mail);
    cr_assert(zero(int, serve_mail.error));
    settle();
}

static inline void stage_stop(void)
{
    reader_is_asleep = false;
    stop_mail.now = true;
    post(&stop_mail.mail, MAIL_STOP);
    for (unsigned i = 0; i < 1000 && !shard.is_stopped; i++) {
        loop_turn(shard.loop, clock_monotonic_ns() + 1000000);
        now_ms++;
        settle();
    }
    cr_assert(shard.is_stopped);
}

static inline void stage_close(void)
{
    if (!shard.is_stopped)
        stage_stop();
    cr_expect(zero(sz, shard.attempts.used), "an attempt was lost");
    shard_close(&shard);
    stage_read();
    for (unsigned i = 0; i < subscription_count; i++)
        subscription_free(subscriptions[i]);
    for (unsigned i = 0; i < event_count; i++) {
        free(events[i]->block);
        free(events[i]);
    }
}

#endif
