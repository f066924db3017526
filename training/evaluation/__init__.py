"""Champion and challenger on the same frozen frames, and whether one may replace the other.

sets = frozen_sets(manifest)                      # frozen.py: what both are judged by
seen = compare(champion, challenger, sets)        # comparison.py: every figure with its interval
verdict = gate(seen, Margins())                   # gate.py: promote or reject, and why
write_page(path, seen, verdict)                   # page.py: the frames that changed, blurred
card = model_card(seen, verdict, provenance)      # card.py: Markdown and JSON
"""
