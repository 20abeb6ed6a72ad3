/**
 * Pictures that are kept in the repository, to compare with: small, and with a tolerance for how machines draw.
 * CLIPCAP_SNAPSHOTS=write keeps the present ones instead.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import sharp, { type Sharp } from 'sharp';
import { fixture } from '../root.js';
import { screenshotPath, type Locator, type Page } from './browser.js';

/** Kept pictures are at most this wide and high: fine lines and edges have melted into what they are on. */
const size = 240;
const colours = 64;

/** As shares of full light: of all pixels on the mean, and of the one pixel that differs most. */
export interface Difference {
  readonly mean: number;
  readonly most: number;
}

export async function compareWithSnapshot(page: Page, drawn: Locator, name: string): Promise<Difference> {
  const file = screenshotPath(`snapshot-${name}`);
  await page.mouse.move(0, 0);
  await drawn.screenshot({ path: file });
  const kept = fixture(`snapshots/${name}.png`);
  const small = sharp(file).resize({ width: size, height: size, fit: 'inside' });
  if (process.env['CLIPCAP_SNAPSHOTS'] === 'write') {
    await mkdir(dirname(kept), { recursive: true });
    await small.clone().png({ palette: true, colours }).toFile(kept);
  }
  assert.ok(existsSync(kept), `${kept} is missing; CLIPCAP_SNAPSHOTS=write makes it`);
  const [now, before] = await Promise.all([pixelsOf(small), pixelsOf(sharp(kept))]);
  assert.equal(now.length, before.length, 'the picture has another shape');
  const differences = now.map((value, index) => Math.abs(value - (before[index] ?? 0)) / 255);
  return {
    mean: differences.reduce((sum, value) => sum + value, 0) / differences.length,
    most: differences.reduce((most, value) => Math.max(most, value), 0),
  };
}

async function pixelsOf(picture: Sharp): Promise<number[]> {
  return [...(await picture.removeAlpha().toColourspace('srgb').raw().toBuffer())];
}
