/**
 * The steps that must happen whole or not at all, as Redis scripts. Each that belongs to a round of reading is
 * fenced: it does nothing unless the caller still holds the lock of its read job.
 *
 * A Redis that is full refuses a script at its first write that could take memory. So the first write of each script
 * is one that is refused with everything, except in SETTLE, which frees memory and begins with a deletion.
 */

/** Answers of SEAL; 0 where the batch was sealed before. */
export const SEAL_REPLY = { sealed: 1, fenced: -1, known: -2, full: -3 } as const;

/**
 * Seals a batch: gives the numbers, remembers the versions as queued for the sink, counts, and keeps the content.
 *
 * KEYS lock, batch, ledger, pending, waiting, then the sent and revisions hashes that ARGV name by their index
 * ARGV token, batch id, tenant, head, body, stored bytes, sealed (ms), pending entry, mode, most bytes that may wait
 *      for the sink (`` for any), what is remembered of when and in which batch, seconds to remember sent versions, and revisions, then
 *      as one list in JSON, since thousands of arguments cost more than reading it, per alert: index of its sent key,
 *      field, index of its revisions key, field, version, index of its material key, digest
 * The material of an older version never takes the place of a newer one's.
 * Returns one of SEAL_REPLY.
 */
export const SEAL = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return ${SEAL_REPLY.fenced} end
local tenant, bytes, again = ARGV[3], tonumber(ARGV[6]), ARGV[9] ~= 'new'
if redis.call('HEXISTS', KEYS[4], ARGV[2]) == 1 or redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
local facts = cjson.decode(ARGV[14])
local count = #facts / 7
local sent, fresh = {}, 0
for i = 1, count do
  local at = i * 7 - 6
  sent[i] = redis.call('HGET', KEYS[facts[at]], facts[at + 1])
  if again and sent[i] and string.sub(sent[i], 1, 1) == 's' then sent[i] = false end
  if sent[i] and not again then return ${SEAL_REPLY.known} end
  if not sent[i] then fresh = fresh + 1 end
end
local backlog = tonumber(redis.call('HGET', KEYS[3], '|bytes') or '0')
if ARGV[10] ~= '' and backlog > 0 and backlog + bytes > tonumber(ARGV[10]) then return ${SEAL_REPLY.full} end
local seq = redis.call('HINCRBY', KEYS[3], tenant .. '|seq', fresh) - fresh
local seqs, revisions, lifetimes = {}, {}, {}
for i = 1, count do
  local at = i * 7 - 6
  local sentKey, revisionKey, version = KEYS[facts[at]], KEYS[facts[at + 2]], facts[at + 4]
  if sent[i] then
    seqs[i], revisions[i] = string.match(sent[i], '^%a(%d+) (%d+)')
  else
    seq = seq + 1
    local known, revision = redis.call('HGET', revisionKey, facts[at + 3]), 1
    if known then
      local last, name = string.match(known, '^(%d+) (.*)$')
      revision = tonumber(last)
      if name ~= version then revision = revision + 1 end
    end
    redis.call('HSET', revisionKey, facts[at + 3], revision .. ' ' .. version)
    lifetimes[revisionKey] = ARGV[13]
    local materialKey = KEYS[facts[at + 5]]
    local before = string.match(redis.call('HGET', materialKey, facts[at + 3]) or '', ' (%d+)$') or ''
    if #before < #version or (#before == #version and before <= version) then
      redis.call('HSET', materialKey, facts[at + 3], facts[at + 6] .. ' ' .. version)
      lifetimes[materialKey] = ARGV[13]
    end
    seqs[i], revisions[i] = seq, revision
  end
  redis.call('HSET', sentKey, facts[at + 1], 'q' .. seqs[i] .. ' ' .. revisions[i] .. ' ' .. ARGV[11])
  lifetimes[sentKey] = ARGV[12]
end
for key, seconds in pairs(lifetimes) do redis.call('EXPIRE', key, seconds) end
redis.call('HSET', KEYS[2], 'head', ARGV[4], 'body', ARGV[5], 'bytes', bytes,
  'seqs', table.concat(seqs, ','), 'revisions', table.concat(revisions, ','))
