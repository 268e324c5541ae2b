-- Ask to be woken when a task ends.
-- ARGV[2] task  [3] name of the waiter's wake list
-- returns  the state it is in now, or nil where there is no such task
local k = task_key(ARGV[2])
local h = redis.call('HMGET', k, 's', 'r')
if not h[1] then return false end
if not ENDS[h[1]] and not string.find(' ' .. (h[2] or '') .. ' ', ' ' .. ARGV[3] .. ' ', 1, true) then
  redis.call('HSET', k, 'r', (h[2] and h[2] ~= '') and (h[2] .. ' ' .. ARGV[3]) or ARGV[3])
end
return h[1]
