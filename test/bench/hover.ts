/** How long the language server takes to answer a hover on an image that is captioned already. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createMessageConnection, StreamMessageReader, StreamMessageWriter } from 'vscode-jsonrpc/node';
import { root } from '../root.js';

/** Milliseconds of each of `repeats` hovers, after a first one that made the caption. */
export async function hoverTimes(photo: string, repeats: number): Promise<number[]> {
  const folder = dirname(photo);
  const text = `# Notes\n\n![a photo](${photo.slice(folder.length + 1)})\n`;
  const document = join(folder, 'notes.md');
  await writeFile(document, text);
  const uri = pathToFileURL(document).href;

  const server = spawn(process.execPath, [join(root, 'dist', 'server.mjs'), '--stdio'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const connection = createMessageConnection(
    new StreamMessageReader(server.stdout),
    new StreamMessageWriter(server.stdin),
  );
  connection.onRequest('workspace/configuration', ({ items }: { items: unknown[] }) =>
    items.map(() => ({ hover: { enabled: true, wait: 60_000 } })),
  );
  connection.onRequest('client/registerCapability', () => null);
  connection.listen();
  await connection.sendRequest('initialize', {
    processId: process.pid,
    rootUri: pathToFileURL(folder).href,
    workspaceFolders: [{ uri: pathToFileURL(folder).href, name: 'bench' }],
    capabilities: { workspace: { configuration: true } },
    initializationOptions: { trusted: true },
  });
  await connection.sendNotification('initialized', {});
  await connection.sendNotification('textDocument/didOpen', {
    textDocument: { uri, languageId: 'markdown', version: 1, text },
  });
  const hover = async (): Promise<number> => {
    const start = performance.now();
    const answer = await connection.sendRequest('textDocument/hover', {
      textDocument: { uri },
      position: { line: 2, character: 16 },
    });
    if (answer === null) throw new Error('the hover did not find the image');
    return performance.now() - start;
  };
  await hover();
  const samples: number[] = [];
  for (let index = 0; index < repeats; index++) samples.push(await hover());

  await connection.sendRequest('shutdown');
  const ended = once(server, 'exit');
  await connection.sendNotification('exit');
  await ended;
  connection.dispose();
  return samples;
}
