/* meta.c - see meta.h. */
#include "meta.h"

#include "first_start.h"
#include "rotation.h"

#include <errno.h>
#include <stdio.h>

/* What a crash, or an older version, left. */
static int seal_the_rest(struct meta *meta, char why[static META_WHY_SIZE])
{
    int error = rekey_finish(&meta->rekey);
    if (error)
        snprintf(why, META_WHY_SIZE, "cannot store the sealed documents: %.200s", db_why());
    else if (meta->rekey.documents_sealed)
        LOG(LOG_INFO, "documents were sealed by the present data keys",
            log_u64("documents", meta->rekey.documents_sealed));
    return error;
}

static int open_audit(struct meta *meta, struct db *db, char why[static META_WHY_SIZE])
{
    int error = audit_open(&meta->audit, db);
    if (error)
        snprintf(why, META_WHY_SIZE, "cannot read the head of the audit log: %.200s",
                 error == -EIO ? db_why() : strerror(-error));
    return error;
}

static int open_uses(struct meta *meta, struct db *db, char why[static META_WHY_SIZE])
{
    int error = last_use_open(&meta->uses, db, &meta->registry);
    if (error)
        snprintf(why, META_WHY_SIZE, "cannot read when keys were last used: %.200s",
                 error == -EIO ? db_why() : strerror(-error));
    return error;
}

static int open_answers(struct meta *meta, const struct config *config, struct db *db,
                        char why[static META_WHY_SIZE])
{
    int error = answers_open(&meta->answers, db, meta->vault, config->idempotency_window_ms);
    if (error)
        snprintf(why, META_WHY_SIZE, "cannot read the answers to be repeated: %.200s",
                 error == -EIO ? db_why() : strerror(-error));
    return error;
}

/* A tenant that was made with its first start, or by an older version, has none yet. */
static int give_log_keys(struct meta *meta, char why[static META_WHY_SIZE])
{
    for (size_t i = 0; i < meta->registry.tenants.count; i++) {
        struct tenant *tenant = meta->registry.tenants.items[i];
        int error = vault_prepare_log(meta->vault, &tenant->id);
        if (error) {
            snprintf(why, META_WHY_SIZE, "cannot store the log key of a tenant: %.200s",
                     error == -EIO ? db_why() : strerror(-error));
            return error;
        }
        memcpy(tenant->log_key, vault_log_key(meta->vault, &tenant->id), sizeof tenant->log_key);
    }
    return 0;
}

int meta_open(struct meta *meta, const struct config *config, struct crew *crew, struct db *db,
              char why[static META_WHY_SIZE])
{
    int error = vault_open(&meta->vault, db, config->data, config->secret_key_file, why);
    if (!error)
        error = open_audit(meta, db, why);
    if (!error)
        error = open_answers(meta, config, db, why);
    if (!error)
        error = registry_open(&meta->registry);
    if (error)
        return error;
    changes_init(&meta->changes, crew, db, &meta->registry, meta->vault, &meta->audit);
    meta->changes.answers = &meta->answers;
    rekey_init(&meta->rekey, db, &meta->registry, meta->vault);
    meta->is_open = true;

    error = registry_load(&meta->registry, db, meta->vault, why);
    if (!error)
        error = seal_the_rest(meta, why);
    if (!error)
        error = first_start(&meta->registry, db, config->data, why);
    if (!error)
        error = give_log_keys(meta, why);
    return error ? error : open_uses(meta, db, why);
}

void meta_tidy(struct meta *meta, const struct config *config, uint64_t now_ms)
{
    uint64_t kept_ms = config->audit_retention_ms;
    rotation_sweep(&meta->changes, &meta->rotation_at, now_ms);
    last_use_sweep(&meta->uses, now_ms);
    int error = audit_prune(&meta->audit, now_ms > kept_ms ? now_ms - kept_ms : 0,
                            config->audit_records_max);
    if (error && error != meta->prune_error)
        LOG(LOG_ERROR, "the oldest record of the audit log cannot be dropped",
            log_str("why", error == -EIO ? db_why() : strerror(-error)));
    meta->prune_error = error;
    if (answers_tidy(&meta->answers, now_ms))
        LOG(LOG_ERROR, "old answers cannot be dropped", log_str("why", db_why()));
}

void meta_close(struct meta *meta)
{
    if (meta->is_open) {
        changes_close(&meta->changes);
        registry_close(&meta->registry);
    }
    answers_close(&meta->answers);
    vault_close(meta->vault);
}
