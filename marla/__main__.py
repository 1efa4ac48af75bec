"""`python -m marla`."""

import sys

from .cli import main

sys.exit(main())
