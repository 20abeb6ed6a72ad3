/**
 * `clipcap doctor --install-cuda`: fetches CUDA's provider library with ONNX Runtime's own install script, which knows
 * the version that fits. Nothing is downloaded without consent.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { text } from 'node:stream/consumers';
import { CaptionError } from '@clipcap/protocol/error';
import { cudaLibrary, runtimeFolder } from '../process/machine.js';
import { plain } from './text.js';

/** What the script puts beside ONNX Runtime's library. */
const libraries = ['cuda', 'shared', 'tensorrt'].map((name) => `libonnxruntime_providers_${name}.so`);

/** What will happen, for whoever is to consent. */
function offer(): string {
  return (
    'This downloads the CUDA provider of ONNX Runtime from https://api.nuget.org (package\n' +
    'Microsoft.ML.OnnxRuntime.Gpu.Linux, MIT licence, some hundred megabytes) into\n' +
    `${dirname(cudaLibrary())}\n` +
    'It also needs NVIDIA’s driver, CUDA 12 and cuDNN 9, which are not installed by this.\n'
  );
}

/**
 * Asks, unless `consent` was given, and installs. Exit code: 0 installed or there already, 2 no consent, 3 it failed.
 */
export async function installCuda(consent: boolean): Promise<number> {
  try {
    checkPlatform();
    if (existsSync(cudaLibrary())) {
      process.stdout.write(`CUDA’s library is installed already: ${cudaLibrary()}\n`);
      return 0;
    }
    process.stdout.write(offer());
    if (!consent && !(await agrees())) {
      process.stderr.write('Nothing was downloaded. Agree with --yes, or by typing y at a terminal.\n');
      return 2;
    }
    await fetchLibraries();
    process.stdout.write('Installed. "clipcap doctor" says whether it works on this machine.\n');
    return 0;
  } catch (error) {
    process.stderr.write(`${plain(error instanceof Error ? error.message : String(error))}\n`);
    return 3;
  }
}

function checkPlatform(): void {
  if (process.platform === 'linux' && process.arch === 'x64') return;
  const here = `${process.platform}-${process.arch}`;
  throw new CaptionError(
    'provider-unavailable',
    `There is no CUDA provider for ${here}, only for linux-x64. Use auto.`,
  );
}

async function agrees(): Promise<boolean> {
  if (!process.stdin.isTTY) return false;
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await terminal.question('Download it? [y/N] ');
  terminal.close();
  return /^y(?:es)?$/iu.test(answer.trim());
}

async function fetchLibraries(): Promise<void> {
  const folder = dirname(cudaLibrary());
  const fresh = libraries.map((name) => join(folder, name)).filter((path) => !existsSync(path));
  const child = spawn(process.execPath, [join(runtimeFolder(), 'script', 'install.js')], {
    stdio: ['ignore', 'inherit', 'pipe'],
    env: {
      GLOBAL_AGENT_HTTPS_PROXY: process.env['HTTPS_PROXY'] ?? process.env['https_proxy'],
      ...process.env,
      ELECTRON_RUN_AS_NODE: '1',
      ONNXRUNTIME_NODE_INSTALL: 'cuda12',
    },
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const said = await text(child.stderr);
  if ((await ended) === 0 && existsSync(cudaLibrary())) return;
  // Half of it would be worse than nothing.
  await Promise.all(fresh.map((path) => rm(path, { force: true })));
  const reason = /^(?:\w*Error|AggregateError)[^:\n]*: *(.*)$/mu.exec(said)?.[1]?.trim();
  throw new CaptionError(
    'provider-unavailable',
    `CUDA’s library could not be installed (${reason || 'the download failed'}). Check the network and the proxy; ` +
      'nothing was changed.',
  );
}
