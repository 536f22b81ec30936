-- Pictures that are not in the store any more count for this person no longer; each is given back once.
--
-- KEYS: 1 pictures of the person · 2 sums of all persons
-- ARGV: 1 person · 2… pictures
-- Returns how many bytes were given back
local freed = 0
for i = 2, #ARGV do
  local bytes = redis.call('HGET', KEYS[1], ARGV[i])
  if bytes then
    redis.call('HDEL', KEYS[1], ARGV[i])
    freed = freed + tonumber(bytes)
  end
end
if freed > 0 and redis.call('HINCRBY', KEYS[2], ARGV[1], string.format('%.0f', -freed)) <= 0 then
  redis.call('HDEL', KEYS[2], ARGV[1])
end
return string.format('%.0f', freed)
