/* floor.c - grapnel-floor: what the bare work under an event costs on this machine, in the same run
 * and with the same payload as the engine's own figure.
 *
 *   the floor of an event that is delivered once =
 *       the serving half of an exchange (taking the event in)
 *     + the requesting half of an exchange (delivering it)
 *     + its share of a journal's commit
 *
 * An engine that did nothing else would cost this much: no JSON, no matching, no signature, no
 * record of attempts, no timers.
 */
#include "bench/floor/commits.h"
#include "bench/floor/exchange.h"
#include "bench/load/flags.h"
#include "bench/load/machine.h"
#include "bench/load/scratch.h"
#include "bench/load/stamp.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

enum { GROUPS = 2 };
static const unsigned groups[GROUPS] = {64, 256};

struct floor {
    uint64_t events, payload_bytes;
    double engine_cpu_us;
    const char *json, *data;

    struct scratch scratch;
    struct machine machine;
    struct exchange_cost exchange;
    struct commits_cost commits[GROUPS];
};

static double sum(const struct floor *floor, unsigned group)
{
    return floor->exchange.serve_us + floor->exchange.request_us + floor->commits[group].cpu_us;
}

static int measure_commits(struct floor *floor, char why[static COMMITS_WHY_SIZE])
{
    for (unsigned i = 0; i < GROUPS; i++) {
        char directory[SCRATCH_PATH_SIZE + 16];
        snprintf(directory, sizeof directory, "%s/%u", floor->scratch.path, groups[i]);
        if (mkdir(directory, 0700) < 0)
            return -errno;
        int error = commits_measure(directory, floor->events, floor->payload_bytes, groups[i],
                                    &floor->commits[i], why);
        if (error)
            return error;
    }
    return 0;
}

static int complain(const char *what, const char *why)
{
    fprintf(stderr, "grapnel-floor: %s: %s\n", what, why);
    return 1;
}

static void print_table(const struct floor *floor)
{
    const struct machine *machine = &floor->machine;
    const struct exchange_cost *exchange = &floor->exchange;
    printf("\n%lu-byte payloads; %s, %u cores, Linux %s, data on %s\n\n", floor->payload_bytes,
           machine->processor, machine->cores, machine->kernel, machine->filesystem);
    printf("  CPU of the bare work              us      a second\n");
    printf("  exchange, serving half      %8.2f  %12.0f\n", exchange->serve_us,
           exchange->per_second);
    printf("  exchange, requesting half   %8.2f\n", exchange->request_us);
    for (unsigned i = 0; i < GROUPS; i++)
        printf("  journal, groups of %-3u      %8.2f  %12.0f\n", groups[i],
               floor->commits[i].cpu_us, floor->commits[i].per_second);
    printf("\n");
    for (unsigned i = 0; i < GROUPS; i++) {
        printf("  floor, groups of %-3u        %8.2f", groups[i], sum(floor, i));
        if (floor->engine_cpu_us > 0)
            printf("   the engine's %.1f is %.2f times that", floor->engine_cpu_us,
                   floor->engine_cpu_us / sum(floor, i));
        printf("\n");
    }
}

static int write_json(const struct floor *floor)
{
    FILE *out = fopen(floor->json, "we");
    if (!out)
        return complain(floor->json, strerror(errno));
    fprintf(out, "{\n  \"version\": \"" GRAPNEL_VERSION "\",\n");
    fprintf(out, "  \"payload_bytes\": %lu,\n", floor->payload_bytes);
    fprintf(out, "  \"serve_us\": %.3f,\n", floor->exchange.serve_us);
    fprintf(out, "  \"request_us\": %.3f,\n", floor->exchange.request_us);
    fprintf(out, "  \"exchanges_per_second\": %.0f,\n", floor->exchange.per_second);
    for (unsigned i = 0; i < GROUPS; i++) {
        fprintf(out, "  \"journal_%u_us\": %.3f,\n", groups[i], floor->commits[i].cpu_us);
        fprintf(out, "  \"journal_%u_per_second\": %.0f,\n", groups[i],
                floor->commits[i].per_second);
        fprintf(out, "  \"floor_%u_us\": %.3f,\n", groups[i], sum(floor, i));
    }
    fprintf(out, "  \"engine_cpu_us\": %.3f\n}\n", floor->engine_cpu_us);
    bool failed = ferror(out) != 0;
    return fclose(out) != 0 || failed ? complain(floor->json, "cannot be written") : 0;
}

static int run(struct floor *floor)
{
    char why[COMMITS_WHY_SIZE] = "";
    int error = scratch_open(&floor->scratch, floor->data);
    if (error)
        return complain("no fresh directory", strerror(-error));
    machine_read(&floor->machine, floor->scratch.path);
    error = exchange_measure(floor->events, floor->payload_bytes, &floor->exchange, why);
    if (error)
        return complain("exchange", why);
    error = measure_commits(floor, why);
    if (error)
        return complain("journal", why);
    print_table(floor);
    return floor->json ? write_json(floor) : 0;
}

int main(int argc, char **argv)
{
    struct floor floor = {.events = 200000, .payload_bytes = 1024};
    const struct flag table[] = {
        {"--events", FLAG_COUNT, &floor.events, 1000, 100000000, "N",
         "exchanges, and events in each journal (200000)"},
        {"--payload", FLAG_SIZE, &floor.payload_bytes, STAMP_PAYLOAD_MIN, STAMP_PAYLOAD_MAX,
         "BYTES", "of each payload (1024)"},
        {"--engine-cpu", FLAG_DECIMAL, &floor.engine_cpu_us, 0, 0, "US",
         "a measured figure to compare with: us of CPU per event"},
        {"--data", FLAG_TEXT, &floor.data, 0, 0, "DIR",
         "the fresh directory is made in this one (TMPDIR or /tmp)"},
        {"--json", FLAG_TEXT, &floor.json, 0, 0, "FILE", "save all figures"},
    };
    const struct flags flags = {
        "grapnel-floor",
        "Measures what bare HTTP exchanges and a bare journal cost on this machine.", table,
        sizeof table / sizeof *table};
    int result = flags_parse(&flags, argc - 1, argv + 1);
    if (result >= 0)
        return result;
    result = run(&floor);
    scratch_close(&floor.scratch);
    return result;
}
