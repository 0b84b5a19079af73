import {
  Composer,
  type Document,
  type DocumentOptions,
  Lexer,
  type LineCounter,
  type ParseOptions,
  Parser,
  type SchemaOptions,
  YAMLParseError,
} from "yaml";

/**
 * The deepest key there is lies at six. What is nested is read by functions that call themselves: deep enough, that ends
 * the process, since V8 cannot report a regular expression that is compiled where no stack is left.
 */
export const MAX_NESTING = 50;

type Options = ParseOptions & DocumentOptions & SchemaOptions & { readonly lineCounter: LineCounter };

/**
 * What the library's own `parseDocument` does, looking how deep it gets.
 *
 * @returns the line (1-based) where the text becomes nested too deeply, instead.
 */
export function parseBounded(text: string, options: Options): Document.Parsed | number {
  const { lineCounter } = options;
  const parser = new Parser(lineCounter.addNewLine);
  lineCounter.addNewLine(0);
  const tokens = [];
  for (const lexeme of new Lexer().lex(text)) {
    tokens.push(...parser.next(lexeme));
    if (parser.stack.length > MAX_NESTING) return lineCounter.linePos(parser.offset).line;
  }
  tokens.push(...parser.end());
  const [document, second] = new Composer(options).compose(tokens, true, text.length);
  if (document === undefined) throw new Error("The library makes a document of everything.");
  if (second !== undefined) {
    const [start, end] = second.range;
    document.errors.push(new YAMLParseError([start, end], "MULTIPLE_DOCS", "There is a second document."));
  }
  return document;
}
