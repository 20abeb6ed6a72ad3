/** Writes canonical pixels as raw RGB beside each image named (`NAME.rgb`), for check_jpeg.py. */
import { readFile, writeFile } from 'node:fs/promises';
import { decode } from '@clipcap/server/inference/decode';

for (const path of process.argv.slice(2)) {
  const { data } = await decode(await readFile(path), path);
  await writeFile(`${path}.rgb`, data);
}
