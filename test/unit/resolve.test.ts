import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isInside, resolveImage } from '@clipcap/server/language/links/resolve';

const document = 'file:///home/reader/site/docs/page.md';
const folders = ['file:///home/reader/site', 'file:///home/reader/other'];

function resolved(reference: string, from = { document, folders }): string | undefined {
  return resolveImage(reference, from);
}

test('a relative reference starts at the document', () => {
  assert.equal(resolved('a.jpg'), '/home/reader/site/docs/a.jpg');
  assert.equal(resolved('../img/a.JPEG'), '/home/reader/site/img/a.JPEG');
  assert.equal(resolved(' ./a.png\n'), '/home/reader/site/docs/a.png');
});

test('a leading slash means the workspace folder around the document, the innermost of several', () => {
  assert.equal(resolved('/img/a.webp'), '/home/reader/site/img/a.webp');
  const nested = { document, folders: ['file:///home/reader/site', 'file:///home/reader/site/docs'] };
  assert.equal(resolved('/a.webp', nested), '/home/reader/site/docs/a.webp');
  assert.equal(resolved('/img/a.webp', { document, folders: [] }), '/img/a.webp');
});

test('percent-encoding is decoded where it is valid and kept where it is a name', () => {
  assert.equal(resolved('a%20b%23c.jpg'), '/home/reader/site/docs/a b#c.jpg');
  assert.equal(resolved('%E5%9B%BE.png'), '/home/reader/site/docs/图.png');
  assert.equal(resolved('100%.png'), '/home/reader/site/docs/100%.png');
  assert.equal(resolved('%ff%20.png'), '/home/reader/site/docs/%ff%20.png');
  assert.equal(resolved('фото.png'), '/home/reader/site/docs/фото.png');
});

test('query and fragment are dropped, unless only the whole is the name of an image', () => {
  assert.equal(resolved('a.jpg?raw=true#top'), '/home/reader/site/docs/a.jpg');
  assert.equal(resolved('take#2.jpg'), '/home/reader/site/docs/take#2.jpg');
});

test('a file URI is taken as it stands, on this machine only', () => {
  assert.equal(resolved('file:///photos/a%20b.jpg'), '/photos/a b.jpg');
  assert.equal(resolved('FILE://localhost/photos/a.jpg'), '/photos/a.jpg');
  assert.equal(resolved('file://server/share/a.jpg'), undefined);
  assert.equal(resolved('file:////server/share/a.jpg'), undefined);
});

test('what is on the network, inline, or no image is not resolved', () => {
  const others = [
    'https://example.org/a.jpg',
    '//example.org/a.jpg',
    '\\\\server\\a.jpg',
    'data:image/png;base64,AA==',
  ];
  for (const reference of [...others, 'page.html', 'file:///etc/passwd', '', '#a', 'mailto:a@b.png']) {
    assert.equal(resolved(reference), undefined, reference);
  }
});

test('a document that is no file resolves nothing', () => {
  assert.equal(resolveImage('a.jpg', { document: 'untitled:Untitled-1', folders }), undefined);
});

test('a folder contains itself and what lies below, not its namesakes', () => {
  assert.ok(isInside('/a/b', '/a/b'));
  assert.ok(isInside('/a/b/c.jpg', '/a/b'));
  assert.ok(isInside('/a', '/'));
  assert.ok(!isInside('/a/bc.jpg', '/a/b'));
});
