"""Whole screens: `main` with the panes, and what is shown over it: `confirm` a plan, `params` of an action, a `detail`
to read, `help`, and `small` where the terminal has no room for anything else. A run has no screen: it is shown in the
pane `run_drawer`."""
