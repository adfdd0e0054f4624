#!/usr/bin/env python3
"""A host where io_uring is not to be had: the engine says so, and what to do, and ends."""
import ctypes
import errno
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support import case
from support.engine import environment, program

IO_URING_SETUP = 425
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06  # of classic BPF
SECCOMP_ALLOW, SECCOMP_ERRNO = 0x7FFF0000, 0x00050000
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2


class Instruction(ctypes.Structure):
    _fields_ = [("code", ctypes.c_uint16), ("jt", ctypes.c_uint8), ("jf", ctypes.c_uint8), ("k", ctypes.c_uint32)]


class Program(ctypes.Structure):
    _fields_ = [("size", ctypes.c_uint16), ("instructions", ctypes.POINTER(Instruction))]


def forbid_io_uring(error):
    """What a container runtime's seccomp profile does: io_uring_setup() fails with `error`."""
    libc = ctypes.CDLL(None, use_errno=True)
    instructions = (Instruction * 4)(
        Instruction(LOAD, 0, 0, 0),  # the number of the call
        Instruction(JUMP_IF_EQUAL, 0, 1, IO_URING_SETUP),
        Instruction(RETURN, 0, 0, SECCOMP_ERRNO | error),
        Instruction(RETURN, 0, 0, SECCOMP_ALLOW))
    filter_program = Program(len(instructions), instructions)

    def install():
        if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or \
                libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(filter_program), 0, 0):
            raise OSError(ctypes.get_errno(), "no seccomp filter")

    return install


class WithoutIoUring(unittest.TestCase):
    def start(self, error):
        with tempfile.TemporaryDirectory(prefix="grapnel-test-") as folder:
            return subprocess.run(
                [program(), "--data", f"{folder}/data", "--ingest", "127.0.0.1:0", "--admin", "127.0.0.1:0"],
                preexec_fn=forbid_io_uring(error), env=environment(), capture_output=True, text=True, timeout=60,
                check=False)

    def test_blocked_by_a_profile(self):
        ended = self.start(errno.EPERM)
        self.assertEqual(ended.returncode, 1, ended.stderr)
        self.assertIn("cannot set up io_uring", ended.stderr)
        self.assertIn("seccomp", ended.stderr)
        self.assertIn("kernel.io_uring_disabled", ended.stderr)

    def test_missing(self):
        ended = self.start(errno.ENOSYS)
        self.assertEqual(ended.returncode, 1, ended.stderr)
        self.assertIn("cannot set up io_uring", ended.stderr)
        self.assertIn("Linux 6.1", ended.stderr)


if __name__ == "__main__":
    case.main()
