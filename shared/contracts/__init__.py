"""What a caller may ask for and what a job is, as pydantic models. Both houses speak in these.

In reading order:

- `base`: what all contracts share: their base class, priorities, seeds, common limits
- `samplers`: samplers and noise schedules by every name they go by
- `sizes`: how large a picture is made from another one
- `generation`: pictures from prompts: what comes in, and what a worker then does exactly
- `passes`: what each parameter is to the passes its pictures are made in
- `vision`: questions about a picture: what comes in, what a worker does, what comes back
- `commands`: what may be asked of the rack itself: load a model, unload it
- `kinds`: what follows from a job's kind, a row a kind
- `jobs`: a job's record, and how callers see it
- `waits`: why a queued job does not run yet
- `usage`: what a person has used of each limit, and what is left
- `in_hand`: what may be done to jobs that have not started, one or many
- `batches`: what may be asked of a batch
- `actions`: what may be asked of an action: pictures, a preset, and what shall be otherwise
- `batch_records`: a batch as it is stored, and how callers see it
- `access`: people, keys, roles, scopes and limits, as they are stored
- `accounts`: what may be asked of people and keys
- `audit`: what is told of who did what to whom
"""
