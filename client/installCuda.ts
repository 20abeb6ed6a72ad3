/** “Install CUDA Support…”: says what will be downloaded, and lets the command line do it if the user agrees. */
import { ProgressLocation, window, type LogOutputChannel } from 'vscode';
import { forkCommandLine } from './commandLineProcess.js';
import { networkEnvironment } from './downloadEnvironment.js';
import { showFailure } from './showFailure.js';

const offer =
  'With your consent, this downloads the CUDA provider of ONNX Runtime from ' +
  'https://api.nuget.org (package Microsoft.ML.OnnxRuntime.Gpu.Linux, MIT licence, some hundred megabytes) into the extension’s ' +
  'folder. It also needs NVIDIA’s driver, CUDA 12 and cuDNN 9 on this machine. An update of the extension removes it.';

/**
 * Asks, installs, and says how it went.
 * @param cli the command line's script
 * @returns whether providers should be tried anew
 */
export async function installCuda(cli: string, log: LogOutputChannel): Promise<boolean> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    await window.showWarningMessage('CUDA is for Linux x64. On this machine, auto tries what there is.');
    return false;
  }
  const install = 'Download and Install';
  const choice = await window.showInformationMessage('Install CUDA support?', { modal: true, detail: offer }, install);
  if (choice !== install) return false;
  const progress = {
    location: ProgressLocation.Notification,
    title: 'ClipCap: installing CUDA support',
    cancellable: true,
  };
  return window.withProgress(progress, async (_, token) => {
    // When it is cancelled, it ends the download, too, and leaves nothing of it.
    const asked = { module: cli, token, env: networkEnvironment() };
    const { code, stderr } = await forkCommandLine(['doctor', '--install-cuda', '--yes'], asked);
    if (code === 0) return true;
    if (token.isCancellationRequested) return false;
    const silence = `CUDA’s library could not be installed: ${cli} ended without a word. Try again; if it stays so, reinstall ClipCap Lens.`;
    const said = stderr.trim() || silence;
    log.error(said);
    await showFailure(said, log);
    return false;
  });
}
