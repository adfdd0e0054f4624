/* screen.c - see screen.h. */
#include "screen.h"

#include "filter.h"
#include "payload.h"

#include <errno.h>

int screen_open(struct screen *screen)
{
    *screen = (struct screen){0};
    int rc = json_open(&screen->payload);
    if (rc == 0)
        rc = json_open(&screen->channels);
    if (rc)
        screen_close(screen);
    return rc;
}

void screen_close(struct screen *screen)
{
    json_close(screen->payload);
    json_close(screen->channels);
    *screen = (struct screen){0};
}

int screen_read(struct screen *screen, const struct envelope *envelope, struct filter_event *event)
{
    char why[JSON_WHY_SIZE];
    int payload = -EINVAL, channels = -EINVAL;
    *event = (struct filter_event){.type = envelope->type};
    if (envelope->payload.size > 0 && payload_says_json(envelope->content_type))
        payload = json_read(screen->payload, envelope->payload, &event->payload, why);
    if (envelope->channels.size > 0)
        channels = json_read(screen->channels, envelope->channels, &event->channels, why);
    event->has_payload = payload == 0;
    event->has_channels = channels == 0;
    return payload == -ENOMEM || channels == -ENOMEM ? -ENOMEM : 0;
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
            int rc = screen_read(screen, envelope, &event);
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
