import { parseAllDocuments, type ScalarTag } from 'yaml';

/** Plain words that kubectl reads as true or false, as YAML 1.1 had them. */
const oldBooleans: ScalarTag = {
  tag: 'tag:yaml.org,2002:bool',
  default: true,
  test: /^(?:y|Y|yes|Yes|YES|on|On|ON|n|N|no|No|NO|off|Off|OFF)$/u,
  resolve: (text) => /^(?:y|on)/iu.test(text),
};

/** Documents of a file, empty ones left out; throws on a file that is no YAML. */
export function documentsOf(text: string): readonly unknown[] {
  return parseAllDocuments(text, { customTags: (tags) => [oldBooleans, ...tags] }).flatMap((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw error;
    const value: unknown = document.toJS({ maxAliasCount: 100 });
    return value === null || value === undefined ? [] : [value];
  });
}
