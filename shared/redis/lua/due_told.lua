-- Jobs that due.lua told need not be told again, unless they pause anew by now.
--
-- ARGV: ids and, behind each, until when it paused
for i = 1, #ARGV, 2 do
  local until_ms = redis.call('ZSCORE', 'darkroom:delayed', ARGV[i])
  if until_ms and tonumber(until_ms) == tonumber(ARGV[i + 1]) then redis.call('ZREM', 'darkroom:delayed', ARGV[i]) end
end
return 0
