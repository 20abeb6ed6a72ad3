import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ModelReplaced, ResidentModel } from '@clipcap/server/inference/residentModel';

const info = { id: 'm', encoder: 'e', mapper: 'm', prefixLength: 1, width: 1, dtype: 'fp32', provider: 'cpu' };

function resident(events: string[] = []) {
  return new ResidentModel(
    (folder) => {
      events.push(`load ${folder}`);
      return Promise.resolve({
        info,
        title: folder,
        dispose: () => Promise.resolve(void events.push(`dispose ${folder}`)),
      });
    },
    () => undefined,
  );
}

const a = { model: 'a', provider: 'cpu' };
const b = { model: 'b', provider: 'cpu' };

test('work on the model runs one after the other, in the order in which it was asked for', async () => {
  const models = resident();
  const events: string[] = [];
  const work = (name: string) => async (): Promise<void> => {
    events.push(`${name} begins`);
    await Promise.resolve();
    events.push(`${name} ends`);
  };
  await Promise.all(['1', '2', '3'].map((name) => models.use(a, work(name))));
  assert.deepEqual(events, ['1 begins', '1 ends', '2 begins', '2 ends', '3 begins', '3 ends']);
});

test('who pauses lets those run that wait, and goes on after them', async () => {
  const models = resident();
  const events: string[] = [];
  const long = models.use(a, async (_, pause) => {
    events.push('long begins');
    await Promise.resolve();
    await pause();
    events.push('long ends');
  });
  const short = models.use(a, () => Promise.resolve(void events.push('short')));
  await Promise.all([long, short]);
  assert.deepEqual(events, ['long begins', 'short', 'long ends']);
});

test('the most urgent that waits is next, and who pauses makes way for those as urgent only', async () => {
  const models = resident();
  const events: string[] = [];
  const event = (name: string) => () => Promise.resolve(void events.push(name));
  const first = models.use(
    a,
    async (_, pause) => {
      await Promise.resolve();
      await pause();
      events.push('first');
    },
    1,
  );
  const others = [models.use(a, event('2'), 2), models.use(a, event('1'), 1), models.use(a, event('0'), 0)];
  await Promise.all([first, ...others]);
  assert.deepEqual(events, ['0', '1', 'first', '2']);
});

test('who pauses while another model is loaded is told, and finds no model that is gone', async () => {
  const events: string[] = [];
  const models = resident(events);
  const paused = models.use(a, async (_, pause) => {
    await Promise.resolve();
    await pause();
  });
  const other = models.use(b, () => Promise.resolve());
  await assert.rejects(paused, ModelReplaced);
  await other;
  assert.deepEqual(events, ['load a', 'dispose a', 'load b']);
  assert.equal(await models.use(a, ({ title }) => Promise.resolve(title)), 'a');
});

test('work that fails does not keep others from the model', async () => {
  const models = resident();
  await assert.rejects(
    models.use(a, () => Promise.reject(new Error('no'))),
    /no/,
  );
  assert.equal(await models.use(a, ({ title }) => Promise.resolve(title)), 'a');
});
