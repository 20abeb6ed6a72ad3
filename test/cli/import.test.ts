/** Checkpoints that PyTorch saved in the layouts that are out there, imported and captioned, against PyTorch's own answers. */
import assert from 'node:assert/strict';
import { cp, mkdir, readdir, readFile, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import { openPack } from '@clipcap/models/pack/openPack';
import type { PackManifest } from '@clipcap/models/pack/manifest';
import { readStatistics } from '@clipcap/server/inference/lens/statistics';
import { fixture } from '../root.js';
import { temporaryFolder } from '../temporaryFolder.js';
import { withValue } from '../withValue.js';
import { captionedWith, clipcap, failure, type Finished, start, finish } from './clipcap.js';

interface Case {
  readonly checkpoint: string;
  readonly encoder: string;
  readonly kind: PackManifest['encoder']['kind'];
  readonly norms: readonly number[];
  readonly nearest: readonly (readonly { readonly id: number; readonly score: number }[])[];
  readonly tokens: readonly number[];
  /** The most probable first tokens. */
  readonly first: readonly { readonly id: number; readonly logProb: number }[];
}

const files = (name: string): string => fixture(`import/${name}`);
const picture = files('picture.png');
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by test/parity/generate_import.py
const cases = JSON.parse(await readFile(files('expected.json'), 'utf8')) as Record<string, Case>;
const steps = 12;

interface ImportDocument {
  readonly findings: readonly { readonly what: string; readonly value: string; readonly from: string }[];
  readonly check: {
    readonly finite: boolean;
    readonly prefixDifference: number;
    readonly next: string;
    readonly caption?: string;
  };
}

async function importCase(
  context: TestContext,
  name: string,
  args: readonly string[] = [],
): Promise<{ out: string; result: Finished }> {
  const { checkpoint, encoder } = cases[name]!;
  const out = join(await temporaryFolder(context), 'pack');
  const result = await clipcap(['import', files(checkpoint), '--encoder', files(encoder), '--out', out, ...args]);
  return { out, result };
}

function documentOf({ code, stdout, stderr }: Finished): ImportDocument {
  assert.equal(code, 0, stderr);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what is wrong with it shows in what tests ask of it
  return JSON.parse(stdout) as ImportDocument;
}

const greedily = ['--decode', 'greedy', '--max-tokens', String(steps)];
/** The most probable ones, each a caption. */
const firstTokens = ['--decode', 'beam', '--beams', '64', '--captions', '64', '--max-tokens', '1'];

/** Imports a case and asks for its caption, the greedy one. */
async function captionCase(context: TestContext, name: string, args: readonly string[] = [], decoding = greedily) {
  const { out, result } = await importCase(context, name, ['--json', ...args]);
  const report = documentOf(result);
  const { model, ...image } = await captionedWith(out, picture, [...decoding, '--nearest', '3']);
  return { out, report, model, image };
}

function near(actual: number, expected: number, tolerance: number, what: string): void {
  assert.ok(Math.abs(actual - expected) <= tolerance, `${what}: ${actual} instead of ${expected}`);
}

for (const [name, expected] of Object.entries(cases)) {
  test(`${expected.checkpoint} with ${expected.encoder} captions as PyTorch does`, async (context) => {
    const { out, report, image } = await captionCase(context, name);
    const { manifest } = await openPack(out);
    assert.equal(manifest.encoder.kind, expected.kind);
    assert.ok(report.check.finite);
    assert.ok(report.check.prefixDifference > 0.001);
    assert.equal(image.prefix.length, expected.norms.length);
    for (const [position, row] of image.prefix.entries()) {
      const norm = expected.norms[position]!;
      near(row.norm, norm, 2e-4 * norm, `norm of position ${position}`);
      for (const [rank, { id, score }] of expected.nearest[position]!.entries()) {
        assert.equal(row.nearest[rank]!.id, id, `nearest token ${rank} of position ${position}`);
        near(row.nearest[rank]!.score, score, 2e-4, 'cosine');
      }
    }
    assert.deepEqual(
      image.captions[0]!.tokens.map(({ id }) => id),
      expected.tokens,
    );
    near(image.captions[0]!.tokens[0]!.logProb, expected.first[0]!.logProb, 1e-4, 'log-probability of the first token');
  });
}

test('what shapes tell is found in them, and what they do not tell is said to be assumed', async (context) => {
  const { result } = await importCase(context, 'transformer', ['--json', '--dry-run']);
  const { findings } = documentOf(result);
  const found = new Map(findings.map(({ what, value, from }) => [what, `${value} (${from})`]));
  assert.equal(found.get('mapper'), 'transformer, d=640, K=3, C=1 (shapes)');
  assert.equal(found.get('mapper’s layers'), '2 (shapes)');
  assert.equal(found.get('mapper’s heads'), '8 (assumed)');
  assert.equal(found.get('image embedding'), 'scaled to length 1 (assumed)');
  assert.equal(found.get('language model'), 'GPT-2, depth 1, width 64 (shapes)');
});

test('what is told with options is found to be told, and takes the place of what is assumed', async (context) => {
  const told = ['--no-normalize', '--mapper-heads', '4', '--gpt2-config', fixture('longCaptions/gpt2.json')];
  const args = ['--encoder', files('RN.pt'), '--json', '--out', join(await temporaryFolder(context), 'pack')];
  const findings = async (more: readonly string[]) => {
    const document = documentOf(await clipcap(['import', files('transformer.pt'), '--dry-run', ...args, ...more]));
    return new Map(document.findings.map(({ what, value, from }) => [what, `${value} (${from})`]));
  };
  const found = await findings(told.slice(0, 3));
  assert.equal(found.get('image embedding'), 'as the encoder gives it (told)');
  assert.equal(found.get('mapper’s heads'), '4 (told)');
  assert.equal((await findings(['--normalize'])).get('image embedding'), 'scaled to length 1 (told)');
  const { code, stdout } = await clipcap(['import', files('transformer.pt'), ...args, ...told]);
  assert.equal(code, 3);
  const { code: refused, message } = failure(stdout);
  assert.equal(refused, 'checkpoint-mismatch');
  assert.match(message, /gpt2\.json/u);
});

test('--no-normalize gives the mapper the embedding as it is', async (context) => {
  const norms = async (args: readonly string[]): Promise<number[]> =>
    (await captionCase(context, 'transformer', ['--no-check', ...args])).image.prefix.map(({ norm }) => norm);
  const [usual, asItIs] = [await norms([]), await norms(['--no-normalize'])];
  assert.ok(Math.max(...usual.map((norm, i) => Math.abs(norm - asItIs[i]!))) > 0.1);
});

test('the YAML file beside a checkpoint of TheoCoombes/ClipCap says how many heads the mapper has', async (context) => {
  const { result } = await importCase(context, 'theocoombes', ['--json', '--dry-run']);
  const heads = documentOf(result).findings.find(({ what }) => what === 'mapper’s heads');
  assert.deepEqual([heads?.value, heads?.from], ['4', 'config']);
});

test('what Lightning kept beside the weights says it, too', async (context) => {
  const { result } = await importCase(context, 'lightning', ['--json', '--dry-run']);
  const found = new Map(documentOf(result).findings.map(({ what, value, from }) => [what, `${value} (${from})`]));
  assert.equal(found.get('mapper’s heads'), '4 (config)');
  assert.equal(found.get('layout'), 'TheoCoombes/ClipCap, the checkpoint itself (shapes)');
});

test('of YAML files beside a checkpoint, the one whose name its name begins with is read', async (context) => {
  const folder = await temporaryFolder(context);
  for (const name of ['model.pt', 'tokenizer.json']) await cp(files(`theocoombes/${name}`), join(folder, name));
  await rename(join(folder, 'model.pt'), join(folder, 'demo_epoch_3.pt'));
  await writeFile(join(folder, 'demo_model_config.yaml'), 'transformer_attention_heads: 2');
  await writeFile(join(folder, 'other_model_config.yaml'), 'transformer_attention_heads: 16');
  const checkpoint = join(folder, 'demo_epoch_3.pt');
  const args = ['--encoder', files('vit-hf'), '--out', join(folder, 'pack'), '--dry-run', '--json'];
  const { findings } = documentOf(await clipcap(['import', checkpoint, ...args]));
  assert.equal(findings.find(({ what }) => what === 'mapper’s heads')?.value, '2');
});

test('the self-check of a generated picture says how a caption would begin, that of a photo gives its caption', async (context) => {
  const made = documentOf((await importCase(context, 'mlp', ['--json'])).result).check;
  assert.equal(made.caption, undefined);
  const { check } = documentOf((await importCase(context, 'mlp', ['--json', '--image', picture])).result);
  const { image } = await captionCase(context, 'mlp');
  const [first] = image.captions[0]!.tokens;
  assert.equal(check.next, first!.text);
  assert.ok(image.captions[0]!.text.startsWith(check.caption!.slice(0, 5)));
});

test('an image to try the pack on that is none is refused before anything is written', async (context) => {
  const { result } = await importCase(context, 'mlp', ['--dry-run', '--json', '--image', files('expected.json')]);
  assert.equal(failure(result.stdout).code, 'not-an-image');
});

/** What is stored, and by how much norms (as a share) and log-probabilities (in nats) may differ: half more than was measured. */
const types = [
  { dtype: 'fp16', stored: 'F16', ofNorm: 3e-4, ofLogProb: 0.002 },
  { dtype: 'q8', stored: 'U8', ofNorm: 0.006, ofLogProb: 0.07 },
  { dtype: 'q4', stored: 'U8', ofNorm: 0.11, ofLogProb: 0.9 },
] as const;

for (const { dtype, stored, ofNorm, ofLogProb } of types) {
  test(`packs in ${dtype} of every checkpoint are stored so, and say nearly the same`, async (context) => {
    for (const [name, expected] of Object.entries(cases)) {
      const { out, model, image } = await captionCase(context, name, ['--dtype', dtype], firstTokens);
      assert.equal(model.dtype, dtype);
      const { weights } = await openPack(out);
      const matrices = ['gpt.transformer.wte.weight', 'clip_project.model.2.weight', 'encoder.proj'];
      const dtypes = matrices.map((matrix) => weights.tensors.get(matrix)?.dtype ?? stored);
      assert.deepEqual(new Set(dtypes), new Set([stored]), name);
      for (const [position, { norm }] of image.prefix.entries()) {
        const wanted = expected.norms[position]!;
        near(norm, wanted, ofNorm * wanted, `${name}: norm of position ${position}`);
      }
      const found = new Map(image.captions.map(({ tokens: [first] }) => [first!.id, first!.logProb]));
      for (const { id, logProb } of expected.first) {
        near(found.get(id) ?? NaN, logProb, ofLogProb, `${name}: log-probability of token ${id}`);
      }
    }
  });
}

test('packs in fp16 say the tokens of 32 bit', async (context) => {
  for (const [name, { tokens }] of Object.entries(cases)) {
    const { image } = await captionCase(context, name, ['--no-check', '--dtype', 'fp16']);
    const [caption] = image.captions;
    assert.deepEqual(
      caption!.tokens.map(({ id }) => id),
      tokens,
      name,
    );
  }
});

test('photos given as a reference are measured for the statistics, drawings among them are passed over', async (context) => {
  const photos = join(await temporaryFolder(context), 'photos');
  await mkdir(photos);
  for (const name of ['a.png', 'b.png']) await cp(picture, join(photos, name));
  await writeFile(join(photos, 'drawing.svg'), '<svg xmlns="http://www.w3.org/2000/svg"/>');
  const { out, result } = await importCase(context, 'mlp', ['--json', '--reference', photos]);
  documentOf(result);
  const { statistics } = await openPack(out);
  assert.deepEqual(statistics.tensors.get('prefix_mean')!.shape, [3, 64]);
  assert.deepEqual(statistics.tensors.get('prefix_covariance')!.shape, [64, 64]);
  assert.equal((await readStatistics(statistics)).reference!.images, 2);
});

test('file: URLs name photos as paths do', async (context) => {
  const url = pathToFileURL(picture).href;
  const { check } = documentOf((await importCase(context, 'mlp', ['--json', '--image', url])).result);
  assert.ok(check.caption !== undefined);
  const { out, result } = await importCase(context, 'mlp', ['--json', '--reference', url]);
  documentOf(result);
  assert.equal((await readStatistics((await openPack(out)).statistics)).reference!.images, 1);
});

test('an import replaces a pack, and nothing but a pack', async (context) => {
  const { out, result } = await importCase(context, 'mlp', ['--no-check']);
  assert.equal(result.code, 0, result.stderr);
  const { checkpoint, encoder } = cases['mlp']!;
  const again = (id: string) =>
    clipcap(['import', files(checkpoint), '--encoder', files(encoder), '--out', out, '--no-check', '--id', id]);
  assert.equal((await again('second')).code, 0);
  assert.equal((await openPack(out)).manifest.id, 'second');
  await writeFile(join(out, 'notes.txt'), 'mine');
  const refused = await again('third');
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /notes\.txt, which is not part of the pack/u);
  assert.equal((await openPack(out)).manifest.id, 'second');
});

