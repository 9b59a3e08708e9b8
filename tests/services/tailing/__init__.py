"""Tests of reading log files of hosts."""
