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
    <link rel="stylesheet" href="${style}">
  </head>
  <body>
    <div id="app"></div>
    <script nonce="${nonce}" src="${script}"></script>
  </body>
</html>
`;
}
