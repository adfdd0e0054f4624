#include "reader.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <stdlib.h>

enum {
    PAGE_BYTES = 1024 * 1024
}; /* a page of parked deliveries ends when its payloads have so many */

int reader_open(struct reader *reader, struct crew *crew, struct db *db)
{
    *reader = (struct reader){.crew = crew, .db = db};
    return event_reader_open(&reader->events, db);
}

void reader_close(struct reader *reader)
{
    event_reader_close(reader->events);
    reader->events = NULL;
}

static struct slice copy(char **at, struct slice slice)
{
    char *to = *at;
    if (slice.size > 0)
        memcpy(to, slice.at, slice.size);
    *at += slice.size;
    return slice_of(to, slice.size);
}

/* What is sealed is opened by the shard, in this copy: its key is not known here. */
static void copy_sealed(char **at, struct sealed *sealed)
{
    sealed->nonce = copy(at, slice_of(sealed->nonce, AEAD_NONCE_SIZE)).at;
    for (unsigned part = 0; part < 2; part++)
        sealed->boxes[part] = copy(at, sealed->boxes[part]);
}

static void copy_texts(char **at, struct event_record *event)
{
    event->correlation_id = copy(at, event->correlation_id);
    event->content_type = copy(at, event->content_type);
    event->channels = copy(at, event->channels);
    event->trace_parent = copy(at, event->trace_parent);
    event->trace_state = copy(at, event->trace_state);
    event->payload = copy(at, event->payload);
}

/* A copy of the event, but for whose it is, that lives until it is given back. NULL: out of memory.
 */
static struct fetched_event *hold(const struct event_record *event)
{
    size_t size = event->type.size + event->version.size + event->correlation_id.size +
                  event->content_type.size + event->channels.size + event->trace_parent.size +
                  event->trace_state.size + event->payload.size +
                  (event->sealed.nonce ? SEALED_OVERHEAD : 0);
    struct fetched_event *held = malloc(sizeof *held + size);
    if (!held)
        return NULL;
    char *at = (char *)(held + 1);
    *held = (struct fetched_event){.event = *event};
    held->event.subscriptions = NULL;
    held->event.subscription_count = 0;
    held->event.type = copy(&at, event->type);
    held->event.version = copy(&at, event->version);
    if (event->sealed.nonce)
        copy_sealed(&at, &held->event.sealed);
    else
        copy_texts(&at, &held->event);
    return held;
}

/* The event of a row, with the state of its delivery. *held is NULL if the event is gone. 0, or
 * -errno: try again later. */
static int load(struct reader *reader, unsigned shard, const struct backlog_row *row,
                struct fetched_event **held)
{
    struct event_record event;
    *held = NULL;
    int rc = event_reader_get(reader->events, &row->event, &event);
    if (rc == -EBADMSG)
        LOG(LOG_ERROR, "an event on disk is damaged", log_id("event", "evt", &row->event));
    if (rc == -ENOENT || rc == -EBADMSG)
        return 0;
    if (rc)
        return rc;
    if (event.expunged)
        return 0;
    *held = hold(&event);
    if (!*held)
        return -ENOMEM;
    if (row->attempt_count == 0)
        return 0; /* it has no 'D' row */
    rc = backlog_delivery(reader->db, shard, &row->subscription, &row->event, &(*held)->row);
    if (rc && rc != -ENOENT)
        LOG(LOG_ERROR, "the state of a delivery cannot be read",
            log_id("event", "evt", &row->event), log_str("why", db_why()));
    if (rc)
        (*held)->row = (struct delivery_row){0};
    return 0;
}

static void fetch_parked(struct reader *reader, struct mail_fetch *fetch)
{
    const struct parked_span span = {&fetch->subscription,
                                     fetch->has_after ? &fetch->after_event : NULL,
                                     fetch->has_last ? &fetch->last_event : NULL};
    int count = backlog_parked(reader->db, fetch->shard, &span, fetch->rows, fetch->max);
    if (count < 0) {
        fetch->error = count;
        return;
    }
    size_t bytes = 0;
    fetch->more = count == fetch->max;
    for (fetch->count = 0; fetch->count < count; fetch->count++) {
        struct fetched_event **event = &fetch->events[fetch->count];
        if (bytes >= PAGE_BYTES) {
            fetch->more = true;
            return;
        }
        fetch->error = load(reader, fetch->shard, &fetch->rows[fetch->count], event);
        if (fetch->error)
            return;
        bytes += *event ? (*event)->event.payload.size : 0;
    }
}

