/** What downloads need to know of the settings and secrets, as the command line takes it: in its environment. */
import { window, workspace, type SecretStorage } from 'vscode';

const hub = 'https://huggingface.co';

/** The variables that the settings and the stored token stand for. */
export async function downloadEnvironment(secrets: SecretStorage): Promise<Record<string, string>> {
  const endpoint = downloadEndpoint();
  const known = await secrets.get(keyOf(endpoint));
  // The environment's token is for the environment's server; an empty one takes its place for any other.
  const token = known ?? (keyOf(endpoint) === keyOf(environmentEndpoint()) ? undefined : '');
  return {
    ...networkEnvironment(),
    HF_ENDPOINT: endpoint,
    ...(token !== undefined && { HF_TOKEN: token }),
  };
}

/** What holds for every download, wherever it comes from: offline mode and the proxy. */
export function networkEnvironment(): Record<string, string> {
  const http = workspace.getConfiguration('http');
  const proxy = http.get('proxySupport') === 'off' ? '' : http.get('proxy', '').trim();
  const exempt = http.get<readonly string[]>('noProxy', []).join(',');
  return {
    ...(workspace.getConfiguration('clipcap').get('offline') === true && { CLIPCAP_OFFLINE: '1' }),
    // The small letters go before the large ones.
    ...(proxy !== '' && { http_proxy: proxy, https_proxy: proxy }),
    ...(proxy !== '' && exempt !== '' && { no_proxy: exempt }),
  };
}

/** “Set Access Token…”: kept in the editor's secret storage, for the one server that it is for. Empty forgets it. */
export async function setAccessToken(secrets: SecretStorage): Promise<boolean> {
  const endpoint = downloadEndpoint();
  const token = await window.showInputBox({
    title: `Access token for ${endpoint}`,
    prompt: 'It is stored in the editor’s secret storage and sent to this server only. Leave it empty to forget it.',
    password: true,
    ignoreFocusOut: true,
  });
  if (token === undefined) return false;
  if (token.trim() === '') await secrets.delete(keyOf(endpoint));
  else await secrets.store(keyOf(endpoint), token.trim());
  return true;
}

/** The hub, or the mirror that the settings or the environment name. */
function downloadEndpoint(): string {
  const named = workspace.getConfiguration('clipcap').get('download.endpoint', '').trim();
  return named || environmentEndpoint();
}

function environmentEndpoint(): string {
  return process.env['HF_ENDPOINT']?.trim() || hub;
}

function keyOf(endpoint: string): string {
  return `clipcap.accessToken:${URL.canParse(endpoint) ? new URL(endpoint).origin : endpoint}`;
}
