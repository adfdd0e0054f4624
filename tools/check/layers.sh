#!/bin/sh
# layers.sh - fails if a folder includes a header that its layer may not see, if anything but its one
# door touches a dependency or the outside world, or if a header does not compile alone.
# The rule is the table at the bottom; README.md draws it.
cd "$(dirname "$0")/../.." || exit 1
bad=0

complain() {
    printf '%s\n' "$@"
    bad=1
}

# may_include FOLDER ALLOWED...: FOLDER's quoted includes all start with an ALLOWED folder, or are an allowed header.
may_include() {
    folder=$1
    shift
    allowed=$(printf '%s|' "$@" | sed 's|\.h|\\.h"|g')
    allowed=${allowed%|}
    found=$(grep -rnE '^#include "' --include='*.h' --include='*.c' --include='*.cc' "$folder" |
        grep -vE "#include \"($allowed)")
    [ -z "$found" ] || complain "$found"
}

# only_in WHAT PATTERN FILE...: no source but FILE matches PATTERN, comments aside.
only_in() {
    what=$1
    pattern=$2
    shift 2
    found=$(grep -rlE "$pattern" --include='*.h' --include='*.c' --include='*.cc' engine net store |
        grep -vxF "$(printf '%s\n' "$@")" |
        while read -r file; do
            sed -E 's|/\*.*\*/||; s|^ *(/\*)? ?\*? .*\*/$||; s|//.*||; /^ ?\*|^\/\*/d' "$file" |
                grep -qE "$pattern" && printf '%s\n' "$file"
        done)
    [ -z "$found" ] || complain "$what, outside its door:" "$found"
}

# compiles_alone HEADER: it includes what it uses.
compiles_alone() {
    printf '#include "%s"\n' "$1" |
        ${CC:-cc} -std=gnu17 -D_GNU_SOURCE -Wall -Werror -fsyntax-only -I. -Iengine -x c - 2>&1
}

may_include engine/base base/
may_include net base/ net/
may_include store base/ store/
may_include tools/ctl base/ net/ tools/ctl/ signature.h signer.h secret.h template.h
for file in engine/*.c engine/*.h; do
    [ "$file" = engine/main.c ] && continue # puts the layers together
    found=$(grep -nE '^#include "tests|^#include "bench|^#include "engine/' "$file")
    [ -z "$found" ] || complain "$file: $found"
done

only_in 'liburing' '^#include <liburing' net/loop.c
only_in 'BoringSSL, TLS' '^#include <openssl/ssl' net/tls.c net/tls_context.c
only_in 'BoringSSL, X.509' '^#include <openssl/(bio|err|pem|x509)' net/tls.c net/tls_context.c net/trust.c
only_in 'BoringSSL, AEAD' '^#include <openssl/aead' engine/base/aead.c
only_in 'RocksDB' '^#include <rocksdb/' store/db_inside.h store/tuning.c
only_in 'c-ares' '^#include <ares' net/resolver.c
only_in 'simdjson' '^#include <simdjson' engine/base/json.cc
only_in 'RE2' '^#include <re2/' engine/base/regex.cc
only_in 'libdeflate' '^#include <libdeflate' engine/gzip.c
only_in 'atomics' '^#include <stdatomic|__atomic_|__sync_' engine/mailbox.h engine/mailbox.c engine/base/log.c
only_in 'a clock' '\b(clock_gettime|gettimeofday|timespec_get|time) ?\((NULL|&|CLOCK|clock)' engine/base/clock.c
only_in 'a random source' '\b(getrandom|getentropy|random|rand|RAND_bytes) ?\(' engine/base/random.c
only_in 'a socket' '[^_.>a-z](socket|accept4?|connect|bind|listen|recv|recvmsg|send|sendmsg|sendto) ?\([a-zA-Z&]' \
    net/socket.c net/loop.c engine/notify.c
only_in 'a sleep' '\b(usleep|nanosleep|sleep|clock_nanosleep) ?\(' net/loop.c engine/base/priority.c

for header in $(find engine net store tools -name '*.h' | sort); do
    why=$(compiles_alone "$header") || complain "$header does not compile alone:" "$why"
done
exit $bad
