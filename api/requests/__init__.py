"""From a request over HTTP to a job, a batch or a clear refusal.

In reading order:

- `parsing`: reads paths, queries, headers and bodies into typed values
- `validation_errors`: what pydantic found wrong, in our words
- `scopes`: what the caller's key is narrowed to, held against the jobs it would make
- `model_choice`: which model answers
- `pictures`: a picture that comes with a request, checked whole
- `submission`: what all ways to send a job share, up to the answer 202
- `accounts`: whose keys a caller may make and change, and what a new one is
- `in_hand`: jobs changed or cancelled after they were sent, one or many
- `library`: which assets a request means, and who looks
- `actions`: an action over pictures → a batch
- `batches`: a batch request → members and steps, ready to be stored
- `describing`: assets → a batch that finds out caption, tags and rating
- `uploads`: pictures that come in to stay
"""
