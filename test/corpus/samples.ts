/** Suite `samples`: every object of Istio's samples has to be valid and, by files, to translate into what Envoy takes. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { check, kindOf, type KubeObject } from '../../src/schema/index.ts';
import { failed, passed, unsupported, type CorpusCase, type Outcome } from './case.ts';
import { readJson, recordOf, textOf } from './json.ts';
import { isTranslatable, translate } from './translate.ts';
import { violationText } from './validation.ts';
import { documentsOf } from './yaml.ts';

/** The cases of the suite: one an object, and one a file that configures the mesh. */
export function sampleCases(folder: string): readonly CorpusCase[] {
  const { samples } = readJson(join(folder, 'manifest.json'));
  if (!Array.isArray(samples)) throw new TypeError('manifest.json: samples is no list');
  return samples.flatMap((entry: unknown) => {
    const sample = recordOf(entry, 'manifest.json');
    const file = textOf(sample, 'file');
    if (!Array.isArray(sample['objects']) || sample['objects'].length === 0) return [withoutObjects(file)];
    return fileCases(folder, file, sample['meshConfiguration'] === true);
  });
}

function withoutObjects(file: string): CorpusCase {
  return { name: file, kind: 'no object', run: () => unsupported('the file has no objects') };
}

function fileCases(folder: string, file: string, configures: boolean): readonly CorpusCase[] {
  let documents: readonly unknown[];
  try {
    documents = documentsOf(readFileSync(join(folder, file), 'utf8')).flatMap(itemsOf);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return [{ name: file, kind: 'file', run: () => failed(reason) }];
  }
  const objects = documents.map((document, i) => objectCase(document, `${file}#${i + 1}`));
  if (!configures) return objects;
  return [...objects, { name: `${file} translated`, kind: 'translation', run: () => runTranslation(documents) }];
}

function itemsOf(document: unknown): readonly unknown[] {
  const list = recordOf(document, 'document');
  return list['kind'] === 'List' && Array.isArray(list['items']) ? list['items'] : [document];
}

function objectCase(document: unknown, name: string): CorpusCase {
  const object = recordOf(document, name);
  const kind = textOf(object, 'kind');
  const known = kindOf({ apiVersion: textOf(object, 'apiVersion'), kind }) !== undefined;
  if (!known) {
    const reason = kind === '' ? 'the document is no object' : `${textOf(object, 'apiVersion')} ${kind} is not read`;
    return { name, kind: kind === '' ? 'no object' : kind, run: () => unsupported(reason) };
  }
  return {
    name: `${name} ${kind}`,
    kind,
    run: (): Outcome => {
      const error = check(object).find(({ level }) => level === 'error');
      return error === undefined ? passed : failed(violationText(error));
    },
  };
}

function runTranslation(documents: readonly unknown[]): Outcome {
  const known = documents.filter((document): document is KubeObject => isKnown(document));
  if (!isTranslatable(known)) return unsupported('the file has no object of a kind that is translated');
  const trouble = translate(known);
  return trouble === undefined ? passed : failed(trouble);
}

function isKnown(document: unknown): document is KubeObject {
  const object = recordOf(document, 'document');
  return kindOf({ apiVersion: textOf(object, 'apiVersion'), kind: textOf(object, 'kind') }) !== undefined;
}
