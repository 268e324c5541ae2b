-- Keep an API key, and, where it replaces another, let that one end after a while in which both are taken.
-- ARGV[2] id  [3] tenant  [4] digest of the secret  [5] scopes  [6] ms until it expires, '' for never  [7] note
-- ARGV[8] the tenant's requests a minute and [9] tasks that wait, '' for no limit
-- ARGV[10] id of the key that it replaces, or ''  [11] ms until that one expires
-- returns  {ok, its fields} | {taken} | {many, keys of the tenant} | {gone} | {replaced, by which}
local n = now()
local id, tenant, old = ARGV[2], ARGV[3], ARGV[10]
local k = P .. 'key:' .. id
local KEYS_MAX = 200
if redis.call('EXISTS', k) == 1 then
  if redis.call('HGET', k, 'digest') ~= ARGV[4] then return {'taken'} end
  return {'ok', redis.call('HGETALL', k)}
end
for _, list in ipairs({P .. 'keys', P .. 'keys:' .. tenant}) do
  redis.call('ZREMRANGEBYSCORE', list, '-inf', int(n))
end
if redis.call('ZCARD', P .. 'keys:' .. tenant) >= KEYS_MAX then return {'many', int(KEYS_MAX)} end
if old ~= '' then
  local o = redis.call('HMGET', P .. 'key:' .. old, 'tenant', 'revoked', 'expires', 'heir')
  if o[1] ~= tenant or o[2] or (o[3] and tonumber(o[3]) <= n) then return {'gone'} end
  if o[4] then return {'replaced', o[4]} end
  redis.call('HSET', P .. 'key:' .. old, 'heir', id)
  end_key(old, tenant, math.min(n + tonumber(ARGV[11]), tonumber(o[3] or math.huge)), n)
end
redis.call('HSET', k, 'tenant', tenant, 'digest', ARGV[4], 'scopes', ARGV[5], 'created', int(n))
for i, field in pairs({[7] = 'note', [8] = 'rate', [9] = 'waiting'}) do
  if ARGV[i] ~= '' then redis.call('HSET', k, field, ARGV[i]) end
end
for _, list in ipairs({P .. 'keys', P .. 'keys:' .. tenant}) do redis.call('ZADD', list, '+inf', id) end
if ARGV[6] ~= '' then end_key(id, tenant, n + tonumber(ARGV[6]), n) end
return {'ok', redis.call('HGETALL', k)}
