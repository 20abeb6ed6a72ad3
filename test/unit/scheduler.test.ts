/** Order, batches and cancellation, with a fake model that records what it is given and finishes when told. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { CancellationToken, CancellationTokenSource } from 'vscode-jsonrpc';
import type { CaptionOptions, ModelInfo } from '@clipcap/protocol/caption';
import { CaptionError } from '@clipcap/protocol/error';
import {
  type CaptionImageParams,
  type ModelState,
  type Priority,
  priorities,
  requestKey,
} from '@clipcap/protocol/inference';
import sharp from 'sharp';
import { BatchSize } from '@clipcap/server/inference/batchSize';
import { inspect } from '@clipcap/server/inference/decode';
import { ResidentModel } from '@clipcap/server/inference/residentModel';
import { type CaptionModel, Scheduler } from '@clipcap/server/inference/scheduler';

/** A model whose steps wait for `go`. Images are told apart by their only value. */
class FakeModel implements CaptionModel {
  readonly info: ModelInfo;
  readonly title = 'Fake';
  readonly imageRecipe = {
    size: 1,
    resize: 'stretch' as const,
    resampling: 'bilinear' as const,
    crop: 'none' as const,
    mean: [0, 0, 0] as [number, number, number],
    std: [1 / 255, 1 / 255, 1 / 255] as [number, number, number],
  };
  /** The images of every batch, in the order of the batches. */
  readonly batches: number[][] = [];
  steps = 0;
  disposed = false;
  go: () => void = () => undefined;
  held = false;
  poison: number | undefined;
  /** Images that are allowed together. */
  most = Infinity;
  /** Called with the images before every step. */
  onStep: (images: readonly number[]) => void = () => undefined;

  constructor(id: string) {
    this.info = { id, encoder: 'e', mapper: 'm', prefixLength: 1, width: 1, dtype: 'float32', provider: 'cpu' };
  }

  mostTogether(): number {
    return this.most;
  }

  async caption(
    pixelValues: readonly Float32Array[],
    _options: object,
    checkpoint: () => Promise<void>,
    grown?: (image: number, text: string) => void,
  ) {
    const images = pixelValues.map((values) => Math.round(values[0]!));
    this.batches.push(images);
    if (this.held) await new Promise<void>((resolve) => (this.go = resolve));
    for (let step = 0; step < 5; step++) {
      await checkpoint();
      this.onStep(images);
      this.steps++;
      for (const [index, image] of images.entries()) grown?.(index, `${image} after ${step + 1}`);
    }
    if (this.poison !== undefined && images.includes(this.poison)) throw new Error('poisoned');
    const timings = { encode: 1, map: 1, generate: 1, interpret: 1 };
    return images.map((image) => ({ captions: [{ text: String(image), score: 0, tokens: [] }], prefix: [], timings }));
  }

  dispose(): Promise<void> {
    this.disposed = true;
    return Promise.resolve();
  }
}

function setUp(
  decode = (bytes: Uint8Array) => Promise.resolve({ data: bytes, width: 1, height: 1 }),
  { size = 1, load = Promise.resolve() } = {},
) {
  const models = new Map<string, FakeModel>();
  const states: ModelState[] = [];
  const resident = new ResidentModel<CaptionModel>(
    (folder) => {
      if (folder === 'broken') return Promise.reject(new CaptionError('pack-invalid', 'It is broken.'));
      const model = new FakeModel(folder);
      models.set(folder, model);
      return load.then(() => model);
    },
    (state) => states.push(state),
  );
  const scheduler = new Scheduler(resident, (bytes) => Promise.resolve({ size, decode: () => decode(bytes) }));
  const caption = (
    image: number,
    priority: Priority = priorities.command,
    token: CancellationToken = CancellationToken.None,
    model = 'a',
  ): Promise<string> => {
    const bytes = Uint8Array.of(image, image, image);
    const name = `${image}.png`;
    const params: CaptionImageParams = { model, provider: 'cpu', bytes, name, sha256: name, priority, options: {} };
    return scheduler.caption(params, token).then(({ image: result }) => result.captions[0]?.text ?? '');
  };
  return { scheduler, caption, models, states };
}

function keyOf(image: number): string {
  return requestKey({ sha256: `${image}.png`, model: 'a', provider: 'cpu', options: {} });
}

async function settled(times = 20): Promise<void> {
  for (let i = 0; i < times; i++) await turn();
}

const code = (expected: string) => (error: unknown) => error instanceof CaptionError && error.code === expected;

