-- Whether there is memory for a new task.
-- returns  nil | {full, number waiting, bytes used, bytes at most}
return no_room(redis.call('ZCARD', P .. 'due'), 0) or false
