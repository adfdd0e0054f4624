/* allowance.c - see allowance.h. */
#include "allowance.h"

#include "base/clock.h"
#include "shard.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { REFUSAL_SIZE = 512, FIELDS_SIZE = 256 };

static const uint64_t second_ns = 1000000000;

static bool is_home(const struct allowance *allowance)
{
    return allowance->home == allowance->shard->number;
}

/* ---- which there are ---- */

int allowances_open(struct shard *shard)
{
    return table_open(&shard->allowances, 16);
}

struct allowance *allowance_find(const struct shard *shard, const struct id *tenant)
{
    if (shard->allowances.count == 0)
        return NULL;
    struct table_node *node = table_first(&shard->allowances, id_hash(tenant));
    for (; node; node = table_next(node)) {
        struct allowance *allowance = container_of(node, struct allowance, node);
        if (!allowance->is_gone && id_equal(&allowance->tenant, tenant))
            return allowance;
    }
    return NULL;
}

static void destroy(struct allowance *allowance)
{
    table_drop(&allowance->shard->allowances, &allowance->node);
    timer_disarm(&allowance->timer);
    quota_close(&allowance->quota);
    free(allowance);
}

void allowances_close(struct shard *shard)
{
    struct table_node *node;
    if (!shard->allowances.buckets)
        return;
    while ((node = table_walk(&shard->allowances, NULL)) != NULL)
        destroy(container_of(node, struct allowance, node));
    table_close(&shard->allowances);
}

static void on_timer(struct timer *timer);

static struct allowance *make(struct shard *shard, const struct id *tenant)
{
    struct allowance *allowance = calloc(1, sizeof *allowance);
    must(allowance);
    allowance->shard = shard;
    allowance->tenant = *tenant;
    allowance->home = keys_home(tenant, shard->crew->shards);
    allowance->mail.mail.kind = MAIL_LEASE;
    allowance->mail.asker = shard->number;
    allowance->mail.allowance = allowance;
    allowance->mail.tenant = *tenant;
    list_init(&allowance->waiting);
    timer_init(&allowance->timer, on_timer);
    if (is_home(allowance))
        must(quota_open(&allowance->quota, shard->crew->shards) == 0);
    table_put(&shard->allowances, &allowance->node, id_hash(tenant));
    return allowance;
}

static void release(struct allowance *allowance, unsigned count);

static void end(struct allowance *allowance)
{
    allowance->is_gone = true; /* so whoever waits is let in */
    release(allowance, UINT_MAX);
    if (!allowance->is_asking)
        destroy(allowance);
}

void allowance_change(struct shard *shard, const struct tenant *before, const struct tenant *after)
{
    const struct id *id = after ? &after->id : &before->id;
    struct allowance *allowance = allowance_find(shard, id);
    if (!after || after->ingest.per_second == 0) {
        if (allowance)
            end(allowance);
        return;
    }
    if (!allowance)
        allowance = make(shard, id);
    allowance->rate = after->ingest;
    if (is_home(allowance))
        quota_change(&allowance->quota, after->ingest, clock_monotonic_ns());
    else
        lease_change(&allowance->lease, after->ingest, clock_monotonic_ns());
}

/* ---- asking ---- */

static void arm(struct allowance *allowance)
{
    struct wheel *wheel = &allowance->shard->wheel;
    if (!timer_is_armed(&allowance->timer))
        wheel_arm(wheel, &allowance->timer, wheel->now_ms + QUOTA_LEASE_MS);
}

static void post(struct allowance *allowance, const struct quota_ask *ask)
{
    struct shard *shard = allowance->shard;
    allowance->is_asking = true;
    allowance->mail.ask = *ask;
    shard->metrics.lease_asks++;
    crew_post(shard->crew, shard->number, allowance->home, &allowance->mail.mail);
}

/* For all that wait. */
static void ask_home(struct allowance *allowance)
{
    struct quota_ask wish = lease_ask(&allowance->lease);
    unsigned count = 0, need = 0;
    for (struct list_node *node = allowance->waiting.next; node != &allowance->waiting;
         node = node->next, count++)
        need += container_of(node, struct waiter, link)->count;
    const struct waiter *first = container_of(allowance->waiting.next, struct waiter, link);
    unsigned held = allowance->lease.held;
    wish.first = first->count > held ? first->count - held : 0;
    wish.need = need > held ? need - held : 0;
    allowance->asked_for = count;
    post(allowance, &wish);
}

/* Tells home what was used, and gives back what is not. */
static void settle(struct allowance *allowance, bool all)
{
    struct quota_ask word;
    if (lease_settle(&allowance->lease, all, &word))
        post(allowance, &word);
}

static void on_timer(struct timer *timer)
{
    struct allowance *allowance = container_of(timer, struct allowance, timer);
    if (allowance->shard->stopping)
        return;
    if (!allowance->is_asking)
        settle(allowance, false);
    if (allowance->is_asking || allowance->lease.held > 0)
        arm(allowance);
}

/* ---- mail ---- */

static void answer(struct shard *shard, struct mail_lease *mail)
{
    struct allowance *allowance = allowance_find(shard, &mail->tenant);
    if (allowance) /* the home's own */
        mail->grant =
            quota_answer(&allowance->quota, mail->asker, &mail->ask, clock_monotonic_ns());
    else /* there is no limit yet, or none any more: the news is on its way */
        mail->grant = (struct quota_grant){.count = mail->ask.need};
    crew_post(shard->crew, shard->number, mail->asker, &mail->mail);
}

