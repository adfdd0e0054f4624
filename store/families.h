/* families.h - the names of RocksDB's column families and their order in db.c's arrays: `default`
 * (which RocksDB insists on and nothing uses), `meta`, `dedup`, `stats`, then three of each
 * shard. */
#ifndef STORE_FAMILIES_H
#define STORE_FAMILIES_H

#include "store/db.h"

enum {
    FAMILY_NAME_SIZE = 24,
    FAMILIES_FIXED = 4,
    FAMILIES_PER_SHARD = 3,
    FAMILIES_MAX = FAMILIES_FIXED + FAMILIES_PER_SHARD * DB_SHARDS_MAX,
};

size_t families_count(unsigned shards);
size_t families_index(struct family family);

/* Of the family at an index; `default` counts as meta. */
enum family_kind families_kind(size_t index);
const char *families_kind_name(enum family_kind kind);
void families_name(size_t index, char name[static FAMILY_NAME_SIZE]);

/* How many shards there are at least if there is a family of this name: 0 if it is no shard's. */
unsigned families_shards(const char *name);

#endif
