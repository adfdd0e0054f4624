/* event_scan.c - one stream a shard, merged by id. An event that was returned is borrowed from its
 * block, so its stream moves on at the next call. */
#include "store/event_scan.h"

#include "store/block_seek.h"
#include "store/keys.h"

#include <errno.h>
#include <stdlib.h>

struct stream {
    struct cursor *cursor;
    struct block_view view;
    struct slice rest; /* of its records */
    bool ended;
    struct event_record event; /* the next to return, unless `ended` */
};

struct event_scan {
    uint64_t until_ms, work; /* until_ms 0: open */
    struct stream *last;     /* that the last event was returned from */
    unsigned count;
    struct stream streams[];
};

/* Takes in the block that the cursor stands on, if it does. */
static int stream_load(struct event_scan *scan, struct stream *stream, bool found)
{
    if (!found) {
        stream->ended = true;
        return cursor_error(stream->cursor);
    }
    int error = block_open(cursor_value(stream->cursor), &stream->view);
    if (error)
        return error;
    stream->rest = stream->view.records;
    stream->ended =
        scan->until_ms && stream->view.first_ms >= scan->until_ms + EVENT_SCAN_MARGIN_MS;
    return 0;
}

/* To the next event that has an effect. */
static int stream_advance(struct event_scan *scan, struct stream *stream)
{
    struct slice record;
    while (!stream->ended) {
        if (!block_next(&stream->rest, &record)) {
            int error = stream_load(scan, stream, cursor_next(stream->cursor));
            if (error)
                return error;
            continue;
        }
        scan->work++;
        int error = event_record_decode(record, &stream->event);
        if (error || !stream->event.duplicate)
            return error;
    }
    return 0;
}

/* To the record after `reached`, whose block may be gone. */
static int stream_resume(struct event_scan *scan, struct stream *stream, const struct id *reached)
{
    struct place place = place_of(reached);
    struct key key = key_block(place.block);
    struct slice record;
    int error = stream_load(scan, stream, cursor_seek(stream->cursor, key_slice(&key)));
    if (error || stream->ended || stream->view.number != place.block)
        return error;
    for (uint32_t i = 0; i <= place.index && block_next(&stream->rest, &record); i++)
        ;
    return 0;
}

/* To the last block that begins before `since_ms`, or the first of all. */
static int stream_begin(struct event_scan *scan, struct stream *stream, uint64_t since_ms)
{
    uint64_t from_ms = since_ms > EVENT_SCAN_MARGIN_MS ? since_ms - EVENT_SCAN_MARGIN_MS : 0;
    int error = block_seek(stream->cursor, BLOCK_BY_FIRST_MS, from_ms);
    if (error && error != -ENOENT)
        return error;
    bool found = error == -ENOENT ? cursor_last(stream->cursor) : cursor_prev(stream->cursor);
    if (!found)
        found = cursor_first(stream->cursor);
    return stream_load(scan, stream, found);
}

int event_scan_open(struct event_scan **result, struct db *db, const struct id *reached,
                    uint64_t since_ms, uint64_t until_ms)
{
    unsigned count = db_shards(db);
    struct event_scan *scan = calloc(1, sizeof *scan + count * sizeof scan->streams[0]);
    if (!scan)
        return -ENOMEM;
    scan->until_ms = until_ms;
    scan->count = count;
    int error = 0;
    for (unsigned shard = 0; shard < count && !error; shard++) {
        struct stream *stream = &scan->streams[shard];
        struct slice all = slice_of(NULL, 0);
        error = cursor_open(&stream->cursor, db, (struct family){FAMILY_EVENTS, shard}, all, all);
        if (!error)
            error = id_is_zero(&reached[shard]) ? stream_begin(scan, stream, since_ms)
                                                : stream_resume(scan, stream, &reached[shard]);
        if (!error)
            error = stream_advance(scan, stream);
    }
    if (error) {
        event_scan_close(scan);
        return error;
    }
    scan->work = 0; /* finding the place is not counted, or a step might never get beyond it */
    *result = scan;
    return 0;
}

void event_scan_close(struct event_scan *scan)
{
    if (!scan)
        return;
    for (unsigned i = 0; i < scan->count; i++)
        cursor_close(scan->streams[i].cursor);
    free(scan);
}

int event_scan_next(struct event_scan *scan, struct event_record *event, uint64_t *commit)
{
    if (scan->last) {
        int error = stream_advance(scan, scan->last);
        if (error)
            return error;
    }
    struct stream *oldest = NULL;
    for (unsigned i = 0; i < scan->count; i++) {
        struct stream *stream = &scan->streams[i];
        if (stream->ended)
            continue;
        if (!oldest || memcmp(&stream->event.event, &oldest->event.event, sizeof(struct id)) < 0)
            oldest = stream;
    }
    scan->last = oldest;
    if (!oldest)
        return -ENOENT;
    *event = oldest->event;
    *commit = oldest->view.commit;
    return 0;
}

uint64_t event_scan_work(const struct event_scan *scan)
{
    return scan->work;
}
