-- Where many queued jobs stand, in one answer: a poll asks for a thousand of them.
--
-- ARGV: for each queue and person: queue · person · how many ids follow · ids
-- Returns now ms, then for each id: its place in the order of arrival · its place among its person's ready jobs (-1: none)
local clock = redis.call('TIME')
local found = {string.format('%.0f', clock[1] * 1000 + math.floor(clock[2] / 1000))}
local at = 1
while at <= #ARGV do
  local queue = 'darkroom:queue:' .. ARGV[at]
  local ready = 'darkroom:ready:queue:' .. ARGV[at] .. '|' .. ARGV[at + 1]
  local last = at + 2 + tonumber(ARGV[at + 2])
  for i = at + 3, last do
    found[#found + 1] = redis.call('ZRANK', queue, ARGV[i]) or -1
    found[#found + 1] = redis.call('ZRANK', ready, ARGV[i]) or -1
  end
  at = last + 1
end
return found
