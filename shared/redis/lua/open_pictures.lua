-- A person may open these pictures from now on (schema: owners.lua).
--
-- KEYS: picture-of keys · ARGV: 1 person · 2 'kept': for as long as they are kept, else ''
open_pictures(ARGV[1], 1)
if ARGV[2] == 'kept' then
  for _, key in ipairs(KEYS) do redis.call('PERSIST', key) end
end
return #KEYS
