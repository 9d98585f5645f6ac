// What the exporter says it exports (`pg_tls_exporter metrics`), for tests that hold expressions against it.
import { execFileSync } from 'node:child_process';

// name → {type, labels: Set}. Prometheus adds job and instance to each.
export function loadCatalogue() {
  const exporter = process.env.PGTLS_EXPORTER;
  if (!exporter) throw new Error('PGTLS_EXPORTER is not set');
  const catalogue = new Map();
  for (const line of execFileSync(exporter, ['metrics'], { encoding: 'utf8' }).trim().split('\n')) {
    const [name, type, labels] = line.split('\t');
    const set = new Set(labels.split(', ').filter((label) => label !== ''));
    catalogue.set(name, { type, labels: set.add('job').add('instance') });
  }
  if (catalogue.size < 20) throw new Error(`the catalogue has only ${catalogue.size} metrics`);
  return catalogue;
}

// What Prometheus itself knows of a target, and of alerts.
export const prometheusMetrics = new Map([
  ['up', { type: 'gauge', labels: new Set(['job', 'instance']) }],
]);
