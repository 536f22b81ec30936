-- Some of a person's jobs are held, or go on, as the person's flag says (schema: create.lua; whose turn it is: shares.lua).
--
-- KEYS: 1 people who paused everything of theirs
-- ARGV: 1 person · 2 live TTL s · 3… ids of their live jobs
-- Returns id, queue of each job that may start now and could not before
local person, ttl, now = ARGV[1], tonumber(ARGV[2]), now_ms()
local is_paused = redis.call('SISMEMBER', KEYS[1], person) == 1
local free = {}
for i = 3, #ARGV do
  local id = ARGV[i]
  local key = 'darkroom:job:' .. id
  local old, kept = share_facts(id), redis.call('HMGET', key, 'paused', 'rates')
  local was_paused, is_own = kept[1] == 'true', (kept[2] or '') == ''
  local follows = is_paused and old.held ~= 'true' or not is_paused and was_paused
  -- Not the person's own are what goes before everybody's (a command, or what an operator moved there), and ratings.
  if follows and is_own and old.state ~= '' and not is_final(old.state) and not (is_paused and old.ahead == 'true') then
    redis.call('HSET', key, 'held', tostring(is_paused), 'paused', tostring(is_paused))
    redis.call('HINCRBY', key, 'rev', 1)
    redis.call('HINCRBY', key, 'version', 1)
    local new = share_facts(id)
    share_follows(id, old, new, now, ttl)
    if not is_paused and new.state == 'queued' then
      free[#free + 1] = id
      free[#free + 1] = new.queue
    end
    redis.call('PUBLISH', 'darkroom:changes', id)
  end
end
return free
