/* Two parsers that share nothing: what the slow one says of mutated texts is what simdjson says.
 * Where a fault is, is in json_test.c. */
#include "json_stage.h"

#include "base/json_text.h"
#include "base/random.h"

#include <errno.h>

static const char *const seeds[] = {
    "{\"type\":\"a.b\",\"payload\":{\"x\":[1,-2.5e3,true,false,null,\"\\u00e9\\n\"]},\"id\":\"7\"}",
    " [ { \"a\" : 1 } , [ ] , \"\\ud83d\\ude00\" , 0.25 , \"é€😀\" ] ",
    "{\"n\":[18446744073709551615,-9223372036854775808,123456789012345678901234]}",
    "\"a string of its own, with \\\\ and \\\" in it, over more than sixty-four bytes of text\"",
    "-12.5E-7",
};

/* Changes, drops or repeats a few bytes. */
static struct slice mutate(struct random *random, char *text, size_t size, size_t room)
{
    static const char bytes[] =
        "{}[]\":,\\ \t\n0123456789-+.eEtrufalsn\x00\x01\x7f\x80\xbf\xc3\xed\xff";
    for (uint64_t i = random_below(random, 4); i > 0 && size; i--) {
        size_t at = random_below(random, size);
        switch (random_below(random, 4)) {
        case 0:
            memmove(text + at, text + at + 1, --size - at);
            break;
        case 1:
            if (size < room)
                memmove(text + at + 1, text + at, size++ - at);
            break;
        case 2:
            size = random_below(random, 8) ? size : at;
            break;
        default:
            text[at] = bytes[random_below(random, sizeof bytes - 1)];
        }
    }
    return slice_of(text, size);
}

/* True if what simdjson and what json_find_fault() say of a text is the same. */
static bool agree(struct slice text)
{
    struct json_fault fault;
    struct json_value root;
    bool faulty = json_find_fault(text, &fault);
    int scanned = json_scan(json, text, NULL, 0, why), read_result;
    read_result = json_read(json, text, &root, why);
    bool out_of_range = read_result && strstr(why, "out of range");
    return faulty == (scanned == -EINVAL) && (faulty == (read_result == -EINVAL) || out_of_range);
}

Test(json_text, finds_a_fault_where_simdjson_does, .init = start, .fini = stop)
{
    enum { STEPS = 200000 };
    struct random random;
    unsigned valid = 0;
    random_init(&random, 62);
    for (unsigned step = 0; step < STEPS; step++) {
        const char *seed = seeds[random_below(&random, sizeof seeds / sizeof seeds[0])];
        char bytes[256];
        memcpy(bytes, seed, strlen(seed));
        struct slice text = mutate(&random, bytes, strlen(seed), sizeof bytes);
        text = padded(text, bytes[random_below(&random, strlen(seed))]);
        struct json_fault fault;
        cr_assert(agree(text), "step %u: %.*s", step, SLICE_ARGS(text));
        valid += !json_find_fault(text, &fault);
    }
    cr_assert(valid > STEPS / 20 && valid < STEPS * 19 / 20, "%u were valid", valid);
}
