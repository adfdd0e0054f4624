/* doctor.h - what is looked at on a host before an engine runs on it, or when it does not do well.
 * Each check finds one thing out, and says what to do where it is not as it should be. Nothing is
 * changed.
 */
#ifndef CTL_DOCTOR_H
#define CTL_DOCTOR_H

#include <stddef.h>
#include <stdint.h>

enum doctor_level { DOCTOR_OK, DOCTOR_WARN, DOCTOR_FAIL };

enum { DOCTOR_TEXT_SIZE = 320 };

struct finding {
    enum doctor_level level;
    char detail[DOCTOR_TEXT_SIZE]; /* what was found */
    char advice[DOCTOR_TEXT_SIZE]; /* what to do; "" of DOCTOR_OK */
};

struct doctor {
    const char *data;      /* the data directory, which need not be there yet */
    const char *name;      /* to look up */
    const char *ports[2];  /* "ADDR:PORT" that have to be free */
    const char *ca_file;   /* NULL: the system's */
    uint64_t memory_bytes; /* that the engine may use */
};

/* Sets level and advice; then goes on with the detail. */
void finding_put(struct finding *finding, enum doctor_level level, const char *advice);
void finding_detail(struct finding *finding, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

struct doctor_check {
    const char *name;
    void (*look)(const struct doctor *doctor, struct finding *finding);
};

/* Each up to one without a name. */
extern const struct doctor_check doctor_host_checks[], doctor_disk_checks[], doctor_net_checks[];

#endif
