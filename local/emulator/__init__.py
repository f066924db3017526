"""Runs in the emulator's own environment: MiniStack, and the services it lacks."""
