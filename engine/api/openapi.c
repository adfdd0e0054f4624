/* openapi.c - /openapi.json (OpenAPI 3.1): paths from the table of routes, the rest from the texts
 * in engine/api/openapi/. Control's thread.
 */
#include "openapi.h"

#include "access_key.h"
#include "base/text.h"
#include "call.h"
#include "router.h"

enum { ROUTE_TEXT_MAX = 4096, NAME_SIZE = 64 };

#define PROBLEM                                              \
    "\"4XX\":{\"$ref\":\"#/components/responses/Problem\"}," \
    "\"5XX\":{\"$ref\":\"#/components/responses/Problem\"}"

/* What is between the outer braces of a text. */
static struct slice inside(struct openapi_text text)
{
    const char *whole = (const char *)text.at;
    const char *end = memrchr(whole, '}', text.size);
    return slice_of(whole + 1, (size_t)(end - whole) - 1);
}

/* ---- one operation ---- */

static bool is_method(const struct api_route *route, const char *method)
{
    return slice_equal(slice_str(route->method), slice_str(method));
}

static void put_parameter(struct text *text, const char **before, struct slice name)
{
    text_printf(text, "%s{\"$ref\":\"#/components/parameters/%.*s\"}", *before, (int)name.size,
                name.at);
    *before = ",";
}

static void put_parameters(struct text *text, const struct api_route *route)
{
    static const char first[] = ",\"parameters\":[";
    struct slice rest = route->doc.query ? slice_str(route->doc.query) : SLICE("");
    const char *before = first;
    if (strstr(route->path, "{id}"))
        put_parameter(text, &before, SLICE("id"));
    if (is_method(route, "POST"))
        put_parameter(text, &before, SLICE("idempotency_key"));
    if (route->doc.is_tagged)
        put_parameter(text, &before,
                      is_method(route, "GET") ? SLICE("if_none_match") : SLICE("if_match"));
    while (rest.size) {
        struct slice name = slice_of(rest.at, slice_find(rest, ' '));
        rest = slice_skip(rest, name.size + 1);
        put_parameter(text, &before, name);
    }
    if (before != first)
        text_char(text, ']');
}

static void put_schema(struct text *text, const char *type, struct slice name)
{
    text_printf(text, "\"%s\":{\"schema\":", type);
    if (name.at[0] == '[') {
        name = slice_of(name.at + 1, name.size - 2);
        text_put(text, SLICE("{\"type\":\"object\",\"required\":[\"data\",\"next_cursor\"],"
                             "\"additionalProperties\":false,\"properties\":{"
                             "\"next_cursor\":{\"type\":[\"string\",\"null\"]},"
                             "\"data\":{\"type\":\"array\",\"items\":"));
        text_printf(text, "{\"$ref\":\"#/components/schemas/%.*s\"}}}}}", (int)name.size, name.at);
    } else {
        text_printf(text, "{\"$ref\":\"#/components/schemas/%.*s\"}}", (int)name.size, name.at);
    }
}

static void put_body(struct text *text, const struct api_route *route)
{
    const char *body = route->doc.body;
    if (!body)
        return;
    text_put(text, SLICE(",\"requestBody\":{"));
    if (body[0] == '#') {
        text_printf(text, "\"$ref\":\"#/components/requestBodies/%s\"}", body + 1);
        return;
    }
    text_put(text, SLICE("\"content\":{"));
    put_schema(text, "application/json", slice_str(body));
    if (is_method(route, "PATCH")) {
        text_char(text, ',');
        put_schema(text, "application/merge-patch+json", slice_str(body));
    }
    text_put(text, SLICE("}}"));
}

