/* fake_vault.h - in the place of vault.c: a secret reads "FIELD|reversed" in its sealed form, with
 * '~' for the ends of its lines. */
#ifndef TESTS_UNIT_ENGINE_FAKE_VAULT_H
#define TESTS_UNIT_ENGINE_FAKE_VAULT_H

#include "vault.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>

struct vault {
    int dummy;
};
static struct vault vault;

void vault_seal(const struct vault *with, const struct vault_place *place, struct slice plain,
                struct text *out)
{
    cr_assert(eq(ptr, (void *)with, &vault));
    text_printf(out, "%s|", place->field);
    for (size_t i = plain.size; i > 0; i--)
        text_char(out, plain.at[i - 1] == '\n' ? '~' : plain.at[i - 1]);
}

int vault_unseal(struct vault *with, const struct vault_place *place, struct slice stored,
                 struct text *out)
{
    size_t bar = slice_find(stored, '|');
    cr_assert(eq(ptr, with, &vault));
    if (!slice_equal(slice_of(stored.at, bar), slice_str(place->field)))
        return -EBADMSG;
    for (size_t i = stored.size; i > bar + 1; i--)
        text_char(out, stored.at[i - 1] == '~' ? '\n' : stored.at[i - 1]);
    return 0;
}

#endif