if ARGV[9] ~= 'mend' then redis.call('HINCRBY', KEYS[3], tenant .. '|enqueued', count) end
redis.call('HINCRBY', KEYS[3], tenant .. '|waiting', count)
redis.call('HINCRBY', KEYS[3], tenant .. '|bytes', bytes)
redis.call('HINCRBY', KEYS[3], tenant .. '|batches', 1)
redis.call('HINCRBY', KEYS[3], '|bytes', bytes)
redis.call('ZADD', KEYS[5], ARGV[7], ARGV[2])
redis.call('HSET', KEYS[4], ARGV[2], ARGV[8])
return 1
`;

/** Another Redis than the one the round began with may have forgotten what the round has queued. */
const IS_ANOTHER = `ARGV[2] ~= '' and string.match(redis.call('INFO', 'server'), 'run_id:(%x+)') ~= ARGV[2]`;
export const IS_ANOTHER_REPLY = -2;

/**
 * Moves the cursor of a place once everything before it is in the queues.
 *
 * KEYS lock, state, pending
 * ARGV token, Redis id (or ``), cursor (ticks), since (ticks), round started at (ms, or ``), where to resume (or ``), batch
 * ids that are in their queues …
 * Returns 0 when fenced off, IS_ANOTHER_REPLY when nothing was moved.
 */
export const COMMIT = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ${IS_ANOTHER} then return ${IS_ANOTHER_REPLY} end
redis.call('HSET', KEYS[2], 'cursor', ARGV[3], 'since', ARGV[4])
if ARGV[5] ~= '' then redis.call('HSET', KEYS[2], 'roundMs', ARGV[5]) end
if ARGV[6] ~= '' then redis.call('HSET', KEYS[2], 'resume', ARGV[6]) else redis.call('HDEL', KEYS[2], 'resume') end
for i = 7, #ARGV do redis.call('HDEL', KEYS[3], ARGV[i]) end
return 1
`;

/**
 * Looks how far a place is read, and what is sealed and not known to be in its queue: in one question, which each round asks.
 *
 * KEYS state, pending
 * Returns both hashes, each as a list of fields and values.
 */
export const READ_STATE = `
return { redis.call('HGETALL', KEYS[1]), redis.call('HGETALL', KEYS[2]) }
`;

/**
 * Keeps how a round ended, when the first one did, and that an hour has brought something.
 *
 * KEYS state, rhythm of the week
 * ARGV note (JSON), now (ms), hour of the week where something new came (or ``), how long a rhythm is kept (ms)
 */
export const NOTE_ROUND = `
redis.call('HSET', KEYS[1], 'last', ARGV[1])
redis.call('HSETNX', KEYS[1], 'firstMs', ARGV[2])
if ARGV[3] == '' then return end
redis.call('HSET', KEYS[1], 'freshMs', ARGV[2])
redis.call('SETBIT', KEYS[2], ARGV[3], 1)
redis.call('PEXPIRE', KEYS[2], ARGV[4])
`;

/**
 * Counts a call of an API unless it would be one too many. By the clock of Redis, which all replicas share.
 *
 * KEYS calls
 * ARGV for each limit: how many calls, in how many ms; the widest last
 * Returns how long to wait, ms; 0 when the call is counted.
 */
export const TAKE_CALL = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local wait = 0
for i = 1, #ARGV, 2 do
  local nth = redis.call('LINDEX', KEYS[1], ARGV[i] - 1)
  if nth then wait = math.max(wait, nth + ARGV[i + 1] - now) end
