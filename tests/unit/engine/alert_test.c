/* Which types are the engine's own, and who says that it wants some of them. */
#include "alert.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

Test(alert, types_are_the_engines_own)
{
    for (unsigned kind = 0; kind < ALERT_KINDS; kind++)
        cr_expect(alert_is_type(slice_str(alert_type((enum alert_kind)kind))));
    static const char *const others[] = {
        "",  "endpoint", "endpoint.disabledx", "Endpoint.disabled", "delivery.",
        "*", "sla",      "storage.low.1"};
    for (unsigned i = 0; i < sizeof others / sizeof others[0]; i++)
        cr_expect(not(alert_is_type(slice_str(others[i]))), "%s", others[i]);
}

Test(alert, is_named_exactly_or_by_a_glob_that_says_something)
{
    cr_expect(alert_is_named_by(SLICE("delivery.dead")));
    cr_expect(alert_is_named_by(SLICE("endpoint.*")));
    cr_expect(alert_is_named_by(SLICE("sla.*")));
    cr_expect(not(alert_is_named_by(SLICE("*"))));
    cr_expect(not(alert_is_named_by(SLICE("memory.*"))));
    cr_expect(not(alert_is_named_by(SLICE("endpoint.created"))));
    cr_expect(not(alert_is_named_by(SLICE(""))));
}
