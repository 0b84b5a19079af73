import { renderJsonSchema } from "../config/json-schema.ts";
import type { Command } from "./command.ts";

export const schema: Command = {
  summary: "Prints the JSON Schema of the configuration.",
  options: {},
  help: [],
  async run(_, io) {
    io.out(renderJsonSchema().trimEnd());
    return 0;
  },
};
