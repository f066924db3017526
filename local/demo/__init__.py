"""The demo: the whole way, from video to a BMS, on one machine."""
