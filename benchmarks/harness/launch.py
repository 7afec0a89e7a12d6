"""`python launch.py COMMAND...`: runs it, then prints its seconds, the most memory of its largest
process in bytes, and how it ended.

Nothing but this, because Linux lets a new process's peak begin with that of the one that started
it: whoever starts it has to be smaller than all that is measured.
"""

import os
import sys
import time


def main() -> None:
    began = time.perf_counter()
    process = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
    _, status, usage = os.wait4(process, 0)  # of the largest process that was waited for
    seconds = time.perf_counter() - began
    unit = 1 if sys.platform == "darwin" else 1024
    print(f"{seconds} {usage.ru_maxrss * unit} {os.waitstatus_to_exitcode(status)}")


if __name__ == "__main__":
    main()
