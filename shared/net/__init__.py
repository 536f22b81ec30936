"""The network's names and addresses: what comes in under them, what goes out to them, and what they can check of it.

- `host_names`: what stands in a Host or Origin header
- `addresses`: which address may be called, resolved once and pinned
- `signatures`: how a webhook is signed, and how its receiver checks that
"""
