// The dashboards as Grafana will read them, and their queries against what the exporter exports.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { loadCatalogue, prometheusMetrics } from '../deploy/catalogue.mjs';
import { labelsOf, parsePromql, problems } from '../deploy/promql.mjs';
import { dashboardValidator, panelValidator } from './schema.mjs';

const folder = new URL('../../grafana/dashboards/', import.meta.url);
const dashboards = readdirSync(folder).map((name) => [name, JSON.parse(readFileSync(new URL(name, folder), 'utf8'))]);
const catalogue = loadCatalogue();
const known = new Map([...catalogue, ...prometheusMetrics]);

// A query as Prometheus gets it.
const filled = (expression) => expression.replaceAll('$__rate_interval', '1m').replaceAll('$__range', '1h');
const panelsOf = (dashboard) => dashboard.panels.filter((panel) => panel.type !== 'row');
const expressions = dashboards.flatMap(([, dashboard]) =>
  panelsOf(dashboard).flatMap((panel) => panel.targets.map((target) => filled(target.expr))),
);

for (const [name, dashboard] of dashboards) {
  for (const major of [10, 11, 12, 13]) {
    test(`${name} by the schema of Grafana ${major}`, () => {
      assert.deepEqual(dashboardValidator(major)(dashboard), []);
      for (const panel of panelsOf(dashboard)) {
        assert.deepEqual(panelValidator(major, panel.type, 'Options')(panel.options), [], panel.title);
        const custom = panel.fieldConfig.defaults.custom;
        if (custom) assert.deepEqual(panelValidator(major, panel.type, 'FieldConfig')(custom), [], panel.title);
      }
    });
  }

  test(`${name} is complete`, () => {
    const ids = dashboard.panels.map((panel) => panel.id);
    assert.equal(new Set(ids).size, ids.length, 'ids are unique');
    const titles = new Set();
    for (const panel of panelsOf(dashboard)) {
      assert.ok(panel.description, `${panel.title} has a description`);
      assert.equal(panel.datasource.uid, '${datasource}', panel.title);
      assert.ok(panel.type === 'table' || panel.fieldConfig.defaults.unit, `${panel.title} has a unit`);
      titles.add(panel.title);
    }
    assert.ok(titles.size > 8);
    for (const link of dashboard.links) {
      assert.ok(dashboards.some(([, other]) => link.url === `/d/${other.uid}`), link.url);
    }
    assert.deepEqual(dashboard.templating.list.map((variable) => variable.name), ['datasource', 'job', 'instance', 'server']);
  });

  test(`${name}: no two panels overlap`, () => {
    const taken = new Map();
    for (const { title, gridPos } of dashboard.panels) {
      assert.ok(gridPos.x + gridPos.w <= 24, title);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; ++x) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; ++y) {
          assert.ok(!taken.has(`${x},${y}`), `${title} and ${taken.get(`${x},${y}`)} overlap`);
          taken.set(`${x},${y}`, title);
        }
      }
    }
  });

  test(`${name}: every metric and label exists`, () => {
    for (const panel of panelsOf(dashboard)) {
      const labels = new Set();
      for (const target of panel.targets) {
        assert.deepEqual(problems(filled(target.expr), known), [], panel.title);
        for (const label of labelsOf(filled(target.expr), known)) labels.add(label);
        for (const [, label] of (target.legendFormat ?? '').matchAll(/\{\{(\w+)\}\}/g)) {
          assert.ok(labels.has(label), `${panel.title}: legend {{${label}}}`);
        }
      }
      const organize = (panel.transformations ?? []).find((transformation) => transformation.id === 'organize');
      for (const column of Object.keys(organize?.options.renameByName ?? {})) {
        assert.ok(/^Value( #[A-Z])?$/.test(column) || labels.has(column), `${panel.title}: column ${column}`);
      }
    }
    for (const variable of dashboard.templating.list.filter((candidate) => candidate.type === 'query')) {
      const [, metric, label] = variable.query.query.match(/^label_values\((.*), (\w+)\)$/);
      assert.deepEqual(problems(metric, known), []);
      assert.ok(labelsOf(metric, known).has(label));
    }
  });
}

test('every metric is on some panel', () => {
  const shown = new Set(expressions.flatMap((expression) => parsePromql(expression).selectors.map(({ metric }) => metric)));
  assert.deepEqual([...catalogue.keys()].filter((metric) => !shown.has(metric)), []);
});

// For promtool, and for the test that asks a real Prometheus.
test('every expression goes on', () => {
  if (process.env.PGTLS_EXPRESSIONS) writeFileSync(process.env.PGTLS_EXPRESSIONS, expressions.map((text) => JSON.stringify(text)).join('\n') + '\n');
});
