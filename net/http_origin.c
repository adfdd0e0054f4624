/* http_origin.c - origins, and their connections that wait for the next call.
 *
 * An origin is found by what it is: scheme, host, port, and all that was asked of its connections.
 * It is allocated when first taken, and freed when nobody holds it and its last link is gone. One
 * that trusts something other than the usual has a TLS context of its own.
 *
 * Idle links are on two lists: their origin's, of which the last is used again, since the one used
 * last is the least likely to be closed by the other side; and the client's, which begins with the
 * link idle for the longest, so that one timer serves all.
 */
#include "net/http_link.h"

#include <stdlib.h>

/* ---- origins ---- */

static char to_lower(char c)
{
    bool is_upper = c >= 'A' && c <= 'Z';
    return (char)(is_upper ? c | 0x20 : c);
}

static void key_of(const struct url *url, const struct http_origin_options *options,
                   struct http_origin_key *key)
{
    memset(key, 0, sizeof *key); /* its gaps as well: it is hashed as bytes */
    key->https = url->https;
    key->port = url->port;
    key->is_unverified = options->is_unverified;
    key->allowed = options->allowed;
    key->context = options->context;
    if (!trust_is_usual(&options->trust))
        trust_digest(&options->trust, key->trust);
}

static uint64_t hash_of(const struct http_origin_key *key, struct slice host)
{
    char bytes[sizeof *key + URL_SIZE_MAX];
    must(host.size <= URL_SIZE_MAX);
    memcpy(bytes, key, sizeof *key);
    for (size_t i = 0; i < host.size; i++)
        bytes[sizeof *key + i] = to_lower(host.at[i]);
    return table_hash(bytes, sizeof *key + host.size);
}

static bool is_same(const struct http_origin_key *a, const struct http_origin_key *b)
{
    return a->https == b->https && a->is_unverified == b->is_unverified && a->port == b->port &&
           a->allowed == b->allowed && a->context == b->context &&
           memcmp(a->trust, b->trust, sizeof a->trust) == 0;
}

static struct http_origin *find_origin(const struct http_client *client, struct slice host,
                                       const struct http_origin_key *key, uint64_t hash)
{
    for (struct table_node *node = table_first(&client->origins, hash); node;
         node = table_next(node)) {
        struct http_origin *origin = container_of(node, struct http_origin, node);
        if (!origin->is_retired && is_same(&origin->key, key) &&
            slice_equal_nocase(slice_of(origin->host, origin->host_size), host))
            return origin;
    }
    return NULL;
}

/* What its connections are encrypted with; NULL if nothing can be. */
static struct tls_context *open_tls(const struct http_client *client, const struct trust *trust)
{
    char why[TLS_WHY_SIZE];
    struct tls_context *usual = client->options.tls, *own;
    if (!usual || trust_is_usual(trust))
        return usual;
    return tls_client_open_trusting(&own, usual, trust, why) == 0 ? own : NULL;
}

static struct http_origin *new_origin(struct http_client *client, const struct url *url,
                                      const struct http_origin_key *key)
{
    struct http_origin *origin = calloc(1, sizeof *origin + url->host.size);
    if (!origin)
        return NULL;
    origin->client = client;
    list_init(&origin->idle);
    memcpy(&origin->key, key, sizeof *key);
    origin->host_size = url->host.size;
    for (size_t i = 0; i < url->host.size; i++)
        origin->host[i] = to_lower(url->host.at[i]);
    origin->host_is_ip = address_parse_ip(url->host, url->port, &origin->ip) == 0;
    return origin;
}

struct http_origin *http_origin_take(struct http_client *client, const struct url *url,
                                     const struct http_origin_options *options)
{
    static const struct http_origin_options usual;
    struct http_origin_key key;
    if (!options)
        options = &usual;
    key_of(url, options, &key);
    uint64_t hash = hash_of(&key, url->host);
    struct http_origin *origin = find_origin(client, url->host, &key, hash);
    if (!origin) {
        origin = new_origin(client, url, &key);
        if (!origin)
            return NULL;
        if (url->https)
            origin->tls = open_tls(client, &options->trust);
        table_put(&client->origins, &origin->node, hash);
    }
    origin->holders++;
    return origin;
}

void http_origin_give(struct http_client *client, struct http_origin *origin)
{
    must(origin->client == client && origin->holders > 0);
    if (--origin->holders > 0)
        return;
    origin->link_count++; /* stay while the links go */
    while (list_is_linked(&origin->idle))
        http_link_close(container_of(origin->idle.next, struct http_link, origin_link));
    origin->link_count--;
    http_origin_free_unused(origin);
}

void http_origin_retire(struct http_client *client, struct http_origin *origin)
{
    origin->is_retired = true;
    http_origin_give(client, origin);
}

void http_origin_free_unused(struct http_origin *origin)
{
    if (origin->holders > 0 || origin->link_count > 0)
        return;
    table_drop(&origin->client->origins, &origin->node);
    if (origin->tls != origin->client->options.tls)
        tls_context_close(origin->tls);
    free(origin);
}

/* ---- idle links ---- */

static void arm_idle_timer(struct http_client *client)
{
    if (!list_is_linked(&client->idle) || timer_is_armed(&client->idle_timer))
        return;
    struct http_link *first = container_of(client->idle.next, struct http_link, client_link);
    wheel_arm(client->wheel, &client->idle_timer, first->idle_until_ms);
}

static void on_idle_timer(struct timer *timer)
{
    struct http_client *client = container_of(timer, struct http_client, idle_timer);
    while (list_is_linked(&client->idle)) {
        struct http_link *first = container_of(client->idle.next, struct http_link, client_link);
        if (first->idle_until_ms > client->wheel->now_ms)
            break;
        http_link_close(first);
    }
    arm_idle_timer(client);
}

void http_origin_init_idle(struct http_client *client)
{
    list_init(&client->idle);
    timer_init(&client->idle_timer, on_idle_timer);
}

bool http_origin_keep(struct http_link *link)
{
    struct http_client *client = link->client;
    struct http_origin *origin = link->origin;
    if (client->is_stopping || origin->holders == 0 || origin->is_retired ||
        origin->idle_count >= client->options.idle_per_origin_max)
        return false;
    link->idle_until_ms = client->wheel->now_ms + client->options.idle_timeout_ms;
    list_push_back(&origin->idle, &link->origin_link);
    list_push_back(&client->idle, &link->client_link);
    origin->idle_count++;
    client->counters.idle++;
    arm_idle_timer(client);
    return true;
}

void http_origin_forget_idle(struct http_link *link)
{
    list_remove(&link->origin_link);
    list_remove(&link->client_link);
    link->origin->idle_count--;
    link->client->counters.idle--;
}

struct http_link *http_origin_take_idle(struct http_origin *origin)
{
    if (!list_is_linked(&origin->idle))
        return NULL;
    struct http_link *link = container_of(origin->idle.prev, struct http_link, origin_link);
    http_origin_forget_idle(link);
    return link;
}
