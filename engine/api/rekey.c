/* rekey.c - /api/v1/rekey: secrets under other keys. */
#include "rekey.h"
#include "call.h"
#include "router.h"

static bool read_body(struct call *call, bool *data_keys)
{
    struct json_value body, value;
    struct slice key;
    uint64_t cursor = 0;
    struct faults faults = {0};
    *data_keys = false;
    if (call->request->body.size == 0)
        return true;
    if (!call_read_body(call, call->api->json, false, &body))
        return false;
    while (json_next(body, &cursor, &key, &value)) {
        char pointer[FAULT_POINTER_SIZE];
        pointer_member(pointer, "", key);
        if (!slice_equal(key, SLICE("data_keys")))
            faults_add(&faults, pointer, "unknown field");
        else if (!json_bool(value, data_keys))
            faults_add(&faults, pointer, "must be true or false");
    }
    if (faults.count)
        call_faults(call, &faults);
    return faults.count == 0;
}

static void reply(struct call *call)
{
    const struct rekey *rekey = call->api->parts.rekey;
    struct text *text = call_text(call, 512);
    text_printf(text,
                "{\"secret_key\":\"%s\",\"keys_rewrapped\":%u,\"data_keys_made\":%u,"
                "\"documents_sealed\":%llu}",
                vault_secret_key(rekey->vault), rekey->keys_rewrapped, rekey->data_keys_made,
                (unsigned long long)rekey->documents_sealed);
    call_reply(call, 200, SLICE(""));
}

/* That it was asked for is on record before anything is done: keys are rewritten in several steps.
 */
static bool record(struct call *call, bool data_keys)
{
    const struct mutation by = call_mutation(call, "vault.rekey");
    const struct subject subject = {
        .name = slice_str(vault_secret_key(call->api->parts.rekey->vault)),
        .after = data_keys ? SLICE("{\"data_keys\":true}") : SLICE("{\"data_keys\":false}"),
    };
    struct batch *batch;
    int error = batch_open(&batch);
    if (!error) {
        error = changes_write(call->api->parts.changes, &by, &subject, batch);
        batch_close(batch);
    }
    if (error)
        call_problem(call, 500, "the audit record could not be stored");
    return error == 0;
}

/* What was begun and cannot go on is finished at the next start, or by asking again. */
static void on_done(void *context, int error)
{
    struct api *api = context;
    struct call call = {.api = api, .ticket = api->rekey_ticket};
    if (error)
        call_problem(&call, 500, "not all documents could be stored: ask again");
    else
        reply(&call);
}

void rekey_post(struct call *call)
{
    struct rekey *rekey = call->api->parts.rekey;
    char why[VAULT_WHY_SIZE];
    bool data_keys;
    if (!read_body(call, &data_keys))
        return;
    if (rekey->is_running || call->api->parts.health->stopping) {
        call_busy(call);
        return;
    }
    if (!record(call, data_keys))
        return;
    if (rekey_wrap(rekey, why)) {
        call_problem(call, 409, why);
        return;
    }
    if (!data_keys) {
        reply(call);
        return;
    }
    call->api->rekey_ticket = call->ticket;
    if (rekey_renew(rekey, on_done, call->api))
        call_problem(call, 500, "the new data keys could not be stored");
}
