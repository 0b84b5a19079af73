import { readFileSync } from "node:fs";
import { parse, parseAllDocuments, stringify } from "yaml";
import { isObject } from "../../src/model/alert.ts";
import type { Outside } from "./outside.ts";

/** A Kubernetes object, or a part of one, as the manifests write it. */
export type Manifest = Readonly<Record<string, unknown>>;

export function readManifests(file: string): Manifest[] {
  return parseAllDocuments(readFileSync(file, "utf8")).map((document) => objectOf(document.toJS()));
}

export function writeManifests(documents: readonly Manifest[]): string {
  return documents.map((document) => stringify(document)).join("---\n");
}

export function ofKind(documents: readonly Manifest[], kind: string): Manifest {
  const found = documents.find((document) => document["kind"] === kind);
  if (found === undefined) throw new Error(`There is no ${kind}.`);
  return found;
}

/** What lies at a path of keys and positions: `spec.template.spec.containers.0`; undefined when nothing does. */
export function at(document: unknown, path: string): unknown {
  return path.split(".").reduce((value: unknown, key) => {
    if (Array.isArray(value)) return (value as readonly unknown[])[Number(key)];
    return isObject(value) ? value[key] : undefined;
  }, document);
}

/** The configuration in a manifest's ConfigMap. */
export function configIn(documents: readonly Manifest[]): Manifest {
  return objectOf(parse(String(objectOf(ofKind(documents, "ConfigMap")["data"])["alertferry.yaml"])));
}

/** The manifest with its configuration aimed at the simulated world: its tenants, its receiver, and the way there. */
export async function aimedAt(outside: Outside, documents: readonly Manifest[]): Promise<Manifest[]> {
  const { world, proxy, ca } = outside;
  const config = configIn(documents);
  const [tenant] = world.tenants;
  const aimed = {
    ...config,
    clouds: { lab: { ...world.cloud, ca: "/etc/alertferry/ca.pem" } },
    defaults: {
      ...objectOf(config["defaults"]),
      auth: { ...objectOf(at(config, "defaults.auth")), clientId: tenant?.clientId },
      cloud: "lab",
      proxy,
      poll: { interval: "1s", overlap: "5m", initialLookback: "24h" },
    },
    tenants: world.tenants.map(({ id, name, tenantId }) => ({ id, name, tenantId })),
    sinks: {
      splunk: {
        ...objectOf(at(config, "sinks.splunk")),
        url: world.hec.listener.origin,
        proxy,
        retry: { maxDelay: "1s" },
      },
    },
  };
  const data = { "alertferry.yaml": JSON.stringify(aimed), "ca.pem": ca };
  return documents.map((each) => (each["kind"] === "ConfigMap" ? { ...each, data } : each));
}

function objectOf(value: unknown): Manifest {
  if (isObject(value)) return value;
  throw new Error("An object was expected in the manifest.");
}
