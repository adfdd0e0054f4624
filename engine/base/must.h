/* must.h - assertions that stay in the release build.
 *
 * must() states what has to be true if this program has no bug. When it is false the process
 * stops at once, so a bug costs a restart and never a wrong or lost delivery. Anything the
 * outside world can cause (a full disk, a bad certificate, a malformed request) is an error to
 * return, never a must().
 */
#ifndef BASE_MUST_H
#define BASE_MUST_H

#define must(cond) \
    (__builtin_expect(!!(cond), 1) ? (void)0 : must_fail(#cond, __FILE__, __LINE__, __func__))

/* Marks a result that the caller has to look at. */
#define MUST_CHECK __attribute__((warn_unused_result))

void must_fail(const char *cond, const char *file, int line, const char *func)
    __attribute__((noreturn));

#endif
