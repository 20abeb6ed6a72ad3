/** “Import Checkpoint…” in real VS Code: every question, on small checkpoints that PyTorch saved. */
import assert from 'node:assert/strict';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe } from 'node:test';
import { openPack } from '@clipcap/models/pack/openPack';
import { resaved } from '../importPlan.js';
import { meanColourEncoder } from '../meanColourEncoder.js';
import { fixture } from '../root.js';
import { screenshotPath, type Locator } from './browser.js';
import { testsIn, type VsCode } from './testsIn.js';
import type { Workbench } from './workbench.js';

const questions = {
  encoder: 'Which image encoder was it trained with?',
  output: 'Which output of the encoder is the image’s embedding?',
  weights: 'How should the pack store weights?',
  heads: 'How many attention heads does the mapper have?',
  normalisation: 'How was the image embedding given to the mapper?',
  activation: 'Which activation does the encoder compute with?',
  name: 'What should the model pack be called?',
};

/** A file dialog of VS Code begins in the workspace, or where the one before it ended. */
const anywhere = /\//u;

/** Keeps a picture of a question that is on the screen. */
async function picture({ page }: Workbench, name: string): Promise<void> {
  await page.screenshot({ path: screenshotPath(`vscode-import-${name}`) });
}

/** Answers what every import asks: checkpoint, encoder (a folder or a file) and data type. */
async function answerUsual(
  { command, chooseFile, pick }: Workbench,
  checkpoint: string,
  encoder: readonly ['Folder…' | 'File…', string],
): Promise<void> {
  await command('ClipCap: Import Checkpoint…');
  await chooseFile(anywhere, checkpoint);
  await pick(questions.encoder, encoder[0]);
  await chooseFile(anywhere, encoder[1]);
  await pick(questions.weights, '32 bit');
}

function button(notification: Locator, label: string): Locator {
  return notification.locator('.monaco-button').filter({ hasText: label }).first();
}

/** The folder that takes imported packs. */
function packs({ server }: VsCode): string {
  return join(server.userData, 'User', 'globalStorage', 'clipcap-lens.clipcap-lens', 'packs');
}

