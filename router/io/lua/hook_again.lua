-- Send a delivery again, as soon as may be, under its id; its attempts are counted anew.
-- ARGV[2] delivery  [3] tenant, '' for any
-- returns  waiting | disabled (its endpoint is) | nil where there is no such delivery of that tenant
local n = now()
local hook, tenant = ARGV[2], ARGV[3]
local key = P .. 'hook:' .. hook
local h = redis.call('HMGET', key, 'n', 'x')
if not h[1] or (tenant ~= '' and tenant ~= h[1]) then return false end
if redis.call('HEXISTS', P .. 'endpoint:' .. h[2], 'd') == 1 then return 'disabled' end
redis.call('PERSIST', key)
redis.call('HSET', key, 's', 'waiting')
redis.call('HDEL', key, 'due')
if not redis.call('ZSCORE', P .. 'flying:' .. h[2], hook) then
  redis.call('HSET', key, 'a', '0')
  redis.call('ZADD', P .. 'hooks:' .. h[2], int(n), hook)
end
list_hook(hook, h[1], n)
look_at_endpoint(h[2])
return 'waiting'