test('an import to a link replaces the pack that it leads to, and the link stays', async (context) => {
  const { out, result } = await importCase(context, 'mlp', ['--no-check']);
  assert.equal(result.code, 0, result.stderr);
  const { checkpoint, encoder } = cases['mlp']!;
  const link = join(await temporaryFolder(context), 'link');
  await symlink(out, link);
  const again = ['import', files(checkpoint), '--encoder', files(encoder), '--out', link, '--no-check'];
  const { code, stderr } = await clipcap(again);
  assert.equal(code, 0, stderr);
  assert.equal(await readlink(link), out);
  assert.equal((await openPack(out)).manifest.id, 'link');
});

/** What is in the folder around the pack. */
async function left(out: string): Promise<string[]> {
  return readdir(join(out, '..'));
}

const refusals: readonly {
  readonly what: string;
  readonly args: (folder: string) => Promise<readonly string[]> | readonly string[];
  readonly code: string;
  readonly message: RegExp;
}[] = [
  {
    what: 'an encoder of another width',
    args: () => [files('mlp.pt'), '--encoder', files('RN.pt')],
    code: 'checkpoint-mismatch',
    message: /embeddings of 32 values, RN\.pt gives 640/u,
  },
  {
    what: 'a mapper for RN50x4 with a smaller encoder',
    args: () => [files('transformer.pt'), '--encoder', files('clip-hf')],
    code: 'checkpoint-mismatch',
    message: /RN50x4/u,
  },
  {
    what: 'a checkpoint and an encoder in each other’s place',
    args: () => [files('clip-hf'), '--encoder', files('mlp.pt')],
    code: 'checkpoint-unsupported',
    message: /mlp\.pt is a ClipCap checkpoint, not an image encoder/u,
  },
  {
    what: 'heads for a mapper without attention',
    args: () => [files('mlp.pt'), '--encoder', files('clip-hf'), '--mapper-heads', '8'],
    code: 'checkpoint-mismatch',
    message: /--mapper-heads/u,
  },
  {
    what: 'heads that do not divide the width',
    args: () => [files('transformer.pt'), '--encoder', files('RN.pt'), '--mapper-heads', '7'],
    code: 'checkpoint-mismatch',
    message: /--mapper-heads/u,
  },
  {
    what: 'an encoder that no pack can describe',
    args: async (folder) => {
      await cp(files('clip-hf'), join(folder, 'odd'), { recursive: true });
      await writeFile(join(folder, 'odd', 'config.json'), '{"num_attention_heads":7}');
      return [files('mlp.pt'), '--encoder', join(folder, 'odd'), '--dry-run'];
    },
    code: 'checkpoint-mismatch',
    message:
      /^odd makes no model that can run: encoder\.heads is 7 and must divide the width\. Correct its config\.json/u,
  },
  {
    what: 'a weight that is no number, which 8 bit would hide',
    args: async (folder) => {
      await withValue(files('mlp.pt'), 'clip_project.model.2.weight', NaN, join(folder, 'nan.pt'));
      const tokenizer = ['--tokenizer', files('tokenizer.json')];
      return [join(folder, 'nan.pt'), '--encoder', files('clip-hf'), '--dtype', 'q8', ...tokenizer];
    },
    code: 'checkpoint-invalid',
    message: /^nan\.pt.*"clip_project\.model\.2\.weight" holds NaN/u,
  },
  {
    what: 'a photo to try the pack on that is not there, before anything is done',
    args: () => [files('mlp.pt'), '--encoder', files('clip-hf'), '--image', 'nowhere.jpg', '--dry-run'],
    code: 'missing',
    message: /nowhere\.jpg/u,
  },
  {
    what: 'a folder of reference photos without any, before anything is done',
    args: (folder) => [files('mlp.pt'), '--encoder', files('clip-hf'), '--reference', folder, '--dry-run'],
    code: 'empty-folder',
    message: /has no image in it/u,
  },
  {
    what: 'a reference photo that is none, before anything is done',
    args: async (folder) => {
      const photos = join(folder, 'photos');
      await mkdir(photos);
      await cp(picture, join(photos, 'a.png'));
      await writeFile(join(photos, 'b.png'), 'no image');
      return [files('mlp.pt'), '--encoder', files('clip-hf'), '--reference', photos, '--dry-run'];
    },
    code: 'not-an-image',
    message: /b\.png is not an image/u,
  },
  {
    what: 'a truncated checkpoint',
    args: async (folder) => {
      const path = join(folder, 'cut.pt');
      await writeFile(path, (await readFile(files('mlp.pt'))).subarray(0, 300_000));
      return [path, '--encoder', files('clip-hf')];
    },
    code: 'checkpoint-invalid',
    message: /cut\.pt/u,
  },
  {
    what: 'a hostile pickle',
    args: () => [fixture('checkpoints/hostile.pt'), '--encoder', files('clip-hf')],
    code: 'checkpoint-unsupported',
    message: /hostile\.pt/u,
  },
  {
    what: 'a vocabulary that is not GPT-2’s and no tokenizer',
    args: async (folder) => {
      await cp(files('mlp.pt'), join(folder, 'alone.pt'));
      return [join(folder, 'alone.pt'), '--encoder', files('clip-hf')];
    },
    code: 'checkpoint-mismatch',
    message: /--tokenizer/u,
  },
  {
    what: 'an encoder that is not on this machine',
    args: () => [files('mlp.pt'), '--encoder', 'nobody/nothing'],
    code: 'checkpoint-missing',
    message: /nobody\/nothing.*consent/u,
  },
  {
    what: 'an encoder of several files, one of which is missing',
    args: async (folder) => {
      await cp(files('clip-hf'), join(folder, 'clip'), { recursive: true });
      await rename(join(folder, 'clip', 'model.safetensors'), join(folder, 'clip', 'a.safetensors'));
      const map = {
        'vision_model.embeddings.class_embedding': 'a.safetensors',
        'visual_projection.weight': 'b.safetensors',
      };
      await writeFile(join(folder, 'clip', 'model.safetensors.index.json'), JSON.stringify({ weight_map: map }));
      return [files('mlp.pt'), '--encoder', join(folder, 'clip')];
    },
    code: 'checkpoint-missing',
    message: /b\.safetensors/u,
  },
  {
    what: 'an encoder by the last part of its id',
    args: () => [files('mlp.pt'), '--encoder', 'clip-vit-base-patch32'],
    code: 'checkpoint-missing',
    message:
      /if you mean openai\/clip-vit-base-patch32, .*: in VS Code “ClipCap: Get a Model…”, elsewhere clipcap get openai\/clip-vit-base-patch32\.$/u,
  },
  {
    what: 'a name that no model has',
    args: () => [files('mlp.pt'), '--encoder', 'clip-vit'],
    code: 'checkpoint-missing',
    message: /at clip-vit\. Check the path\.$/u,
  },
  {
    what: 'a file in the way of the folder',
    args: async (folder) => {
      await writeFile(join(folder, 'file'), '');
      return [files('mlp.pt'), '--encoder', files('clip-hf'), '--out', join(folder, 'file', 'pack')];
    },
    code: 'usage',
    message: /is a file or lies under one/u,
  },
  {
    what: 'a place that no pack can take, before anything is done',
    args: async (folder) => {
      await symlink(join(folder, 'nowhere'), join(folder, 'link'));
      return [files('mlp.pt'), '--encoder', files('clip-hf'), '--out', join(folder, 'link'), '--dry-run'];
    },
    code: 'usage',
    message: /is a link that leads to no folder\. Name another with --out\.$/u,
  },
];

