"""A worker's child process, which owns the device: a job, or a GPU batch of jobs, from its claim to its result.

runtime         what the process owns
claiming        takes jobs: the next of a queue, and those that may share its passes
runner          claims a job and its peers, runs them, has them ended
stepping/       pictures are made a step at a time, in whatever company there is
kinds/          what is done for each kind of job
progress        how far a GPU batch is, told to each job's record; who no longer wants it
side_thread     previews and checkpoints are finished beside the work
token_writer    words of an answer are passed on while they come
oom_ladder      out of VRAM: what is given up, rung by rung, before the job is
threads         how many CPU threads a model gets
timing          how long each phase took
endings         how each job ends: with a result, a failure, another try, a larger GPU, or early
continuation    whether Celery, or we, send the ticket of the step behind it
"""
