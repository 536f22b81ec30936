"""Every Redis key of ours: its name, its type, its life, who writes it. The scripts in `lua/` use the same names.

A bucket is `queue:{queue}`, or `peers:{batch key}` for jobs that may share one GPU batch.

    key                          type    life                  written by
    darkroom:job:{id}            hash    live: LIVE_TTL_S,     create.lua, move.lua, beat.lua, renew.lua
                                         ended: record_ttl_s
    darkroom:jobs                zset    LIVE_TTL_S            every job by order of arrival
    darkroom:jobs:{state}        zset    LIVE_TTL_S            the same, by state
    darkroom:leases              zset    LIVE_TTL_S            running jobs by the time their lease ends
    darkroom:queue:{queue}       zset    LIVE_TTL_S            queued jobs in their order (position, oldest wait)
    darkroom:queues              zset    LIVE_TTL_S            queue names by the time one was last used
    darkroom:delayed             zset    LIVE_TTL_S            queued jobs that must not start before a time
    darkroom:deadlines           zset    LIVE_TTL_S            live jobs that have a deadline, by it
    darkroom:ready:{bucket}|{person} zset LIVE_TTL_S           a person's jobs that may start now; shares.lua
    darkroom:sharers:{bucket}    zset    LIVE_TTL_S            people who have some, by since when nobody served them
    darkroom:share:tags          zset    LIVE_TTL_S            the same of all queues, by GPU-seconds had per weight
    darkroom:share:jobs          hash    LIVE_TTL_S            person → jobs that may start now
    darkroom:share:idle          hash    LIVE_TTL_S            person without any → GPU-seconds had per weight
    darkroom:share:clock         string  LIVE_TTL_S            where those who come back from idleness begin
    darkroom:peers:{batch key}   zset    LIVE_TTL_S            of before there were shares; only emptied now
    darkroom:slot:{worker}       hash    LIVE_TTL_S            job → token: what a worker holds
    darkroom:caller:{caller}     zset    LIVE_TTL_S            live jobs of one caller
    darkroom:owned:jobs:{person} zset    LIVE_TTL_S            all jobs of a person, ended ones too, by order; owners.lua
    darkroom:owned:jobs:{state}:{person} zset LIVE_TTL_S       the same, by state
    darkroom:owned:batches:{person} zset LIVE_TTL_S            all batches of a person by order
    darkroom:owned               string  none                  everything from before these indexes has its place in them
    darkroom:picture-of:{id}     set     artifact_ttl_s +      persons who may open a picture; owners.lua, uploads
                                         GONE_TTL_S, or none
                                         while kept
    darkroom:rating:{picture}    string  RATING_TTL_S; failed: what the house says of a picture (JSON), while DARKROOM_RATING
                                         RATING_FAILED_TTL_S   is not off
    darkroom:blurred:{picture}   string  BLURRED_TTL_S         the few pixels that are shown of a blurred picture
    darkroom:link:{id}           string  until it expires      one link (JSON); a revoked one is deleted
    darkroom:links               zset    LINKS_TTL_S           every link by order of making
    darkroom:links:of:{person}   zset    LINKS_TTL_S           those of one person
    darkroom:link-secret         string  none                  signs links; without it, all of them end
    darkroom:batch:{id}:{state}  zset    LIVE_TTL_S            jobs of a batch by state (score: member)
    darkroom:batch:{id}          hash    live: LIVE_TTL_S,     batch_create.lua and the other batch scripts;
                                         ended: record_ttl_s   members.lua counts its version
    darkroom:batch:{id}:members  hash    as the batch          what each member brings, by index (JSON)
    darkroom:batch:{id}:member:{state} zset as the batch       members by state (score: index); members.lua
    darkroom:batch:{id}:refused  zset    as the batch          members that cannot run at all
    darkroom:batch:{id}:rounds   hash    as the batch          member → how often it was resumed
    darkroom:batch:{id}:reasons  hash    as the batch          error code → members that failed so
    darkroom:batch:{id}:messages hash    as the batch          error code → the newest message
    darkroom:batch:{id}:ends     list    as the batch          when the last members ended (ms), newest first
    darkroom:batches             zset    LIVE_TTL_S            every batch by order of arrival
    darkroom:batches:live        zset    LIVE_TTL_S            those that have not ended
    darkroom:batches:of:{caller} zset    LIVE_TTL_S            those of one caller that have not ended
    darkroom:webhooks            zset    LIVE_TTL_S            "batch round" by when to tell its webhook (ms)
    darkroom:reuse:{hash}        string  record_ttl_s          the job that answered this once, by these weights
    darkroom:query:{hash}        string  QUERY_VECTOR_TTL_S    a search's words as a vector, by words, model and weights
    darkroom:idem:{caller}:{key} string  idempotency_ttl_s     create.lua: "job id, body hash"
    darkroom:gone:{id}           string  ttl + GONE_TTL_S      marks ids that existed, so that they answer 410; "of person"
    darkroom:preview:{id}        string  PREVIEW_TTL_S         beat.lua: the newest preview, WebP
    darkroom:checkpoint:{id}     hash    CHECKPOINT_TTL_S      keep.lua: picture's place → state; gone at the job's end
    darkroom:checkpoints         string  until it is used up   when what was written of them so far has drained (µs); afford.lua
    darkroom:draining:{worker}   string  DRAINING_TTL_S        it takes nobody: it was asked to stop, or yields its GPU
    darkroom:turn:{worker}       string  TURN_TTL_S            the model whose turn it is there, while a run of another goes on
    darkroom:tokens:{id}         stream  PREVIEW_TTL_S         text deltas of a streaming answer
    darkroom:ended               stream  LIVE_TTL_S            move.lua: ids of jobs that ended and leave something to
                                                               the library, which trims what it has taken in
    darkroom:pending             hash    LIVE_TTL_S            artifact → job, between storing and ending
    darkroom:artifact:{id}       string  artifact_ttl_s, or    picture bytes, where artifacts live in Redis
                                         none while kept
    darkroom:room                string  an hour               the library: room for pictures, and when it is used up (JSON)
    darkroom:store               string  STORE_TTL_S           identity of the artifact folder
    darkroom:worker:{name}       string  3 × its report's pace what a worker last said of itself; silence is death
    darkroom:workers             zset    LIVE_TTL_S            worker names by last report
    darkroom:resident:{worker}   string  LIVE_TTL_S            the child: which models it holds (JSON)
    darkroom:trouble:{worker}    string  LIVE_TTL_S            why it cannot work; gone once it can
    darkroom:weights:{worker}    string  LIVE_TTL_S            the child: model → hash of its weights (JSON)
    darkroom:paused:{worker}     string  LIVE_TTL_S            `darkroom drain`: this worker takes no jobs
    darkroom:lock:{what}         string  seconds               one holder at a time (recovery, or a GPU: gpu_lock_*.lua)
    darkroom:series:{worker}     list    SERIES_TTL_S          the worker's last hour, a point every 5 s (JSON), oldest first
    darkroom:made:{worker}       string  LIVE_TTL_S            pictures that it has made; the child
    darkroom:happenings          stream  HAPPENINGS_TTL_S      what happened to workers, models, jobs and batches of late, so
                                                               many entries; members.lua, `Happenings.tell`
    darkroom:doctor              hash    LIVE_TTL_S            host → what its `doctor` found last (JSON)
    darkroom:speed:{model}       hash    LIVE_TTL_S            learned milliseconds per step by worker and size
    darkroom:peak:{model}        hash    LIVE_TTL_S            learned peak MiB by size, batch, precision, GPU type
    darkroom:taken               hash    LIVE_TTL_S            queue → "ms worker": who last took a job from it
    darkroom:done                zset    DONE_TTL_S            ends of jobs, for the drain rate
    darkroom:sequence            string  LIVE_TTL_S            tie-breaker of the order of arrival
    darkroom:rate:{person}:{class} string until it is used up  when a person's requests so far are paid for (µs); rate.lua
    darkroom:used:{person}:{yyyymmdd} hash 35 days             reserved_ms, settled_ms of GPU time; quotas.lua
    darkroom:pictures:{person}   hash    LIVE_TTL_S            picture → bytes that count for a person; quotas.lua
    darkroom:stored              hash    LIVE_TTL_S            person → their sum
    darkroom:people:paused       set     for ever              persons of whom nothing starts now; `Pauses`
    darkroom:changes             channel —                     ids of jobs that moved
    darkroom:feed                channel —                     ids of batches with members to feed
    darkroom:person:{name}       hash    for ever              somebody who owns things; person_add.lua,
                                                               account_change.lua
    darkroom:people              zset    for ever              every person's name (score 0: by name)
    darkroom:key:{id}            hash    for ever, KEY_TTL_S   one way in, its secret's digest; key_add.lua,
                                         after its end         account_change.lua
    darkroom:keys                zset    for ever              ids of keys that are not revoked, by age (µs)
    darkroom:keys:of:{person}    zset    for ever              those of one person
    darkroom:closed              string  for ever              since when (ms) a key is needed; key_add.lua
    darkroom:session:{digest}    hash    session_idle_s after  a browser that signed in, by its token's SHA-256
                                         its last request,
                                         session_max_s in all
    darkroom:sessions:of:{person} zset   LIVE_TTL_S            digests of a person's sessions by their end (ms)
    darkroom:sign_ins:{whose}    zset    sign_in_window_s      failed sign-ins by time (ms); sign_in.lua
    darkroom:identities          hash    for ever              SHA-256 of "issuer NUL subject" → person, of a single sign-on
    darkroom:identified          hash    for ever              person → the same SHA-256: whose a name is
    darkroom:audit               stream  AUDIT_LENGTH entries  who did what to whom; audit.lua, `Audit.record`

Not ours: kombu's lists (one per queue, named like it), `unacked*` and `_kombu.binding.*`.
"""

