-- Whose a job or a batch is, and which pictures that opens to them. Prepended to the scripts that make or move either.
--
--   darkroom:owned:jobs:{person}           ids of all their jobs, ended ones too, by `order`
--   darkroom:owned:jobs:{state}:{person}   the same, by state
--   darkroom:owned:batches:{person}        ids of all their batches, by `order`
--   darkroom:picture-of:{picture}          persons who may open a picture: a job, a batch or an upload of theirs names it
--   darkroom:gone:{id}                     "of {person}": whom an expired id is still a thing that existed to
--
-- In the same step as the move itself, so a job that succeeded is never without its owner's right to see what it made. The
-- keys of the pictures come as the last KEYS; REFERENCE_TTL_S is put before this file.
local OWNED = 'darkroom:owned:'

local function own(kind, person, id, order, ttl)
  local key = OWNED .. kind .. ':' .. person
  redis.call('ZADD', key, order, id)
  redis.call('EXPIRE', key, ttl)
end

local function own_job(id, job, ttl)
  own('jobs', job.caller, id, job.order, ttl)
  own('jobs:' .. job.state, job.caller, id, job.order, ttl)
end

local function move_owned_job(id, old_state, job, ttl)
  if not redis.call('ZSCORE', OWNED .. 'jobs:' .. job.caller, id) then return end
  redis.call('ZREM', OWNED .. 'jobs:' .. old_state .. ':' .. job.caller, id)
  own('jobs:' .. job.state, job.caller, id, job.order, ttl)
end

-- The person may open the pictures whose keys stand from KEYS[first] on; a kept picture's key has no end and gets none.
local function open_pictures(person, first)
  for i = first, #KEYS do
    local is_kept = redis.call('TTL', KEYS[i]) == -1
    redis.call('SADD', KEYS[i], person)
    if not is_kept then redis.call('EXPIRE', KEYS[i], REFERENCE_TTL_S) end
  end
end
