/* event_walk.c - one stream a shard, merged by id.
 *
 * A stream goes through its log backwards with a cursor. Records can only be walked forwards, so
 * the offsets of a block's records are collected first. An event that was returned is borrowed from
 * its block, so its stream moves on at the next call.
 */
#include "store/event_walk.h"

#include "store/block_seek.h"
#include "store/keys.h"

#include <errno.h>
#include <stdlib.h>

struct stream {
    struct cursor *cursor;
    struct block_view view;
    uint32_t *offsets; /* in view.records: of the first `left` records, which are to come */
    uint32_t room, left;
    bool ended;
    struct event_record event; /* the next to return, unless `ended` */
};

struct event_walk {
    uint64_t since_ms, work;
    struct stream *last; /* that the last event was returned from */
    unsigned count;
    struct stream streams[];
};

static int end_of(struct stream *stream)
{
    stream->ended = true;
    return cursor_error(stream->cursor);
}

/* Takes in the block that the cursor stands on. */
static int stream_load(struct event_walk *walk, struct stream *stream)
{
    int error = block_open(cursor_value(stream->cursor), &stream->view);
    if (error)
        return error;
    stream->left = 0;
    if (stream->view.last_ms < walk->since_ms)
        return end_of(stream);
    if (stream->view.count > stream->room) {
        uint32_t *offsets = reallocarray(stream->offsets, stream->view.count, sizeof *offsets);
        if (!offsets)
            return -ENOMEM;
        stream->offsets = offsets;
        stream->room = stream->view.count;
    }
    struct slice rest = stream->view.records, record;
    const char *begin = rest.at;
    while (block_next(&rest, &record))
        stream->offsets[stream->left++] = (uint32_t)(record.at - begin);
    return 0;
}

/* The record at the end of those to come, whose size is in front of it. */
static struct slice stream_record(const struct stream *stream)
{
    uint32_t offset = stream->offsets[stream->left - 1];
    struct slice rest = slice_skip(stream->view.records, offset - BLOCK_RECORD_HEAD), record;
    must(block_next(&rest, &record));
    return record;
}

/* To the next event that has an effect. */
static int stream_advance(struct event_walk *walk, struct stream *stream)
{
    while (!stream->ended) {
        if (stream->left == 0) {
            int error = cursor_prev(stream->cursor) ? stream_load(walk, stream) : end_of(stream);
            if (error)
                return error;
            continue;
        }
        int error = event_record_decode(stream_record(stream), &stream->event);
        if (error)
            return error;
        stream->left--;
        walk->work++;
        if (!stream->event.duplicate)
            return 0;
    }
    return 0;
}

/* To the last block that may have an event of `until_ms` or before. */
static bool stream_seek(struct stream *stream, uint64_t until_ms, int *error)
{
    *error = until_ms == UINT64_MAX ? -ENOENT
                                    : block_seek(stream->cursor, BLOCK_BY_FIRST_MS, until_ms + 1);
    if (*error == 0)
        return cursor_prev(stream->cursor);
    if (*error != -ENOENT)
        return false;
    *error = 0;
    return cursor_last(stream->cursor);
}

static int stream_start(struct event_walk *walk, struct stream *stream, uint64_t until_ms)
{
    int error;
    bool found = stream_seek(stream, until_ms, &error);
    if (error)
        return error;
    error = found ? stream_load(walk, stream) : end_of(stream);
    if (!error)
        error = stream_advance(walk, stream);
    while (!error && !stream->ended && id_time_ms(&stream->event.event) > until_ms)
        error = stream_advance(walk, stream);
    return error;
}

int event_walk_open(struct event_walk **result, struct db *db, const struct id *before,
                    uint64_t since_ms, uint64_t until_ms)
{
    unsigned count = db_shards(db);
    struct event_walk *walk = calloc(1, sizeof *walk + count * sizeof walk->streams[0]);
    if (!walk)
        return -ENOMEM;
    walk->since_ms = since_ms;
    walk->count = count;
    uint64_t newest_ms = until_ms ? until_ms - 1 : UINT64_MAX;
    if (before && id_time_ms(before) < newest_ms)
        newest_ms = id_time_ms(before);
    int error = 0;
    for (unsigned shard = 0; shard < count && !error; shard++) {
        struct stream *stream = &walk->streams[shard];
        struct slice all = slice_of(NULL, 0);
        error = cursor_open(&stream->cursor, db, (struct family){FAMILY_EVENTS, shard}, all, all);
        if (!error)
            error = stream_start(walk, stream, newest_ms);
    }
    if (error) {
        event_walk_close(walk);
        return error;
    }
    walk->work = 0; /* finding the place is not counted, or a page might never get beyond it */
    *result = walk;
    return 0;
}

void event_walk_close(struct event_walk *walk)
{
    if (!walk)
        return;
    for (unsigned i = 0; i < walk->count; i++) {
        cursor_close(walk->streams[i].cursor);
        free(walk->streams[i].offsets);
    }
    free(walk);
}

int event_walk_next(struct event_walk *walk, struct event_record *event)
{
    if (walk->last) {
        int error = stream_advance(walk, walk->last);
        if (error)
            return error;
    }
    struct stream *newest = NULL;
    for (unsigned i = 0; i < walk->count; i++) {
        struct stream *stream = &walk->streams[i];
        if (stream->ended)
            continue;
        if (!newest || memcmp(&stream->event.event, &newest->event.event, sizeof(struct id)) > 0)
            newest = stream;
    }
    walk->last = newest;
    if (!newest)
        return -ENOENT;
    *event = newest->event;
    return 0;
}

uint64_t event_walk_work(const struct event_walk *walk)
{
    return walk->work;
}

uint64_t event_walk_commit(const struct event_walk *walk)
{
    must(walk->last);
    return walk->last->view.commit;
}
