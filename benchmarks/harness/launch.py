"""`python launch.py COMMAND...`: run a command, then print its seconds, the CPU seconds of all its
processes, the peak memory of the largest in bytes, and its exit status.

This file does nothing else and imports little, because Linux lets the peak of a new process begin
with the size of its parent: the parent has to be smaller than everything that is measured.
"""

import os
import sys
import time

if __name__ == "__main__":
    began = time.perf_counter()
    process = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
    _, status, usage = os.wait4(process, 0)  # its peak is that of the largest process
    seconds = time.perf_counter() - began
    unit = 1 if sys.platform == "darwin" else 1024
    cpu = usage.ru_utime + usage.ru_stime
    print(f"{seconds} {cpu} {usage.ru_maxrss * unit} {os.waitstatus_to_exitcode(status)}")
