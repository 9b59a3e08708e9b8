"""Pure values and rules, standard library only. Nothing here reads a clock, a file or a socket."""
