#!/bin/sh
# style.sh - the rules of the house that a machine can check: sizes, names and words.
# It says file:line and what is wrong, and exits with 1 if it found anything.
cd "$(dirname "$0")/../.." || exit 1

product=$(find engine net store bench tools -name '*.[ch]' -o -name '*.cc' | sort)
sources="$product $(find tests -name '*.[ch]' | sort)"
texts=$(find . \( -path ./build -o -path ./.git -o -path ./data -o -name node_modules \) -prune -o \
    -type f \( -name '*.[ch]' -o -name '*.cc' -o -name '*.py' -o -name '*.sh' -o -name '*.md' \
    -o -name 'CMake*' \) -print | grep -v style.sh | sort)
failed=$(mktemp)
trap 'rm -f "$failed"' EXIT

# forbid WHY PATTERN FILE...
forbid() {
    why=$1
    pattern=$2
    shift 2
    grep -nHE "$pattern" "$@" /dev/null | sed "s|\$|    <- $why|" >>"$failed"
}

# shellcheck disable=SC2086 # lists of names without spaces
check_words() {
    forbid 'finish it' '\b(TODO|FIXME|XXX|HACK)\b' $texts
    forbid 'unbounded or unsafe' '\b(strcpy|strcat|sprintf|vsprintf|gets|strtok|atoi|atol|alloca|setjmp|longjmp)\(' $product
    forbid 'must() stays in release builds' '^#include <assert\.h>' $sources
    forbid 'say what it does' '^[a-z].*\b(handle_[^o]|process_|do_)[a-z_]*\(' $sources
    forbid 'structs keep their name' '^typedef (struct|union|enum)' $sources
    forbid 'a path of one machine' '/home/[a-z]+/' $texts
    forbid 'passes what is equal, in Criterion 2.4: lt() with the two exchanged' '\bgt\(' $sources
    forbid 'white space at the end' '[[:space:]]$' $sources
    for file in $sources; do
        case ${file##*/} in
        *util* | *helper* | *common* | *misc* | *manager*)
            printf '%s    <- a file is a noun of its own\n' "$file" >>"$failed" ;;
        esac
    done
}

# Functions are what stands between a { and a } in the first column. A table that is kept out of
# clang-format's hands may be as wide as it is; a test may be as long as there are cases.
# shellcheck disable=SC2086
check_sizes() {
    awk '
        function end_file() {
            if (lines > 600 && file !~ /^tests/) print file ": " lines " lines    <- at most 600"
        }
        FNR == 1 { end_file(); file = FILENAME; start = 0; table = 0 }
        { lines = FNR }
        /clang-format off/ { table = 1 }
        /clang-format on/ { table = 0 }
        length($0) > 100 && !table { print FILENAME ":" FNR ": " length($0) " columns    <- at most 100" }
        /^\{/ { start = FNR }
        /^\}/ {
            if (start && FNR - start - 1 > 60)
                print FILENAME ":" start ": " FNR - start - 1 " lines in a function    <- at most 60"
            start = 0
        }
        END { end_file() }
    ' $sources >>"$failed"
}

# Each header says at its head what it is: "/* name.h - ...".
check_heads() {
    for file in $sources; do
        case $file in *.h) ;; *) continue ;; esac
        head -1 "$file" | grep -qF "/* ${file##*/} - " ||
            printf '%s:1    <- begins with "/* %s - what it is"\n' "$file" "${file##*/}" >>"$failed"
    done
}

check_words
check_sizes
check_heads
if [ -s "$failed" ]; then
    cat "$failed"
    exit 1
fi
