"""Everything Textual. Importing this package takes away the environment variables by which Textual could be made to
press keys, log or switch drivers; it reads some of them while it is imported, so later would be too late."""

import os

from console.ui.environ import scrub_environment

scrub_environment(os.environ)
