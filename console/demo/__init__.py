"""The embedded world behind `opsconsole demo`: real protocols, stand-in programs."""
