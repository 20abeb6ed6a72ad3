/** What a model pack's manifest says of it, for people. Whether the pack is sound, the server finds out when it opens it. */
import { Uri, workspace } from 'vscode';

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
    const pack = JSON.parse(new TextDecoder().decode(await workspace.fs.readFile(manifest))) as unknown;
    const [title, dtype] = [textOf(pack, 'title'), textOf(pack, 'dtype')];
    if (title === undefined || dtype === undefined) return undefined;
    return { title, dtype, notice: textOf(fieldOf(pack, 'licence'), 'notice') };
  } catch {
    return undefined;
  }
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? new Map(Object.entries(value)).get(name) : undefined;
}

function textOf(value: unknown, name: string): string | undefined {
  const field = fieldOf(value, name);
  return typeof field === 'string' ? field : undefined;
}
