import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { at, configIn, ofKind, readManifests } from "../image/manifest.ts";

const KUBERNETES = ["docker/kubernetes/replicas.yaml", "docker/kubernetes/single.yaml"];
const read = (file: string) => readFileSync(file, "utf8");
const seconds = (text: unknown) => Number(/^(\d+)s$/.exec(String(text))?.[1]);

describe.each(KUBERNETES)("%s", (file) => {
  const documents = readManifests(file);
  const deployment = ofKind(documents, "Deployment");
  const pod = at(deployment, "spec.template.spec");
  const container = at(pod, "containers.0");

  it("runs without root, capabilities, a writable root or the cluster's token", () => {
    expect(at(pod, "securityContext")).toMatchObject({
      runAsNonRoot: true,
      runAsUser: 10001,
      runAsGroup: 10001,
      fsGroup: 10001,
      seccompProfile: { type: "RuntimeDefault" },
    });
    expect(at(container, "securityContext")).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
    expect(at(pod, "automountServiceAccountToken")).toBe(false);
  });

  it("asks whether it lives where a restart would help, and whether it is ready where it would not", () => {
    const asked = (probe: string) => at(container, `${probe}.httpGet`);

    expect(asked("startupProbe")).toEqual({ path: "/livez", port: 8080 });
    expect(asked("livenessProbe")).toEqual({ path: "/livez", port: 8080 });
    expect(asked("readinessProbe")).toEqual({ path: "/readyz", port: 8080 });
    expect(at(configIn(documents), "http.port")).toBe(8080);
  });

  it("gives it longer to stop than it takes", () => {
    const grace = Number(at(pod, "terminationGracePeriodSeconds"));

    expect(grace).toBeGreaterThan(seconds(at(configIn(documents), "shutdownTimeout")));
  });

  it("bounds its memory and never holds back its processor", () => {
    expect(at(container, "resources.requests")).toHaveProperty("cpu");
    expect(at(container, "resources.requests")).toHaveProperty("memory");
    expect(Object.keys(Object(at(container, "resources.limits")))).toEqual(["memory"]);
  });

  it("takes every secret from a file, and asks for each where its commands put it", () => {
    const config = read(file);
    const secrets = [...config.matchAll(/\$\{(\w+):([^}]+)\}/g)];

    expect(secrets.map(([, kind]) => kind)).not.toContain("env");
    for (const [, , path = ""] of secrets) expect(path).toMatch(/^\/run\/secrets\/\w+$/);
    expect(at(container, "volumeMounts")).toContainEqual({
      name: "secrets",
      mountPath: "/run/secrets",
      readOnly: true,
    });
    expect(at(container, "env")).toBeUndefined();
  });

  it("selects with every selector what the Deployment makes", () => {
    const labels = at(deployment, "spec.template.metadata.labels");

    expect(at(deployment, "spec.selector.matchLabels")).toEqual(labels);
    expect(at(ofKind(documents, "Service"), "spec.selector")).toEqual(labels);
    expect(at(ofKind(documents, "NetworkPolicy"), "spec.podSelector.matchLabels")).toEqual(labels);
  });

  it("lets out what its own configuration calls, and in what asks for it", () => {
    const policy = ofKind(documents, "NetworkPolicy");
    const rules = at(policy, "spec.egress");
    const ports = JSON.stringify(rules);

    expect(at(policy, "spec.policyTypes")).toEqual(["Ingress", "Egress"]);
    expect(at(policy, "spec.ingress.0.ports.0.port")).toBe(8080);
    for (const port of [443, 53, Number(new URL(String(at(configIn(documents), "sinks.splunk.url"))).port)])
      expect(ports).toContain(`"port":${port}`);
  });
});

it("two replicas outlive a node, a drain and an upgrade", () => {
  const documents = readManifests("docker/kubernetes/replicas.yaml");
  const deployment = ofKind(documents, "Deployment");

  expect(at(deployment, "spec.replicas")).toBeGreaterThanOrEqual(2);
  expect(at(deployment, "spec.strategy.rollingUpdate.maxUnavailable")).toBe(0);
  expect(at(ofKind(documents, "PodDisruptionBudget"), "spec.maxUnavailable")).toBe(1);
  expect(at(deployment, "spec.template.spec.topologySpreadConstraints.0.topologyKey")).toBe(
    "kubernetes.io/hostname",
  );
  expect(at(configIn(documents), "queue.redis")).toBe("${file:/run/secrets/redis_url}");
});

it("a single one never runs beside its successor on the same volume", () => {
  const documents = readManifests("docker/kubernetes/single.yaml");
  const deployment = ofKind(documents, "Deployment");

  expect(at(deployment, "spec.replicas")).toBe(1);
  expect(at(deployment, "spec.strategy.type")).toBe("Recreate");
  expect(at(ofKind(documents, "PersistentVolumeClaim"), "metadata.name")).toBe(
    at(deployment, "spec.template.spec.volumes.2.persistentVolumeClaim.claimName"),
  );
  expect(at(configIn(documents), "queue.dataDir")).toMatch(/^\/var\/lib\/alertferry\//);
});

describe("docker/compose.yaml", () => {
  const services = Object.entries(Object(at(parse(read("docker/compose.yaml")), "services")));

  it("confines every service alike", () => {
    for (const [, service] of services) {
      expect(service).toMatchObject({
        read_only: true,
        cap_drop: ["ALL"],
        security_opt: ["no-new-privileges:true"],
      });
    }
  });

  it("names the version of every image, publishes on loopback only, and starts the rest by profile", () => {
    for (const [, service] of services) {
      expect(String(at(service, "image"))).toMatch(/:[^:]*\d|:local$/);
      for (const port of (at(service, "ports") ?? []) as string[]) expect(port).toMatch(/^127\.0\.0\.1:/);
    }
    expect(services.map(([name, service]) => `${name} ${at(service, "profiles") ?? ""}`.trim())).toEqual([
      "alertferry",
      "redis",
      "prometheus monitoring",
      "grafana monitoring",
      "rsyslog syslog",
    ]);
  });
});

describe("docs/deploying.md", () => {
  const text = read("docs/deploying.md");

  it("links to files that exist", () => {
    const links = [...text.matchAll(/\]\(([^)#]+)(#[^)]*)?\)/g)].map(([, target = ""]) => target);

    expect(links.filter((target) => !existsSync(`docs/${target}`))).toEqual([]);
  });

  it("leaves no command unrun but those that need a Docker engine", () => {
    const blocks = [...text.matchAll(/(<!-- run: \w+ -->\n)?```sh\n([^`]+)```/g)];
    const unrun = blocks.filter(([, mark]) => mark === undefined).map(([, , lines = ""]) => lines);
    const marked = [...text.matchAll(/<!-- run: (\w+) -->/g)].map(([, name = ""]) => name);
    const script = `${read("docker/image-test.sh")}${read("docker/test/papers.sh")}`;
    const named = [...script.matchAll(/(?:block|for name in) ([\w ]+)/g)].flatMap(([, names = ""]) =>
      names.split(" "),
    );

    expect(
      unrun
        .join("")
        .split("\n")
        .filter((line) => !/^(docker compose|curl) |^$/.test(line)),
    ).toEqual([]);
    expect(marked.filter((name) => !named.includes(name))).toEqual([]);
  });
});
