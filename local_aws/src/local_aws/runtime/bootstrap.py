"""Starts a bundle as AgentCore does, and is a program of its own: `python -I -S -B bootstrap.py DIRECTORY FILE`.

Isolated mode puts neither the environment's nor the script's directory on the path, so that a package missing from
the bundle cannot be found elsewhere: the bundle's directory and the standard library is all there is.
"""

import runpy
import sys

if __name__ == "__main__":
    bundle, entry_point = sys.argv[1:]
    sys.argv = [entry_point]
    sys.path.insert(0, bundle)
    runpy.run_path(f"{bundle}/{entry_point}", run_name="__main__")
