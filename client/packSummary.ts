/** What a model pack's manifest says of it, for people. Whether the pack is sound, the server finds out when it opens it. */
import { Uri, workspace } from 'vscode';
import { fields } from '@clipcap/protocol/fields';

export interface PackSummary {
  readonly title: string;
  readonly dtype: string;
  /** The sentence about its licence. */
  readonly notice: string | undefined;
}

/** A manifest is some kilobytes. */
const maxBytes = 2 ** 20;

/** Undefined for a folder that holds no pack. */
export async function readPackSummary(folder: Uri): Promise<PackSummary | undefined> {
  try {
    const manifest = Uri.joinPath(folder, 'pack.json');
    if ((await workspace.fs.stat(manifest)).size > maxBytes) return undefined;
    const text = new TextDecoder().decode(await workspace.fs.readFile(manifest));
    const { title, dtype, licence } = fields(JSON.parse(text));
    if (typeof title !== 'string' || typeof dtype !== 'string') return undefined;
    const { notice } = fields(licence);
    return { title, dtype, notice: typeof notice === 'string' ? notice : undefined };
  } catch {
    return undefined;
  }
}
