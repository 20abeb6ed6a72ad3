/**
 * Assembles the kernels, and checks or writes (`--update`) the modules that hold them. These are committed, so that a
 * build does not need the assembler.
 */
import wabtModule from 'wabt';
import { readFile, writeFile } from 'node:fs/promises';

const folder = new URL('../server/inference/', import.meta.url);
const kernels = ['resampleKernel', 'logitsKernel'];
const wabt = await wabtModule();

/**
 * @param {string} name of a kernel
 * @returns {Promise<string>} the text of the module that its `.wat` makes
 */
async function assemble(name) {
  const parsed = wabt.parseWat(`${name}.wat`, await readFile(new URL(`${name}.wat`, folder), 'utf8'), { simd: true });
  parsed.validate();
  const code = Buffer.from(parsed.toBinary({}).buffer).toString('base64');
  const lines = (code.match(/.{1,108}/gu) ?? []).map((line) => `  '${line}',`);
  return [
    `/** \`${name}.wat\` as a WebAssembly module in base64, made by \`node scripts/kernel.mjs --update\`. */`,
    `export const ${name}Code = [`,
    ...lines,
    "].join('');",
    '',
  ].join('\n');
}

for (const name of kernels) {
  const text = await assemble(name);
  const target = new URL(`${name}Code.ts`, folder);
  if (process.argv.includes('--update')) await writeFile(target, text);
  else if (text !== (await readFile(target, 'utf8'))) {
    process.stderr.write(`${name}Code.ts is not of ${name}.wat: node scripts/kernel.mjs --update\n`);
    process.exitCode = 1;
  }
}
