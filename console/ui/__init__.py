"""Everything Textual: `screens` cover the terminal, `panes` are the parts of the main screen, `widgets` draw them.

The modules here are between these and the services: `commands` has every key, `bridge` brings what service threads
publish, `action_flow` goes from a key to a run, `pane` and `pane_group` are what all panes share.

Importing this package takes away the environment variables by which Textual could be made to press keys, log or switch
drivers; it reads some of them while it is imported, so later would be too late.
"""

import os

from console.ui.environ import scrub_environment

scrub_environment(os.environ)
