import { Lexer, Parser } from "yaml";

/**
 * The deepest key there is lies at six. What is nested is read by functions that call themselves: deep enough, that ends
 * the process, since V8 cannot report a regular expression that is compiled where no stack is left.
 */
export const MAX_NESTING = 50;

/** The line (1-based) where the text becomes nested too deeply; undefined where it never does. Calls nothing deeply. */
export function lineOfDeepNesting(text: string): number | undefined {
  const parser = new Parser();
  for (const lexeme of new Lexer().lex(text)) {
    Array.from(parser.next(lexeme));
    if (parser.stack.length > MAX_NESTING) return text.slice(0, parser.offset).split("\n").length;
  }
  return undefined;
}
