/** What an import asks people: what it cannot find out, and what it would only assume. */
import { window } from 'vscode';
import {
  UndecidedImport,
  type EncoderOutput,
  type Finding,
  type ImportDocument,
  type ImportQuestion,
} from '@clipcap/protocol/import';

/**
 * The options that say what was answered, or undefined if a question was not.
 *
 * @param plan what would be imported if these options were given
 * @throws CaptionError of `plan`
 */
export async function askWhatIsOpen(
  plan: (told: readonly string[]) => Thenable<ImportDocument>,
): Promise<string[] | undefined> {
  const told: string[] = [];
  let document: ImportDocument | undefined;
  while (!document) {
    try {
      document = await plan(told);
    } catch (error) {
      if (!(error instanceof UndecidedImport) || told.includes(error.question.flag)) throw error;
      const answer = await askWhatIsMissing(error.question);
      if (answer === undefined) return undefined;
      told.push(error.question.flag, answer);
    }
  }
  for (const finding of document.findings) {
    if (finding.ambiguous !== true || finding.from !== 'assumed' || finding.flag === undefined) continue;
    const answer = await askWhatIsAssumed(finding);
    if (!answer) return undefined;
    told.push(...answer);
  }
  return told;
}

async function askWhatIsMissing(question: ImportQuestion): Promise<string | undefined> {
  if (question.flag === '--encoder-output') return askOutput(question.outputs);
  const [file] =
    (await window.showOpenDialog({
      title: 'Its tokenizer.json: the vocabulary is not GPT-2’s',
      filters: { Tokenizer: ['json'] },
    })) ?? [];
  return file?.fsPath;
}

/** Options that say what was chosen; none if it is what is assumed. */
async function askWhatIsAssumed({ what, value, flag = '', outputs }: Finding): Promise<string[] | undefined> {
  if (outputs) {
    const output = await askOutput(outputs, value);
    return output === undefined ? undefined : [flag, output];
  }
  if (flag === '--mapper-heads') {
    const heads = await window.showInputBox({
      title: 'How many attention heads does the mapper have?',
      prompt: 'The checkpoint does not say. The official ones have 8, those of TheoCoombes/ClipCap 16.',
      value,
      validateInput: (text) => (/^[1-9]\d{0,3}$/u.test(text) ? undefined : 'A whole number.'),
    });
    return heads === undefined ? undefined : [flag, heads];
  }
  if (flag === '--activation') {
    const items = [
      { label: 'quick-gelu', description: 'OpenAI’s, and those of open_clip with “quickgelu” in their name' },
      { label: 'gelu', description: 'most others of open_clip, LAION’s above all' },
    ];
    const title = 'Which activation does the encoder compute with?';
    const chosen = await window.showQuickPick(items, { title });
    return chosen && [flag, chosen.label];
  }
  const usual = { label: value, description: 'as is usual for checkpoints of this kind' };
  const other =
    flag === '--normalize'
      ? { label: 'scaled to length 1', description: 'as CapDec trains' }
      : { label: 'as the encoder gives it' };
  const choice = await window.showQuickPick([usual, other], { title: `How was the ${what} given to the mapper?` });
  return choice && (choice === other ? [flag] : []);
}

async function askOutput(outputs: readonly EncoderOutput[], usual?: string): Promise<string | undefined> {
  const items = outputs
    .toSorted((a, b) => Number(b.name === usual) - Number(a.name === usual))
    .map(({ name, width }) => ({
      label: name,
      description: `${width} numbers${name === usual ? ', the name that most exports use' : ''}`,
    }));
  const title = 'Which output of the encoder is the image’s embedding?';
  return (await window.showQuickPick(items, { title }))?.label;
}
