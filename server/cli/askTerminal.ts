/** A question that is answered with yes or no at a terminal. */
import { createInterface } from 'node:readline';

/**
 * Whether the answer was yes; Ctrl-C and the end of the input are no.
 * @param output where the question is written
 * @param signal takes the question back, as a no
 */
export async function askTerminal(question: string, output: NodeJS.WriteStream, signal: AbortSignal): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output, prompt: `${question} [y/N] `, signal });
  terminal.prompt();
  const answer = await new Promise<string>((resolve) =>
    terminal.once('line', resolve).once('close', () => resolve('')),
  );
  terminal.close();
  return /^\s*y(?:es)?\s*$/iu.test(answer);
}
