/* faults.h - what is wrong with a body that is good JSON: for each fault where it is (a JSON
 * pointer, RFC 6901) and what, for the "errors" of a problem answer. Plain data, bounded: faults
 * beyond FAULTS_MAX are only counted.
 */
#ifndef ENGINE_FAULTS_H
#define ENGINE_FAULTS_H

#include "base/text.h"

enum { FAULTS_MAX = 16, FAULT_POINTER_SIZE = 192, FAULT_DETAIL_SIZE = 160 };

struct faults {
    unsigned count; /* may be more than are listed */
    struct fault {
        char pointer[FAULT_POINTER_SIZE];
        char detail[FAULT_DETAIL_SIZE];
    } list[FAULTS_MAX];
};

void faults_add(struct faults *faults, const char *pointer, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Prints [{"pointer":"/url","detail":"..."}]. */
void faults_print(const struct faults *faults, struct text *text);

/* The pointer to member `key` of what `base` points to; one that is too long is cut. */
void pointer_member(char out[static FAULT_POINTER_SIZE], const char *base, struct slice key);
void pointer_element(char out[static FAULT_POINTER_SIZE], const char *base, unsigned index);

#endif
