-- Send a dead letter again: a new task with the same input, each knowing the other.
-- ARGV[2]  most tasks that may wait; ARGV[3]  the dead task; then of the new one, as in submit (no key is used):
--          id, tier, tenant, policy digest, patience ms, deadline ms (from now), keep s, key, fingerprint, reply-to,
--          priority, input (packed), webhook or '', tags (JSON) or ''
-- returns  {ok, id}, always the same | {busy | full, ... as in submit} | {not, state it is in, '' where it is gone}
local n = now()
local old, id = ARGV[3], ARGV[4]
local h = redis.call('HMGET', task_key(old), 's', 'redriven')
if h[1] ~= 'dead' then return {'not', h[1] or ''} end
if h[2] then return {'ok', h[2]} end
local waiting = redis.call('ZCARD', P .. 'due')
if waiting >= tonumber(ARGV[2]) then return {'busy', int(waiting)} end
local full = no_room(waiting, #ARGV[15] + #ARGV[17])
if full then return full end
take_in(4, n)
redis.call('HSET', task_key(id), 'origin', old)
redis.call('HSET', task_key(old), 'redriven', id)
return {'ok', id}
