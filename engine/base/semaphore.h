/* semaphore.h - waiting for a semaphore, whatever signals come meanwhile. */
#ifndef BASE_SEMAPHORE_H
#define BASE_SEMAPHORE_H

#include "base/must.h"

#include <errno.h>
#include <semaphore.h>

/* sem_wait(3), begun again after a signal. */
static inline void semaphore_await(sem_t *semaphore)
{
    while (sem_wait(semaphore) < 0)
        must(errno == EINTR);
}

#endif
