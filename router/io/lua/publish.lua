-- Publish policy versions and make them current.
-- ARGV[2]  how many; then for each: name, digest, text (packed), card (JSON for producers)
-- returns  ok
local n = now()
-- Of a version that came before versions were counted nobody knows when its last task goes: the longest limits that a
-- policy may set (a month to the deadline, a year of waiting, a year of keeping), and some more.
local UNCOUNTED_MS = 800 * 86400000
for i = 0, tonumber(ARGV[2]) - 1 do
  local name, digest, text, card = ARGV[3 + i * 4], ARGV[4 + i * 4], ARGV[5 + i * 4], ARGV[6 + i * 4]
  redis.call('SETNX', P .. 'policy:' .. digest, text)
  local before = redis.call('GET', P .. 'current:' .. name)
  if before then
    before = cjson.decode(before).digest
    redis.call('ZADD', P .. 'versions', 'NX', int(n + UNCOUNTED_MS), before)
    keep_version(before, n)
  end
  keep_version(digest, n)
  redis.call('SET', P .. 'current:' .. name, card)
  redis.call('SADD', P .. 'policies', name)
end
return 'ok'