describe('“Import Checkpoint…” in real VS Code', () => {
  const inVsCode = testsIn({
    trusted: true,
    settings: { 'clipcap.provider': 'cpu', 'files.simpleDialog.enable': true },
  });
  const mlp = fixture('import/mlp.pt');
  const clip = fixture('import/clip-hf');

  inVsCode('asks step by step, makes a pack, and captions with it once it is chosen', async (vscode) => {
    const { server, workbench } = vscode;
    await workbench.command('ClipCap: Import Checkpoint…');
    await workbench.titled('ClipCap checkpoint');
    await picture(workbench, '1-checkpoint');
    await workbench.chooseFile(anywhere, mlp);
    await workbench.titled(questions.encoder);
    await picture(workbench, '2-encoder');
    await workbench.pick(questions.encoder, 'Folder…');
    await workbench.chooseFile(anywhere, clip);
    await workbench.titled(questions.weights);
    await picture(workbench, '3-weights');
    await workbench.pick(questions.weights, '32 bit');
    await workbench.titled(questions.normalisation);
    await picture(workbench, 'normalisation');
    await workbench.pick(questions.normalisation, 'as the encoder gives it');
    const imported = workbench.notification('mlp.pt was imported');
    await imported.waitFor();
    await picture(workbench, '4-imported');
    assert.match(await imported.innerText(), /Labels: none, because clip-hf has no text side/u);
    const pack = join(packs(vscode), 'mlp');
    assert.equal((await openPack(pack)).manifest.id, 'mlp');
    await button(imported, 'Use It').click();
    const expected = (await server.captionByCommandLine('photos/coffee.jpg', '--model', pack)).prefix;
    await workbench.open('coffee.jpg');
    await workbench.command('ClipCap: Inspect Prefix');
    const lens = await workbench.lens('coffee.jpg');
    await lens.locator('.facts').filter({ hasText: 'mlp.pt' }).first().waitFor();
    await lens
      .locator('.position')
      .nth(expected.length - 1)
      .waitFor();
    const words = await lens
      .locator('.position tr.first')
      .evaluateAll((rows: readonly HTMLElement[]) => rows.map((row) => Number(row.dataset['token'])));
    assert.deepEqual(
      words,
      expected.map(({ nearest }) => nearest[0]?.id),
    );
    await picture(workbench, '5-used');
  });

  inVsCode(
    'asks for a name that no pack has, and lets one choose among the outputs of an ONNX encoder',
    async (vscode) => {
      const { server, workbench } = vscode;
      const eye = join(server.workspace, 'eye.onnx');
      await writeFile(eye, meanColourEncoder('pixels', { scores: 7, pooled: 32, other: 32 }));
      await answerUsual(workbench, mlp, ['File…', eye]);
      await workbench.page.getByText('There is a pack “mlp” already.').first().waitFor();
      await picture(workbench, 'name');
      await workbench.answer(questions.name, 'eye');
      await workbench.titled(questions.output);
      await picture(workbench, 'output');
      await workbench.pick(questions.output, 'pooled');
      await workbench.pick(questions.normalisation, 'scaled to length 1');
      await workbench.notification('mlp.pt was imported').waitFor();
      const { encoder } = (await openPack(join(packs(vscode), 'eye'))).manifest;
      assert.ok(encoder.kind === 'onnx');
      assert.equal(encoder.output, 'pooled');
      assert.ok(encoder.normalize);
    },
  );

  inVsCode('asks for what shapes do not tell, and for a tokenizer where GPT-2’s cannot be', async (vscode) => {
    const { server, workbench } = vscode;
    const alone = join(server.workspace, 'alone.pt');
    await writeFile(alone, await readFile(fixture('import/transformer.pt')));
    await answerUsual(workbench, alone, ['File…', fixture('import/RN.pt')]);
    await workbench.titled('tokenizer.json');
    await picture(workbench, 'tokenizer');
    await workbench.chooseFile(anywhere, fixture('import/tokenizer.json'));
    await workbench.titled(questions.heads);
    await picture(workbench, 'heads');
    await workbench.answer(questions.heads, '4');
    await workbench.notification('alone.pt was imported').waitFor();
    const { mapper } = (await openPack(join(packs(vscode), 'alone'))).manifest;
    assert.ok(mapper.kind === 'transformer');
    assert.equal(mapper.heads, 4);
  });

  inVsCode(
    'asks what an encoder of OpenAI’s layout computes with, unless it is OpenAI’s own archive',
    async (vscode) => {
      const { server, workbench } = vscode;
      const encoder = await resaved(server.workspace, fixture('import/ViT.pt'));
      // An earlier import of the same checkpoint has said so, too.
      await workbench.command('Notifications: Clear All Notifications');
      await answerUsual(workbench, mlp, ['File…', encoder]);
      await workbench.answer(questions.name, 'open');
      await workbench.titled(questions.activation);
      await picture(workbench, 'activation');
      await workbench.pick(questions.activation, 'LAION');
      await workbench.pick(questions.normalisation, 'as the encoder gives it');
      await workbench.notification('mlp.pt was imported').waitFor();
      const pack = (await openPack(join(packs(vscode), 'open'))).manifest;
      assert.ok(pack.encoder.kind === 'clip-vit');
      assert.deepEqual([pack.encoder.activation, pack.encoder.normalize], ['gelu', false]);
    },
  );

  inVsCode('says which encoder fits when another one is chosen, and leaves nothing', async (vscode) => {
    const { workbench } = vscode;
    await answerUsual(workbench, mlp, ['File…', fixture('import/RN.pt')]);
    await workbench.answer(questions.name, 'wrong');
    await workbench.notification('RN.pt gives 640').waitFor();
    await picture(workbench, 'wrong');
    assert.deepEqual((await readdir(packs(vscode))).toSorted(), ['alone', 'eye', 'mlp', 'open']);
  });

  inVsCode('ends, without a word, at the question that is not answered', async (vscode) => {
    const { page, command, chooseFile, pick, titled } = vscode.workbench;
    await command('ClipCap: Import Checkpoint…');
    await chooseFile(anywhere, mlp);
    await pick(questions.encoder, 'Folder…');
    await chooseFile(anywhere, clip);
    await titled(questions.weights);
    await page.keyboard.press('Escape');
    await page.locator('.quick-input-widget').first().waitFor({ state: 'hidden' });
    assert.deepEqual((await readdir(packs(vscode))).toSorted(), ['alone', 'eye', 'mlp', 'open']);
  });

  inVsCode(
    '“Choose Model…” lists what there is, names the choice in the settings, and deletes packs',
    async (vscode) => {
      const { server, workbench } = vscode;
      const { page } = workbench;
      const title = 'Which model should caption?';
      const row = (text: string): Locator =>
        page.locator('.quick-input-list .monaco-list-row').filter({ hasText: text }).first();
      // A setting of the machine: seen from the browser, the server is one.
      const settings = async (): Promise<string> => readFile(join(server.userData, 'Machine', 'settings.json'), 'utf8');
      const setTo = async (model: string): Promise<void> => {
        for (let look = 0; look < 200 && !(await settings()).includes(`"clipcap.model": "${model}"`); look++) {
          await page.waitForTimeout(50);
        }
        assert.match(await settings(), new RegExp(`"clipcap.model": "${model}"`, 'u'));
      };
      await workbench.command('ClipCap: Choose Model…');
      await workbench.titled(title);
      await row('Built-in captioner').waitFor();
      await picture(workbench, 'choose');
      await workbench.pick(title, 'eye');
      const eye = join(packs(vscode), 'eye');
      await setTo(eye);
      await workbench.command('ClipCap: Choose Model…');
      await row('eye').filter({ hasText: 'in use' }).waitFor();
      await row('eye').hover();
      await row('eye').locator('.codicon-trash').click();
      const dialog = await workbench.dialog('Delete the model pack');
      assert.match(await dialog.innerText(), /globalStorage/u);
      await picture(workbench, 'delete');
      await button(dialog, 'Delete').click();
      await setTo('builtin');
      for (let look = 0; look < 200 && (await readdir(packs(vscode))).includes('eye'); look++) {
        await page.waitForTimeout(50);
      }
      assert.ok(!(await readdir(packs(vscode))).includes('eye'), 'the pack is still there');
    },
  );

  inVsCode('the console has no error of ours but the one that was shown', ({ workbench }) => {
    assert.deepEqual(
      workbench.complaints.filter((text) => !text.includes('RN.pt gives 640')),
      [],
    );
  });
});
