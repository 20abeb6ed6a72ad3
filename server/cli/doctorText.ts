/** The doctor's report for people. */
import { plain } from '../plain.js';
import type { DoctorDocument } from './doctorDocument.js';

/** Lines of words and figures, the good news first. */
export function describeDoctor({ ok, versions, memory, built, packs }: DoctorDocument): string {
  const lines = [
    ok ? 'Captions can be made.' : 'Not every model pack can caption; see below.',
    '',
    `ClipCap Lens ${versions.clipcap}, Node ${versions.node}, ONNX Runtime ${versions.onnxruntime}, ${versions.platform}`,
    `ONNX Runtime was built with: ${built.join(', ')}`,
    `Memory: ${megabytes(memory.free)} of ${megabytes(memory.total)} free`,
  ];
  for (const pack of packs) {
    lines.push('', `Model pack ${plain(pack.folder)}`);
    if ('error' in pack) {
      lines.push(`  ${pack.error.code}: ${plain(pack.error.message)}`);
      continue;
    }
    lines.push(
      `  ${plain(pack.title)} (${plain(pack.id)}), ${pack.dtype}, ${megabytes(pack.size)}, every file verified`,
      `  loaded, the inference process takes ${megabytes(pack.memory)}`,
      `  provider with auto: ${pack.provider}`,
    );
    for (const { provider, state, reason } of pack.providers) {
      lines.push(`    ${provider.padEnd(9)} ${state.padEnd(8)} ${plain(reason)}`.trimEnd());
    }
  }
  return `${lines.join('\n')}\n`;
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}
