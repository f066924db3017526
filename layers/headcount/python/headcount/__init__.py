"""Headcount: people counts from a building's cameras, and commands for its BMS."""
