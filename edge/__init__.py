"""The camera gateway: sources in, PutMedia out."""
