/* terms.c - see terms.h. */
#include "terms.h"

#include "base/must.h"
#include "base/text.h"
#include "letter.h"
#include "receiver.h"
#include "signature_check.h"
#include "world.h"

#include <stdio.h>

/* ---- drawing ---- */

static const uint64_t day_ms[] = {5000,    30000,    120000,   600000,
                                  3600000, 14400000, 28800000, 36000000};

static void draw_schedule(struct subscription_told *told, uint64_t long_ms)
{
    told->is_day = long_ms == TERMS_A_DAY && !world_one_in(3);
    told->step_count = (unsigned)world_below(LEDGER_STEPS);
    uint64_t most_ms = long_ms != TERMS_A_DAY && world_one_in(3) ? long_ms : 30000;
    for (unsigned i = 0; i < told->step_count; i++)
        told->steps_ms[i] = world_one_in(4) ? world_between(10, 50) : world_between(200, most_ms);
    if (!told->is_day)
        return;
    told->step_count = sizeof day_ms / sizeof *day_ms;
    memcpy(told->steps_ms, day_ms, sizeof day_ms);
}

static void draw_batch(struct subscription_told *told)
{
    told->batch_events = (unsigned)world_between(1, LETTER_ITEMS);
    told->batch_bytes = world_between(1024, world_one_in(2) ? 4096 : 262144);
    told->batch_wait_ms = world_below(world_one_in(3) ? 10000 : 300);
}

static void draw_limits(struct subscription_told *told)
{
    static const double rates[] = {0.2, 0.5, 1, 2, 7.5, 20};
    told->concurrency = (unsigned)(world_one_in(3) ? 64 : world_between(1, 4));
    told->is_adaptive = !world_one_in(3);
    if (!world_one_in(3))
        return;
    told->per_second = rates[world_below(6)];
    told->burst = (unsigned)world_between(1, world_one_in(3) ? 20 : 4);
}

static void draw_breaker(struct subscription_told *told)
{
    struct breaker_told *breaker = &told->breaker;
    *breaker = (struct breaker_told){
        .window_ms = 30000,
        .min_attempts = 10,
        .failure_rate = 0.5,
        .cooldown_ms = 10000,
        .max_cooldown_ms = 600000,
    };
    if (world_one_in(3))
        return;
    breaker->window_ms = world_between(1000, 120000);
    breaker->min_attempts = (unsigned)world_between(1, 8);
    breaker->failure_rate = (double)world_between(1, 4) / 4;
    breaker->cooldown_ms = world_between(1000, world_one_in(3) ? 60000 : 8000);
    breaker->max_cooldown_ms = breaker->cooldown_ms << world_below(5);
}

void terms_draw(struct subscription_told *told, uint64_t long_ms)
{
    static const char *const patterns[] = {"*", "a.*", "a.x", "b.x", "*"};
    signature_draw_secret(told->secret);
    snprintf(told->pattern, sizeof told->pattern, "%s", patterns[world_below(5)]);
    told->host = (unsigned)world_below(receivers_count());
    told->by_name = world_one_in(3);
    told->timeout_ms = 1000 * world_between(1, world_one_in(3) ? 15 : 3);
    told->jitter = (double)world_below(3) / 10;
    told->is_gzip = world_one_in(5);
    told->ordering = world_one_in(3) ? ORDER_STRICT + (enum ordering)world_below(2) : ORDER_NONE;
    if (told->ordering == ORDER_NONE && world_one_in(4))
        draw_batch(told);
    draw_schedule(told, long_ms);
    draw_limits(told);
    draw_breaker(told);
    condition_draw(&told->condition);
}

/* ---- telling ---- */

static void print_retry(const struct subscription_told *told, struct text *text)
{
    text_put(text, SLICE(",\"retry\":{\"schedule\":"));
    if (told->is_day)
        text_put(text, SLICE("\"day\""));
    for (unsigned i = 0; i < told->step_count && !told->is_day; i++)
        text_printf(text, "%s\"%lums\"", i ? "," : "[", told->steps_ms[i]);
    if (told->step_count == 0)
        text_put(text, SLICE("["));
    if (!told->is_day)
        text_put(text, SLICE("]"));
    text_printf(text, ",\"jitter\":%.1f}", told->jitter);
}

static void print_limits(const struct subscription_told *told, struct text *text)
{
    const struct breaker_told *breaker = &told->breaker;
    text_printf(text, ",\"concurrency\":{\"max\":%u,\"adaptive\":%s}", told->concurrency,
                told->is_adaptive ? "true" : "false");
    if (told->per_second > 0)
        text_printf(text, ",\"rate_limit\":{\"per_second\":%.1f,\"burst\":%u}", told->per_second,
                    told->burst);
    text_printf(text,
                ",\"breaker\":{\"window\":\"%lums\",\"min_attempts\":%u,"
                "\"failure_rate\":%.2f,\"cooldown\":\"%lums\",\"max_cooldown\":\"%lums\"}",
                breaker->window_ms, breaker->min_attempts, breaker->failure_rate,
                breaker->cooldown_ms, breaker->max_cooldown_ms);
}

void terms_print(const struct subscription_told *told, char *body, size_t room)
{
    char url[64];
    struct text text;
    text_init(&text, body, room - 1);
    receiver_url(told->host, told->by_name, told->index, url);
    text_printf(&text, "{\"url\":\"%s\",\"events\":[\"%s\"],\"secret\":\"%s\"", url, told->pattern,
                told->secret);
    text_printf(&text, ",\"timeout\":\"%lus\"", told->timeout_ms / 1000);
    if (told->is_gzip)
        text_put(&text, SLICE(",\"compression\":\"gzip\""));
    if (told->ordering == ORDER_STRICT)
        text_put(&text, SLICE(",\"ordering\":\"strict\""));
    else if (told->ordering == ORDER_BY_KEY)
        text_put(&text, SLICE(",\"ordering\":{\"key\":\"/k\"}"));
    if (told->batch_events > 0)
        text_printf(&text,
                    ",\"delivery\":{\"mode\":\"batch\",\"max_events\":%u,\"max_bytes\":%lu,"
                    "\"max_wait\":\"%lums\"}",
                    told->batch_events, told->batch_bytes, told->batch_wait_ms);
    print_retry(told, &text);
    print_limits(told, &text);
    condition_print(&told->condition, &text);
    text_put(&text, SLICE("}"));
    must(text_ok(&text));
    body[text.size] = '\0';
}
