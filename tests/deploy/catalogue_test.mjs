// Every metric and label of the rules, and of the queries inside their annotations, exists.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { parse } from 'yaml';
import { loadCatalogue, prometheusMetrics } from './catalogue.mjs';
import { labelsOf, problems } from './promql.mjs';

const folder = new URL('../../deploy/prometheus/rules/', import.meta.url);
const rules = readdirSync(folder)
  .filter((name) => name.endsWith('.yml'))
  .flatMap((name) => parse(readFileSync(new URL(name, folder), 'utf8')).groups)
  .flatMap((group) => group.rules);

const known = new Map([...loadCatalogue(), ...prometheusMetrics]);
// A recorded series may have what its expression's metrics have. Twice: they name each other.
for (let round = 0; round < 2; ++round) {
  for (const rule of rules.filter((candidate) => candidate.record)) {
    known.set(rule.record, { labels: new Set([...labelsOf(rule.expr, known), ...(known.get(rule.record)?.labels ?? [])]) });
  }
}

// The queries of a template: printf's format with its %q and %[1]q filled in.
const queriesOf = (template) =>
  [...template.matchAll(/printf "((?:[^"\\]|\\.)*)"[^|}]*\| query/g)].map((match) =>
    JSON.parse(`"${match[1]}"`).replaceAll(/%(\[\d\])?q/g, '"x"'),
  );

for (const rule of rules) {
  test(rule.alert ?? rule.record, () => {
    assert.deepEqual(problems(rule.expr, known), []);
    const labels = labelsOf(rule.expr, known);
    for (const text of Object.values(rule.annotations ?? {})) {
      const queries = queriesOf(text);
      for (const query of queries) assert.deepEqual(problems(query, known), []);
      assert.equal(queries.length, (text.match(/\| query/g) ?? []).length, 'every query was understood');
      for (const [, label] of text.matchAll(/\$labels\.(\w+)/g)) assert.ok(labels.has(label), `$labels.${label}`);
      const inner = new Set(queries.flatMap((query) => [...labelsOf(query, known)]));
      for (const [, label] of text.matchAll(/\.Labels\.(\w+)/g)) assert.ok(inner.has(label), `.Labels.${label}`);
      for (const [, label] of text.matchAll(/\| (?:label|sortByLabel) "(\w+)"/g)) assert.ok(inner.has(label), `label "${label}"`);
    }
  });
}