#: A job that nobody takes for so long expires; every move starts it afresh. 90 days.
LIVE_TTL_S = 90 * 86400
#: How long an expired id is remembered, so that it answers 410 instead of 404. 30 days.
GONE_TTL_S = 30 * 86400
PREVIEW_TTL_S = 300
#: Of the states of running jobs: a worker that takes one over does so within minutes.
CHECKPOINT_TTL_S = 3600
#: That a worker takes nobody: told every 2 s for as long as that is so, forgotten where it dies without a word.
DRAINING_TTL_S = 30
#: Whose turn it is: told twice a second while a worker is busy.
TURN_TTL_S = 5
#: What people search for they search for again.
QUERY_VECTOR_TTL_S = 86400
STORE_TTL_S = LIVE_TTL_S
#: How long a revoked or expired key can still be looked at. 90 days.
KEY_TTL_S = 90 * 86400
#: Entries that the audit stream keeps, about: some 4 MiB.
AUDIT_LENGTH = 20_000
#: A worker that is gone keeps its curves as long.
SERIES_TTL_S = 2 * 3600
#: More than a day of a rack where much goes wrong; some 1 MiB.
HAPPENINGS_LENGTH = 5_000
#: Only the last day of it is read.
HAPPENINGS_TTL_S = 2 * 86400
#: A host that has not looked at itself for so long is there no more.
DOCTOR_TTL_S = 3 * 3600
#: A score is good for ever, and made again where it is missed. A year; a failure is tried again after an hour.
RATING_TTL_S = 365 * 86400
RATING_FAILED_TTL_S = 3600
BLURRED_TTL_S = 86400
#: Longer than any link lives.
LINKS_TTL_S = 400 * 86400
#: The window of the drain rate.
DONE_TTL_S = 600