/* Lets the first `count` of those that wait try again. */
static void release(struct allowance *allowance, unsigned count)
{
    struct shard *shard = allowance->shard;
    while (count-- > 0 && list_is_linked(&allowance->waiting)) {
        struct waiter *waiter = container_of(allowance->waiting.next, struct waiter, link);
        list_remove(&waiter->link);
        ingest_resume(shard, &waiter->requester, waiter->request);
        buddy_give(&shard->memory, waiter);
    }
}

/* The tenant may have a new limit by now, from which the answer came: it goes back. */
static void bury(struct allowance *allowance)
{
    const struct quota_ask back = {.returned = allowance->mail.grant.count};
    if (back.returned > 0 && !allowance->shard->stopping)
        post(allowance, &back);
    else
        destroy(allowance);
}

static void granted(struct allowance *allowance)
{
    bool is_partial = allowance->mail.grant.count < allowance->mail.ask.need;
    allowance->is_asking = false;
    if (allowance->is_gone) {
        bury(allowance);
        return;
    }
    lease_granted(&allowance->lease, &allowance->mail.grant);
    unsigned count = allowance->asked_for;
    allowance->asked_for = 0;
    release(allowance, count);
    if (allowance->shard->stopping)
        return;
    if (list_is_linked(&allowance->waiting))
        ask_home(allowance);
    else if (is_partial)
        settle(allowance, true);
    if (allowance->lease.held > 0 || allowance->lease.used > 0)
        arm(allowance);
}

void allowance_mail(struct shard *shard, struct mail_lease *mail)
{
    if (mail->asker == shard->number)
        granted(mail->allowance);
    else
        answer(shard, mail);
}

void allowances_release(struct shard *shard)
{
    struct table_node *node = NULL;
    while ((node = table_walk(&shard->allowances, node)) != NULL)
        release(container_of(node, struct allowance, node), UINT_MAX);
}

/* ---- requests ---- */

enum lease_result allowance_take(struct allowance *allowance, unsigned count, uint64_t *wait_ns)
{
    uint64_t now_ns = clock_monotonic_ns();
    if (!is_home(allowance)) {
        enum lease_result result = lease_take(&allowance->lease, count, now_ns, wait_ns);
        if (result == LEASE_TAKEN)
            arm(allowance);
        return result;
    }
    *wait_ns = quota_take(&allowance->quota, count, now_ns);
    return *wait_ns ? LEASE_REFUSED : LEASE_TAKEN;
}

void allowance_give(struct allowance *allowance, unsigned count)
{
    if (is_home(allowance))
        quota_give(&allowance->quota, count, clock_monotonic_ns());
    else
        lease_give(&allowance->lease, count);
}

bool allowance_wait(struct allowance *allowance, const struct requester *requester,
                    const struct http_request *request, unsigned count)
{
    struct shard *shard = allowance->shard;
    size_t room = requester->mail ? 0 : requester_copy_size(request);
    struct waiter *waiter = buddy_take(&shard->memory, sizeof *waiter + room);
    if (!waiter)
        return false;
    *waiter = (struct waiter){.requester = *requester, .request = request, .count = count};
    if (room)
        waiter->request = requester_copy_into(request, waiter + 1);
    list_push_back(&allowance->waiting, &waiter->link);
    shard->metrics.lease_waits++;
    if (!allowance->is_asking)
        ask_home(allowance);
    return true;
}

/* ---- refusing ---- */

static uint64_t seconds_up(uint64_t ns)
{
    uint64_t seconds = ns / second_ns + (ns % second_ns != 0);
    return seconds ? seconds : 1;
}

static unsigned left(const struct allowance *allowance)
{
    uint64_t now_ns = clock_monotonic_ns();
    if (is_home(allowance))
        return throttle_left(&allowance->quota.throttle, now_ns);
    return allowance->lease.held + throttle_left(&allowance->lease.view, now_ns);
}

/* The fields RateLimit-Policy and RateLimit are those of draft-ietf-httpapi-ratelimit-headers, and
 * so is the problem's type. The window of the policy is the time in which an empty bucket fills. */
void allowance_refuse(const struct allowance *allowance, const struct requester *requester,
                      uint64_t wait_ns)
{
    const struct throttle_rate *rate = &allowance->rate;
    char body[REFUSAL_SIZE], fields[FIELDS_SIZE];
    unsigned long long seconds = seconds_up(wait_ns);
    struct text text, headers;

    text_init(&headers, fields, sizeof fields);
    text_printf(&headers,
                "Retry-After: %llu\r\n"
                "RateLimit-Policy: \"ingest\";q=%u;w=%.0f\r\n"
                "RateLimit: \"ingest\";r=%u;t=%llu\r\n",
                seconds, rate->burst, ceil(rate->burst / rate->per_second), left(allowance),
                seconds);
    text_init(&text, body, sizeof body);
    text_printf(&text,
                "{\"type\":\"https://iana.org/assignments/http-problem-types#quota-exceeded\","
                "\"title\":\"Too Many Requests\",\"status\":429,"
                "\"detail\":\"the tenant may send %.15g events a second, and %u at once\","
                "\"violated-policies\":[\"ingest\"]}",
                rate->per_second, rate->burst);
    must(text_ok(&headers) && text_ok(&text));
    allowance->shard->metrics.events_limited++;
    allowance->shard->metrics.refusals[metrics_refusal_of(429)]++;
    requester_reply(allowance->shard, requester,
                    &(struct http_response){.status = 429,
                                            .content_type = SLICE("application/problem+json"),
                                            .headers = text_slice(&headers),
                                            .body = text_slice(&text)});
}
