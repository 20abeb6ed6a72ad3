/** The parts of a model that computing a caption needs, as one thing to open and to release. */
import type { Pack } from '@clipcap/models/pack/openPack';
import { Decoder } from './decoder.js';
import { Encoder } from './encoder.js';
import { NearestTokens } from './interpret.js';
import { Mapper } from './mapper.js';
import type { Provider } from './provider.js';

export interface Parts {
  readonly nearest: NearestTokens;
  readonly encoder: Encoder;
  readonly mapper: Mapper;
  readonly decoder: Decoder;
  release(): Promise<void>;
}

/** @throws CaptionError what the provider cannot do; nothing stays open then */
export async function openParts(pack: Pack, provider: Provider): Promise<Parts> {
  const opened: { release(): Promise<void> }[] = [];
  const owned = <T extends { release(): Promise<void> }>(part: T): T => {
    opened.push(part);
    return part;
  };
  const release = async (): Promise<void> => {
    await Promise.all(opened.map((part) => part.release()));
  };
  try {
    return {
      // First, because making it takes the most memory for a moment.
      nearest: owned(await NearestTokens.create(pack, provider)),
      encoder: owned(await Encoder.create(pack, provider)),
      mapper: owned(await Mapper.create(pack, provider)),
      decoder: owned(await Decoder.create(pack, provider)),
      release,
    };
  } catch (error) {
    await release();
    throw error;
  }
}
