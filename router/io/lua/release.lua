-- Give a task back unchanged, in its old place.
-- ARGV[2] task  [3] token
-- returns  ok | stale
local id, token = ARGV[2], ARGV[3]
local h = redis.call('HMGET', task_key(id), 's', 'l', 'q', 'n', 'o', 'd', 'z', 'y')
local op = token .. ':release'
if h[8] == op then return 'ok' end
if h[1] ~= 'running' or h[2] ~= token then return 'stale' end
redis.call('ZREM', P .. 'slots:' .. h[3], id)
redis.call('HSET', task_key(id), 'v', '1', 'y', op)
make_ready(id, h[3], h[4], h[5], tonumber(h[6]), h[7], now())
return 'ok'
