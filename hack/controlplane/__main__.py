"""`python hack/controlplane COMMAND`, or `python -m controlplane COMMAND` with `hack` on the path."""

import sys
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from controlplane.cli import main

sys.exit(main())
