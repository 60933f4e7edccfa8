import type { Tags } from 'yaml'

/** What PyYAML, which cloud-init reads with, takes for more than a string: its lib/yaml/resolver.py. YAML 1.1 has more. */
const RESOLVED: Readonly<Record<string, RegExp>> = {
  'tag:yaml.org,2002:bool': /^(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$/,
  'tag:yaml.org,2002:int':
    /^(?:[-+]?0b[0-1_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+)$/,
  'tag:yaml.org,2002:float':
    /^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/,
  'tag:yaml.org,2002:timestamp':
    /^(?:\d{4}-\d\d-\d\d|\d{4}-\d\d?-\d\d?(?:[Tt]|[ \t]+)\d\d?:\d\d:\d\d(?:\.\d*)?(?:[ \t]*(?:Z|[-+]\d\d?(?::\d\d)?))?)$/,
}

/** Reads YAML as cloud-init does: `yes` is true and `0644` octal, but `y`, `08`, `1e3` and `00:11:22:33:44:55` are strings. */
export async function readYaml(text: string): Promise<unknown> {
  const { parse } = await import('yaml')
  // Integers of any length: a key's fingerprint can be one. Of a key that is given twice, PyYAML takes the last.
  return parse(text, { version: '1.1', merge: true, intAsBigInt: true, uniqueKeys: false, customTags })
}

function customTags(tags: Tags): Tags {
  return tags.map((tag) => {
    if (typeof tag === 'string' || !('test' in tag) || !tag.test) return tag
    const resolved = RESOLVED[tag.tag]
    return resolved ? { ...tag, test: new RegExp(`(?=${resolved.source})${tag.test.source}`) } : tag
  })
}
