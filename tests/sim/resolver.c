/* resolver.c - virtual DNS: stands in for net/resolver.c. What a name means, and after how long, is
 * asked of names.h; nothing is cached. */
#include "net/resolver.h"

#include "names.h"

#include <errno.h>
#include <stdlib.h>

struct resolver {
    struct wheel *wheel;
    struct list_node lookups;
    struct resolver_counters counters;
};

struct lookup {
    struct list_node link;
    struct list_node waiter; /* the query, unless it was cancelled */
    struct timer due;
    struct resolver_result result;
};

int resolver_open(struct resolver **resolver, struct loop *loop, struct wheel *wheel,
                  const char *servers, char why[static RESOLVER_WHY_SIZE])
{
    (void)loop, (void)servers, (void)why;
    struct resolver *opened = calloc(1, sizeof *opened);
    must(opened);
    opened->wheel = wheel;
    list_init(&opened->lookups);
    *resolver = opened;
    return 0;
}

static void answer(struct lookup *lookup)
{
    struct resolver_result result = lookup->result;
    struct resolver_query *query = NULL;
    if (list_is_linked(&lookup->waiter))
        query = container_of(lookup->waiter.next, struct resolver_query, link);
    if (query)
        list_remove(&query->link);
    timer_disarm(&lookup->due);
    list_remove(&lookup->link);
    free(lookup);
    if (query)
        query->on_done(query, &result);
}

static void on_due(struct timer *timer)
{
    answer(container_of(timer, struct lookup, due));
}

void resolver_find(struct resolver *resolver, struct slice host, struct resolver_query *query)
{
    struct lookup *lookup = calloc(1, sizeof *lookup);
    must(lookup && query->on_done);
    resolver->counters.lookups++;
    list_init(&lookup->link);
    list_init(&lookup->waiter);
    list_push_back(&lookup->waiter, &query->link);
    list_push_back(&resolver->lookups, &lookup->link);
    timer_init(&lookup->due, on_due);
    uint64_t delay_ms = names_find(host, &lookup->result);
    if (delay_ms == 0)
        answer(lookup);
    else
        wheel_arm(resolver->wheel, &lookup->due, resolver->wheel->now_ms + delay_ms);
}

void resolver_cancel(struct resolver_query *query)
{
    if (query->link.next)
        list_remove(&query->link);
}

void resolver_close(struct resolver *resolver)
{
    while (list_is_linked(&resolver->lookups)) {
        struct lookup *lookup = container_of(resolver->lookups.next, struct lookup, link);
        lookup->result = (struct resolver_result){.error = -ECANCELED, .why = "closed"};
        answer(lookup);
    }
    free(resolver);
}

const struct histogram *resolver_durations(const struct resolver *resolver)
{
    static const struct histogram none;
    (void)resolver;
    return &none;
}

struct resolver_counters resolver_counters(const struct resolver *resolver)
{
    return resolver->counters;
}
