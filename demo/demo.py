"""What `./build.sh demo` runs after the build: the add-on at work, against stand-ins for Microsoft and Splunk.

    demo.py [APP]

APP is a built add-on, output/TA_defender_alerts unless given. The exit status is 0 only if everything came out as it
should.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# The first entry would be this folder, whose demo.py is not the package demo.
sys.path[:1] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "package" / "bin")]

from demo.show import main  # noqa: E402 - it can only be found from here on

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
