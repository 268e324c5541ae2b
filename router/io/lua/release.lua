-- Give a task back unchanged, in its old place.
-- ARGV[2] task  [3] token
-- returns  ok | stale
local id = ARGV[2]
local h = redis.call('HMGET', task_key(id), 's', 'l', 'q', 'n', 'o', 'd', 'z')
if h[1] ~= 'running' or h[2] ~= ARGV[3] then return 'stale' end
redis.call('ZREM', P .. 'slots:' .. h[3], id)
redis.call('HSET', task_key(id), 'v', '1')
make_ready(id, h[3], h[4], h[5], tonumber(h[6]), h[7], now())
return 'ok'
