"""Ground under the API and the workers: types, pure rules and stores. No torch, no Flask.

Wings, from the ground up:
- `errors`, `settings`, `log`, `processes`: a file each
- `contracts`: what callers may ask and records hold
- `redis`: keys, scripts, the client, a private server; `net`: addresses and signatures
- `models`: the catalogue and what was measured; `pictures`: bytes, pixels and where they lie; `rack`: what workers say
- `jobs`: what a record may do, and the store; `queue`: tickets
- `batches`: plans, members, their store and views
"""
