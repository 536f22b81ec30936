"""The process of a host that starts its workers and keeps them alive; it never loads torch itself.

launcher      `darkroom worker`: all workers of this host, from start to drain
placing       which workers those are: one a GPU that torch can use, else CPU workers, and what each can serve
slot_process  one worker: lock its GPU, start, notice death, restart with back-off, stop
query_slots   small CPU workers beside them, so that a search never waits for a picture
doctor_rounds the host looks at itself every hour, and tells
ready_pipe    how a worker says that it is ready: one byte
"""
