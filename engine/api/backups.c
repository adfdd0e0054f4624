/* backups.c - see backups.h. */
#include "backups.h"

#include "base/clock.h"
#include "base/log.h"
#include "call.h"
#include "rekey.h"
#include "router.h"
#include "vault.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { LOOK_EVERY_MS = 20 };

static void reply(struct backups *backups)
{
    const struct backup *backup = &backups->backup;
    struct call call = {.api = backups->api, .ticket = backups->ticket};
    if (backup->error == -EEXIST) {
        call_problem(&call, 409, "there is a backup of this name");
        return;
    }
    if (backup->error) {
        LOG(LOG_ERROR, "no backup was made", log_str("name", backup->name),
            log_str("why", backup->why));
        call_problem(&call, 500, backup->why);
        return;
    }
    LOG(LOG_INFO, "a backup was made", log_str("name", backup->name));
    text_put(call_text(&call, BACKUP_TEXT_MAX), slice_of(backup->manifest, backup->manifest_size));
    call_reply(&call, 201, SLICE(""));
}

static void on_look(struct timer *timer)
{
    struct backups *backups = container_of(timer, struct backups, timer);
    struct wheel *wheel = backups->api->parts.wheel;
    if (backup_has_ended(&backups->backup))
        reply(backups);
    else
        wheel_arm(wheel, timer, wheel->now_ms + LOOK_EVERY_MS);
}

void backups_init(struct backups *backups, struct api *api)
{
    *backups = (struct backups){.api = api};
    backups->backup =
        (struct backup){.db = api->parts.db, .root = api->parts.config->backup_directory};
    timer_init(&backups->timer, on_look);
}

void backups_close(struct backups *backups)
{
    if (!backups->api)
        return;
    timer_disarm(&backups->timer);
    if (backup_close(&backups->backup, backups->api->parts.config->shutdown_timeout_ms))
        return;
    LOG(LOG_WARN, "a backup that is being taken is given up",
        log_str("name", backups->backup.name));
    _exit(0);
}

/* ---- the route ---- */

/* The moment, as a name. */
static void make_name(char name[static BACKUP_NAME_MAX + 1])
{
    time_t now = (time_t)(clock_wall_ms() / 1000);
    struct tm parts;
    gmtime_r(&now, &parts);
    strftime(name, BACKUP_NAME_MAX + 1, "%Y%m%dT%H%M%SZ", &parts);
}

/* The name that the body gives, or one that is made. */
static bool read_name(struct call *call, char name[static BACKUP_NAME_MAX + 1])
{
    struct json_value body, value;
    struct slice key, given;
    uint64_t cursor = 0;
    struct faults faults = {0};
    make_name(name);
    if (call->request->body.size == 0)
        return true;
    if (!call_read_body(call, call->api->json, false, &body))
        return false;
    while (json_next(body, &cursor, &key, &value)) {
        char pointer[FAULT_POINTER_SIZE];
        pointer_member(pointer, "", key);
        if (!slice_equal(key, SLICE("directory")))
            faults_add(&faults, pointer, "unknown field");
        else if (!json_string(value, &given) || !backup_is_name(given))
            faults_add(&faults, pointer,
                       "must be a name: 1 to %d of A-Z a-z 0-9 _ - ., not beginning with a dot",
                       BACKUP_NAME_MAX);
        else
            snprintf(name, BACKUP_NAME_MAX + 1, "%.*s", SLICE_ARGS(given));
    }
    if (faults.count)
        call_faults(call, &faults);
    return faults.count == 0;
}

/* A copy of everything leaves the engine's hands: that is on record before it begins. */
static bool record(struct call *call, const char *name)
{
    const struct mutation by = call_mutation(call, "backup.create");
    const struct subject subject = {.name = slice_str(name)};
    struct batch *batch;
    int error = batch_open(&batch);
    if (!error) {
        error = changes_write(call->api->parts.changes, &by, &subject, batch);
        batch_close(batch);
    }
    if (error)
        call_problem(call, 500, "the audit log could not be written");
    return error == 0;
}

void backups_create(struct call *call)
{
    struct backups *backups = &call->api->backups;
    struct wheel *wheel = call->api->parts.wheel;
    char name[BACKUP_NAME_MAX + 1];
    if (!call->api->parts.config->backup_directory[0]) {
        call_problem(call, 409, "backups have no place: set backup_directory");
        return;
    }
    if (!read_name(call, name))
        return;
    if (backups->backup.is_running || call->api->parts.health->stopping) {
        call_busy(call);
        return;
    }
    if (!record(call, name))
        return;
    backups->ticket = call->ticket;
    if (backup_start(&backups->backup, slice_str(name),
                     vault_secret_key(call->api->parts.rekey->vault)))
        call_busy(call);
    else
        wheel_arm(wheel, &backups->timer, wheel->now_ms + LOOK_EVERY_MS);
}
