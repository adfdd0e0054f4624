#!/usr/bin/env python3
"""count_tests.py LOG... - counts what ctest ran, from its LastTest.log files, and prints
"N passed, N failed" on a line of its own. Exits with 1 if anything failed or nothing ran.

One ctest entry may hold many tests: Criterion and unittest say how many, and anything else is one.
"""
import re
import sys

ENTRY = re.compile(r"^\d+/\d+ Testing: (.+)$", re.MULTILINE)
CRITERION = re.compile(r"Synthesis: Tested: (\d+) \| Passing: (\d+)")
UNITTEST = re.compile(r"^Ran (\d+) tests? in ", re.MULTILINE)
UNITTEST_BAD = re.compile(r"(?:failures|errors|unexpected successes)=(\d+)")


def count_entry(text):
    """(passed, failed) of one ctest entry, whose part of the log is `text`."""
    good = re.search(r"^Test Passed\.$", text, re.MULTILINE) is not None
    output = re.sub(r"\x1b\[[0-9;]*m", "", text)
    ran = failed = 0
    for tested, passing in CRITERION.findall(output):
        ran += int(tested)
        failed += int(tested) - int(passing)
    for tested in UNITTEST.findall(output):
        ran += int(tested)
    for line in re.findall(r"^FAILED \(.*\)$", output, re.MULTILINE):
        failed += sum(int(number) for number in UNITTEST_BAD.findall(line))
    if ran == 0:
        return (1, 0) if good else (0, 1)
    if not good and failed == 0:
        failed = 1  # it crashed, ran out of time, or leaked
    return max(ran - failed, 0), failed


def main(paths):
    passed = failed = 0
    for path in paths:
        with open(path, encoding="utf-8", errors="replace") as file:
            parts = ENTRY.split(file.read())
        for text in parts[2::2]:
            good, bad = count_entry(text)
            passed += good
            failed += bad
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
