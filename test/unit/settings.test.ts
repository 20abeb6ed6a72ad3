/** The settings that the extension's manifest states and those that the server reads are the same. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { strategies } from '@clipcap/protocol/decoding';
import { decodingOptions, defaultDecoding, readDecoding } from '@clipcap/server/language/decodingSettings';
import { defaultSettings } from '@clipcap/server/language/settings';
import { root } from '../root.js';

interface Manifest {
  readonly capabilities: { readonly untrustedWorkspaces: { readonly restrictedConfigurations: readonly string[] } };
  readonly contributes: {
    readonly configuration: {
      readonly properties: Readonly<
        Record<
          string,
          {
            readonly default: unknown;
            readonly minimum?: number;
            readonly maximum?: number;
            readonly enum?: string[];
            readonly enumDescriptions?: string[];
          }
        >
      >;
    };
  };
}

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own package.json
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest;
const { properties } = manifest.contributes.configuration;
const decoding = Object.entries(properties).flatMap(([name, property]) => {
  const short = name.replace('clipcap.decoding.', '');
  return short === name ? [] : [[short, property] as const];
});

/** What only the extension reads: downloads are its, not the server's. */
const ofTheExtension = new Set(['clipcap.download.endpoint', 'clipcap.offline']);

test('every setting has the same default in the manifest and in the server that reads it', () => {
  const { decoding: ofDecoding, hover, ...others } = defaultSettings;
  const sections = { ...others, ...prefixed('hover', hover), ...prefixed('decoding', ofDecoding) };
  const stated = Object.entries(properties)
    .filter(([name]) => !ofTheExtension.has(name))
    .map(([name, property]) => [name.replace('clipcap.', ''), property.default]);
  assert.deepEqual(Object.fromEntries(stated), sections);
});

function prefixed(section: string, values: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [`${section}.${name}`, value]));
}

test('numbers beyond the bounds that the manifest states are moved to them', () => {
  for (const [name, { minimum, maximum }] of decoding) {
    if (minimum !== undefined) assert.equal(asRecord(readDecoding({ [name]: minimum - 1 }))[name], minimum, name);
    if (maximum !== undefined) assert.equal(asRecord(readDecoding({ [name]: maximum + 1 }))[name], maximum, name);
  }
});

function asRecord(values: object): Record<string, unknown> {
  return { ...values };
}

test('a workspace that is not trusted decides nothing about decoding', () => {
  const { restrictedConfigurations } = manifest.capabilities.untrustedWorkspaces;
  for (const [name] of decoding) assert.ok(restrictedConfigurations.includes(`clipcap.decoding.${name}`), name);
});

test('every strategy can be chosen and is explained', () => {
  const strategy = properties['clipcap.decoding.strategy'];
  assert.deepEqual(strategy?.enum, ['pack', ...strategies]);
  assert.equal(strategy.enumDescriptions?.length, strategy.enum.length);
});

test('only what belongs to the chosen strategy is asked for; by default nothing', () => {
  assert.deepEqual(decodingOptions(defaultDecoding), {});
  const all = readDecoding({
    beams: 5,
    lengthPenalty: 0.5,
    groups: 3,
    diversity: 1,
    temperature: 0.7,
    topK: 40,
    topP: 0.9,
    seed: 6,
    minTokens: 4,
    maxTokens: 30,
    stopTokens: ['764', ' and', 5, ''],
    beginning: 'A photo of',
  });
  const always = { minTokens: 4, maxTokens: 30, stop: [764, ' and'], begin: 'A photo of' };
  const expected = {
    pack: {},
    greedy: { strategy: 'greedy' },
    beam: { strategy: 'beam', beams: 5 },
    'beam-standard': { strategy: 'beam-standard', beams: 6, lengthPenalty: 0.5, groups: 3, diversity: 1 },
    sample: { strategy: 'sample', temperature: 0.7, topK: 40, topP: 0.9, seed: 6 },
  } as const;
  for (const strategy of ['pack', ...strategies] as const) {
    assert.deepEqual(decodingOptions({ ...all, strategy }), { ...always, ...expected[strategy] });
  }
});

test('a request that says how to search gets nothing of the chosen strategy, but the lengths', () => {
  const settings = { ...defaultDecoding, strategy: 'sample' as const, seed: 6, maxTokens: 30 };
  assert.deepEqual(decodingOptions(settings, { beams: 3 }), { beams: 3, maxTokens: 30 });
  assert.deepEqual(decodingOptions(settings, { nearest: 3, maxTokens: 5 }), {
    strategy: 'sample',
    temperature: 1,
    topP: 1,
    seed: 6,
    maxTokens: 5,
    nearest: 3,
  });
});
