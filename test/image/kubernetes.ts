import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Snapshot } from "../../src/pipeline/snapshot.ts";
import { until } from "../support/until.ts";
import { aimedAt, at, type Manifest, ofKind, readManifests, writeManifests } from "./manifest.ts";
import { type Outside, openOutside } from "./outside.ts";
import {
  addressOf,
  type Container,
  containersOf,
  inspect,
  kernelStatus,
  killAndWait,
  podman,
} from "./podman.ts";

/**
 * Plays the Kubernetes manifests by podman, with the image under the name that they give it and a simulated world
 * outside. Only their ConfigMap is changed, to aim at that world. Prints a line a step; ends with 1 when one failed.
 * With `single` or `replicas` only that one.
 */

const TENANTS = ["contoso", "fabrikam"];
/** No updates: one that supersedes a version while nobody reads would leave it nobody's fault. */
const TRAFFIC = { perSecond: 50, updates: 0 };
const REDIS_LABEL = "app.kubernetes.io/name=redis";
const LABEL = "app.kubernetes.io/name=alertferry";
const CLAIM = "PersistentVolumeClaim";
const NETWORK = `alertferry-image-test-${process.pid}`;
/** What podman makes of the manifests' secret, configuration and claims; the store that it makes them in is the test's own. */
const VOLUMES = ["alertferry-secrets", "alertferry-config", "alertferry-data", "redis-data"];

const say = (line: string) => void process.stdout.write(`${line}\n`);
const folder = await mkdtemp(join(tmpdir(), "alertferry-kubernetes-"));

try {
  const gateway = await openNetwork();
  const only = process.argv[2] ?? "";
  if ("single".startsWith(only)) await playSingle(gateway);
  if ("replicas".startsWith(only)) await playReplicas(gateway);
} catch (error) {
  say(`FAIL  ${error instanceof Error ? error.message : String(error)}`);
  for (const { name } of await containersOf(LABEL)) say(await podman("logs", "--tail", "20", name));
  process.exitCode = 1;
} finally {
  await clearAway();
  await podman("network", "rm", "--force", "--time", "0", NETWORK);
  await rm(folder, { recursive: true });
}

/** One pod with its own Redis: what waits when it is killed, stopped and made anew is still there. */
async function playSingle(gateway: string): Promise<void> {
  const outside = await openOutside(gateway, TENANTS);
  const { world } = outside;
  for (const tenant of world.tenants) tenant.add("graph_alerts", 200, { spreadMs: 3_600_000 });
  const documents = await aimedAt(outside, readManifests("docker/kubernetes/single.yaml"));
  await createSecrets(outside, "unused");

  await step("single.yaml comes up healthy, without root, capabilities or a writable root", async () => {
    await play(documents);
    await areHealthy(documents, 1);
  });
  const traffic = world.traffic(TRAFFIC);
  await step("single.yaml goes on after kill -9", async () => {
    await until("alerts arrive", () => world.balance().delivered > 100);
    for (const container of await containersOf(LABEL)) await killAndWait(container);
    await areHealthy(documents, 1);
  });
  await step("single.yaml stops within its grace period with exit code 0", async () => {
    world.hec.fault = { kind: "busy" };
    await until("alerts wait in its Redis", async () => (await waiting()) > 50);
    await stopAll(documents);
  });
  await step("single.yaml loses nothing when it is made anew with its volume", async () => {
    await takeDown(documents);
    // Podman refuses a claim whose volume is there already.
    await play(documents.filter(({ kind }) => kind !== CLAIM));
    await areHealthy(documents, 1);
    world.hec.fault = undefined;
    traffic.stop();
    await everythingArrives(outside);
  });
  await takeDown(documents);
  await outside.close();
  await clearAway();
}

/** Two pods on one Redis, each of which is lost in its turn. */
async function playReplicas(gateway: string): Promise<void> {
  const outside = await openOutside(gateway, TENANTS);
  const { world } = outside;
  for (const tenant of world.tenants) tenant.add("graph_alerts", 200, { spreadMs: 3_600_000 });
  const documents = onePodEach(await aimedAt(outside, readManifests("docker/kubernetes/replicas.yaml")));
  const password = randomBytes(16).toString("hex");
  await createSecrets(outside, `redis://:${password}@redis:6379`);
  await play(redisManifests(documents, password));

  await step(
    "replicas.yaml comes up healthy twice beside a Redis, with nothing writable at all",
    async () => {
      await play(documents);
      await areHealthy(documents, 2);
    },
  );
  const traffic = world.traffic(TRAFFIC);
  await step("replicas.yaml goes on when one of two is killed", async () => {
    await until("alerts arrive", () => world.balance().delivered > 100);
    const [first] = await containersOf(LABEL);
    if (first !== undefined) await killAndWait(first);
    await areHealthy(documents, 2);
  });
  await step("replicas.yaml stops within its grace period with exit code 0", async () => {
    await stopAll(documents);
    await takeDown(documents);
  });
  await step("replicas.yaml loses nothing, made anew beside a Redis that is killed", async () => {
    await play(documents);
    const before = world.balance().delivered;
    await until("more alerts arrive", () => world.balance().delivered > before + 50);
    const [redis] = await containersOf(REDIS_LABEL);
    if (redis !== undefined) await killAndWait(redis);
    traffic.stop();
    await everythingArrives(outside);
  });
  await outside.close();
}

