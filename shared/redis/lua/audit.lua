-- Put before the scripts that change people and keys: what they did is told in the same breath (`Audit.record` does it for
-- everything else).
--
-- entry: names and values in turn (JSON array of strings) · length: entries to keep, about
local function tell(stream, entry, length)
  redis.call('XADD', stream, 'MAXLEN', '~', length, '*', unpack(cjson.decode(entry)))
end