for (const { what, args, code, message } of refusals) {
  test(`${what}: ${code}, and nothing is left`, async (context) => {
    const folder = await temporaryFolder(context);
    const given = await args(folder);
    const before = await readdir(folder);
    const {
      stdout,
      stderr,
      code: exitCode,
    } = await clipcap(['import', '--out', join(folder, 'pack'), '--json', ...given]);
    assert.equal(exitCode, code === 'usage' ? 2 : 3, stderr);
    const error = failure(stdout);
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    assert.deepEqual(await readdir(folder), before);
  });
}

for (const [what, signal] of [
  ['Ctrl-C', 'SIGINT'],
  ['the end of the terminal', 'SIGHUP'],
] as const) {
  test(`${what} leaves nothing`, async (context) => {
    const { checkpoint, encoder } = cases['mlp']!;
    const out = join(await temporaryFolder(context), 'new', 'pack');
    // A process group of its own, as a terminal makes one: the signal reaches all of it.
    const args = ['import', files(checkpoint), '--encoder', files(encoder), '--out', out];
    const child = start(args, { detached: true });
    const poll = setInterval(() => {
      // The pack is being made as soon as there is a folder beside its place.
      void readdir(join(out, '..')).then(
        (names) => names.length > 0 && child.exitCode === null && process.kill(-child.pid!, signal),
        () => undefined,
      );
    }, 5);
    const { code } = await finish(child);
    clearInterval(poll);
    assert.equal(code, 130);
    assert.deepEqual(await left(join(out, '..')), []);
  });
}

test('the pack needs neither checkpoint nor encoder', async (context) => {
  const folder = await temporaryFolder(context);
  for (const name of ['mlp.pt', 'tokenizer.json']) await cp(files(name), join(folder, 'from', name));
  await cp(files('clip-hf'), join(folder, 'from', 'clip-hf'), { recursive: true });
  const from = (name: string): string => join(folder, 'from', name);
  const out = join(folder, 'pack');
  const imported = await clipcap(['import', from('mlp.pt'), '--encoder', from('clip-hf'), '--out', out]);
  assert.equal(imported.code, 0, imported.stderr);
  const before = await captionedWith(out, picture);
  await rm(join(folder, 'from'), { recursive: true });
  assert.deepEqual(await captionedWith(out, picture), before);
  for (const file of Object.keys((await openPack(out)).manifest.files)) assert.equal(basename(file), file);
  for (const name of await readdir(out)) {
    const text = await readFile(join(out, name), 'latin1');
    assert.ok(!text.includes(folder), `${name} names the folder it was made from`);
  }
});
