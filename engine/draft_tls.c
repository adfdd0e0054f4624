/* draft_tls.c - how a receiver is known: "tls". */
#include "draft.h"

static void parse_verify(struct draft *draft, struct json_value value, const char *pointer)
{
    if (!json_bool(value, &draft->made->tls_verify))
        faults_add(draft->faults, pointer, "must be true or false");
}

void draft_parse_tls(struct draft *draft, struct json_value value, const char *pointer)
{
    static const struct field fields[] = {{"verify", parse_verify, NULL}};
    DRAFT_WALK(draft, value, pointer, fields);
}
