/**
 * The steps that must happen whole or not at all, as Redis scripts. Each that belongs to a round of reading is
 * fenced: it does nothing unless the caller still holds the lock of its read job.
 */

/** How long the revision of an alert is remembered after its last update, seconds: alerts change for months. */
const REVISION_TTL_SECONDS = 400 * 86_400;

/**
 * Seals a batch: gives the numbers, marks the versions as queued for the sink, counts, and keeps the content.
 *
 * KEYS lock, batch, seen, ledger, pending, waiting
 * ARGV token, batch id, tenant, head, body, bytes, sealedMs, pending entry, revisions prefix, then per alert
 *      id, version, score, month of creation
 * Returns -1 when fenced off, 0 when it was sealed before, else 1.
 */
export const SEAL = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
local tenant = ARGV[3]
if redis.call('HEXISTS', KEYS[5], ARGV[2]) == 1 or redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
local count = (#ARGV - 9) / 4
local revisions = {}
for i = 0, count - 1 do
  local at = 10 + i * 4
  local id, version, score, month = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  local key = ARGV[9] .. month
  local known = redis.call('HGET', key, id)
  local revision = 1
  if known then
    local space = string.find(known, ' ', 1, true)
    revision = tonumber(string.sub(known, 1, space - 1))
    if string.sub(known, space + 1) ~= version then revision = revision + 1 end
  end
  redis.call('HSET', key, id, revision .. ' ' .. version)
  redis.call('EXPIRE', key, ${REVISION_TTL_SECONDS})
  revisions[i + 1] = revision
  redis.call('ZADD', KEYS[3], score, id .. '@' .. version)
end
local last = redis.call('HINCRBY', KEYS[4], tenant .. '|enqueued', count)
redis.call('HSET', KEYS[2], 'head', ARGV[4], 'body', ARGV[5], 'seq', last - count + 1,
  'revisions', table.concat(revisions, ','))
redis.call('HINCRBY', KEYS[4], tenant .. '|waiting', count)
redis.call('HINCRBY', KEYS[4], tenant .. '|bytes', ARGV[6])
redis.call('HINCRBY', KEYS[4], tenant .. '|batches', 1)
redis.call('ZADD', KEYS[6], ARGV[7], ARGV[2])
redis.call('HSET', KEYS[5], ARGV[2], ARGV[8])
return 1
`;

/**
 * Moves the cursor once everything before it is in the queues, and forgets versions no round can meet again.
 *
 * KEYS lock, state, pending, then the seen set of each sink
 * ARGV token, cursor (ticks), round started at (ms), forget below (ms), batch ids that are in their queues …
 * Returns 0 when fenced off.
 */
export const COMMIT = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[2], 'cursor', ARGV[2])
if ARGV[3] ~= '' then redis.call('HSET', KEYS[2], 'roundMs', ARGV[3]) end
for i = 5, #ARGV do redis.call('HDEL', KEYS[3], ARGV[i]) end
for i = 4, #KEYS do redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', '(' .. ARGV[4]) end
return 1
`;

/**
 * Closes a batch: counts what was delivered and what was set aside, and forgets the content.
 *
 * KEYS batch, ledger, waiting, dead letters
 * ARGV batch id, tenant, alerts, delivered, bytes, then per dead letter id, reason, JSON
 * Returns 0 when it was closed before: nothing is counted twice.
 */
export const SETTLE = `
if redis.call('DEL', KEYS[1]) == 0 then return 0 end
local tenant = ARGV[2]
redis.call('HINCRBY', KEYS[2], tenant .. '|waiting', -ARGV[3])
redis.call('HINCRBY', KEYS[2], tenant .. '|delivered', ARGV[4])
redis.call('HINCRBY', KEYS[2], tenant .. '|bytes', -ARGV[5])
redis.call('HINCRBY', KEYS[2], tenant .. '|batches', -1)
redis.call('ZREM', KEYS[3], ARGV[1])
for i = 6, #ARGV, 3 do
  redis.call('HSET', KEYS[4], ARGV[i], ARGV[i + 2])
  redis.call('HINCRBY', KEYS[2], tenant .. '|dead|' .. ARGV[i + 1], 1)
end
return 1
`;

/**
 * Sets aside what could not be read as an alert of its tenant. The same record met again is the same dead letter.
 *
 * KEYS lock, ledger, dead letters
 * ARGV token, tenant, then per dead letter id, reason, JSON
 * Returns the ids that are new; false when fenced off.
 */
export const SET_ASIDE = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return false end
local fresh = {}
for i = 3, #ARGV, 3 do
  if redis.call('HSETNX', KEYS[3], ARGV[i], ARGV[i + 2]) == 1 then
    redis.call('HINCRBY', KEYS[2], ARGV[2] .. '|enqueued', 1)
    redis.call('HINCRBY', KEYS[2], ARGV[2] .. '|dead|' .. ARGV[i + 1], 1)
    fresh[#fresh + 1] = ARGV[i]
  end
end
return fresh
`;
