/* tempo.c - see tempo.h. Of each attempt it is known that it was begun between two moments; a
 * stretch is from the earliest of the ones to the latest of the others, so that it is never too
 * short.
 */
#include "tempo.h"

#include "base/must.h"
#include "machine.h"
#include "world.h"

enum { KEPT = 128 };

struct tempo {
    unsigned starts; /* of the machine; the limit begins anew */
    unsigned count;
    struct beat {
        uint64_t start_ns, sent_ns;
    } beats[KEPT];
};

static struct tempo tempos[LEDGER_SUBSCRIPTIONS];

static struct tempo *add(const struct attempt_seen *attempt)
{
    struct tempo *tempo = &tempos[attempt->subscription->index];
    if (tempo->starts != machine_starts())
        *tempo = (struct tempo){.starts = machine_starts()};
    if (tempo->count == KEPT) {
        tempo->count--;
        memmove(tempo->beats, tempo->beats + 1, tempo->count * sizeof *tempo->beats);
    }
    tempo->beats[tempo->count++] = (struct beat){attempt->start_ns, attempt->sent_ns};
    return tempo;
}

void tempo_check(const struct attempt_seen *attempt)
{
    const struct subscription_told *told = attempt->subscription;
    uint64_t from_ns = attempt->start_ns, to_ns = attempt->sent_ns;
    if (told->per_second <= 0 || attempt->start_ns == 0)
        return;
    const struct tempo *tempo = add(attempt);
    for (unsigned i = tempo->count; i-- > 0;) {
        const struct beat *beat = &tempo->beats[i];
        unsigned begun = tempo->count - i;
        from_ns = beat->start_ns < from_ns ? beat->start_ns : from_ns;
        to_ns = beat->sent_ns > to_ns ? beat->sent_ns : to_ns;
        double seconds = (double)(to_ns - from_ns + WORLD_MS) / 1e9; /* the engine counts in ms */
        if (begun > told->burst + told->per_second * seconds)
            world_fail("subscription %u was sent %u attempts in %.3f s, but may be sent %.1f in a "
                       "second, %u at once",
                       told->index, begun, seconds, told->per_second, told->burst);
    }
}
