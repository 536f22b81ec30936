"""People and what they may do: who there is, their keys and sessions, what they have used, what was done.

In reading order:

- `roles`: what a person may use, by role, where nothing else was said
- `key_text`: a key as text, and its digest
- `codec`: people and keys as Redis hashes
- `audit`: who did what to whom
- `people`: who there is
- `keys`: their ways in
- `standing`: a key and its person in one look, for the door
- `limits`: what is held against a person's limits, and what is said when one is reached
- `quotas`: what people use: requests a second, pictures stored, and how much of everything is left
- `present_limits`: what people may use now, for jobs that are made of a batch later
- `sessions`: browsers' ways in, each standing for a key or a single sign-on
- `sign_in_throttle`: how often somebody may fail to sign in
- `identities`: whom a single sign-on means
- `scope_rules`: what a narrowed key may ask for
"""
