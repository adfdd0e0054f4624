/* catalogue.c - see catalogue.h. */
#include "catalogue.h"

#include "budget.h"
#include "config.h"

static size_t less(uint64_t whole, uint64_t taken)
{
    return whole > taken ? (size_t)(whole - taken) : 0;
}

struct catalogue_room catalogue_room(const struct registry *registry, const struct id *tenant,
                                     const struct config *config)
{
    uint64_t bytes_max = budget_of(config->memory_bytes, config->shards).catalogue_bytes;
    const struct shelf *shelf = &registry->event_types;
    size_t types = 0;
    uint64_t own = 0, all = 0;
    for (size_t i = 0; i < shelf->count; i++) {
        const struct event_type *type = shelf->items[i];
        size_t bytes = event_type_bytes(type);
        all += bytes;
        if (!id_equal(&type->tenant, tenant))
            continue;
        own += bytes;
        types++;
    }
    return (struct catalogue_room){.types = less(EVENT_TYPES_MAX, types),
                                   .own_bytes = less(bytes_max / CATALOGUE_TENANTS, own),
                                   .bytes = less(bytes_max, all)};
}

enum catalogue_answer catalogue_take(struct catalogue_room *room, const struct event_type *before,
                                     const struct event_type *after)
{
    size_t gone = before ? event_type_bytes(before) : 0, come = event_type_bytes(after);
    size_t more = come > gone ? come - gone : 0, back = gone - (come - more);
    if (!before && room->types == 0)
        return CATALOGUE_TOO_MANY;
    if (more > room->own_bytes)
        return CATALOGUE_TOO_LARGE;
    if (more > room->bytes)
        return CATALOGUE_FULL;
    room->types -= !before;
    room->own_bytes = room->own_bytes - more + back;
    room->bytes = room->bytes - more + back;
    return CATALOGUE_HAS_ROOM;
}

const char *catalogue_refusal(enum catalogue_answer answer, int *status)
{
    *status = answer == CATALOGUE_FULL ? 507 : 409;
    switch (answer) {
    case CATALOGUE_TOO_MANY:
        return "the tenant would have more event types than it may have";
    case CATALOGUE_TOO_LARGE:
        return "the tenant's event types would take more memory than they may";
    case CATALOGUE_FULL:
        return "event types take as much memory as the engine has for them: see --memory";
    case CATALOGUE_HAS_ROOM:
        break;
    }
    return NULL;
}