test('hover runs before command, command before batch, whatever came first', async () => {
  const { scheduler, caption, models } = setUp();
  await scheduler.load({ model: 'a', provider: 'cpu' });
  const model = models.get('a')!;
  model.held = true;
  const first = caption(1, priorities.batch);
  await settled();
  const rest = [caption(2, priorities.batch), caption(3, priorities.command), caption(4, priorities.hover)];
  await settled();
  model.held = false;
  model.go();
  await Promise.all([first, ...rest]);
  assert.deepEqual(model.batches, [[1], [4], [3], [2]]);
});

test('an image of a batch runs first once someone more urgent waits for it; another never loses its place', async () => {
  const { scheduler, caption, models } = setUp();
  await scheduler.load({ model: 'a', provider: 'cpu' });
  const model = models.get('a')!;
  model.held = true;
  const first = caption(1, priorities.batch);
  await settled();
  const rest = [caption(2, priorities.batch), caption(3, priorities.batch), caption(4, priorities.command)];
  await settled();
  scheduler.prioritise(keyOf(3), priorities.hover);
  scheduler.prioritise(keyOf(4), priorities.batch);
  await settled();
  model.held = false;
  model.go();
  await Promise.all([first, ...rest]);
  assert.deepEqual(model.batches, [[1], [3], [4], [2]]);
});

test('images of one batch run together once it is known how fast the model is, at most 16 at a time', async () => {
  const { caption, models } = setUp();
  const numbers = Array.from({ length: 40 }, (_, i) => i + 1);
  const texts = await Promise.all(numbers.map((image) => caption(image, priorities.batch)));
  assert.deepEqual(texts, numbers.map(String));
  const sizes = models.get('a')!.batches.map((batch) => batch.length);
  assert.equal(sizes[0], 1);
  assert.equal(Math.max(...sizes), 16);
});

test('no more images run together than memory allows', async () => {
  const { scheduler, caption, models } = setUp();
  await scheduler.load({ model: 'a', provider: 'cpu' });
  models.get('a')!.most = 3;
  await Promise.all(Array.from({ length: 20 }, (_, i) => caption(i + 1, priorities.batch)));
  assert.equal(Math.max(...models.get('a')!.batches.map((batch) => batch.length)), 3);
});

test('a batch is as large as 250 ms for one of its steps allow, and a slow step makes the next smaller at once', () => {
  const size = new BatchSize();
  let now = 0;
  /** A batch whose steps take these milliseconds; what is between them is not counted. */
  const run = (images: number, ...milliseconds: number[]): void => {
    const steps = size.begin('g', images, () => now);
    for (const [i, step] of milliseconds.entries()) {
      now += step;
      steps.ended();
      now += 10_000;
      if (i < milliseconds.length - 1) steps.begun();
    }
  };
  assert.equal(size.limit('g'), 1);
  run(1, 20, 50, 30);
  assert.equal(size.limit('g'), 5);
  run(5, 1, 1000, 1);
  assert.equal(size.limit('g'), 1);
  run(1, 20, 20);
  assert.equal(size.limit('g'), 2);
  assert.equal(size.limit('other'), 1);
});

/** A batch of images 2, 3 and 4 that runs; `during` is called once, in its third step. */
async function inTheMiddle(during: (set: ReturnType<typeof setUp>) => Promise<unknown>) {
  const set = setUp();
  await set.caption(1, priorities.batch);
  const model = set.models.get('a')!;
  const later: Promise<unknown>[] = [];
  let steps = 0;
  model.onStep = (images) => {
    if (images.length === 3 && ++steps === 3) later.push(during(set));
  };
  const batch = await Promise.all([2, 3, 4].map((image) => set.caption(image, priorities.batch)));
  return { ...set, model, batch, later: await Promise.all(later) };
}

test('a hover runs between two steps of a batch, which then goes on', async () => {
  let stepsBefore = 0;
  const { model, batch, later } = await inTheMiddle(async ({ caption, models }) => {
    const text = await caption(9, priorities.hover);
    stepsBefore = models.get('a')!.steps;
    return text;
  });
  assert.deepEqual([batch, later], [['2', '3', '4'], ['9']]);
  assert.deepEqual(model.batches, [[1], [2, 3, 4], [9]]);
  assert.ok(stepsBefore < model.steps, 'the hover was answered before the batch was');
});

test('an image of a running batch that a hover asks for runs alone, ahead of the batch', async () => {
  const { model, batch } = await inTheMiddle(({ scheduler }) =>
    Promise.resolve(scheduler.prioritise(keyOf(3), priorities.hover)),
  );
  assert.deepEqual(batch, ['2', '3', '4']);
  assert.deepEqual(model.batches, [[1], [2, 3, 4], [3]]);
});

