/** Draws the extension's icon anew from its SVG: the Marketplace and VS Code want a PNG. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { root } from './setup.mjs';

const sharp = createRequire(join(root, 'server', 'package.json'))('sharp');
const images = join(root, 'docs', 'images');
await sharp(await readFile(join(images, 'icon.svg')), { density: 288 })
  .resize(128, 128)
  .png({ palette: false, compressionLevel: 9 })
  .toFile(join(images, 'icon.png'));
