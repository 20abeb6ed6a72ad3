/** Which server models are asked of, and which addresses may be asked at all. */
import { CaptionError } from '@clipcap/protocol/error';

const hub = 'https://huggingface.co';

/**
 * The hub, or the mirror that is named instead.
 * @param named a setting's or `HF_ENDPOINT`'s value; empty means the hub
 * @throws CaptionError `usage`
 */
export function endpointUrl(named: string | undefined): URL {
  const text = named?.trim() || hub;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const secure = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback(url));
  if (!url || !secure || url.username !== '' || url.search !== '' || url.hash !== '') {
    const message = `${JSON.stringify(text)} is no address to download models from. Name a server as https://host; http is for this machine only.`;
    throw new CaptionError('usage', message);
  }
  return url;
}

/** The server that an endpoint names, as {@link endpointUrl} reads it; undefined if it names none. */
export function originOf(named: string | undefined): string | undefined {
  const text = named?.trim() || hub;
  return URL.canParse(text) ? new URL(text).origin : undefined;
}

/** Whether a file may be fetched from there: over https, or from this machine if the endpoint is on it. */
export function mayFetch(url: URL, endpoint: URL): boolean {
  if (url.protocol === 'https:') return true;
  return url.protocol === 'http:' && isLoopback(url) && endpoint.protocol === 'http:' && isLoopback(endpoint);
}

function isLoopback({ hostname }: URL): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/u.test(hostname);
}