PREFIX = "darkroom:"
ALL_JOBS = PREFIX + "jobs"
LEASES = PREFIX + "leases"
QUEUES = PREFIX + "queues"
DELAYED = PREFIX + "delayed"
DEADLINES = PREFIX + "deadlines"
PENDING = PREFIX + "pending"
CHECKPOINTS = PREFIX + "checkpoints"
ROOM = PREFIX + "room"
STORE = PREFIX + "store"
WORKERS = PREFIX + "workers"
DONE = PREFIX + "done"
ENDED = PREFIX + "ended"
TAKEN = PREFIX + "taken"
CHANGES = PREFIX + "changes"
FEED = PREFIX + "feed"
BATCHES = PREFIX + "batches"
LIVE_BATCHES = PREFIX + "batches:live"
WEBHOOKS = PREFIX + "webhooks"
PEOPLE = PREFIX + "people"
KEYS = PREFIX + "keys"
CLOSED = PREFIX + "closed"
AUDIT = PREFIX + "audit"
HAPPENINGS = PREFIX + "happenings"
DOCTOR = PREFIX + "doctor"
STORED = PREFIX + "stored"
PAUSED_PEOPLE = PREFIX + "people:paused"
OWNED = PREFIX + "owned"
LINKS = PREFIX + "links"
LINK_SECRET = PREFIX + "link-secret"
SEQUENCE = PREFIX + "sequence"
IDENTITIES = PREFIX + "identities"
IDENTIFIED = PREFIX + "identified"


def job(job_id: str) -> str:
    return f"{PREFIX}job:{job_id}"


def jobs_in(state: str) -> str:
    return f"{PREFIX}jobs:{state}"


def queue(name: str) -> str:
    return f"{PREFIX}queue:{name}"


def ready(queue_name: str, person: str) -> str:
    return f"{PREFIX}ready:queue:{queue_name}|{person}"


