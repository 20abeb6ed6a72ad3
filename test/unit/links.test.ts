import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { htmlLinks } from '@clipcap/server/language/links/html';
import { linkAt, type ImageLink } from '@clipcap/server/language/links/imageLink';
import { markdownLinks } from '@clipcap/server/language/links/markdown';

/** Each link as `[reference, the text it covers]`. */
function seen(read: (text: string) => ImageLink[], text: string): [string, string][] {
  return read(text).map(({ reference, start, end }) => [reference, text.slice(start, end)]);
}

test('an inline Markdown image is found with its title, escapes decoded and percent-encoding kept', () => {
  const text = 'Before ![a \\] cat](<my cat.jpg> "Title") after ![b](a%20b\\_c.jpg)';
  assert.deepEqual(seen(markdownLinks, text), [
    ['my cat.jpg', '![a \\] cat](<my cat.jpg> "Title")'],
    ['a%20b_c.jpg', '![b](a%20b\\_c.jpg)'],
  ]);
});

test('full, collapsed and shortcut references take the first definition, which is itself a link', () => {
  const text = '![x][Ref] ![ref][] ![ref] [words][ref]\n\n[ref]: one.png\n[ref]: two.png\n';
  assert.deepEqual(seen(markdownLinks, text), [
    ['one.png', '![x][Ref]'],
    ['one.png', '![ref][]'],
    ['one.png', '![ref]'],
    ['one.png', '[words][ref]'],
    ['one.png', '[ref]: one.png'],
    ['two.png', '[ref]: two.png'],
  ]);
});

test('nothing inside code spans, fenced or indented code is a link', () => {
  const text = '`![a](a.png)`\n\n```md\n![b](b.png)\n```\n\n    ![c](c.png)\n\n<pre>![d](d.png)</pre>\n';
  assert.deepEqual(seen(markdownLinks, text), []);
});

test('offsets count UTF-16 units, behind tabs, emoji and Windows line ends alike', () => {
  const text = '- \t😀 é\r\n\r\n  ![x](я.png)\r\n';
  assert.deepEqual(seen(markdownLinks, text), [['я.png', '![x](я.png)']]);
});

test('HTML in Markdown is read inline, as a block and inside a quote that marks each line', () => {
  const text =
    'See <img src="in.png"> here.\n\n<div>\n<img alt=""\n src=block.png>\n</div>\n\n> <p>\n> <img\n> src="quoted.png">\n';
  assert.deepEqual(seen(markdownLinks, text), [
    ['in.png', 'src="in.png"'],
    ['block.png', 'src=block.png'],
    ['quoted.png', 'src="quoted.png"'],
  ]);
});

test('of a linked image, the innermost link under the cursor counts', () => {
  const text = '[![small](small.jpg) label](large.jpg)';
  const links = markdownLinks(text);
  assert.equal(linkAt(links, text.indexOf('small.jpg'))?.reference, 'small.jpg');
  assert.equal(linkAt(links, text.indexOf('label'))?.reference, 'large.jpg');
  assert.equal(linkAt(links, text.length), undefined);
});

test('every HTML attribute that can name an image is found at its place, entities decoded', () => {
  const text = `<!doctype html><html><head><link rel="icon" href="icon.png">
<meta property="og:image" content='og.jpg'><meta name="description" content="no.jpg"></head><body>
<a href="a&amp;b.jpg">x</a><IMG SRC=bare.png alt="src='no'"><video poster="poster.jpg"></video>
<picture><source srcset="s.webp"></picture><svg><image xlink:href="in.svg"/></svg>
<table><img src="fostered.png"></table><noscript><img src="noscript.png"></noscript>
<template><img src="template.png"></template><!-- <img src="no.png"> --><script>"<img src='no.png'>"</script>`;
  assert.deepEqual(seen(htmlLinks, text), [
    ['icon.png', 'href="icon.png"'],
    ['og.jpg', "content='og.jpg'"],
    ['a&b.jpg', 'href="a&amp;b.jpg"'],
    ['bare.png', 'SRC=bare.png'],
    ['poster.jpg', 'poster="poster.jpg"'],
    ['s.webp', 's.webp'],
    ['in.svg', 'xlink:href="in.svg"'],
    ['fostered.png', 'src="fostered.png"'],
    ['noscript.png', 'src="noscript.png"'],
    ['template.png', 'src="template.png"'],
  ]);
});

test('each candidate of a srcset is a link of its own, with commas, descriptors and entities', () => {
  const text = '<img srcset="a.png, b,c.png 2x,\n  d&amp;e.png calc(1px, 2px) , f.png 4x">';
  assert.deepEqual(seen(htmlLinks, text), [
    ['a.png', 'a.png'],
    ['b,c.png', 'b,c.png'],
    ['d&e.png', 'd&amp;e.png'],
    ['f.png', 'f.png'],
  ]);
});

test('of whatever is typed, every link covers some of the text', () => {
  const pieces = [
    '![',
    ']',
    '(',
    ')',
    '[a]: ',
    '<img ',
    'src',
    'srcset',
    '=',
    '"',
    "'",
    '>',
    '<',
    '`',
    '\n',
    '> ',
    '- ',
  ];
  const words = [
    'a.png',
    ' ',
    'b c.jpg',
    '&amp;',
    '\\',
    '\t',
    '😀',
    '\r\n',
    '<!--',
    '-->',
    '<a href=',
    '2x,',
    '\u0000',
  ];
  const text = fc.array(fc.constantFrom(...pieces, ...words), { maxLength: 30 }).map((all) => all.join(''));
  fc.assert(
    fc.property(text, fc.constantFrom(htmlLinks, markdownLinks), (typed, read) => {
      for (const { start, end } of read(typed)) {
        assert.ok(start >= 0 && start < end && end <= typed.length, `${start}…${end} of ${JSON.stringify(typed)}`);
      }
    }),
    { numRuns: 2000 },
  );
});
