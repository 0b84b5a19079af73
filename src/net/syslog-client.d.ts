/** The part of syslog-client 1.1.1 that is used; it brings no types. */
declare module "syslog-client" {
  import type { EventEmitter } from "node:events";

  export const Transport: { readonly Udp: number };

  export class Client extends EventEmitter {
    constructor(target: string, options: { readonly port: number; readonly transport: number });
    /** Makes a message into the bytes that are sent. */
    buildFormattedMessage(message: string): Buffer;
    /** Once the kernel has the bytes, or not. */
    log(message: string, done: (error?: Error) => void): this;
    close(): this;
  }
}