def sharers(queue_name: str) -> str:
    return f"{PREFIX}sharers:queue:{queue_name}"


def slot(worker: str) -> str:
    return f"{PREFIX}slot:{worker}"


def caller(name: str) -> str:
    return f"{PREFIX}caller:{name}"


def batch_jobs(batch_id: str, state: str) -> str:
    return f"{PREFIX}batch:{batch_id}:{state}"


def batch(batch_id: str, part: str = "") -> str:
    return f"{PREFIX}batch:{batch_id}" + (f":{part}" if part else "")


def batch_members_in(batch_id: str, state: str) -> str:
    return batch(batch_id, f"member:{state}")


def batches_of(caller_name: str) -> str:
    return f"{PREFIX}batches:of:{caller_name}"


def owned_jobs(person: str, state: str = "") -> str:
    return f"{PREFIX}owned:jobs:{state}:{person}" if state else f"{PREFIX}owned:jobs:{person}"


def owned_batches(person: str) -> str:
    return f"{PREFIX}owned:batches:{person}"


def picture_of(artifact_id: str) -> str:
    return f"{PREFIX}picture-of:{artifact_id}"


def rating(artifact_id: str) -> str:
    return f"{PREFIX}rating:{artifact_id}"


def blurred(artifact_id: str) -> str:
    return f"{PREFIX}blurred:{artifact_id}"


def link(share_id: str) -> str:
    return f"{PREFIX}link:{share_id}"


def links_of(person: str) -> str:
    return f"{PREFIX}links:of:{person}"


def reuse(reuse_key: str) -> str:
    return f"{PREFIX}reuse:{reuse_key}"


def idempotency(caller_name: str, key: str) -> str:
    return f"{PREFIX}idem:{caller_name}:{key}"


def query_vector(query_hash: str) -> str:
    return f"{PREFIX}query:{query_hash}"


def gone(any_id: str) -> str:
    return f"{PREFIX}gone:{any_id}"


def preview(job_id: str) -> str:
    return f"{PREFIX}preview:{job_id}"


def checkpoint(job_id: str) -> str:
    return f"{PREFIX}checkpoint:{job_id}"


def turn(worker_name: str) -> str:
    return f"{PREFIX}turn:{worker_name}"


def draining(worker_name: str) -> str:
    return f"{PREFIX}draining:{worker_name}"


def tokens(job_id: str) -> str:
    return f"{PREFIX}tokens:{job_id}"


def artifact(artifact_id: str) -> str:
    return f"{PREFIX}artifact:{artifact_id}"


def worker(name: str) -> str:
    return f"{PREFIX}worker:{name}"


def resident(worker_name: str) -> str:
    return f"{PREFIX}resident:{worker_name}"


def series(worker_name: str) -> str:
    return f"{PREFIX}series:{worker_name}"


def made(worker_name: str) -> str:
    return f"{PREFIX}made:{worker_name}"


def trouble(worker_name: str) -> str:
    return f"{PREFIX}trouble:{worker_name}"


def weights(worker_name: str) -> str:
    return f"{PREFIX}weights:{worker_name}"


def paused(worker_name: str) -> str:
    return f"{PREFIX}paused:{worker_name}"


def lock(what: str) -> str:
    return f"{PREFIX}lock:{what}"


def speed(model: str) -> str:
    return f"{PREFIX}speed:{model}"


def peak(model: str) -> str:
    """Not `need:`, under which earlier versions kept peaks without saying of which type of GPU: those expire."""
    return f"{PREFIX}peak:{model}"


def person(name: str) -> str:
    return f"{PREFIX}person:{name}"


def key(key_id: str) -> str:
    return f"{PREFIX}key:{key_id}"


def keys_of(person_name: str) -> str:
    return f"{PREFIX}keys:of:{person_name}"


def rate(person_name: str, what: str) -> str:
    return f"{PREFIX}rate:{person_name}:{what}"


def used(person_name: str, day: str) -> str:
    """`day`: yyyymmdd, UTC."""
    return f"{PREFIX}used:{person_name}:{day}"


def pictures(person_name: str) -> str:
    return f"{PREFIX}pictures:{person_name}"


def session(digest: str) -> str:
    return f"{PREFIX}session:{digest}"


def sessions_of(person_name: str) -> str:
    return f"{PREFIX}sessions:of:{person_name}"


def sign_ins(whose: str) -> str:
    """`address:{address}` or `key:{id}`."""
    return f"{PREFIX}sign_ins:{whose}"
