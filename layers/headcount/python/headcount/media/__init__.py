"""Matroska as Kinesis Video speaks it: elements, fragments, key frames."""
