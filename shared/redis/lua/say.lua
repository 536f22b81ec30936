-- Append words to a job's stream, if the writer still owns the job (schema: create.lua).
--
-- KEYS: 1 job · 2 stream
-- ARGV: 1 id · 2 token · 3 attempt · 4 words (JSON) · 5 TTL s · 6 most entries kept (about) · 7 the entry's own name
-- Returns 1, or 0 where the pen is somebody else's
local job = redis.call('HMGET', KEYS[1], 'state', 'token')
if job[1] ~= 'running' or job[2] ~= ARGV[2] then return 0 end
-- One pen writes one entry after the other, so words that are sent again because the answer was lost are the last there.
local last = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)[1]
if last and last[2][6] == ARGV[7] then return 1 end
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[6], '*', 'attempt', ARGV[3], 'words', ARGV[4], 'name', ARGV[7])
redis.call('EXPIRE', KEYS[2], ARGV[5])
redis.call('PUBLISH', 'darkroom:changes', ARGV[1])
return 1