test('a batch whose model was replaced between two steps is begun again when its model is back', async () => {
  const { models, batch, later } = await inTheMiddle(({ caption }) =>
    caption(9, priorities.command, CancellationToken.None, 'b'),
  );
  assert.deepEqual([batch, later], [['2', '3', '4'], ['9']]);
  // The new one begins with what no memory was asked for.
  assert.deepEqual(models.get('a')!.batches, [[2], [3, 4]]);
});

test('a cancelled request is rejected at once, before it ran and while it runs', async () => {
  const { scheduler, caption, models } = setUp();
  await scheduler.load({ model: 'a', provider: 'cpu' });
  const model = models.get('a')!;
  model.held = true;
  const source = new CancellationTokenSource();
  const waitingSource = new CancellationTokenSource();
  const running = caption(1, priorities.command, source.token);
  await settled();
  const waiting = caption(2, priorities.command, waitingSource.token);
  waitingSource.cancel();
  await assert.rejects(waiting, code('cancelled'));
  source.cancel();
  await assert.rejects(running, code('cancelled'));
  model.held = false;
  model.go();
  await settled();
  assert.equal(model.steps, 0, 'no step is taken for nobody');
  assert.equal(await caption(3), '3');
  assert.deepEqual(model.batches, [[1], [3]]);
});

test('images are captioned together only if every option is the same', async () => {
  const { scheduler, models } = setUp();
  const ask = (image: number, options: CaptionOptions) =>
    scheduler.caption(
      {
        model: 'a',
        provider: 'cpu',
        bytes: Uint8Array.of(image, image, image),
        name: `${image}`,
        sha256: `${image}`,
        priority: priorities.batch,
        options,
      },
      CancellationToken.None,
    );
  // It is known by now how fast each kind of request is.
  await ask(1, { seed: 1 });
  await ask(2, { seed: 2 });
  await Promise.all([ask(3, { seed: 1 }), ask(4, { seed: 2 }), ask(5, { seed: 1 })]);
  assert.deepEqual(models.get('a')?.batches.slice(2), [[3, 5], [4]]);
});

test('who listens hears how its own image comes along, until it is cancelled', async () => {
  const { scheduler, caption, models } = setUp();
  await caption(9, priorities.batch);
  const heard: string[][] = [[], []];
  const source = new CancellationTokenSource();
  const ask = (image: number, token: CancellationToken, grown?: (text: string) => void) => {
    const bytes = Uint8Array.of(image, image, image);
    const params = { model: 'a', provider: 'cpu', bytes, name: `${image}`, sha256: `${image}`, options: {} };
    return scheduler.caption({ ...params, priority: priorities.batch }, token, grown);
  };
  const cancelled = ask(1, source.token, (text) => {
    heard[0]!.push(text);
    source.cancel();
  });
  const listening = ask(2, CancellationToken.None, (text) => heard[1]!.push(text));
  const silent = ask(3, CancellationToken.None);
  await Promise.all([assert.rejects(cancelled, code('cancelled')), listening, silent]);
  assert.deepEqual(models.get('a')?.batches.at(-1), [1, 2, 3]);
  assert.deepEqual(heard, [['1 after 1'], [1, 2, 3, 4, 5].map((step) => `2 after ${step}`)]);
});

test('cancelling one image of a batch leaves the others alone', async () => {
  const { caption, models } = setUp();
  await caption(1, priorities.batch);
  const model = models.get('a')!;
  model.held = true;
  const source = new CancellationTokenSource();
  const cancelled = caption(2, priorities.batch, source.token);
  const other = caption(3, priorities.batch);
  await settled();
  assert.deepEqual(model.batches.at(-1), [2, 3]);
  source.cancel();
  await assert.rejects(cancelled, code('cancelled'));
  model.go();
  assert.equal(await other, '3');
});

test('an image that the model fails on does not fail the others of its batch', async () => {
  const { caption, models } = setUp();
  await caption(1, priorities.batch);
  models.get('a')!.poison = 3;
  const results = await Promise.allSettled([2, 3, 4].map((image) => caption(image, priorities.batch)));
  assert.deepEqual(
    results.map((result) => (result.status === 'fulfilled' ? result.value : code('inference-failed')(result.reason))),
    ['2', true, '4'],
  );
});

test('an image that cannot be decoded fails alone, with its code', async () => {
  const { caption } = setUp((bytes) =>
    bytes[0] === 2
      ? Promise.reject(new CaptionError('corrupt-image', '2.png is damaged.'))
      : Promise.resolve({ data: bytes, width: 1, height: 1 }),
  );
  const good = caption(1);
  await assert.rejects(caption(2), code('corrupt-image'));
  assert.equal(await good, '1');
});

