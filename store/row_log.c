/* row_log.c - entries one behind the other in the caller's memory:
 *
 *   offset size
 *        0    1  op: 'P' put, 'D' drop
 *        1    1  size of the key
 *        2    2  size of the value (0 with a drop)
 *        4       key, value
 */
#include "store/row_log.h"

#include "store/bytes.h"

enum { ENTRY_HEAD = 4, OP_PUT = 'P', OP_DROP = 'D' };

void row_log_init(struct row_log *log, char *memory, size_t room)
{
    *log = (struct row_log){.at = memory, .room = room};
}

static bool row_log_add(struct row_log *log, char op, const struct key *key, struct slice value)
{
    size_t size = ENTRY_HEAD + key->size + value.size;
    must(size <= ROW_LOG_ENTRY_MAX);
    if (size > log->room - log->size)
        return false;
    char *at = log->at + log->size;
    at[0] = op;
    at[1] = (char)key->size;
    bytes_put_u16(at + 2, (uint16_t)value.size);
    memcpy(at + ENTRY_HEAD, key->bytes, key->size);
    if (value.size)
        memcpy(at + ENTRY_HEAD + key->size, value.at, value.size);
    log->size += size;
    log->count++;
    return true;
}

bool row_log_put(struct row_log *log, const struct key *key, struct slice value)
{
    return row_log_add(log, OP_PUT, key, value);
}

bool row_log_drop(struct row_log *log, const struct key *key)
{
    return row_log_add(log, OP_DROP, key, slice_of(NULL, 0));
}

bool row_log_next(struct slice *rest, struct slice *key, struct slice *value)
{
    if (rest->size == 0)
        return false;
    must(rest->size >= ENTRY_HEAD);
    char op = rest->at[0];
    size_t key_size = (unsigned char)rest->at[1], value_size = bytes_get_u16(rest->at + 2);
    must(op == OP_PUT || op == OP_DROP);
    must(ENTRY_HEAD + key_size + value_size <= rest->size);
    *key = slice_of(rest->at + ENTRY_HEAD, key_size);
    *value = op == OP_PUT ? slice_of(key->at + key_size, value_size) : slice_of(NULL, 0);
    *rest = slice_skip(*rest, ENTRY_HEAD + key_size + value_size);
    return true;
}
