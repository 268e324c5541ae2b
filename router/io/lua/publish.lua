-- Publish policy versions and make them current.
-- ARGV[2]  how many; then for each: name, digest, text (packed), card (JSON for producers)
-- returns  ok
local n = now()
for i = 0, tonumber(ARGV[2]) - 1 do
  local name, digest, text, card = ARGV[3 + i * 4], ARGV[4 + i * 4], ARGV[5 + i * 4], ARGV[6 + i * 4]
  if redis.call('SETNX', P .. 'policy:' .. digest, text) == 1 then
    redis.call('ZADD', P .. 'versions', int(n), digest)
  end
  local before = redis.call('GET', P .. 'current:' .. name)
  local was = before and cjson.decode(before).digest
  if was then keep_version(was, n) end
  if was ~= digest then redis.call('HSET', P .. 'published', name, int(n)) end
  keep_version(digest, n)
  redis.call('SET', P .. 'current:' .. name, card)
  redis.call('SADD', P .. 'policies', name)
end
return 'ok'
