"""What a model takes while it loads goes back to the system."""

import subprocess
import sys

LOAD_AGAIN_AND_AGAIN = """
import os, threading
import numpy
from ros2_captioner.captioner import Captioner
from ros2_captioner.memory import return_freed_memory, use_one_heap

def resident_mib():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

use_one_heap()
for _ in range(6):
    captioner = Captioner.load(device="cpu")
    frames = [numpy.zeros((480, 640, 3), numpy.uint8)]
    thread = threading.Thread(target=captioner.caption, args=[frames])
    thread.start()
    thread.join()
    del captioner, thread
    return_freed_memory()
    print(resident_mib())
"""


def test_reloading_leaves_nothing_behind():
    done = subprocess.run(
        [sys.executable, "-c", LOAD_AGAIN_AND_AGAIN], capture_output=True, text=True, check=True
    )
    memory = [float(line) for line in done.stdout.split()]
    assert max(memory[1:]) < 1.02 * memory[0] + 2
