"""Ground under the API and the workers: types, pure rules and stores. No torch, no Flask."""
