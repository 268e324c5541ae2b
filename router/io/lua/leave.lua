-- Give a task back that this process cannot read, for others to take. Nothing of it changes; it is let alone for a
-- while, so that who cannot read it does not get it again and again: twice as long each time.
-- ARGV[2] task  [3] token  [4] why it cannot be read
-- returns  ok | stale
local FIRST_MS, LONGEST_MS = 500, 30000
local n = now()
local id, token = ARGV[2], ARGV[3]
local h = redis.call('HMGET', task_key(id), 's', 'l', 'q', 'd', 'y', 'b')
local op = token .. ':leave'
if h[5] == op then return 'ok' end
if h[1] ~= 'running' or h[2] ~= token then return 'stale' end
local before = tonumber(h[6] or 0)
redis.call('ZREM', P .. 'slots:' .. h[3], id)
redis.call('HSET', task_key(id), 's', 'delayed', 'l', '', 'why', ARGV[4], 'y', op, 'b', int(before + 1))
look_again(id, math.min(n + math.min(FIRST_MS * 2 ^ math.min(before, 10), LONGEST_MS), tonumber(h[4])))
return 'ok'
