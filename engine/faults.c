/* faults.c - see faults.h. */
#include "faults.h"

#include <stdarg.h>
#include <stdio.h>

void faults_add(struct faults *faults, const char *pointer, const char *format, ...)
{
    if (faults->count++ >= FAULTS_MAX)
        return;
    struct fault *fault = &faults->list[faults->count - 1];
    snprintf(fault->pointer, sizeof fault->pointer, "%s", pointer);
    va_list args;
    va_start(args, format);
    vsnprintf(fault->detail, sizeof fault->detail, format, args);
    va_end(args);
}

void faults_print(const struct faults *faults, struct text *text)
{
    text_char(text, '[');
    for (unsigned i = 0; i < faults->count && i < FAULTS_MAX; i++) {
        text_put(text, i ? SLICE(",{\"pointer\":") : SLICE("{\"pointer\":"));
        text_json(text, slice_str(faults->list[i].pointer));
        text_put(text, SLICE(",\"detail\":"));
        text_json(text, slice_str(faults->list[i].detail));
        text_char(text, '}');
    }
    text_char(text, ']');
}

void pointer_member(char out[static FAULT_POINTER_SIZE], const char *base, struct slice key)
{
    struct text text;
    text_init(&text, out, FAULT_POINTER_SIZE - 1);
    text_put(&text, slice_str(base));
    text_char(&text, '/');
    for (size_t i = 0; i < key.size; i++) {
        if (key.at[i] == '~')
            text_put(&text, SLICE("~0"));
        else if (key.at[i] == '/')
            text_put(&text, SLICE("~1"));
        else
            text_char(&text, key.at[i]);
    }
    out[text.size] = '\0';
}

void pointer_element(char out[static FAULT_POINTER_SIZE], const char *base, unsigned index)
{
    snprintf(out, FAULT_POINTER_SIZE, "%.*s/%u", FAULT_POINTER_SIZE - 16, base, index);
}
