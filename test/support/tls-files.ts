import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Authority, createAuthority } from "../../src/simulate/certificates.ts";

/** Paths of PEM files. */
export interface TlsFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

interface Wanted {
  readonly name: string;
  readonly usage: "server" | "client";
  readonly authority: Authority;
  /** Whom its holder trusts; default the authority that issues it. */
  readonly trusts?: Authority;
  readonly isExpired?: boolean;
}

const DAY_MS = 86_400_000;

/** Issues a certificate and writes it, its key and the trusted authority into a folder. */
export async function writeTlsFiles(folder: string, wanted: Wanted): Promise<TlsFiles> {
  const { name, usage, authority, trusts = authority, isExpired = false } = wanted;
  const issued = await authority.issue({
    name,
    usage,
    hosts: usage === "server" ? [name, "127.0.0.1"] : [name],
    ...(isExpired
      ? { notBefore: new Date(Date.now() - 3 * DAY_MS), notAfter: new Date(Date.now() - DAY_MS) }
      : {}),
  });
  const write = async (ending: string, content: string) => {
    const path = join(folder, `${usage}-${name}${isExpired ? "-expired" : ""}-${ending}.pem`);
    await writeFile(path, content);
    return path;
  };
  return {
    ca: await write("ca", trusts.ca),
    cert: await write("cert", issued.cert),
    key: await write("key", issued.key),
  };
}

/** The usual pair: both sides of one authority, the client as `forwarder.example`. */
export async function aTlsPair(folder: string) {
  const authority = await createAuthority("Alertferry Test CA");
  const server = await writeTlsFiles(folder, { name: "localhost", usage: "server", authority });
  const client = await writeTlsFiles(folder, { name: "forwarder.example", usage: "client", authority });
  return { authority, server, client };
}
