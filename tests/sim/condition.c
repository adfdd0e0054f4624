/* condition.c - see condition.h. */
#include "condition.h"

#include "base/must.h"
#include "base/random.h"
#include "ledger.h"

enum { CHANNELS = 2, EVERY_SEED = 3, KEYS = 4, NUMBERS = 80 };

static const char *const channel_names[CHANNELS] = {"eu", "us"};

static struct random chance;
static bool are_drawn;

static unsigned below(unsigned bound)
{
    return (unsigned)random_below(&chance, bound);
}

void conditions_open(uint64_t seed)
{
    random_init(&chance, seed ^ UINT64_C(0x66696c74657273)); /* not the world's */
    are_drawn = below(EVERY_SEED) == 0;
}

/* ---- what can be asked ---- */

struct sight {
    const char *type;
    bool is_json;         /* else there is neither of the next two */
    unsigned key, number; /* "k", a string that is not there for 0, and "n" */
    unsigned channels;
    bool is_cloud;
};

static bool begins_with_a(const struct sight *sight, unsigned number)
{
    (void)number;
    return sight->type[0] == 'a';
}

static bool is_of_key(const struct sight *sight, unsigned number)
{
    return sight->is_json && sight->key == number;
}

static bool is_not_of_key(const struct sight *sight, unsigned number)
{
    return !is_of_key(sight, number);
}

static bool has_no_key(const struct sight *sight, unsigned number)
{
    (void)number;
    return !sight->is_json || sight->key == 0;
}

static bool is_of_key_1_or_2(const struct sight *sight, unsigned number)
{
    (void)number;
    return sight->is_json && (sight->key == 1 || sight->key == 2);
}

static bool is_at_least(const struct sight *sight, unsigned number)
{
    return sight->is_json && sight->number >= number;
}

static bool is_less_and_ends_with_x(const struct sight *sight, unsigned number)
{
    return sight->is_json && sight->number < number && sight->type[strlen(sight->type) - 1] == 'x';
}

static bool is_c_or_of_key_3(const struct sight *sight, unsigned number)
{
    (void)number;
    return strcmp(sight->type, "c") == 0 || (sight->is_json && sight->key == 3);
}

static bool is_in_eu(const struct sight *sight, unsigned number)
{
    (void)number;
    return sight->channels & 1;
}

static bool is_not_in_eu(const struct sight *sight, unsigned number)
{
    return !is_in_eu(sight, number);
}

static bool is_in_both(const struct sight *sight, unsigned number)
{
    (void)number;
    return sight->channels == 3;
}

static bool is_cloud(const struct sight *sight, unsigned number)
{
    (void)number;
    return sight->is_cloud;
}

static bool is_not_cloud(const struct sight *sight, unsigned number)
{
    return !is_cloud(sight, number);
}

static bool is_text_or_of_key(const struct sight *sight, unsigned number)
{
    return !sight->is_json || sight->key == number;
}

static const struct filter_told {
    const char *text, *rest; /* with the number between them; NULL: without it */
    bool (*holds)(const struct sight *sight, unsigned number);
    bool is_of_key; /* the number is one */
} filters[] = {
    {"{\"type\":{\"$startsWith\":\"a.\"}}", NULL, begins_with_a, false},
    {"{\"payload\":{\"k\":\"", "\"}}", is_of_key, true},
    {"{\"payload\":{\"k\":{\"$neq\":\"", "\"}}}", is_not_of_key, true},
    {"{\"payload\":{\"$not\":{\"k\":\"", "\"}}}", is_not_of_key, true},
    {"{\"payload\":{\"k\":{\"$exist\":false}}}", NULL, has_no_key, false},
    {"{\"payload\":{\"k\":{\"$in\":[\"1\",\"2\"]}}}", NULL, is_of_key_1_or_2, false},
    {"{\"payload\":{\"k\":{\"$regex\":\"^[12]$\"}}}", NULL, is_of_key_1_or_2, false},
    {"{\"payload\":{\"n\":{\"$gte\":", "}}}", is_at_least, false},
    {"{\"type\":{\"$endsWith\":\"x\"},\"payload\":{\"n\":{\"$lt\":", "}}}", is_less_and_ends_with_x,
     false},
    {"{\"$or\":[{\"type\":\"c\"},{\"payload\":{\"k\":\"3\"}}]}", NULL, is_c_or_of_key_3, false},
    {"{\"channels\":\"eu\"}", NULL, is_in_eu, false},
    {"{\"channels\":{\"$nin\":[\"eu\"]}}", NULL, is_not_in_eu, false},
    {"{\"channels\":{\"$and\":[\"eu\",\"us\"]}}", NULL, is_in_both, false},
    {"{\"metadata\":{\"source\":{\"$startsWith\":\"/s\"}}}", NULL, is_cloud, false},
    {"{\"metadata\":{\"specversion\":{\"$exist\":false}}}", NULL, is_not_cloud, false},
    {"{\"$or\":[{\"metadata\":{\"datacontenttype\":\"text/plain\"}},{\"payload\":{\"k\":\"",
     "\"}}]}", is_text_or_of_key, true},
};

enum { FILTERS = sizeof filters / sizeof *filters };

bool condition_holds(const struct condition *condition, const struct body *body)
{
    const struct event *event = body->event;
    const struct sight sight = {.type = event->type,
                                .is_json = strcmp(body->content_type, "application/json") == 0,
                                .key = event->key,
                                .number = body->number,
                                .channels = event->channels,
                                .is_cloud = event->is_cloud};
    if (condition->channels && !(condition->channels & event->channels))
        return false;
    return condition->filter == 0 ||
           filters[condition->filter - 1].holds(&sight, condition->number);
}

/* ---- drawing and telling ---- */

void condition_draw(struct condition *condition)
{
    *condition = (struct condition){0};
    if (!are_drawn)
        return;
    if (below(3) > 0) {
        condition->filter = 1 + below(FILTERS);
        condition->number =
            filters[condition->filter - 1].is_of_key ? 1 + below(KEYS - 1) : below(NUMBERS);
    }
    if (below(4) == 0)
        condition->channels = 1 + below((1 << CHANNELS) - 1);
}

unsigned condition_draw_channels(void)
{
    return are_drawn ? below(1 << CHANNELS) : 0;
}

void condition_print_channels(unsigned channels, struct text *text)
{
    const char *before = "[";
    for (unsigned i = 0; i < CHANNELS; i++) {
        if (!(channels & 1U << i))
            continue;
        text_printf(text, "%s\"%s\"", before, channel_names[i]);
        before = ",";
    }
    text_char(text, ']');
}

void condition_print(const struct condition *condition, struct text *text)
{
    if (condition->filter > 0) {
        const struct filter_told *filter = &filters[condition->filter - 1];
        text_printf(text, ",\"filter\":%s", filter->text);
        if (filter->rest)
            text_printf(text, "%u%s", condition->number, filter->rest);
    }
    if (condition->channels) {
        text_put(text, SLICE(",\"channels\":"));
        condition_print_channels(condition->channels, text);
    }
}
