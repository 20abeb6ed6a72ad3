import assert from 'node:assert/strict';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import { CancellationToken, CancellationTokenSource } from 'vscode-languageserver/node';
import { CaptionError } from '@clipcap/protocol/error';
import { workspaceTrusted } from '@clipcap/protocol/language';
import { ImageHover } from '@clipcap/server/language/hover';
import { DocumentLinks } from '@clipcap/server/language/links/documentLinks';
import { closedGate, covered, hoverText, startSession, type Session, type SessionOptions } from './harness.js';

let folder: string;
let outside: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'clipcap-hover-'));
  outside = await mkdtemp(join(tmpdir(), 'clipcap-outside-'));
  // The fake inference looks at no pixels; each file only needs bytes of its own.
  for (const name of ['photo.jpg', 'with space.png', '100% #1.png', '图.webp']) {
    await writeFile(join(folder, name), `bytes of ${name}`);
  }
  await writeFile(join(outside, 'secret.png'), 'bytes of a secret');
  await symlink(join(outside, 'secret.png'), join(folder, 'link.png'));
});

after(async () => {
  await rm(folder, { recursive: true });
  await rm(outside, { recursive: true });
});

async function session(t: TestContext, options: SessionOptions = {}): Promise<Session> {
  const started = await startSession({ folders: [folder], ...options });
  t.after(() => started.end());
  return started;
}

function page(): string {
  return join(folder, 'page');
}

/** Hovers until the answer is the expected one: what follows an answer that came too late has no other sign. */
async function hoverUntil(ask: () => Promise<string>, expected: RegExp): Promise<string> {
  for (let attempt = 0; attempt < 1000; attempt++) {
    const text = await ask();
    if (expected.test(text)) return text;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`no hover ever answered ${String(expected)}`);
}

test('a Markdown image answers its caption, confidence and model over the whole link', async (t) => {
  const { hoverAt } = await session(t);
  const hover = await hoverAt(page(), 'markdown', 'A ![pho|to](photo.jpg) here');
  const text = hoverText(hover);
  assert.match(text, /^\*\*a fake caption\*\*/u);
  assert.match(text, /Confidence 0\.25/u);
  assert.match(text, /not the chance that the caption is true/u);
  assert.match(text, /A Fake/u);
  assert.equal(covered(hover, 'A ![photo](photo.jpg) here'), '![photo](photo.jpg)');
});

