import { readdir, readFile } from "node:fs/promises";

/** What the system says a process has used. Linux only: the figures come from /proc. */
export interface ProcessFigures {
  /** Seconds of all its threads. */
  readonly cpu: number;
  readonly rssMb: number;
  readonly peakMb: number;
}

/** Clock ticks a second that /proc counts in; `getconf CLK_TCK` is 100 on every Linux of today. */
const TICKS = 100;

export async function figuresOf(pid: number): Promise<ProcessFigures> {
  const [stat, status] = await Promise.all([
    readFile(`/proc/${pid}/stat`, "utf8"),
    readFile(`/proc/${pid}/status`, "utf8"),
  ]);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const megabytes = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1]) / 1000;
  return {
    cpu: (Number(fields[11]) + Number(fields[12])) / TICKS,
    rssMb: megabytes("VmRSS"),
    peakMb: megabytes("VmHWM"),
  };
}

/** The process of that name among the descendants of another; undefined when there is none. */
export async function descendantOf(pid: number, name: string): Promise<number | undefined> {
  const processes = await Promise.all(
    (await readdir("/proc")).filter((entry) => /^\d+$/.test(entry)).map(readProcess),
  );
  const found = processes.filter((each) => each !== undefined);
  const isBelow = (parent: number): boolean =>
    parent === pid || found.some((each) => each.pid === parent && isBelow(each.parent));
  return found.find((each) => each.name === name && isBelow(each.parent))?.pid;
}

async function readProcess(pid: string) {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    const end = stat.lastIndexOf(")");
    const name = stat.slice(stat.indexOf("(") + 1, end);
    return { pid: Number(pid), name, parent: Number(stat.slice(end + 2).split(" ")[1]) };
  } catch {
    // It ended in between.
    return undefined;
  }
}
