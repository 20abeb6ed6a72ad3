/** Which images a command is about: those it was called with, or the one in front. */
import { TabInputCustom, TabInputText, Uri, window, type Tab } from 'vscode';
import { namesImage } from '@clipcap/protocol/imageFile';

/** Of the formats that are captioned, as file dialogs want them. */
export const imageExtensions = ['jpg', 'jpeg', 'png', 'webp', 'gif', 'avif', 'tif', 'tiff'];

/**
 * The images behind a command's arguments: the Explorer passes a URI and all selected ones, a hover's link a URI as
 * text, the palette nothing (then the active tab counts). Other kinds of files are left out.
 */
export function namedImages(first: unknown, selection: unknown): Uri[] {
  const uris = Array.isArray(selection) ? selection.map(asUri) : [asUri(first) ?? imageOfTab(activeTab())];
  return uris.filter((uri) => uri !== undefined).filter(isImage);
}

export function activeTab(): Tab | undefined {
  return window.tabGroups.activeTabGroup.activeTab;
}

/** The image that a tab shows; `activeTextEditor` knows nothing of images. */
export function imageOfTab(tab: Tab | undefined): Uri | undefined {
  const input = tab?.input;
  const uri = input instanceof TabInputCustom || input instanceof TabInputText ? input.uri : undefined;
  return uri && isImage(uri) ? uri : undefined;
}

/** The name of an image's file, for people. */
export function nameOf(uri: Uri): string {
  return uri.path.slice(uri.path.lastIndexOf('/') + 1);
}

function isImage(uri: Uri): boolean {
  return namesImage(uri.path);
}

function asUri(value: unknown): Uri | undefined {
  if (value instanceof Uri) return value;
  if (typeof value !== 'string') return undefined;
  try {
    return Uri.parse(value, true);
  } catch {
    return undefined;
  }
}