/** Of the versions of podman, some start one pod a Deployment, whatever its replicas, and others all. */
function onePodEach(documents: readonly Manifest[]): Manifest[] {
  const deployment = ofKind(documents, "Deployment");
  const replicas = Number(at(deployment, "spec.replicas"));
  const copies = Array.from({ length: replicas }, (_, index) => ({
    ...deployment,
    metadata: { ...Object(deployment["metadata"]), name: `alertferry-${index}` },
    spec: { ...Object(deployment["spec"]), replicas: 1 },
  }));
  return documents.flatMap((document) => (document === deployment ? copies : [document]));
}

/** The external Redis, for which the image itself serves: it holds a redis-server. */
function redisManifests(documents: readonly Manifest[], password: string): Manifest[] {
  const image = at(ofKind(documents, "Deployment"), "spec.template.spec.containers.0.image");
  const command = ["redis-server", "--dir", "/var/lib/alertferry", "--requirepass", password];
  const safe = ["--appendonly", "yes", "--maxmemory-policy", "noeviction", "--protected-mode", "no"];
  const volume = { name: "data", persistentVolumeClaim: { claimName: "redis-data" } };
  const volumeMounts = [{ name: "data", mountPath: "/var/lib/alertferry" }];
  const containers = [{ name: "server", image, command: [...command, ...safe], volumeMounts }];
  const metadata = { name: "redis", labels: { "app.kubernetes.io/name": "redis" } };
  const claim = { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } };
  return [
    { apiVersion: "v1", kind: CLAIM, metadata: { name: "redis-data" }, spec: claim },
    {
      apiVersion: "v1",
      kind: "Pod",
      metadata,
      spec: { containers, volumes: [volume], restartPolicy: "Always" },
    },
  ];
}

async function step(what: string, work: () => Promise<void>): Promise<void> {
  const startedAt = Date.now();
  try {
    await work();
  } catch (cause) {
    throw new Error(`${what}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
  say(`ok    ${what} [${((Date.now() - startedAt) / 1000).toFixed(1)} s]`);
}

/** A network for the pods. One that does nothing keeps its bridge there, to which the way outside is bound. */
async function openNetwork(): Promise<string> {
  await clearAway();
  await podman("network", "create", NETWORK);
  await podman("pod", "create", "--name", `${NETWORK}-bridge`, "--network", NETWORK);
  await podman("pod", "start", `${NETWORK}-bridge`);
  return await podman("network", "inspect", "--format", "{{(index .Subnets 0).Gateway}}", NETWORK);
}

async function createSecrets({ world }: Outside, redisUrl: string): Promise<void> {
  const values = {
    http_token: randomBytes(32).toString("hex"),
    redis_url: redisUrl,
    defender_client_secret: world.tenants[0]?.clientSecret ?? "",
    splunk_hec_token: world.hecToken,
  };
  // Podman 4.3 hands the values out as they stand (its issue 16625), every later one decodes them, as Kubernetes does.
  const decodes = !(await podman("version", "--format", "{{.Client.Version}}")).startsWith("4.3.");
  const encode = (value: string) => (decodes ? Buffer.from(value).toString("base64") : value);
  const data = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, encode(value)]));
  const file = await write([
    { apiVersion: "v1", kind: "Secret", metadata: { name: "alertferry-secrets" }, data },
  ]);
  await podman("secret", "create", "alertferry-secrets", file);
}

async function play(documents: readonly Manifest[]): Promise<void> {
  await podman("kube", "play", "--network", NETWORK, await write(documents));
}

/** Takes the pods away and keeps their volumes. */
async function takeDown(documents: readonly Manifest[]): Promise<void> {
  await podman("kube", "down", await write(documents));
}

async function write(documents: readonly Manifest[]): Promise<string> {
  const file = join(folder, `${randomBytes(4).toString("hex")}.yaml`);
  await writeFile(file, writeManifests(documents));
  return file;
}

/** Asks the manifest's probes as a kubelet does, and the kernel what the processes may do. */
async function areHealthy(documents: readonly Manifest[], count: number): Promise<void> {
  const container = at(ofKind(documents, "Deployment"), "spec.template.spec.containers.0");
  const running = await containersOf(LABEL);
  if (running.length !== count)
    throw new Error(`There are ${running.length} containers instead of ${count}.`);
  for (const each of running) {
    const address = await addressOf(each);
    for (const probe of ["startupProbe", "livenessProbe", "readinessProbe"]) {
      await answers(`http://${address}`, at(container, probe));
    }
    await isConfined(each);
  }
}

