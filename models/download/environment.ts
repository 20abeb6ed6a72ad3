/** What the environment says of downloads: the names that Hugging Face's own tools use, and ours. */
import type { ConnectionOptions } from './connection.js';

/** The variables that count; proxies (`HTTPS_PROXY`, `NO_PROXY` …) are read where connections are made. */
export function fromEnvironment(environment: NodeJS.ProcessEnv = process.env): ConnectionOptions {
  return {
    endpoint: environment['HF_ENDPOINT'],
    token: environment['HF_TOKEN'],
    offline: isOn(environment['CLIPCAP_OFFLINE']) || isOn(environment['HF_HUB_OFFLINE']),
  };
}

function isOn(value: string | undefined): boolean {
  return /^(?:1|on|true|yes)$/iu.test(value?.trim() ?? '');
}
