/* families.c - pure functions of their arguments. */
#include "store/families.h"

#include <stdio.h>

static const char *const kind_names[] = {
    [FAMILY_META] = "meta",     [FAMILY_DEDUP] = "dedup",       [FAMILY_STATS] = "stats",
    [FAMILY_EVENTS] = "events", [FAMILY_ATTEMPTS] = "attempts", [FAMILY_QUEUE] = "queue",
};

size_t families_count(unsigned shards)
{
    return FAMILIES_FIXED + FAMILIES_PER_SHARD * (size_t)shards;
}

size_t families_index(struct family family)
{
    if (family.kind < FAMILY_EVENTS)
        return 1 + (size_t)family.kind;
    return families_count(family.shard) + (size_t)(family.kind - FAMILY_EVENTS);
}

enum family_kind families_kind(size_t index)
{
    if (index < FAMILIES_FIXED)
        return index == 0 ? FAMILY_META : (enum family_kind)(index - 1);
    return (enum family_kind)(FAMILY_EVENTS + (index - FAMILIES_FIXED) % FAMILIES_PER_SHARD);
}

const char *families_kind_name(enum family_kind kind)
{
    return kind_names[kind];
}

void families_name(size_t index, char name[static FAMILY_NAME_SIZE])
{
    const char *kind = kind_names[families_kind(index)];
    if (index == 0)
        snprintf(name, FAMILY_NAME_SIZE, "default");
    else if (index < FAMILIES_FIXED)
        snprintf(name, FAMILY_NAME_SIZE, "%s", kind);
    else
        snprintf(name, FAMILY_NAME_SIZE, "%s-%zu", kind,
                 (index - FAMILIES_FIXED) / FAMILIES_PER_SHARD);
}

unsigned families_shards(const char *name)
{
    unsigned shard;
    int read = sscanf(name, "%*[a-z]-%u", &shard);
    return read == 1 && shard < DB_SHARDS_MAX ? shard + 1 : 0;
}
