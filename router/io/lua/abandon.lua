-- Take back at once what a shift had that is known to be dead; it need not wait for its leases to run out.
-- ARGV[2] name of the shift, with which its tokens begin  [3] crashes alone after which a task is dead; then the tiers
-- returns  how many tasks were taken back
local n, shift, taken = now(), ARGV[2] .. '-', 0
for i = 4, #ARGV do
  for _, id in ipairs(redis.call('ZRANGE', P .. 'slots:' .. ARGV[i], 0, -1)) do
    local h = redis.call('HMGET', task_key(id), 's', 'l')
    if h[1] == 'running' and string.sub(h[2], 1, #shift) == shift then
      take_back(id, n, tonumber(ARGV[3]))
      taken = taken + 1
    end
  end
end
return taken
