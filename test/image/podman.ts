import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { until } from "../support/until.ts";

/** Podman as a test uses it. image-test.sh sets it up; its settings come through the environment. */

const run = promisify(execFile);

/** @throws with podman's own words. */
export async function podman(...args: readonly string[]): Promise<string> {
  const { stdout } = await run("podman", args, { maxBuffer: 64_000_000 });
  return stdout.trim();
}

/** A container of a pod, and what the outside sees of it. */
export interface Container {
  readonly name: string;
  readonly pod: string;
}

/** The containers of the pods with this label, without those that only hold the pods together. */
export async function containersOf(label: string): Promise<Container[]> {
  const pods = await podman(
    "pod",
    "ps",
    "--filter",
    `label=${label}`,
    "--sort",
    "name",
    "--format",
    "{{.Name}}",
  );
  const found = await Promise.all(
    pods
      .split("\n")
      .filter((pod) => pod !== "")
      .map(async (pod) => {
        const format = "{{if not .IsInfra}}{{.Names}}{{end}}";
        const names = await podman("ps", "--all", "--filter", `pod=${pod}`, "--format", format);
        return names
          .split("\n")
          .filter(Boolean)
          .map((name): Container => ({ name, pod }));
      }),
  );
  return found.flat();
}

export async function inspect(name: string, format: string): Promise<string> {
  return await podman("inspect", "--format", format, name);
}

/** The address of a pod in the network that its pods share. */
export async function addressOf({ pod }: Container): Promise<string> {
  const infra = await podman("pod", "inspect", "--format", "{{.InfraContainerID}}", pod);
  return await inspect(infra, "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}");
}

/** What the kernel says of the container's first process. */
export async function kernelStatus({ name }: Container): Promise<ReadonlyMap<string, string>> {
  const status = readFileSync(`/proc/${await inspect(name, "{{.State.Pid}}")}/status`, "utf8");
  return new Map(
    status.split("\n").map((line) => {
      const [key = "", value = ""] = line.split(":\t");
      return [key, value];
    }),
  );
}

/** Kills it as a machine without memory does, and waits until it was started again by itself. */
export async function killAndWait(container: Container): Promise<void> {
  const before = await inspect(container.name, "{{.State.StartedAt}}");
  // Not by podman, which would take it for a wish that the container ends.
  process.kill(Number(await inspect(container.name, "{{.State.Pid}}")), "SIGKILL");
  await until(`${container.name} runs again`, async () => {
    const [startedAt, status] = (
      await inspect(container.name, "{{.State.StartedAt}}|{{.State.Status}}")
    ).split("|");
    return startedAt !== before && status === "running";
  });
}
