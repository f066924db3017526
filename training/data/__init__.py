"""The data: which frames a model may learn from, what is in them, and which are kept for judging.

pool ─ near_duplicates, readings, selection ─> curated frames ─ pseudo_labels, review ─> labels
labels ─ validation ─> splits ─> the manifest that training and evaluation read
"""