async function answers(origin: string, probe: unknown): Promise<void> {
  const url = `${origin}:${at(probe, "httpGet.port")}${at(probe, "httpGet.path")}`;
  const patienceMs = Number(at(probe, "failureThreshold")) * Number(at(probe, "periodSeconds")) * 1000;
  await until(
    `${at(probe, "httpGet.path")} answers`,
    () =>
      fetch(url).then(
        ({ ok }) => ok,
        () => false,
      ),
    Math.max(patienceMs, 30_000),
  );
}

async function isConfined(container: Container): Promise<void> {
  const status = await kernelStatus(container);
  const told = ["Uid", "Gid", "CapPrm", "CapBnd", "NoNewPrivs", "Seccomp"].map((key) => status.get(key));
  const ids = "10001\t10001\t10001\t10001";
  const wanted = [ids, ids, "0000000000000000", "0000000000000000", "1", "2"];
  const isReadOnly = await inspect(container.name, "{{.HostConfig.ReadonlyRootfs}}");
  if (told.join() !== wanted.join() || isReadOnly !== "true")
    throw new Error(`${container.name} may do more than it needs: ${told.join()}, read-only: ${isReadOnly}.`);
}

async function snapshot(): Promise<Snapshot> {
  const [first] = await containersOf(LABEL);
  return JSON.parse(await podman("exec", first?.name ?? "", "alertferry", "status", "--json")) as Snapshot;
}

async function waiting(): Promise<number> {
  return (await snapshot()).ledger.reduce((sum, row) => sum + row.waiting, 0);
}

async function stopAll(documents: readonly Manifest[]): Promise<void> {
  const grace = Number(
    at(ofKind(documents, "Deployment"), "spec.template.spec.terminationGracePeriodSeconds"),
  );
  for (const { name, pod } of await containersOf(LABEL)) {
    const startedAt = Date.now();
    await podman("pod", "stop", "--time", String(grace), pod);
    const code = await inspect(name, "{{.State.ExitCode}}");
    const tookMs = Date.now() - startedAt;
    if (code !== "0" || tookMs > grace * 1000)
      throw new Error(`${name} ended with exit code ${code} after ${tookMs} ms.`);
  }
}

/** Truth is what the sources held; `seq` proves that the ledger of before is the ledger of now. */
async function everythingArrives({ world }: Outside): Promise<void> {
  await until("everything has arrived", () => world.balance().delivered === world.balance().held);
  await until("the ledger is at rest", async () =>
    (await snapshot()).ledger.every(
      ({ waiting, enqueued, delivered }) => waiting === 0 && enqueued === delivered,
    ),
  );
  const { missing, altered, alien, crossed } = world.balance();
  const broken = missing.length + altered + alien + crossed;
  if (broken > 0)
    throw new Error(`${missing.length} missing, ${altered} altered, ${alien} alien, ${crossed} crossed.`);
  for (const { tenant, enqueued } of (await snapshot()).ledger) {
    const seqs = new Set(
      world.hec.events
        .filter(({ fields }) => fields["tenant"] === tenant)
        .map(({ fields }) => Number(fields["seq"])),
    );
    if (seqs.size !== enqueued || Math.max(...seqs) !== enqueued)
      throw new Error(
        `${tenant} has ${seqs.size} numbers up to ${Math.max(...seqs)}, and ${enqueued} in the ledger.`,
      );
  }
}

async function clearAway(): Promise<void> {
  for (const label of [LABEL, REDIS_LABEL]) {
    const pods = await podman("pod", "ps", "--quiet", "--filter", `label=${label}`);
    for (const pod of pods.split("\n").filter(Boolean))
      await podman("pod", "rm", "--force", "--time", "0", pod);
  }
  for (const name of VOLUMES) await podman("volume", "rm", "--force", name).catch(() => "");
  await podman("secret", "rm", "alertferry-secrets").catch(() => "");
}
