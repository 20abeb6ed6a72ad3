/** The webview's questions to its host: each gets a number, one answer, and can be taken back. */
import type { FromWebview, PanelRequest, PanelRequests, ToWebview } from '@clipcap/protocol/panel';

type Method = keyof PanelRequests;

interface Pending {
  readonly resolve: (data: PanelRequests[Method]['data']) => void;
  readonly reject: (error: Error) => void;
}

export class Requests {
  readonly #say: (message: FromWebview) => void;
  readonly #pending = new Map<number, Pending>();
  #last = 0;

  constructor(say: (message: FromWebview) => void) {
    this.#say = say;
  }

  /** Rejects with what the host says was wrong, or with an AbortError as soon as `signal` ends it. */
  ask<Name extends Method>(
    method: Name,
    params: PanelRequests[Name]['params'],
    signal?: AbortSignal,
  ): Promise<PanelRequests[Name]['data']> {
    const id = ++this.#last;
    const answer = new Promise<PanelRequests[Method]['data']>((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      signal?.addEventListener('abort', () => {
        if (!this.#pending.delete(id)) return;
        this.#say({ type: 'cancel', id });
        reject(new DOMException('The question was taken back.', 'AbortError'));
      });
    });
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- method and params belong together by this signature
    this.#say({ type: 'request', id, method, params } as PanelRequest);
    return answer;
  }

  /** Whether the message was an answer. One to a question that was taken back is ignored. */
  receive(message: ToWebview): boolean {
    if (message.type !== 'answer' && message.type !== 'error') return false;
    const pending = this.#pending.get(message.id);
    this.#pending.delete(message.id);
    if (message.type === 'answer') pending?.resolve(message.data);
    else pending?.reject(new Error(message.message));
    return true;
  }
}
