/** The page that the panel's script draws into. */
import { randomBytes } from 'node:crypto';
import { Uri, type Webview } from 'vscode';

/**
 * A page that loads one script and one style of ours, and images from the folders that the webview may read. A view is
 * made a PNG by way of an image from a `data:` URI of its own.
 */
export function panelHtml(webview: Webview, dist: Uri): string {
  const nonce = randomBytes(16).toString('base64url');
  const script = webview.asWebviewUri(Uri.joinPath(dist, 'webview.js')).toString();
  const style = webview.asWebviewUri(Uri.joinPath(dist, 'webview.css')).toString();
  const policy = [
    `default-src 'none'`,
    `img-src ${webview.cspSource} data:`,
    `script-src 'nonce-${nonce}'`,
    `style-src ${webview.cspSource}`,
    `base-uri 'none'`,
    `form-action 'none'`,
  ].join('; ');
  return `<!DOCTYPE html>
<html lang="en">
  <head>
    <meta charset="UTF-8">
    <meta http-equiv="Content-Security-Policy" content="${policy}">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Prefix</title>
    <script nonce="${nonce}">${loadAgain}</script>
    <link rel="stylesheet" href="${style}">
  </head>
  <body>
    <div id="app">
      <p id="opening" role="status">Opening the Prefix Lens…</p>
      <button id="again" type="button" hidden>Try again</button>
    </div>
    <script nonce="${nonce}" src="${script}"></script>
  </body>
</html>
`;
}

/**
 * What a webview loads comes through a service worker of VS Code, which gives up after 30 s, or at once if it does not
 * know the webview yet; both happen while a busy window is restored, and nothing of VS Code asks again. So script and
 * style are asked for again, a few times by themselves and then whenever the user wants it; until the script runs, the
 * page says what it waits for.
 */
const loadAgain = `
(() => {
  let attempts = 0;
  addEventListener('error', ({ target }) => {
    if (!(target instanceof HTMLScriptElement || target instanceof HTMLLinkElement)) return;
    const opening = document.getElementById('opening');
    const button = document.getElementById('again');
    const load = () => {
      const fresh = document.createElement(target.localName);
      for (const { name, value } of target.attributes) fresh.setAttribute(name, value);
      fresh.nonce = target.nonce;
      const address = target.localName === 'script' ? 'src' : 'href';
      const url = new URL(target[address]);
      url.search = 'attempt=' + ++attempts;
      fresh[address] = url;
      if (opening && button) [opening.textContent, button.hidden] = ['Opening the Prefix Lens…', true];
      target.replaceWith(fresh);
    };
    if (attempts < 4) return load();
    if (!opening || !button) return;
    [opening.textContent, button.hidden] = ['VS Code did not load what draws the Prefix Lens.', false];
    button.addEventListener('click', load, { once: true });
  }, true);
})();
`;
