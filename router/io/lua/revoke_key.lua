-- End an API key now, for good. It may be revoked once; its first time counts.
-- ARGV[2] id
-- returns  its fields | nil where there is no such key
local n = now()
local k = P .. 'key:' .. ARGV[2]
local tenant = redis.call('HGET', k, 'tenant')
if not tenant then return nil end
if redis.call('HSETNX', k, 'revoked', int(n)) == 1 then forget_key(ARGV[2], tenant, n, n) end
return redis.call('HGETALL', k)
