/** What tells one machine from another as far as execution providers care: when it changes, they are tried again. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus, hostname, release } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import type { Provider } from '@clipcap/protocol/provider';

/** Where Linux lists Vulkan's drivers, and where distributions put libraries, theirs and CUDA's. */
const linuxFolders = {
  vulkan: ['usr/share/vulkan/icd.d', 'etc/vulkan/icd.d'],
  libraries: ['usr/lib/x86_64-linux-gnu', 'usr/lib/aarch64-linux-gnu', 'usr/lib64', 'usr/lib', 'usr/local/cuda/lib64'],
};
const driverLibrary = /^(?:lib(?:vulkan|cuda|cudnn|cublas|cufft|curand)|amdvlk)[\w.-]*\.so/u;

/** Variables that decide which device and which driver a provider finds. */
const driverVariables = ['CUDA_PATH', 'CUDA_VISIBLE_DEVICES', 'LD_LIBRARY_PATH', 'VK_DRIVER_FILES', 'VK_ICD_FILENAMES'];

/** The folder of ONNX Runtime's package, as the inference process finds it. */
export function runtimeFolder(): string {
  return dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'));
}

/** Where CUDA's provider libraries lie once they are installed, CUDA's own first; they are no part of ONNX Runtime's package. */
export function cudaLibraries(): readonly string[] {
  const folder = join(runtimeFolder(), 'bin', 'napi-v6', process.platform, process.arch);
  return ['cuda', 'shared', 'tensorrt'].map((name) => join(folder, `libonnxruntime_providers_${name}.so`));
}

/** Whether CUDA's provider is installed: all of it, for ONNX Runtime's own script may have been ended half-way. */
export function hasCuda(): boolean {
  return cudaLibraries().every((path) => existsSync(path));
}

/** Whether NVIDIA's driver is loaded, on Linux or under Windows' Linux. */
export function hasNvidiaDriver(): boolean {
  return ['/proc/driver/nvidia/version', '/usr/lib/wsl/lib/libcuda.so.1'].some((path) => existsSync(path));
}

/**
 * A digest of the machine, its graphics drivers and ONNX Runtime.
 * @param root the folder that Linux's drivers are looked for in
 */
export function machineIdentity(root = '/'): string {
  const facts = [
    hostname(),
    process.platform,
    process.arch,
    release(),
    cpus()[0]?.model,
    readText(join(runtimeFolder(), 'package.json')),
    readText('/proc/driver/nvidia/version'),
    ...cudaLibraries().map(trace),
    ...driverTraces(root),
    ...driverVariables.map((name) => process.env[name]),
  ];
  return createHash('sha256').update(JSON.stringify(facts)).digest('hex');
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** What changes when drivers are installed or updated; on macOS they are part of its release. */
function driverTraces(root: string): readonly unknown[] {
  if (process.platform === 'win32') {
    // Of the store's thousands only the folder's own time.
    return [trace(join(process.env['SystemRoot'] ?? 'C:\\Windows', 'System32', 'DriverStore', 'FileRepository'))];
  }
  if (process.platform !== 'linux') return [];
  const given = (process.env['LD_LIBRARY_PATH'] ?? '').split(':').filter((folder) => isAbsolute(folder));
  return [
    // Device nodes are made anew at every start.
    names(join(root, 'dev/dri')),
    ...linuxFolders.vulkan.map((folder) => tracesIn(join(root, folder), /\.json$/u)),
    ...linuxFolders.libraries.map((folder) => tracesIn(join(root, folder), driverLibrary)),
    ...given.map((folder) => tracesIn(folder, driverLibrary)),
  ];
}

function tracesIn(folder: string, pattern: RegExp): readonly unknown[] {
  return names(folder).flatMap((name) => (pattern.test(name) ? [[name, trace(join(folder, name))]] : []));
}

function names(folder: string): readonly string[] {
  try {
    return readdirSync(folder).toSorted();
  } catch {
    return [];
  }
}

/** Size and time of what a path leads to. */
function trace(path: string): readonly [size: number, milliseconds: number] | undefined {
  try {
    const { size, mtimeMs } = statSync(path);
    return [size, mtimeMs];
  } catch {
    return undefined;
  }
}

/** The order in which `auto` tries providers; the CPU comes last everywhere. */
export function platformOrder(platform: NodeJS.Platform = process.platform): readonly Provider[] {
  if (platform === 'win32') return ['directml', 'webgpu', 'cpu'];
  if (platform === 'darwin') return ['coreml', 'webgpu', 'cpu'];
  return ['cuda', 'webgpu', 'cpu'];
}

/** Why a provider need not even be tried here, as far as that can be told without a process. */
export function absence(provider: Provider): string | undefined {
  if (!platformOrder().includes(provider)) return `it is not for ${process.platform}`;
  if (provider === 'cuda' && !hasCuda()) {
    return 'its library is not installed (in VS Code “ClipCap: Install CUDA Support…”, elsewhere clipcap doctor --install-cuda)';
  }
  return undefined;
}
