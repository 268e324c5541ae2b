-- Prolong leases.
-- ARGV[2]  lease ms; then for each: id, token
-- returns  the ids that are no longer ours
local n = now()
local lost = {}
for i = 3, #ARGV, 2 do
  local id = ARGV[i]
  local h = redis.call('HMGET', task_key(id), 's', 'l', 'q')
  if h[1] == 'running' and h[2] == ARGV[i + 1] then
    local lease = n + tonumber(ARGV[2])
    redis.call('HSET', task_key(id), 'e', int(lease))
    redis.call('ZADD', P .. 'slots:' .. h[3], int(lease), id)
    look_again(id, lease)
  else
    lost[#lost + 1] = id
  end
end
return lost
