-- Prolong leases.
-- ARGV[2]  lease ms; then for each: id, token
-- returns  the ids that are no longer ours
local n, lease = now(), tonumber(ARGV[2])
local lost = {}
for i = 3, #ARGV, 2 do
  local id = ARGV[i]
  local h = redis.call('HMGET', task_key(id), 's', 'l', 'q', 'd')
  if h[1] == 'running' and h[2] == ARGV[i + 1] then
    lease_until(id, h[3], tonumber(h[4]), n, lease)
  else
    lost[#lost + 1] = id
  end
end
return lost
