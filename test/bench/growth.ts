/** Memory over a thousand captions in one process: what is not given back shows here, however little it is each time. */
import { InferenceUnderTest } from './inferenceUnderTest.js';

const captions = 1000;
/** Before these, arenas, caches and code are still filling. */
const warmUp = 200;

/**
 * Megabytes by which the process grew from the 200th to the 1,200th caption.
 * @param inference a fresh process, which is ended
 * @param report told the memory after every hundred
 */
export async function growth(
  photos: readonly string[],
  inference = new InferenceUnderTest(),
  report: (captions: number, megabytes: number) => void = () => undefined,
): Promise<number> {
  try {
    let before = 0;
    for (let count = 1; count <= warmUp + captions; count++) {
      await inference.caption(photos[count % photos.length]!);
      if (count % 100 !== 0) continue;
      const megabytes = await inference.memory();
      report(count, megabytes);
      if (count === warmUp) before = megabytes;
    }
    return (await inference.memory()) - before;
  } finally {
    await inference.end();
  }
}
