/** Captions as alternative texts: the code actions, as any client asks for them. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import { TextDocument } from 'vscode-languageserver-textdocument';
import type { CodeAction } from 'vscode-languageserver/node';
import { CaptionError } from '@clipcap/protocol/error';
import { fields } from '@clipcap/protocol/fields';
import { temporaryFolder } from '../temporaryFolder.js';
import { startSession, type SessionOptions } from './harness.js';

const one = 'Use the Caption as Alt Text';

/** A document in a folder with the images `a.jpg` and `b.jpg`, and what is offered at the place of `|` in it. */
async function open(t: TestContext, languageId: string, marked: string, options: SessionOptions = {}) {
  const folder = await temporaryFolder(t);
  for (const name of ['a.jpg', 'b.jpg']) await writeFile(join(folder, name), `bytes of ${name}`);
  const session = await startSession({ folders: [folder], ...options });
  t.after(() => session.end());
  const messages: string[] = [];
  session.client.onNotification('window/showMessage', ({ message }: { message: string }) => {
    messages.push(message);
  });
  session.client.onRequest('window/showMessageRequest', ({ message }: { message: string }) => {
    messages.push(message);
    return null;
  });
  const text = marked.replace('|', '');
  const document = TextDocument.create(pathToFileURL(join(folder, 'page')).href, languageId, 1, text);
  await session.open(join(folder, 'page'), languageId, text);
  const at = document.positionAt(marked.indexOf('|'));
  const offered = (only?: readonly string[]): Promise<CodeAction[]> =>
    session.client.sendRequest('textDocument/codeAction', {
      textDocument: { uri: document.uri },
      range: { start: at, end: at },
      context: { diagnostics: [], ...(only && { only }) },
    });
  /** The text once the action with this title was chosen. */
  const choose = async (title: string): Promise<string> => {
    const action = (await offered()).find((each) => each.title === title);
    assert.ok(action, `${title} is not offered`);
    assert.equal(action.edit, undefined);
    const { edit } = await session.client.sendRequest<CodeAction>('codeAction/resolve', action);
    return edit ? TextDocument.applyEdits(document, edit.changes?.[document.uri] ?? []) : text;
  };
  return { session, messages, offered, choose };
}

const texts: [name: string, languageId: string, before: string, after: string][] = [
  ['an empty text', 'markdown', '![|](a.jpg "Title")', '![a fake caption](a.jpg "Title")'],
  ['a text with brackets', 'markdown', '![x [y\\] z]](|a.jpg)', '![a fake caption](a.jpg)'],
  ['a full reference', 'markdown', '![o|ld][r]\n\n[r]: a.jpg', '![a fake caption][r]\n\n[r]: a.jpg'],
  ['an image in a link', 'markdown', '[![|](a.jpg)](b.jpg)', '[![a fake caption](a.jpg)](b.jpg)'],
  ['HTML in a quote', 'markdown', '> <img src="|a.jpg">', '> <img alt="a fake caption" src="a.jpg">'],
  ['no attribute', 'html', '<p><img| src=a.jpg></p>', '<p><img alt="a fake caption" src=a.jpg></p>'],
  ['an attribute', 'html', '<img src="a.jpg" alt=\'o|ld\'>', '<img src="a.jpg" alt="a fake caption">'],
  ['an attribute without value', 'html', '<IMG alt src="a.jpg|">', '<IMG alt="a fake caption" src="a.jpg">'],
  ['a srcset', 'html', '<img srcset="a.jpg 1x, b.jpg 2x"|>', '<img alt="a fake caption" srcset="a.jpg 1x, b.jpg 2x">'],
];
for (const [name, languageId, before, after] of texts) {
  test(`the caption takes the place of ${name} (${languageId})`, async (t) => {
    const { choose } = await open(t, languageId, before);
    assert.equal(await choose(one), after);
  });
}

const elsewhere: [name: string, languageId: string, text: string][] = [
  ['a link', 'markdown', '[wo|rds](a.jpg)'],
  ['a reference whose label is its text', 'markdown', '![r|][]\n\n[r]: a.jpg'],
  ['an image of the network', 'markdown', '![|](https://example.org/a.jpg)'],
  ['text beside an image', 'markdown', 'wo|rds ![](a.jpg)'],
  ['a poster', 'html', '<video poster="|a.jpg"></video>'],
];
for (const [name, languageId, text] of elsewhere) {
  test(`nothing is offered on ${name} (${languageId})`, async (t) => {
    const { offered, session } = await open(t, languageId, text);
    assert.deepEqual(await offered(), []);
    assert.deepEqual(session.inference.asked, []);
  });
}