test('an editor that knows the commands gets links to inspect and to copy, the confidence explained in a tooltip', async (t) => {
  const { hoverAt } = await session(t, {
    initializationOptions: { inspectCommand: 'clipcap.inspectPrefix', copyCommand: 'clipcap.copyCaption' },
  });
  const text = hoverText(await hoverAt(page(), 'markdown', '![|](<100% #1.png>)'));
  const uri = pathToFileURL(join(folder, '100% #1.png')).href;
  const links = [...text.matchAll(/\(command:clipcap\.inspectPrefix\?(\S+) "/gu)];
  assert.equal(links.length, 1);
  for (const [, argument = ''] of links) assert.deepEqual(JSON.parse(decodeURIComponent(argument)), [uri]);
  const [, copied = ''] = /\(command:clipcap\.copyCaption\?(\S+) "/u.exec(text) ?? [];
  assert.deepEqual(JSON.parse(decodeURIComponent(copied)), ['a fake caption']);
  assert.match(text, /<span title="The geometric mean[^"<]+">Confidence 0\.25<\/span>/u);
});

const places: [string, string, string][] = [
  ['a reference', 'markdown', '![x|][one]\n\n[one]: photo.jpg'],
  ['a definition', 'markdown', '![x][one]\n\n[one]: pho|to.jpg'],
  ['a link to an image file', 'markdown', '[wo|rds](photo.jpg "title")'],
  ['a path in angle brackets', 'markdown', '![](<with| space.png>)'],
  ['a percent-encoded path', 'markdown', '![](with%20spa|ce.png)'],
  ['a hash and a percent sign, encoded', 'markdown', '![](100%25%20%231.p|ng)'],
  ['non-Latin letters', 'markdown', '![](图.we|bp)'],
  ['non-Latin letters, encoded', 'markdown', '![](%E5%9B%BE.we|bp)'],
  ['a path from the root of the workspace', 'markdown', '![](/pho|to.jpg)'],
  ['a query', 'markdown', '![](pho|to.jpg?raw=1)'],
  ['HTML inside Markdown', 'markdown', 'text <img alt="x" src="pho|to.jpg"> text'],
  ['an image in a list in a quote', 'markdown', '> - ![|](photo.jpg)'],
  ['an image element', 'html', '<p><img alt="x" src="pho|to.jpg"></p>'],
  ['the second candidate of a srcset', 'html', '<img srcset="photo.jpg 1x, with%20sp|ace.png 2x">'],
  ['a link element', 'html', '<link rel="icon" href=pho|to.jpg>'],
];
for (const [name, languageId, marked] of places) {
  test(`hover answers on ${name} (${languageId})`, async (t) => {
    const { hoverAt } = await session(t);
    assert.match(hoverText(await hoverAt(page(), languageId, marked)), /a fake caption/u);
  });
}

const elsewhere: [string, string, string][] = [
  ['plain text', 'markdown', 'no| link ![](photo.jpg)'],
  ['the character after a link', 'markdown', '![](photo.jpg)| x'],
  ['a code span', 'markdown', '`![](pho|to.jpg)`'],
  ['a fenced block', 'markdown', '```\n![](pho|to.jpg)\n```'],
  ['an image on the network', 'markdown', '![](https://example.org/pho|to.jpg)'],
  ['a data URI', 'markdown', '![](data:image/png;base64,iVBO|Rw0=)'],
  ['a link to no image', 'markdown', '[x](page|.md)'],
  ['another attribute', 'html', '<img alt="photo|.jpg" src="photo.jpg">'],
  ['a comment', 'html', '<!-- <img src="pho|to.jpg"> -->'],
  ['a language that is not read', 'plaintext', '![](pho|to.jpg)'],
];
for (const [name, languageId, marked] of elsewhere) {
  test(`hover stays silent on ${name} (${languageId})`, async (t) => {
    const { hoverAt } = await session(t);
    assert.equal(await hoverAt(page(), languageId, marked), null);
  });
}

test('a hover follows edits of the document', async (t) => {
  const { client, open, hover } = await session(t);
  const uri = await open(page(), 'markdown', '![](photo.jpg)');
  assert.match(hoverText(await hover(uri, 0, 5)), /a fake caption/u);
  await client.sendNotification('textDocument/didChange', {
    textDocument: { uri, version: 2 },
    contentChanges: [
      { range: { start: { line: 0, character: 0 }, end: { line: 0, character: 0 } }, text: 'moved\n\n' },
    ],
  });
  assert.equal(await hover(uri, 0, 4), null);
  assert.match(hoverText(await hover(uri, 2, 5)), /a fake caption/u);
});

test('what was captioned once is not asked for again, under another name either, until the file changes', async (t) => {
  const { hoverAt, inference } = await session(t);
  const path = join(folder, 'changing.png');
  await writeFile(path, 'first');
  await writeFile(join(folder, 'copy.png'), 'first');
  await hoverAt(page(), 'markdown', '![|](changing.png)');
  await hoverAt(page(), 'markdown', '![|](changing.png)');
  await hoverAt(page(), 'markdown', '![|](copy.png)');
  assert.equal(inference.asked.length, 1);
  await writeFile(path, 'second, longer');
  await hoverAt(page(), 'markdown', '![|](changing.png)');
  assert.equal(inference.asked.length, 2);
});

test('a hover that waited long enough says so; the run goes on and the next hover has the caption', async (t) => {
  const { hoverAt, inference } = await session(t, { settings: { hover: { wait: 0 } } });
  const { gate, open: release } = closedGate();
  inference.gate = gate;
  assert.match(hoverText(await hoverAt(page(), 'markdown', '![|](photo.jpg)')), /on its way/u);
  release();
  const ask = async () => hoverText(await hoverAt(page(), 'markdown', '![|](photo.jpg)'));
  await hoverUntil(ask, /a fake caption/u);
  assert.equal(inference.tokens[0]?.isCancellationRequested ?? false, false);
});

test('a failure that came too late for its hover is told by the next one', async (t) => {
  const { hoverAt, inference } = await session(t, { settings: { hover: { wait: 0 } } });
  const { gate, open: release } = closedGate();
  inference.gate = gate;
  inference.failure = new CaptionError('inference-failed', 'The fake has failed.');
  assert.match(hoverText(await hoverAt(page(), 'markdown', '![|](photo.jpg)')), /on its way/u);
  release();
  const ask = async () => hoverText(await hoverAt(page(), 'markdown', '![|](photo.jpg)'));
  await hoverUntil(ask, /The fake has failed/u);
});

test('a hover that waits keeps no other hover waiting', async (t) => {
  const { hoverAt, inference } = await session(t, { settings: { hover: { wait: 60_000 } } });
  const { gate, open: release } = closedGate();
  inference.gate = gate;
  const waiting = hoverAt(page(), 'markdown', '![|](photo.jpg)');
  assert.equal(await hoverAt(page(), 'markdown', 'no| link'), null);
  release();
  assert.match(hoverText(await waiting), /a fake caption/u);
});

test('a cancelled hover ends at once, its run goes on', async (t) => {
  const { open, hover, inference } = await session(t, { settings: { hover: { wait: 60_000 } } });
  const cancel = new CancellationTokenSource();
  const { gate, open: release } = closedGate();
  inference.gate = gate;
  const caption = inference.caption.bind(inference);
  inference.caption = (params, token) => {
    cancel.cancel();
    return caption(params, token);
  };
  const uri = await open(page(), 'markdown', '![](photo.jpg)');
  await hover(uri, 0, 3, cancel.token).then(
    (answer) => assert.equal(answer, null),
    () => undefined,
  );
  assert.equal(inference.tokens[0]?.isCancellationRequested ?? false, false);
  release();
  assert.match(hoverText(await hover(uri, 0, 3)), /a fake caption/u);
});

test('a missing file and a failing model answer one sentence each, and the server lives on', async (t) => {
  const { hoverAt, inference } = await session(t);
  inference.failure = new CaptionError('corrupt-image', 'photo.jpg is damaged; export it again.');
  assert.match(hoverText(await hoverAt(page(), 'markdown', '![|](gone.jpg)')), /gone\.jpg/u);
  assert.match(hoverText(await hoverAt(page(), 'markdown', '![|](photo.jpg)')), /is damaged; export it again/u);
  inference.failure = undefined;
  assert.match(hoverText(await hoverAt(page(), 'markdown', '![|](photo.jpg)')), /a fake caption/u);
});

test('a caption cannot write Markdown, HTML or links', async (t) => {
  const { hoverAt, inference } = await session(t);
  inference.text = '[x](command:evil) <img src=x> *a* `b` https://a.b www.a.b $(sync)';
  const [first] = hoverText(await hoverAt(page(), 'markdown', '![|](photo.jpg)')).split('\n');
  const unescaped = (first ?? '').replace(/^\*\*|\*\*$/gu, '').replace(/\\[\p{P}\p{S}]/gu, '');
  assert.doesNotMatch(unescaped, /[[\]()<>*`:$]|www\./u);
});

test('what Markdown leaves as it is in a line is not escaped: some editors show it as it is written', async (t) => {
  const { hoverAt, inference } = await session(t);
  inference.text = 'a well-known dog + cat #1';
  assert.match(
    hoverText(await hoverAt(page(), 'markdown', '![|](photo.jpg)')),
    /^\*\*a well-known dog \+ cat #1\*\*\n/u,
  );
});

test('hovers can be switched off and on again', async (t) => {
  const { hoverAt, configure } = await session(t, { settings: { hover: { enabled: false } } });
  assert.equal(await hoverAt(page(), 'markdown', '![|](photo.jpg)'), null);
  await configure({ hover: { enabled: true } });
  assert.match(hoverText(await hoverAt(page(), 'markdown', '![|](photo.jpg)')), /a fake caption/u);
});

test('until the workspace is trusted no document reaches an image outside it, by path or by link', async (t) => {
  const { client, hoverAt } = await session(t, { initializationOptions: { trusted: false } });
  const beyond = join(outside, 'secret.png');
  await symlink(join(outside, 'nothing.png'), join(folder, 'dangling.png'));
  await symlink(outside, join(folder, 'leaving'));
  const links = ['link.png', 'dangling.png', 'leaving/secret.png', 'leaving/nothing.png'];
  assert.match(hoverText(await hoverAt(page(), 'markdown', '![|](photo.jpg)')), /a fake caption/u);
  assert.match(hoverText(await hoverAt(page(), 'markdown', '![|](nothing.png)')), /nothing\.png does not exist/u);
  for (const reference of [pathToFileURL(beyond).href, ...links, `../${outside.split('/').at(-1)}/secret.png`]) {
    assert.match(hoverText(await hoverAt(page(), 'html', `<img src="|${reference}">`)), /outside this workspace/u);
  }
  await client.sendNotification(workspaceTrusted);
  assert.match(hoverText(await hoverAt(page(), 'markdown', '![|](link.png)')), /a fake caption/u);
});

test('a hover answers in time though looking for the file hangs', async () => {
  const hover = new ImageHover({
    links: new DocumentLinks(),
    style: { markdown: true },
    folders: () => [],
    settings: () => Promise.resolve({ enabled: true, wait: 10 }),
    remembered: () => new Promise(() => undefined),
    caption: () => new Promise(() => undefined),
  });
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a hover asks a document for nothing else
  const document = {
    uri: pathToFileURL(page()).href,
    languageId: 'markdown',
    version: 1,
    lineCount: 1,
    getText: () => '![](photo.jpg)',
    offsetAt: ({ character }: { character: number }) => character,
    positionAt: (character: number) => ({ line: 0, character }),
  } as unknown as Parameters<ImageHover['provide']>[0];
  const answer = await hover.provide(document, { line: 0, character: 5 }, CancellationToken.None);
  assert.match(hoverText(answer), /A caption is on its way/u);
});

test('a caption of no words is called so', async (t) => {
  const { hoverAt, inference } = await session(t);
  inference.text = '';
  assert.match(hoverText(await hoverAt(page(), 'markdown', '![|](photo.jpg)')), /^\*\*\\\(no words\\\)\*\*/u);
});

test('hovers that come together read the file once', async (t) => {
  const { open, hover, inference } = await session(t);
  const { gate, open: release } = closedGate();
  inference.gate = gate;
  const uri = await open(page(), 'markdown', '![](photo.jpg)');
  const hovers = [hover(uri, 0, 5), hover(uri, 0, 6)];
  while (inference.asked.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  release();
  await Promise.all(hovers);
  assert.equal(inference.asked[0]?.bytes, inference.asked[1]?.bytes);
});
