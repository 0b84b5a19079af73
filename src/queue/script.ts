import { createHash } from "node:crypto";
import type { Redis } from "ioredis";

export type Argument = string | number | Buffer;

/** Runs a script by its digest, and sends its text only when Redis does not know it (yet, or any more). */
export function script(redis: Redis, lua: string) {
  const digest = createHash("sha1").update(lua).digest("hex");
  return async (keys: readonly string[], args: readonly Argument[]): Promise<unknown> => {
    const words = args.map((argument) => (typeof argument === "number" ? String(argument) : argument));
    try {
      return await redis.evalsha(digest, keys.length, ...keys, ...words);
    } catch (cause) {
      if (!(cause instanceof Error) || !cause.message.startsWith("NOSCRIPT")) throw cause;
      return await redis.eval(lua, keys.length, ...keys, ...words);
    }
  };
}
