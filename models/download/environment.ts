/** What the environment says of downloads: the names that Hugging Face's own tools use, and ours. */
import type { ConnectionOptions } from './connection.js';
import { originOf } from './endpoint.js';

/**
 * The variables that count; proxies (`HTTPS_PROXY`, `NO_PROXY` …) are read where connections are made.
 * @param named a mirror that goes before the environment's, whose token is not for another server
 */
export function fromEnvironment(named?: string, environment: NodeJS.ProcessEnv = process.env): ConnectionOptions {
  const endpoint = environment['HF_ENDPOINT'];
  const isSame = named === undefined || originOf(named) === originOf(endpoint);
  return {
    endpoint: named ?? endpoint,
    token: isSame ? environment['HF_TOKEN'] : undefined,
    offline: isOn(environment['CLIPCAP_OFFLINE']) || isOn(environment['HF_HUB_OFFLINE']),
  };
}

function isOn(value: string | undefined): boolean {
  return /^(?:1|on|true|yes)$/iu.test(value?.trim() ?? '');
}
