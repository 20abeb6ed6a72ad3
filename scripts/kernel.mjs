/**
 * Assembles the resampling kernel, and checks or writes (`--update`) the module that holds it. It is committed, so that
 * a build does not need the assembler.
 */
import wabtModule from 'wabt';
import { readFile, writeFile } from 'node:fs/promises';

const source = new URL('../server/inference/resampleKernel.wat', import.meta.url);
const target = new URL('../server/inference/resampleKernelCode.ts', import.meta.url);

/** @returns {Promise<string>} the text of the module that `resampleKernel.wat` makes */
async function assemble() {
  const wabt = await wabtModule();
  const parsed = wabt.parseWat('resampleKernel.wat', await readFile(source, 'utf8'), { simd: true });
  parsed.validate();
  const code = Buffer.from(parsed.toBinary({}).buffer).toString('base64');
  const lines = (code.match(/.{1,108}/gu) ?? []).map((line) => `  '${line}',`);
  return [
    '/** `resampleKernel.wat` as a WebAssembly module in base64, made by `node scripts/kernel.mjs --update`. */',
    'export const resampleKernelCode = [',
    ...lines,
    "].join('');",
    '',
  ].join('\n');
}

const text = await assemble();
if (process.argv.includes('--update')) await writeFile(target, text);
else if (text !== (await readFile(target, 'utf8'))) {
  process.stderr.write('resampleKernelCode.ts is not of resampleKernel.wat: node scripts/kernel.mjs --update\n');
  process.exitCode = 1;
}
