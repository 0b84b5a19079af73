import { spawnSync } from "node:child_process";
import { closeSync, openSync, unlinkSync, writeSync } from "node:fs";
import { mkdtemp, rmdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Redis } from "ioredis";
import type { Cell, Outcome, Trial } from "../cell.ts";
import { freePort } from "../children.ts";
import { play } from "../play.ts";
import type { Stage } from "../stage.ts";
import { fillHands, heal } from "./outages.ts";

/** What can be wrong with the place where alerts wait, while it still answers. */
export const STORAGE: readonly Cell[] = [
  {
    name: "storage/disk-full",
    what: "The disk of the embedded Redis is full for a while, until every lock of a job has run out.",
    mayRepeat: false,
    isPossible: canMount,
    run: (trial) => onSmallDisk(trial),
  },
  refusing("storage/redis-full", "The external Redis is at maxmemory for a while.", beFull, whileRefusing),
  refusing(
    "storage/redis-full-in-hand",
    "The same, with batches in hand that cannot be sent.",
    beFull,
    whileHandsAreFull,
  ),
  refusing(
    "storage/redis-read-only",
    "The external Redis is a read-only replica for a while.",
    beReadOnly,
    whileRefusing,
  ),
  refusing(
    "storage/redis-read-only-in-hand",
    "The same, with batches in hand that cannot be sent.",
    beReadOnly,
    whileHandsAreFull,
  ),
];

type Undo = (redis: Redis) => Promise<unknown>;

async function beFull(redis: Redis): Promise<Undo> {
  await redis.config("SET", "maxmemory", "1mb");
  return (later) => later.config("SET", "maxmemory", "0");
}

async function beReadOnly(redis: Redis): Promise<Undo> {
  await redis.replicaof("127.0.0.1", await freePort());
  return (later) => later.replicaof("NO", "ONE");
}

function refusing(
  name: string,
  what: string,
  begin: (redis: Redis) => Promise<Undo>,
  endure: (stage: Stage, begin: () => Promise<() => Promise<unknown>>) => Promise<void>,
): Cell {
  return {
    name,
    what,
    mayRepeat: false,
    run: (trial) =>
      play(trial, { redis: "external", mayRepeat: false }, (stage) =>
        endure(stage, async () => {
          const undo = await stage.redis.ask(begin);
          return () => stage.redis.ask(undo);
        }),
      ),
  };
}

/**
 * Redis refuses to write while requests are at the receiver, so that what was delivered cannot be settled, and goes on
 * refusing until no job is locked any more.
 */
async function whileRefusing(stage: Stage, begin: () => Promise<() => Promise<unknown>>): Promise<void> {
  const { hec } = stage.world;
  stage.addHistory();
  await stage.start();
  await stage.until("some have arrived", () => hec.events.length > 0);
  hec.fault = { kind: "slow", delayMs: 500 };
  stage.addFresh();
  await stage.until("the receiver is busy", () => stage.flight.openRequests > 0);
  const end = await begin();
  await stage.until("the requests are over", () => stage.flight.openRequests === 0);
  stage.addFresh();
  await stage.until("no job is locked", async () => (await stage.locksLeft()) === 0);
  hec.fault = undefined;
  stage.mark();
  await end();
}

/** Redis refuses to write, and the receiver too, until no job is locked any more; then Redis is well again first. */
async function whileHandsAreFull(stage: Stage, begin: () => Promise<() => Promise<unknown>>): Promise<void> {
  await fillHands(stage);
  const end = await begin();
  await stage.until("no job is locked", async () => (await stage.locksLeft()) === 0);
  await end();
  await heal(stage);
}

async function onSmallDisk(trial: Trial): Promise<Outcome> {
  const disk = await mkdtemp(join(tmpdir(), "alertferry-disk-"));
  mustRun("mount", ["-t", "tmpfs", "-o", "size=32m,mode=0700", "tmpfs", disk]);
  try {
    return await play(trial, { redis: "embedded", dataDir: disk, mayRepeat: false }, (stage) =>
      whileRefusing(stage, async () => {
        const filler = join(disk, "filler");
        fill(filler);
        return async () => unlinkSync(filler);
      }),
    );
  } finally {
    mustRun("umount", [disk]);
    await rmdir(disk);
  }
}

/** Writes until not one byte more finds room. */
function fill(file: string): void {
  const descriptor = openSync(file, "w");
  let block = Buffer.alloc(1_000_000);
  while (block.length > 0) {
    try {
      const written = writeSync(descriptor, block);
      if (written < block.length) block = block.subarray(0, block.length >> 1);
    } catch {
      block = block.subarray(0, block.length >> 1);
    }
  }
  closeSync(descriptor);
}

function canMount(): boolean {
  return (
    process.platform === "linux" &&
    process.getuid?.() === 0 &&
    spawnSync("unshare", ["-m", "true"]).status === 0
  );
}

function mustRun(program: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync(program, args);
  if (status !== 0) throw new Error(`${program} ${args.join(" ")} failed: ${stderr}`);
}
