-- Let an endpoint be told again. What it was not told stays as it is, until it is redelivered.
-- ARGV[2] tenant  [3] URL
-- returns  1 where it was disabled, else 0
local about = P .. 'endpoint:' .. endpoint_of(ARGV[2], '- - ' .. ARGV[3])
local disabled = redis.call('HEXISTS', about, 'd')
redis.call('DEL', about)
return disabled
