import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { type ConnectionOptions, connect } from "node:tls";
import { describe, expect, it, onTestFinished } from "vitest";
import { type Authority, createAuthority } from "../../src/simulate/certificates.ts";

describe("certificates", () => {
  it.each(["127.0.0.1", "localhost"])(
    "prove the server to a client that trusts the authority and calls %s",
    async (host) => {
      const authority = await createAuthority();
      const port = await listen(authority, {});

      expect(await handshake({ host, port, ca: authority.ca })).toBe("authorized");
    },
  );

  it("prove nothing to a client of another authority", async () => {
    const port = await listen(await createAuthority(), {});

    const { ca } = await createAuthority();

    expect(await handshake({ host: "127.0.0.1", port, ca })).toMatch(/SELF_SIGNED|UNABLE_TO/);
  });

  it("are refused for a host they do not name", async () => {
    const authority = await createAuthority();
    const port = await listen(authority, { hosts: ["other.example"] });

    expect(await handshake({ host: "127.0.0.1", port, ca: authority.ca })).toBe(
      "ERR_TLS_CERT_ALTNAME_INVALID",
    );
  });

  it("are refused when their time is over", async () => {
    const authority = await createAuthority();
    const port = await listen(authority, {
      notBefore: new Date(Date.now() - 172_800_000),
      notAfter: new Date(Date.now() - 86_400_000),
    });

    expect(await handshake({ host: "127.0.0.1", port, ca: authority.ca })).toBe("CERT_HAS_EXPIRED");
  });

  it.each(["ec", "rsa"] as const)("prove a client with an %s key", async (keyType) => {
    const authority = await createAuthority();
    const port = await listen(authority, {}, true);
    const { cert, key } = await authority.issue({ name: "client", usage: "client", keyType });

    expect(await handshake({ host: "127.0.0.1", port, ca: authority.ca, cert, key })).toBe("authorized");
  });
});

async function listen(authority: Authority, request: object, asksClients = false): Promise<number> {
  const { cert, key } = await authority.issue({ name: "server", usage: "server", ...request });
  const server: Server = createServer({
    cert,
    key,
    ca: authority.ca,
    requestCert: asksClients,
    rejectUnauthorized: asksClients,
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

function handshake(options: ConnectionOptions & { host: string }): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({
      servername: options.host === "localhost" ? "localhost" : "",
      ...options,
    });
    socket.once("secureConnect", () => {
      socket.destroy();
      resolve(socket.authorized ? "authorized" : "refused");
    });
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}
