/** The `clipcap` command. It finds the inference process and the built-in pack beside itself. */
import { fileURLToPath } from 'node:url';
import { readFile } from 'node:fs/promises';
import { parseCommandLine } from './commandLine.js';

const places = {
  inference: fileURLToPath(new URL('./inference.mjs', import.meta.url)),
  builtin: fileURLToPath(new URL('../models/builtin', import.meta.url)),
  report: fileURLToPath(new URL('./report.js', import.meta.url)),
};

// Where stderr cannot be written, nobody can be told; what was asked for is done all the same.
process.stderr.on('error', ({ code }: NodeJS.ErrnoException) => {
  if (code === 'EPIPE') process.exit();
});
process.stdout.on('error', ({ code, message }: NodeJS.ErrnoException) => {
  // A reader that has seen enough (`| head`) is no failure; the inference process ends with this one.
  if (code === 'EPIPE') process.exit();
  const reason = code === 'ENOSPC' ? 'the disk is full' : message;
  process.stderr.write(`The output cannot be written (${reason}). Send it where there is room.\n`);
  process.exit(3);
});

// A command's module is loaded when it is asked for: none waits for what another needs.
const command = parseCommandLine(process.argv.slice(2));
switch (command.kind) {
  case 'caption':
    process.exitCode = await (await import('./caption.js')).caption(command.request, places);
    break;
  case 'inspect':
    process.exitCode = await (await import('./inspect.js')).inspect(command.request, places);
    break;
  case 'doctor':
    process.exitCode = await (await import('./doctor.js')).doctor(command.request, places, await version());
    break;
  case 'install-cuda':
    process.exitCode = await (await import('./installCuda.js')).installCuda(command.consent);
    break;
  case 'import':
    process.exitCode = await (await import('./import.js')).importModel(command.command, places);
    break;
  case 'models':
    process.exitCode = await (await import('./models.js')).listModels(command.request);
    break;
  case 'get':
    process.exitCode = await (await import('./get.js')).get(command.request);
    break;
  case 'version':
    process.stdout.write(`${await version()}\n`);
    break;
  case 'help':
    process.stdout.write(command.text);
    break;
  case 'usage':
    process.stderr.write(command.message);
    if (command.json) {
      const error = { code: 'usage', message: command.message.trim() };
      process.stdout.write(`${JSON.stringify({ version: 1, error }, null, 2)}\n`);
    }
    process.exitCode = 2;
}

/** Of ClipCap Lens. */
async function version(): Promise<string> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own package.json
  const manifest = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return manifest.version;
}
