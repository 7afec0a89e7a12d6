"""The tests of all rooms.

Two test processes share the CPUs. NumPy would start a thread for each CPU in both, and these wait
by spinning: what then takes 20 s of CPU time takes 3 s in one thread.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy is imported
os.environ.setdefault("HYPOTHESIS_NO_PLUGINS", "1")  # of other packages, such as Trio