end
if wait > 0 then return wait end
redis.call('LPUSH', KEYS[1], now)
redis.call('LTRIM', KEYS[1], 0, ARGV[#ARGV - 1] - 1)
redis.call('PEXPIRE', KEYS[1], ARGV[#ARGV])
return 0
`;

/**
 * Records that a span was not queued for a sink: widens the gap that is open for it where they touch, or opens one.
 * A gap that is being read goes back to where the span begins, and whoever reads it just then has read too early.
 *
 * KEYS lock, state, windows, window of the gap known so far, window of a new one
 * ARGV token, pointer, new window's id, from, to (ticks of 20 digits, which compare as text), then fields of a new window
 * Returns -1 when fenced off, 0 when the known gap was widened, 1 when that of the new id was, 2 when one was opened.
 */
export const GAP = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
local from, to = ARGV[4], ARGV[5]
for i = 4, 5 do
  local old = redis.call('HMGET', KEYS[i], 'from', 'to', 'cursor', 'doneMs')
  if old[1] and not old[4] and from <= old[2] and to >= old[1] then
    redis.call('HINCRBY', KEYS[i], 'grown', 1)
    if from < old[1] then redis.call('HSET', KEYS[i], 'from', from) end
    if to > old[2] then redis.call('HSET', KEYS[i], 'to', to) end
    if from < old[3] then redis.call('HSET', KEYS[i], 'cursor', from) end
    return i - 4
  end
end
redis.call('HSET', KEYS[2], 'gap.' .. ARGV[2], ARGV[3])
redis.call('HSET', KEYS[5], 'from', from, 'to', to, 'cursor', from, unpack(ARGV, 6))
redis.call('PERSIST', KEYS[5])
redis.call('HDEL', KEYS[5], 'doneMs')
redis.call('SADD', KEYS[3], ARGV[3])
return 2
`;

/** A finished window is remembered so long, for whoever waits for it, seconds. */
const DONE_TTL_SECONDS = 86_400;

/**
 * Moves the cursor of a long window, and closes the window where that is its end.
 *
 * KEYS lock, window, windows, pending
 * ARGV token, Redis id (or ``), window id, cursor (20 digits), alerts read, alerts queued, now (ms), how often it had grown when it was
 *      loaded, batch ids in their queues …
 * Returns -1 when fenced off or closed before, IS_ANOTHER_REPLY when nothing was moved, 0 when there is more to read, 1 when it is closed now. 2 when it has
 * grown meanwhile: then it keeps its cursor, since what was just read may have been asked for before the late alert
 * that it grew for.
 */
export const ADVANCE = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
if ${IS_ANOTHER} then return ${IS_ANOTHER_REPLY} end
if redis.call('SISMEMBER', KEYS[3], ARGV[3]) == 0 then return -1 end
redis.call('HINCRBY', KEYS[2], 'read', ARGV[5])
redis.call('HINCRBY', KEYS[2], 'queued', ARGV[6])
for i = 9, #ARGV do redis.call('HDEL', KEYS[4], ARGV[i]) end
if redis.call('HGET', KEYS[2], 'grown') ~= ARGV[8] then return 2 end
redis.call('HSET', KEYS[2], 'cursor', ARGV[4])
if ARGV[4] < redis.call('HGET', KEYS[2], 'to') then return 0 end
redis.call('SREM', KEYS[3], ARGV[3])
redis.call('HSET', KEYS[2], 'doneMs', ARGV[7])
redis.call('EXPIRE', KEYS[2], ${DONE_TTL_SECONDS})
return 1
`;

/**
 * Closes a batch: counts what was delivered and what was set aside, remembers it, and forgets the content.
 *
 * KEYS batch, ledger, waiting, dead letters, their times, then the sent hashes that ARGV name by their index
 * ARGV batch id, tenant, alerts, delivered, settled (base 36), attempts, dead letters, then per dead letter id, reason,
 *      JSON, at (ms), member, then as one list in JSON per alert index of its sent key, field, `d` or `x`,
 *      `s` where it was shortened, else nothing
 * Returns 0 when it was closed before: nothing is counted twice.
 */
export const SETTLE = `
local bytes = redis.call('HGET', KEYS[1], 'bytes')
if redis.call('DEL', KEYS[1]) == 0 then return 0 end
local tenant = ARGV[2]
redis.call('HINCRBY', KEYS[2], tenant .. '|waiting', -ARGV[3])
redis.call('HINCRBY', KEYS[2], tenant .. '|delivered', ARGV[4])
redis.call('HINCRBY', KEYS[2], tenant .. '|bytes', -bytes)
redis.call('HINCRBY', KEYS[2], tenant .. '|batches', -1)
redis.call('HINCRBY', KEYS[2], '|bytes', -bytes)
redis.call('ZREM', KEYS[3], ARGV[1])
local at = 8
for _ = 1, tonumber(ARGV[7]) do
  redis.call('HSET', KEYS[4], ARGV[at], ARGV[at + 2])
  redis.call('ZADD', KEYS[5], ARGV[at + 3], ARGV[at + 4])
  redis.call('HINCRBY', KEYS[2], tenant .. '|dead|' .. ARGV[at + 1], 1)
  at = at + 5
end
local facts = cjson.decode(ARGV[at])
for i = 1, #facts, 4 do
  local key = KEYS[facts[i]]
  local known = redis.call('HGET', key, facts[i + 1])
  local numbers = known and string.match(known, '^%a(%d+ %d+ %w+ %S+)')
  if numbers then
    redis.call('HSET', key, facts[i + 1], facts[i + 2] .. numbers .. ' ' .. ARGV[5] .. ' ' .. ARGV[6] .. facts[i + 3])
  end
end
return 1
`;

/**
 * Sets aside what could not be read as an alert of its tenant. The same record met again is the same dead letter.
 *
 * KEYS lock, ledger, dead letters, their times
 * ARGV token, tenant, then per dead letter id, reason, JSON, at (ms), member
 * Returns the ids that are new; false when fenced off.
 */
export const SET_ASIDE = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return false end
local fresh = {}
for i = 3, #ARGV, 5 do
  if redis.call('HSETNX', KEYS[3], ARGV[i], ARGV[i + 2]) == 1 then
    redis.call('ZADD', KEYS[4], ARGV[i + 3], ARGV[i + 4])
    redis.call('HINCRBY', KEYS[2], ARGV[2] .. '|enqueued', 1)
    redis.call('HINCRBY', KEYS[2], ARGV[2] .. '|dead|' .. ARGV[i + 1], 1)
    fresh[#fresh + 1] = ARGV[i]
  end
end
return fresh
`;

/**
 * Turns dead letters back into a batch with the numbers they had. They count as queued once more, so that the sums of
 * the ledger only ever grow.
 *
 * KEYS batch, ledger, waiting, dead letters, their times, pending
 * ARGV batch id, tenant, head, body, stored bytes, now (ms), seqs, revisions, pending entry, then per dead
 *      letter id, member
 * Returns 0 when one of the letters is gone; then nothing happens.
 */
export const RETRY = `
local count, tenant = (#ARGV - 9) / 2, ARGV[2]
for i = 10, #ARGV, 2 do
  if redis.call('HEXISTS', KEYS[4], ARGV[i]) == 0 then return 0 end
end
redis.call('HSET', KEYS[1], 'head', ARGV[3], 'body', ARGV[4], 'bytes', ARGV[5], 'seqs', ARGV[7], 'revisions', ARGV[8])
for i = 10, #ARGV, 2 do
  redis.call('HDEL', KEYS[4], ARGV[i])
  redis.call('ZREM', KEYS[5], ARGV[i + 1])
end
redis.call('HINCRBY', KEYS[2], tenant .. '|enqueued', count)
redis.call('HINCRBY', KEYS[2], tenant .. '|waiting', count)
redis.call('HINCRBY', KEYS[2], tenant .. '|bytes', ARGV[5])
redis.call('HINCRBY', KEYS[2], tenant .. '|batches', 1)
redis.call('HINCRBY', KEYS[2], '|bytes', ARGV[5])
redis.call('ZADD', KEYS[3], ARGV[6], ARGV[1])
redis.call('HSET', KEYS[6], ARGV[1], ARGV[9])
return 1
`;

/**
 * Counts anew what waits for a sink, from the batches that are there, and forgets those that are not.
 *
 * KEYS ledger, waiting, then the batches that wait
 * ARGV batch ids, as the keys
 * Returns how many batches were gone; -1 when others wait than those, and nothing was counted.
 */
export const RECOUNT = `
if redis.call('ZCARD', KEYS[2]) ~= #ARGV then return -1 end
for _, id in ipairs(ARGV) do
  if not redis.call('ZSCORE', KEYS[2], id) then return -1 end
end
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  if string.find(field, '|waiting$') or string.find(field, '|bytes$') or string.find(field, '|batches$') then
    redis.call('HSET', KEYS[1], field, 0)
  end
end
local gone = 0
for i, id in ipairs(ARGV) do
  local batch = redis.call('HMGET', KEYS[i + 2], 'head', 'bytes')
  if batch[1] then
    local head = cjson.decode(batch[1])
    local tenant = head.tenant.id
    redis.call('HINCRBY', KEYS[1], tenant .. '|waiting', head.count)
    redis.call('HINCRBY', KEYS[1], tenant .. '|bytes', batch[2])
    redis.call('HINCRBY', KEYS[1], tenant .. '|batches', 1)
    redis.call('HINCRBY', KEYS[1], '|bytes', batch[2])
  else
    gone = gone + redis.call('ZREM', KEYS[2], id)
  end
end
return gone
`;
