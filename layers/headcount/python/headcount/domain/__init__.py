"""Pure rules: what a room's state is, and what it should run. No I/O, no clock, no AWS."""
