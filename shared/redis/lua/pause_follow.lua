-- Some of a person's jobs are held, or go on, as the person's flag says (schema: create.lua; whose turn it is: shares.lua).
--
-- KEYS: 1 people who paused everything of theirs
-- ARGV: 1 person · 2 live TTL s · 3 this call's own name · 4… ids of their live jobs
-- Returns id, queue of each job that may start now and could not before
--
-- A call that is sent again because its answer was lost tells the same: a job keeps the name of the call that let it go on
-- (`let_go_by`, which only this script knows).
local person, ttl, now = ARGV[1], tonumber(ARGV[2]), now_ms()
local is_paused = redis.call('SISMEMBER', KEYS[1], person) == 1
local free = {}
local function let_go(id, queue)
  free[#free + 1] = id
  free[#free + 1] = queue
end
for i = 4, #ARGV do
  local id = ARGV[i]
  local key = 'darkroom:job:' .. id
  local old, kept = share_facts(id), redis.call('HMGET', key, 'paused', 'rates', 'let_go_by')
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
      redis.call('HSET', key, 'let_go_by', ARGV[3])
      let_go(id, new.queue)
    end
    redis.call('PUBLISH', 'darkroom:changes', id)
  elseif kept[3] == ARGV[3] and old.state == 'queued' and old.held ~= 'true' then
    let_go(id, old.queue)
  end
end
return free