static void put_responses(struct text *text, const struct api_route *route)
{
    const char *answer = route->doc.answer;
    int status = route->doc.status ? route->doc.status : 200;
    text_printf(text, ",\"responses\":{\"%d\":{", status);
    if (!answer) {
        text_put(text, SLICE("\"description\":\"Done\"},"));
    } else if (answer[0] == '#') {
        text_printf(text, "\"$ref\":\"#/components/responses/%s\"},", answer + 1);
    } else {
        text_put(text, SLICE("\"description\":\"Done\",\"content\":{"));
        put_schema(text, "application/json", slice_str(answer));
        text_put(text, SLICE("}},"));
    }
    if (is_method(route, "GET") && strstr(route->path, "{id}"))
        text_put(text, SLICE("\"304\":{\"description\":\"As If-None-Match says\"},"));
    else if (route->doc.is_tagged)
        text_put(text, SLICE("\"412\":{\"$ref\":\"#/components/responses/Changed\"},"));
    text_put(text, SLICE(PROBLEM "}"));
}

static void put_scopes(struct text *text, unsigned scopes)
{
    static const struct {
        enum scope scope;
        const char *name;
    } names[] = {{SCOPE_READ, "read"}, {SCOPE_INGEST, "ingest"}, {SCOPE_MANAGE, "manage"}};
    if (!scopes) {
        text_put(text, SLICE(",\"security\":[]"));
        return;
    }
    text_put(text, SLICE(",\"description\":\"Scopes: admin"));
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (scopes & names[i].scope)
            text_printf(text, ", %s", names[i].name);
    text_put(text, SLICE(".\""));
}

static void put_operation(struct text *text, const struct api_route *route)
{
    char method[NAME_SIZE];
    size_t size = strlen(route->method);
    for (size_t i = 0; i <= size; i++)
        method[i] = (char)(i < size ? route->method[i] | 0x20 : '\0');
    text_printf(text, "\"%s\":{\"operationId\":\"%s\",\"summary\":", method, route->doc.operation);
    text_json(text, slice_str(route->doc.summary));
    put_scopes(text, route->scopes);
    put_parameters(text, route);
    put_body(text, route);
    put_responses(text, route);
    text_char(text, '}');
}

/* ---- all of it ---- */

static bool is_first_of_path(const struct api_route *routes, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (slice_equal(slice_str(routes[j].path), slice_str(routes[i].path)))
            return false;
    return true;
}

static void put_paths(struct call *call, struct text *text)
{
    size_t count;
    const struct api_route *routes = router_routes(&count);
    const char *comma = "";
    for (size_t i = 0; i < count; i++) {
        if (!is_first_of_path(routes, i))
            continue;
        text_printf(text, "%s\"%s\":{", comma, routes[i].path);
        for (size_t j = i; j < count; j++) {
            if (!slice_equal(slice_str(routes[j].path), slice_str(routes[i].path)))
                continue;
            call_reserve(call, ROUTE_TEXT_MAX);
            if (j > i)
                text_char(text, ',');
            put_operation(text, &routes[j]);
        }
        text_char(text, '}');
        comma = ",";
    }
}

void openapi_get(struct call *call)
{
    struct text *text = call_text(call, openapi_base.size + ROUTE_TEXT_MAX);
    text_put(text, SLICE("{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"grapnel\","
                         "\"version\":\"" GRAPNEL_VERSION "\",\"license\":{\"name\":"
                         "\"Apache-2.0\",\"identifier\":\"Apache-2.0\"}},"
                         "\"servers\":[{\"url\":\"/\"}],\"security\":[{\"key\":[]}],\"paths\":{"));
    put_paths(call, text);
    text_put(text, SLICE("},\"components\":{\"schemas\":{"));
    for (size_t i = 0; i < openapi_schemas_count; i++) {
        call_reserve(call, openapi_schemas[i].size + openapi_base.size + 1);
        if (i > 0)
            text_char(text, ',');
        text_put(text, inside(openapi_schemas[i]));
    }
    text_put(text, SLICE("},"));
    text_put(text, inside(openapi_base));
    text_put(text, SLICE("}}"));
    call_reply(call, 200, SLICE(""));
}
