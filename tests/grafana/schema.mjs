// JSON schemas of Grafana's dashboards, from the types that Grafana publishes (@grafana/schema), for one major version each.
// Deriving them takes seconds: they are kept beside the packages that they come from.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import Ajv from 'ajv';
import { createGenerator } from 'ts-json-schema-generator';

const modules = fileURLToPath(new URL('../node_modules/', import.meta.url));
const cache = `${modules}.cache/grafana-schemas/`;

// The first declaration file of the package whose path matches.
function declarations(major, pattern) {
  const dist = `${modules}grafana-schema-${major}/dist/`;
  const found = readdirSync(dist, { recursive: true }).find((path) => pattern.test(path));
  if (!found) throw new Error(`@grafana/schema ${major} has no ${pattern}`);
  return dist + found;
}

function derive(major, pattern, type) {
  mkdirSync(cache, { recursive: true });
  const tsconfig = `${cache}tsconfig-${major}.json`;
  writeFileSync(tsconfig, JSON.stringify({
    compilerOptions: {
      skipLibCheck: true,
      module: 'esnext',
      moduleResolution: 'bundler',
      types: [],
      // The panels' types name the package that they are part of.
      paths: { '@grafana/schema': [declarations(major, /^(esm|types)\/common\/common\.gen\.d\.ts$/)] },
    },
    files: [],
  }));
  return createGenerator({ path: declarations(major, pattern), tsconfig, type, skipTypeCheck: true, additionalProperties: false })
    .createSchema(type);
}

function schema(major, name, pattern, type) {
  const file = `${cache}${major}-${name}-${type}.json`;
  if (!existsSync(file)) {
    const derived = derive(major, pattern, type);
    writeFileSync(file, JSON.stringify(derived));
  }
  return JSON.parse(readFileSync(file, 'utf8'));
}

// Grafana fills in what a panel's options leave out, but the types call it required.
function withoutRequired(node) {
  if (Array.isArray(node)) return node.map(withoutRequired);
  if (node === null || typeof node !== 'object') return node;
  return Object.fromEntries(
    Object.entries(node)
      .filter(([key, value]) => !(key === 'required' && Array.isArray(value)))
      .map(([key, value]) => [key, withoutRequired(value)]),
  );
}

function validator(json) {
  const validate = new Ajv({ strict: false, allErrors: true }).compile(json);
  return (value) => (validate(value) ? [] : validate.errors.map((error) => `${error.instancePath} ${error.message} ${JSON.stringify(error.params)}`));
}

// Functions from a value to the list of what is wrong with it.
export function dashboardValidator(major) {
  return validator(schema(major, 'dashboard', /raw\/dashboard\/x\/.*\.d\.ts$/, 'Dashboard'));
}
// type: `Options`, or `FieldConfig` (fieldConfig.defaults.custom; not every panel has one).
export function panelValidator(major, panel, type) {
  const pattern = new RegExp(`raw/composable/${panel}/panelcfg/x/.*\\.d\\.ts$`);
  return validator(withoutRequired(schema(major, panel, pattern, type)));
}
