"""Batches (`/v1/batches`): thousands of members, each a chain of jobs, accepted at once and made as workers get through.

    plan     a request -> its plan; a member of it -> the chain of its jobs
    codec    a batch <-> what Redis holds of it
    store    accept, read, cancel, resume, forget
    members  how each member stands, and which jobs were made for it; reads only
    views    how a batch and its members look to callers

Jobs that share a pass are a *GPU batch*; that is another thing, see `jobs.routing`.
"""
