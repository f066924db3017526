"""Kinesis Video Streams at the wire: streams, PutMedia, archive, notices."""
