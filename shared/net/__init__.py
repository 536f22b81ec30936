"""What goes out to other people's machines, and what they can check of it.

- `addresses`: which address may be called, resolved once and pinned
- `signatures`: how a webhook is signed, and how its receiver checks that
"""
