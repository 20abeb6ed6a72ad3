/** Watches what a decoder's session is given. */
import type { Tensor } from 'onnxruntime-node';
import type { OpenSession, Session } from '@clipcap/server/inference/provider';

/** What a run was given, by name, as it was then: tensors are disposed later. */
export type Feeds = Readonly<Record<string, Pick<Tensor, 'dims' | 'location'>>>;

/** Opens a graph's session as `create` does; `runs` grows by the feeds of each of its runs. */
export function recordingFeeds(create: (graph: Uint8Array, kept: readonly string[] | undefined) => Promise<Session>): {
  open: OpenSession;
  runs: Feeds[];
} {
  const runs: Feeds[] = [];
  function open(graph: Uint8Array, provider: unknown, folder: string, kept?: readonly string[]): Promise<Session>;
  function open(file: string): Promise<never>;
  async function open(
    graph: Uint8Array | string,
    _provider?: unknown,
    _folder?: string,
    kept?: readonly string[],
  ): Promise<Session> {
    if (typeof graph === 'string') throw new TypeError('a decoder opens graphs only');
    const session = await create(graph, kept);
    return {
      outputNames: session.outputNames,
      release: () => session.release(),
      run: (feeds, outputs) => {
        runs.push(
          Object.fromEntries(Object.entries(feeds).map(([name, { dims, location }]) => [name, { dims, location }])),
        );
        return session.run(feeds, outputs);
      },
    };
  }
  return { open, runs };
}
