/* screen.c - see screen.h. */
#include "screen.h"

#include "filter.h"
#include "metadata.h"
#include "payload.h"

#include <errno.h>
#include <stdlib.h>

int screen_open(struct screen *screen)
{
    *screen = (struct screen){0};
    int rc = json_open(&screen->payload);
    if (rc == 0)
        rc = json_open(&screen->channels);
    if (rc == 0)
        rc = json_open(&screen->metadata);
    if (rc)
        screen_close(screen);
    return rc;
}

void screen_close(struct screen *screen)
{
    json_close(screen->payload);
    json_close(screen->channels);
    json_close(screen->metadata);
    free(screen->text);
    *screen = (struct screen){0};
}

static int read_metadata(struct screen *screen, const struct envelope *envelope,
                         struct json_value *metadata)
{
    char why[JSON_WHY_SIZE];
    struct text text;
    size_t needed = metadata_room(envelope) + JSON_PADDING;
    if (screen->room < needed) {
        free(screen->text);
        screen->text = malloc(needed);
        screen->room = screen->text ? needed : 0;
    }
    if (!screen->text)
        return -ENOMEM;
    text_init(&text, screen->text, screen->room - JSON_PADDING);
    metadata_print(envelope, &text);
    must(text_ok(&text));
    return json_read(screen->metadata, text_slice(&text), metadata, why);
}

int screen_read(struct screen *screen, const struct envelope *envelope, bool with_metadata,
                struct filter_event *event)
{
    char why[JSON_WHY_SIZE];
    int payload = -EINVAL, channels = -EINVAL, metadata = -EINVAL;
    *event = (struct filter_event){.type = envelope->type};
    if (envelope->payload.size > 0 && payload_says_json(envelope->content_type))
        payload = json_read(screen->payload, envelope->payload, &event->payload, why);
    if (envelope->channels.size > 0)
        channels = json_read(screen->channels, envelope->channels, &event->channels, why);
    if (with_metadata)
        metadata = read_metadata(screen, envelope, &event->metadata);
    event->has_payload = payload == 0;
    event->has_channels = channels == 0;
    event->has_metadata = metadata == 0;
    return payload == -ENOMEM || channels == -ENOMEM || metadata == -ENOMEM ? -ENOMEM : 0;
}

static bool any_looks_at_metadata(const struct subscription *const *matches, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (matches[i]->filter && filter_looks_at_metadata(matches[i]->filter))
            return true;
    return false;
}

static bool wants(struct screen *screen, const struct filter *filter,
                  const struct filter_event *event)
{
    enum filter_answer answer = filter ? filter_judge(filter, event, NULL) : FILTER_HOLDS;
    screen->undecided += answer == FILTER_UNDECIDED;
    return answer != FILTER_FAILS;
}

int screen_apply(struct screen *screen, const struct envelope *envelope,
                 const struct subscription **matches, unsigned *count)
{
    struct filter_event event;
    bool is_read = false;
    unsigned kept = 0;
    for (unsigned i = 0; i < *count; i++) {
        const struct filter *filter = matches[i]->filter;
        if (filter && !is_read) {
            bool is_asked = any_looks_at_metadata(matches, *count);
            int rc = screen_read(screen, envelope, is_asked, &event);
            if (rc)
                return rc;
            is_read = true;
        }
        if (wants(screen, filter, &event))
            matches[kept++] = matches[i];
    }
    *count = kept;
    return 0;
}
