/** `clipcap doctor --install-cuda`: fetches CUDA's provider libraries. Nothing is downloaded without consent. */
import { dirname } from 'node:path';
import { fromEnvironment } from '@clipcap/models/download/environment';
import { inOfflineMode } from '@clipcap/models/download/errors';
import { CaptionError } from '@clipcap/protocol/error';
import { plain } from '../plain.js';
import { cudaLibraries, hasCuda } from '../process/machine.js';
import { askTerminal } from './askTerminal.js';
import { interruptedExitCode, onInterruption } from './interruption.js';
import { fetchCuda } from './fetchCuda.js';

/** What will happen, for whoever is to consent. */
function offer(): string {
  return (
    'This downloads the CUDA provider of ONNX Runtime from https://api.nuget.org (package\n' +
    'Microsoft.ML.OnnxRuntime.Gpu.Linux, MIT licence, some hundred megabytes) into\n' +
    `${dirname(cudaLibraries()[0]!)}\n` +
    'It also needs NVIDIA’s driver, CUDA 12 and cuDNN 9, which are not installed by this.\n'
  );
}

/**
 * Asks, unless `consent` was given, and installs. Exit code: 0 installed or there already, 1 the user said no, 2 nobody
 * could be asked, 3 it failed, 130 interrupted.
 */
export async function installCuda(consent: boolean): Promise<number> {
  const stop = new AbortController();
  const ignore = onInterruption(() => stop.abort());
  try {
    checkPlatform();
    if (hasCuda()) {
      process.stdout.write(`CUDA’s library is installed already: ${cudaLibraries()[0]}\n`);
      return 0;
    }
    if (fromEnvironment().offline) throw inOfflineMode();
    process.stdout.write(offer());
    if (!consent && !process.stdin.isTTY) {
      process.stderr.write('Nothing was downloaded: nobody can be asked here. Say --yes to agree.\n');
      return 2;
    }
    if (!consent && !(await askTerminal('Download it?', process.stdout, stop.signal))) {
      stop.signal.throwIfAborted();
      process.stderr.write('Nothing was downloaded.\n');
      return 1;
    }
    await fetchCuda(stop.signal);
    process.stdout.write('Installed. "clipcap doctor" says whether it works on this machine.\n');
    return 0;
  } catch (error) {
    if (stop.signal.aborted) {
      process.stderr.write('The installation was interrupted; nothing was changed.\n');
      return interruptedExitCode;
    }
    process.stderr.write(`${plain(error instanceof Error ? error.message : String(error))}\n`);
    return 3;
  } finally {
    ignore();
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
