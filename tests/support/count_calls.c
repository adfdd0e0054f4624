/* count_calls.c - a library for LD_PRELOAD that counts, for each thread that has given itself a
 * name, its calls of the allocator and of pthread's locks.
 *
 * The counts are in the file that COUNT_CALLS_FILE names (made if it is not there), which a test
 * reads while the program runs:
 *
 *     0  u32  set by the test to have the next calls shown: the stacks of at most TRACES_MAX calls
 *             of each thread are printed to stderr
 *     4  u32  how many threads there are
 *     8  for each thread, of 16 + 8 * CALLS bytes: its name, then a u64 for each of enum call
 *
 * Threads are counted from their pthread_setname_np() on; the others are let through. A count has
 * one writer, its thread, so that a relaxed store is enough; the reader waits for what it wants to
 * have counted to be done.
 *
 * C++'s operator new and delete come by here on their way to malloc() and free().
 */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum call { CALL_MALLOC, CALL_CALLOC, CALL_REALLOC, CALL_ALIGNED, CALL_FREE, CALL_LOCK, CALLS };
enum { THREADS_MAX = 64, TRACES_MAX = 20, TRACE_DEPTH = 24 };

struct counts {
    char name[16];
    _Atomic uint64_t calls[CALLS];
};

struct board {
    atomic_uint trace, threads;
    struct counts counts[THREADS_MAX];
};

static struct board *board;
static const char *const names[CALLS] = {"malloc", "calloc", "realloc", "aligned", "free", "lock"};

/* initial-exec: to reach it must not itself allocate. */
#define OF_THREAD static __thread __attribute__((tls_model("initial-exec")))
OF_THREAD struct counts *mine;
OF_THREAD unsigned traces;
OF_THREAD bool is_tracing;

/* glibc's own entries, so that the first calls need no dlsym(), which may allocate. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *memory);

void *memalign(size_t alignment, size_t size);

__attribute__((constructor)) static void open_board(void)
{
    const char *path = getenv("COUNT_CALLS_FILE");
    void *stack[1];
    if (!path)
        return;
    backtrace(stack, 1); /* loads what it needs, now rather than in the middle of a count */
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, sizeof *board))
        abort();
    void *memory = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        abort();
    close(fd);
    board = memory;
}

static void show(enum call call)
{
    void *stack[TRACE_DEPTH];
    if (is_tracing || traces == TRACES_MAX)
        return;
    traces++;
    is_tracing = true; /* what printing calls is not counted */
    dprintf(STDERR_FILENO, "count_calls: %s of %s\n", names[call], mine->name);
    backtrace_symbols_fd(stack, backtrace(stack, TRACE_DEPTH), STDERR_FILENO);
    is_tracing = false;
}

static void count(enum call call)
{
    if (!mine || is_tracing)
        return;
    uint64_t before = atomic_load_explicit(&mine->calls[call], memory_order_relaxed);
    atomic_store_explicit(&mine->calls[call], before + 1, memory_order_relaxed);
    if (atomic_load_explicit(&board->trace, memory_order_relaxed))
        show(call);
}

/* The function that the program would have called; `kept` remembers it. */
static void *next(void **kept, const char *name)
{
    if (!*kept)
        *kept = dlsym(RTLD_NEXT, name);
    return *kept;
}

int pthread_setname_np(pthread_t thread, const char *name)
{
    static void *kept;
    int (*const real)(pthread_t, const char *) = next(&kept, "pthread_setname_np");
    if (board && !mine && pthread_equal(thread, pthread_self())) {
        unsigned number = atomic_fetch_add(&board->threads, 1);
        if (number >= THREADS_MAX)
            abort();
        strncpy(board->counts[number].name, name, sizeof board->counts[number].name - 1);
        mine = &board->counts[number];
    }
    return real(thread, name);
}

/* ---- the allocator ---- */

void *malloc(size_t size)
{
    count(CALL_MALLOC);
    return __libc_malloc(size);
}

void *calloc(size_t number, size_t size)
{
    count(CALL_CALLOC);
    return __libc_calloc(number, size);
}

void *realloc(void *memory, size_t size)
{
    count(CALL_REALLOC);
    return __libc_realloc(memory, size);
}

void free(void *memory)
{
    count(CALL_FREE);
    __libc_free(memory);
}

void *memalign(size_t alignment, size_t size)
{
    count(CALL_ALIGNED);
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return memalign(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
    if (alignment % sizeof(void *) || (alignment & (alignment - 1)) || alignment == 0)
        return EINVAL;
    *memory = memalign(alignment, size);
    return *memory ? 0 : ENOMEM;
}

/* ---- locks ---- */

int pthread_mutex_lock(pthread_mutex_t *mutex)
{
    static void *kept;
    int (*const real)(pthread_mutex_t *) = next(&kept, "pthread_mutex_lock");
    count(CALL_LOCK);
    return real(mutex);
}

int pthread_mutex_trylock(pthread_mutex_t *mutex)
{
    static void *kept;
    int (*const real)(pthread_mutex_t *) = next(&kept, "pthread_mutex_trylock");
    count(CALL_LOCK);
    return real(mutex);
}

int pthread_rwlock_rdlock(pthread_rwlock_t *lock)
{
    static void *kept;
    int (*const real)(pthread_rwlock_t *) = next(&kept, "pthread_rwlock_rdlock");
    count(CALL_LOCK);
    return real(lock);
}

int pthread_rwlock_wrlock(pthread_rwlock_t *lock)
{
    static void *kept;
    int (*const real)(pthread_rwlock_t *) = next(&kept, "pthread_rwlock_wrlock");
    count(CALL_LOCK);
    return real(lock);
}
