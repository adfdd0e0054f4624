/* reach.c - see reach.h. */
#include "reach.h"

#include "auth.h"
#include "egress.h"
#include "faults.h"

static const struct egress_rules *rules_of_tenant(const struct reach *reach)
{
    return reach->tenant ? reach->tenant->egress : NULL;
}

/* The third rule. */
static bool is_open(const struct reach *reach, const struct address *address)
{
    const struct network_list *allowed = &reach->config->allowed;
    const struct network_list *lent = &reach->config->tenant_networks;
    const struct egress guard = {allowed->list, allowed->count};
    const struct egress opened = {lent->list, lent->count};
    if (egress_allows(&guard, address))
        return true;
    return egress_rules_list(rules_of_tenant(reach), address) && egress_allows(&opened, address);
}

bool reach_allows(const struct reach *reach, const struct address *address)
{
    return egress_rules_allow(rules_of_tenant(reach), address) &&
           egress_rules_allow(reach->subscription->egress, address) && is_open(reach, address);
}

bool reach_has_rules(const struct reach *reach)
{
    return rules_of_tenant(reach) || reach->subscription->egress;
}

/* ---- https ---- */

static bool is_https_only(const struct reach *reach)
{
    return reach->config->https_only || (reach->tenant && reach->tenant->https_only);
}

/* The URL of the authorization server, or NULL. */
static const struct url *token_url(const struct reach *reach)
{
    const struct auth *auth = reach->subscription->auth;
    return auth && auth->type == AUTH_OAUTH2 ? &auth->token_url : NULL;
}

const char *reach_refusal(const struct reach *reach)
{
    const struct url *token = token_url(reach);
    if (!is_https_only(reach))
        return NULL;
    if (!reach->subscription->url.https)
        return "only https is allowed, and the URL is http";
    if (token && !token->https)
        return "only https is allowed, and the token URL is http";
    return NULL;
}

/* ---- when it is made ---- */

static void check_url(const struct reach *reach, const struct url *url, const char *pointer,
                      struct faults *faults)
{
    struct address address;
    if (is_https_only(reach) && !url->https)
        faults_add(faults, pointer, "must be https");
    if (url->host_is_ip && address_parse_ip(url->host, url->port, &address) == 0 &&
        !reach_allows(reach, &address))
        faults_add(faults, pointer, "leads to an address that deliveries may not go to");
}

void reach_check(const struct reach *reach, struct faults *faults)
{
    const struct url *token = token_url(reach);
    check_url(reach, &reach->subscription->url, "/url", faults);
    if (token)
        check_url(reach, token, "/auth/token_url", faults);
}
