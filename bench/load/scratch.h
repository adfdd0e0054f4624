/* scratch.h - a fresh directory for one run, and its end. */
#ifndef LOAD_SCRATCH_H
#define LOAD_SCRATCH_H

#include "base/must.h"

enum { SCRATCH_PATH_SIZE = 512 };

struct scratch {
    char path[SCRATCH_PATH_SIZE]; /* "": none */
};

/* Makes it in `parent`; NULL: in $TMPDIR, or /tmp. 0, or -errno. */
MUST_CHECK int scratch_open(struct scratch *scratch, const char *parent);

/* Removes it and all that is in it. */
void scratch_close(struct scratch *scratch);

#endif