test('what the document’s language would read as more than text is escaped', async (t) => {
  const caption = 'a [b] *c* "d" <e> &amp; f';
  const markdown = await open(t, 'markdown', '![|](a.jpg)');
  markdown.session.inference.text = caption;
  assert.equal(await markdown.choose(one), '![a \\[b\\] \\*c\\* "d" \\<e> \\&amp; f](a.jpg)');
  const html = await open(t, 'html', '<img| src=a.jpg>');
  html.session.inference.text = caption;
  assert.equal(await html.choose(one), '<img alt="a [b] *c* &quot;d&quot; &lt;e> &amp;amp; f" src=a.jpg>');
});

test('all images without a text get theirs at once, decoration and texts that are there stay', async (t) => {
  const { choose } = await open(
    t,
    'markdown',
    '![|](a.jpg) ![mine](a.jpg) ![](b.jpg)\n\n<img alt="" src="a.jpg"> <img src="b.jpg">\n',
  );
  assert.equal(
    await choose('Use Captions as Alt Text of All 3 Images Without One'),
    '![a fake caption](a.jpg) ![mine](a.jpg) ![a fake caption](b.jpg)\n\n' +
      '<img alt="" src="a.jpg"> <img alt="a fake caption" src="b.jpg">\n',
  );
});

test('an image that cannot be captioned is told, the others get their texts', async (t) => {
  const { choose, messages } = await open(t, 'markdown', '![|](a.jpg) ![](gone.jpg)');
  assert.equal(
    await choose('Use Captions as Alt Text of All 2 Images Without One'),
    '![a fake caption](a.jpg) ![](gone.jpg)',
  );
  assert.match(messages.join(), /^1 of 2 images got no alt text\. .*gone\.jpg/u);
});

test('a failure leaves the document as it is, and is told', async (t) => {
  const { choose, messages, session } = await open(t, 'markdown', '![|](a.jpg)');
  session.inference.failure = new CaptionError('pack-invalid', 'The pack is broken; import it again.');
  assert.equal(await choose(one), '![](a.jpg)');
  assert.deepEqual(messages, ['The pack is broken; import it again.']);
});

test('a document that is changed while its image is captioned gets no edit', async (t) => {
  const { offered, messages, session } = await open(t, 'markdown', '![|](a.jpg)');
  const [action] = await offered();
  const { uri } = fields(action?.data);
  await session.client.sendNotification('textDocument/didChange', {
    textDocument: { uri, version: 2 },
    contentChanges: [{ text: 'now ![](a.jpg)' }],
  });
  const { edit } = await session.client.sendRequest<CodeAction>('codeAction/resolve', action);
  assert.equal(edit, undefined);
  assert.deepEqual(messages, ['The document was changed meanwhile. Choose the alt text again.']);
});

test('a missing text is a quick fix, another one a rewrite, each only where its kind is asked for', async (t) => {
  const missing = await open(t, 'markdown', '![|](a.jpg)');
  assert.deepEqual(
    (await missing.offered(['quickfix'])).map(({ kind }) => kind),
    ['quickfix'],
  );
  assert.deepEqual(await missing.offered(['refactor']), []);
  const there = await open(t, 'markdown', '![x|](a.jpg)');
  assert.deepEqual(
    (await there.offered(['refactor'])).map(({ kind }) => kind),
    ['refactor.rewrite'],
  );
  assert.deepEqual(await there.offered(['quickfix']), []);
});

test('a client that cannot ask for the rest of an action is offered none', async (t) => {
  const { session: asks } = await open(t, 'markdown', '|');
  assert.ok(asks.capabilities.codeActionProvider);
  const { session: cannot } = await open(t, 'markdown', '|', { resolvesEdits: false });
  assert.equal(cannot.capabilities.codeActionProvider, undefined);
});

test('in a workspace that is not trusted, an image outside it gets no text', async (t) => {
  const elsewhereFolder = await temporaryFolder(t);
  await writeFile(join(elsewhereFolder, 'out.jpg'), 'bytes');
  const { choose, messages } = await open(t, 'markdown', `![|](${join(elsewhereFolder, 'out.jpg')})`, {
    initializationOptions: { trusted: false },
    folders: [],
  });
  await choose(one);
  assert.match(messages.join(), /lies outside this workspace/u);
});
