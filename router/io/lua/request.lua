-- Count a request of a tenant, if its limit has room for it. A minute's worth may come at once, and each request comes
-- back after its share of the minute.
-- ARGV[2] tenant  [3] the request, for when this is sent again  [4] requests a minute
-- returns  {1 granted or 0, ms until all of a minute's worth has come back}
local n = now()
local key, asked, each = P .. 'rate:' .. ARGV[2], P .. 'asked:' .. ARGV[3], 60000 / tonumber(ARGV[4])
local REPEATED_MS = 60000
mind_clock(key, n)
local free = tonumber(redis.call('HGET', key, 'rt') or 0)
local known = redis.call('EXISTS', asked) == 1
local opens, after = requests_rate(free, each, 60000, n)
-- The share of a request is rarely a whole number of microseconds.
local granted = known or opens <= n + 0.001
if granted and not known then
  free = after
  redis.call('HSET', key, 'rt', string.format('%.3f', free), 'at', int(n))
  redis.call('PEXPIRE', key, 120000)
  redis.call('SET', asked, '', 'PX', REPEATED_MS)
end
return {granted and 1 or 0, string.format('%.3f', math.max(0, free - n))}