static void fetch_retries(struct reader *reader, struct mail_fetch *fetch)
{
    int count = backlog_retries(reader->db, fetch->shard, fetch->from_ms,
                                fetch->has_after ? &fetch->after_subscription : NULL,
                                fetch->has_after ? &fetch->after_event : NULL, fetch->below_ms,
                                fetch->rows, fetch->max);
    fetch->error = count < 0 ? count : 0;
    fetch->count = count < 0 ? 0 : count;
}

static void fetch_backlogs(struct reader *reader, struct mail_fetch *fetch)
{
    const struct id *after = fetch->has_after ? &fetch->after_subscription : NULL;
    for (fetch->count = 0; fetch->count < fetch->max; fetch->count++) {
        struct id *found = &fetch->rows[fetch->count].subscription;
        int rc = backlog_next_subscription(reader->db, fetch->shard, after, found);
        if (rc == -ENOENT)
            return;
        if (rc) {
            fetch->error = rc;
            return;
        }
        after = found;
    }
}

static void fetch_outages(struct reader *reader, struct mail_fetch *fetch)
{
    int count = backlog_outages(reader->db, fetch->shard,
                                fetch->has_after ? &fetch->after_subscription : NULL, fetch->rows,
                                fetch->max);
    fetch->error = count < 0 ? count : 0;
    fetch->count = count < 0 ? 0 : count;
}

static void answer(struct reader *reader, struct mail_fetch *fetch)
{
    switch (fetch->kind) {
    case FETCH_RETRIES:
        fetch_retries(reader, fetch);
        break;
    case FETCH_PARKED:
        fetch_parked(reader, fetch);
        break;
    case FETCH_EVENT:
        fetch->error = load(reader, fetch->shard, &fetch->rows[0], &fetch->events[0]);
        break;
    case FETCH_BACKLOGS:
        fetch_backlogs(reader, fetch);
        break;
    case FETCH_OUTAGES:
        fetch_outages(reader, fetch);
        break;
    case FETCH_ERASE:
        fetch->count = backlog_erase(reader->db, fetch->shard, &fetch->subscription, fetch->max);
        fetch->error = fetch->count < 0 ? fetch->count : 0;
        break;
    }
    if (fetch->error)
        LOG(LOG_ERROR, "the backlog cannot be read", log_u64("shard", fetch->shard),
            log_str("why", db_why()));
    crew_post(reader->crew, crew_reader(reader->crew), fetch->mail.from, &fetch->mail);
}

static void fill_figures(struct reader *reader, struct mail_figures *mail)
{
    db_reads(&reader->figures.reads);
    *mail->into.reader = reader->figures;
    crew_post(reader->crew, crew_reader(reader->crew), mail->mail.from, &mail->mail);
}

static void answer_timed(struct reader *reader, struct mail_fetch *fetch)
{
    uint64_t since_ns = clock_monotonic_ns();
    answer(reader, fetch);
    histogram_add(&reader->figures.fetch_us, (clock_monotonic_ns() - since_ns) / 1000);
}

bool reader_tick(struct reader *reader)
{
    struct mailbox *mailbox = &reader->crew->members[crew_reader(reader->crew)].mailbox;
    struct mail *mail;
    bool was_busy = false;
    while ((mail = mailbox_take(mailbox))) {
        was_busy = true;
        if (mail->kind == MAIL_FETCH) {
            answer_timed(reader, container_of(mail, struct mail_fetch, mail));
        } else if (mail->kind == MAIL_FIGURES) {
            fill_figures(reader, container_of(mail, struct mail_figures, mail));
        } else if (mail->kind == MAIL_FORGET) {
            event_reader_forget(reader->events);
            crew_post(reader->crew, crew_reader(reader->crew), mail->from, mail);
        } else if (mail->kind == MAIL_GIVE_BACK) {
            free(container_of(mail, struct fetched_event, mail));
        } else {
            must(mail->kind == MAIL_STOP);
            reader->is_stopped = true;
            crew_post(reader->crew, crew_reader(reader->crew), crew_control(reader->crew), mail);
        }
    }
    return was_busy;
}
