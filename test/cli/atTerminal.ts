import { spawn } from 'node:child_process';
import { once } from 'node:events';

export const keys = { 'Ctrl-C': '\u0003', 'Ctrl-D': '\u0004' };

/**
 * Runs a command at a terminal, which script(1) makes, and presses `key` when it asks a question of yes or no.
 * @param words quoted for a shell
 */
export async function pressAtQuestion(
  words: readonly string[],
  key: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<{ readonly code: number | null; readonly shown: string }> {
  const command = words.map((word) => `'${word}'`).join(' ');
  const run = spawn('script', ['-qec', command, '/dev/null'], { env, stdio: 'pipe' });
  const closed = once(run, 'close');
  let shown = '';
  for await (const text of run.stdout.setEncoding('utf8')) {
    const wasAsked = shown.includes('[y/N]');
    shown += String(text);
    if (!wasAsked && shown.includes('[y/N]')) run.stdin.write(key);
  }
  await closed;
  return { code: run.exitCode, shown };
}
