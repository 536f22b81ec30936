"""Jobs: their records in Redis, which moves those may make, where they wait and how steps follow one another.

    lifecycle       which moves a record may make
    codec           a record <-> the fields of its Redis hash
    index           lists, counts, positions, what is due; reads only
    store           create, get, move, beat; writes
    pictures_named  which pictures a record opens to its owner
    owners          jobs from before owners were indexed
    estimates       how many GPU-seconds a job will take
    fair_share      whose turn it is; pure
    shares          the same asked of Redis: the next job of a queue, peers, jobs whose pause is over
    routing         which queue a job waits in, who may share its GPU batch
    chain_rules     how one step of a chain follows another
    chains          what the end of one step means for the next
    eta             when a queued job will be done
    in_hand         what its owner may change about a job that has not started
    pauses          a person pauses everything of theirs
    stillness       why a job is not moving
    turns           what a job that waits its turn is told
    news            what a run should know before its next pass
    checkpoints     how far running jobs were, for whoever takes one over
    token_stream    the words of an answer while they come

What follows from a job's kind stands in `contracts.kinds`, what a record is in `contracts.jobs`.
"""
