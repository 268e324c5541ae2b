-- Note that an API key was shown with its secret.
-- ARGV[2] id
local n = now()
local k = P .. 'key:' .. ARGV[2]
if redis.call('EXISTS', k) == 1 and n > tonumber(redis.call('HGET', k, 'used') or 0) then
  redis.call('HSET', k, 'used', int(n))
end
return 1
