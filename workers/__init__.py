"""The GPU side: one worker per device that takes jobs and makes results. Imports shared; never api.

Wings, from the person at the terminal down to the hardware:
- `cli`: commands that need this host: doctor, plan, pull
- `supervisor`: the host process that starts workers, and starts them again
- `tasks`, `assembly`, `child_start`: the two processes of a worker, and what each is put together from
- `control`: the main process: leases, reports, pauses, hung children, which queue is read next
- `recovery`: what went wrong elsewhere: silent workers, lost tickets, stalled chains, old pictures
- `batches`: members become jobs, webhooks are told
- `execution`: the child: a job from claim to result
- `memory`: what fits, how it is put, who leaves
- `engines`: the models themselves; torch lives here and nowhere else
- `devices`, `weights`: the hardware, and the files
- `starter`: trains the two models that ship with Darkroom
"""