test('a request for another pack swaps the model after what runs has ended', async () => {
  const { caption, models, states } = setUp();
  assert.equal(await caption(1), '1');
  const a = models.get('a')!;
  a.held = true;
  const running = caption(2);
  await settled();
  const swapped = caption(3, priorities.hover, CancellationToken.None, 'b');
  await settled();
  assert.equal(a.disposed, false);
  a.go();
  assert.deepEqual(await Promise.all([running, swapped]), ['2', '3']);
  assert.equal(a.disposed, true);
  assert.deepEqual(
    states.map((state) => state.state),
    ['loading', 'ready', 'loading', 'ready'],
  );
});

test('a pack that cannot be loaded fails all its requests with the same reason, and only those', async () => {
  const { caption, states } = setUp();
  const failing = [1, 2, 3].map((image) => caption(image, priorities.batch, CancellationToken.None, 'broken'));
  const good = caption(4, priorities.batch);
  for (const request of failing) await assert.rejects(request, code('pack-invalid'));
  assert.equal(await good, '4');
  assert.equal(states.filter((state) => state.state === 'failed').length, 1);
});

/** Asks for 9 images of `size` pixels while the model loads, then lets it; answers the most that were in memory at once. */
async function mostInMemory(size: number, cancelled: readonly number[] = []): Promise<number> {
  let inMemory = 0;
  let most = 0;
  const waiting: (() => void)[] = [];
  const decode = async (bytes: Uint8Array) => {
    most = Math.max(most, ++inMemory);
    await settled(3);
    // Nobody will look at these pixels.
    if (cancelled.includes(bytes[0]!)) inMemory--;
    return {
      width: 1,
      height: 1,
      // Preprocessing reads the pixels and gives them up.
      get data() {
        inMemory--;
        return bytes;
      },
    };
  };
  const load = new Promise<void>((resolve) => waiting.push(resolve));
  const { caption } = setUp(decode, { size, load });
  const source = new CancellationTokenSource();
  const numbers = Array.from({ length: 9 }, (_, i) => i + 1);
  const texts = numbers.map((image) =>
    caption(image, priorities.batch, cancelled.includes(image) ? source.token : undefined).catch(() => 'cancelled'),
  );
  // The first is being decoded by now.
  await settled(1);
  source.cancel();
  await settled(100);
  for (const loaded of waiting) loaded();
  assert.deepEqual(
    await Promise.all(texts),
    numbers.map((image) => (cancelled.includes(image) ? 'cancelled' : String(image))),
  );
  return most;
}

test('images of very many pixels are in memory one at a time, also while the model loads', async () => {
  assert.equal(await mostInMemory(99_000_000), 1);
});

test('smaller images share the memory of a large one', async () => {
  assert.equal(await mostInMemory(3_000_000), 2);
  assert.equal(await mostInMemory(100), 9);
});

test('an image that is cancelled leaves room for the next', async () => {
  assert.equal(await mostInMemory(99_000_000, [1, 2, 5]), 1);
});

test('an urgent image is decoded though those of a batch fill the memory', async () => {
  const large = 50;
  const releases: (() => void)[] = [];
  const blocked = new Promise<void>((resolve) => releases.push(resolve));
  const decode = async (bytes: Uint8Array) => {
    if (bytes[0] === large) await blocked;
    return { data: bytes, width: 1, height: 1 };
  };
  const { caption } = setUp(decode, { size: 7_000_000 });
  const first = caption(large, priorities.batch);
  await settled();
  assert.equal(await caption(1, priorities.hover), '1');
  releases[0]?.();
  assert.equal(await first, String(large));
});

test('flat files of a few kilobytes and nine megapixels each are decoded one at a time', async () => {
  const flat = { create: { width: 3000, height: 3000, channels: 3 as const, background: '#8040c0' } };
  const bytes = await sharp(flat).png().toBuffer();
  assert.ok(bytes.length < 2 ** 17, `${bytes.length} bytes`);
  let decoding = 0;
  let most = 0;
  const resident = new ResidentModel<CaptionModel>(
    (folder) => Promise.resolve(new FakeModel(folder)),
    () => undefined,
  );
  const scheduler = new Scheduler(resident, async (file, name) => {
    const header = await inspect(file, name);
    const counted = async () => {
      most = Math.max(most, ++decoding);
      return header.decode().finally(() => decoding--);
    };
    return { size: header.size, decode: counted };
  });
  const results = await Promise.all(
    ['a', 'b', 'c', 'd'].map((name) => {
      const image = { bytes, name, sha256: name, priority: priorities.batch };
      return scheduler.caption({ model: 'a', provider: 'cpu', options: {}, ...image }, CancellationToken.None);
    }),
  );
  assert.deepEqual(
    results.map(({ image: { width, height, captions } }) => [width, height, captions[0]?.text]),
    results.map(() => [3000, 3000, String(0x80)]),
  );
  assert.equal(most, 1);
});
