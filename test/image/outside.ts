import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { startWorld, type World } from "../../src/simulate/world.ts";

/** What is outside the pods: the simulated world, which listens on loopback, and the only way to it. */
export interface Outside {
  readonly world: World;
  /** An HTTP proxy, as at a site where nothing else reaches the internet. */
  readonly proxy: string;
  /** The certificate of the world's authority. */
  readonly ca: string;
  close(): Promise<void>;
}

/** @param address of this machine in the network of the pods. */
export async function openOutside(address: string, tenants: readonly string[]): Promise<Outside> {
  const token = { value: "1f0cbd6a-61a5-4be4-9e57-6c7c0a5e9f10", useAck: true };
  const world = await startWorld({ tenants, limits: "none", hec: { tokens: [token] } });
  const sockets = new Set<Socket>();
  const server = createServer(forward).on("connect", tunnel);
  server.on("connection", (socket: Socket) => {
    sockets.add(socket.on("error", () => socket.destroy()).once("close", () => sockets.delete(socket)));
  });
  await new Promise<void>((listening) => server.listen(0, address, listening));
  return {
    world,
    proxy: `http://${address}:${(server.address() as AddressInfo).port}`,
    ca: readFileSync(world.cloud.ca, "utf8"),
    close: async () => {
      await world.close();
      for (const socket of sockets) socket.destroy();
      await new Promise((closed) => server.close(closed));
    },
  };
}

function forward(from: IncomingMessage, to: ServerResponse): void {
  const { method, headers, url = "" } = from;
  const onward = request(url, { method, headers, agent: false }, (answer) => {
    to.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(to);
  });
  from.pipe(onward.on("error", () => to.destroy()));
}

function tunnel(from: IncomingMessage, socket: Socket): void {
  const [host = "", port = ""] = (from.url ?? "").split(":");
  const onward = connect(Number(port), host, () => {
    socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
    socket.pipe(onward).pipe(socket);
  });
  onward.on("error", () => socket.destroy());
  socket.once("close", () => onward.destroy());
}
